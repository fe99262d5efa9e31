/**
 * The order of things in a state machine, decided and not carried out: which event is next, what is postponed, which
 * timeouts run. No process, no clock, no callback in here; the process tells it how each event went and does what it says.
 *
 * ```
 *            take()                                complete(event, outcome)
 *   inserted │ retried │ rest ──► callback ──► postponed?  ──► state changed: postponed events go in front of the rest,
 *   └──────── queue ────────┘                                  oldest first; inserted ones in front of those
 *   empty: timeouts zero, in the order they were set
 *   empty too: the mailbox, where timeouts that are due arrive as messages
 * ```
 *
 * After gen_statem of Erlang/OTP 25, held against recordings of it in `test/otp/state-machine-traces.test.ts`.
 *
 * @see https://www.erlang.org/doc/system/statem.html
 */
import type { Ref } from "../core/ref.js";
import type { SetTimeout, TimeoutType } from "./state-machine-actions.js";
import { type QueuedEvent, queuedEvent } from "./state-machine-events.js";

/** One timeout that is set. It is also the message of its timer: one that is no longer set arrives for nothing. */
export class Timeout {
  readonly type: TimeoutType;
  readonly name: string | undefined;
  /** Waits in the queue of timeouts zero, and so has no timer. */
  readonly isZero: boolean;
  /** What an update changes. */
  content: unknown;
  /** Its timer: the process's to set and to read. */
  timer: Ref | null = null;

  constructor(type: TimeoutType, name: string | undefined, isZero: boolean, content: unknown) {
    this.type = type;
    this.name = name;
    this.isZero = isZero;
    this.content = content;
  }
}

/** What the process has to do about timers. `time` is as it was given to the action. */
export type TimerCommand =
  | { readonly tag: "start"; readonly timeout: Timeout; readonly time: number; readonly absolute: boolean }
  | { readonly tag: "cancel"; readonly timeout: Timeout };

/** How an event went, enter calls included. */
export interface Outcome {
  readonly stateChanged: boolean;
  readonly postpone: boolean;
  readonly nextEvents: readonly QueuedEvent[];
  /** In the order of the actions: of two for the same timeout the later one counts. */
  readonly timeouts: readonly SetTimeout[];
}

const NO_COMMANDS: readonly TimerCommand[] = [];

export class Engine {
  /** The next one is the last: taken with `pop`, put in front with `push`. */
  readonly #queue: QueuedEvent[] = [];
  /** Oldest first. */
  readonly #postponed: QueuedEvent[] = [];
  readonly #timeouts = new Map<string, Timeout>();
  /** The timeouts zero among them, in the order they are to come. */
  readonly #zero: Timeout[] = [];

  /** The event to handle before the next message, if any. */
  take(): QueuedEvent | undefined {
    const event = this.#queue.pop();
    if (event !== undefined || this.#zero.length === 0) return event;
    return this.due(this.#zero[0] as Timeout); // the length was asked
  }

  /** A timer's message came: its event, unless the timeout was cancelled or set anew since. */
  due(timeout: Timeout): QueuedEvent | undefined {
    const key = keyOf(timeout);
    if (this.#timeouts.get(key) !== timeout) return undefined;
    this.#forget(key, timeout);
    return queuedEvent(timeout.type, timeout.name, timeout.content, undefined);
  }

  /** Takes in how `event` went. `null`: it was no event but the start, which cannot be postponed. */
  complete(event: QueuedEvent | null, outcome: Outcome): readonly TimerCommand[] {
    if (event !== null && outcome.postpone) this.#postponed.push(event);
    if (outcome.stateChanged) {
      const retried = this.#postponed;
      for (let i = retried.length - 1; i >= 0; i--) this.#queue.push(retried[i] as QueuedEvent);
      retried.length = 0;
    }
    const { nextEvents, timeouts } = outcome;
    for (let i = nextEvents.length - 1; i >= 0; i--) this.#queue.push(nextEvents[i] as QueuedEvent);
    if (this.#timeouts.size === 0 && timeouts.length === 0) return NO_COMMANDS;
    const commands: TimerCommand[] = [];
    if (outcome.stateChanged) this.#cancel("state_timeout", commands);
    this.#cancel("timeout", commands); // whatever was handled: an event timeout waits for nothing to happen
    for (let i = 0; i < timeouts.length; i++) {
      const action = timeouts[i] as SetTimeout;
      const key = keyOf(action);
      if (!isOverridden(timeouts, i, key)) this.#set(key, action, commands);
    }
    return commands;
  }

  /** Forgets all timeouts; answers those that have a timer. */
  cancelAll(): readonly TimerCommand[] {
    const commands: TimerCommand[] = [];
    for (const key of [...this.#timeouts.keys()]) this.#cancel(key, commands);
    return commands;
  }

  #set(key: string, action: SetTimeout, commands: TimerCommand[]): void {
    const { type, name, time, content, absolute } = action;
    const running = this.#timeouts.get(key);
    if (time === "update" && running !== undefined) {
      running.content = content;
      return;
    }
    this.#cancel(key, commands);
    if (time === "cancel" || time === Number.POSITIVE_INFINITY) return;
    // As OTP: 0 is at once even where it is a moment of the clock, and so is an update of what does not run.
    const isZero = time === 0 || time === "update";
    const timeout = new Timeout(type, name, isZero, content);
    this.#timeouts.set(key, timeout);
    if (isZero) this.#zero.push(timeout);
    else commands.push({ tag: "start", timeout, time, absolute });
  }

  #cancel(key: string, commands: TimerCommand[]): void {
    const timeout = this.#timeouts.get(key);
    if (timeout === undefined) return;
    this.#forget(key, timeout);
    if (!timeout.isZero) commands.push({ tag: "cancel", timeout });
  }

  #forget(key: string, timeout: Timeout): void {
    this.#timeouts.delete(key);
    if (timeout.isZero) this.#zero.splice(this.#zero.indexOf(timeout), 1);
  }
}

/** A generic timeout may have any name: in its key it stands behind a sign that the other two have not. */
function keyOf(timeout: { readonly type: TimeoutType; readonly name: string | undefined }): string {
  return timeout.type === "generic_timeout" ? `:${timeout.name}` : timeout.type;
}

function isOverridden(timeouts: readonly SetTimeout[], index: number, key: string): boolean {
  for (let i = index + 1; i < timeouts.length; i++) if (keyOf(timeouts[i] as SetTimeout) === key) return true;
  return false;
}
