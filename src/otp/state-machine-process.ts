/**
 * The inside of a running state machine: takes one message, runs the callback of its event in the present state, does what
 * it returned, and goes on with the events that follow from it before it takes the next message. Which those are, and in
 * which order, the engine decides (`state-machine-engine.ts`). Synchronous callbacks make no promise.
 *
 * ```
 *   message ─► event ─► clause ─► result: state, data, actions ─► state changed or repeated? enter ─► engine.complete
 *                ▲                                                                                         │
 *                └──────────────────────── engine.take(): inserted, retried, timeouts zero ◄───────────────┘
 * ```
 */
import { isDeepStrictEqual } from "node:util";
import { ErrorCode, RuntimeError } from "../core/errors.js";
import { Exit, type ExitReason } from "../core/exit-reason.js";
import { type From, isExit } from "../core/messages.js";
import type { Pid } from "../core/pid.js";
import type { Ref } from "../core/ref.js";
import { isThenable } from "../core/thenable.js";
import {
  type Behaviour,
  cancelTimer,
  type Definition,
  now,
  parent,
  replyTo,
  self,
  sendAfter,
} from "../runtime/process.js";
import { badReturn, show } from "./bad-return.js";
import { CALL, CAST, STOP } from "./gen-server-calls.js";
import type { MaybeAsync } from "./gen-server-results.js";
import { Failure, Ignore, Reply, Stop } from "./results.js";
import { initFail } from "./start.js";
import { type Actions, ALLOWED_ACTIONS, isAction, NextEvent, Postpone, SetTimeout } from "./state-machine-actions.js";
import type { Clauses } from "./state-machine-clauses.js";
import { Engine, Timeout, type TimerCommand } from "./state-machine-engine.js";
import { type QueuedEvent, queuedEvent } from "./state-machine-events.js";
import {
  ALLOWED_FROM_INIT,
  ALLOWED_RESULTS,
  KeepState,
  type MachineStatus,
  NextState,
  RepeatState,
  StopAndReply,
} from "./state-machine-results.js";
import type { Debug } from "./sys-debug.js";
import { handleSystem, isSystem, type SystemTarget, watched } from "./system.js";

type FormatStatus = (status: MachineStatus<unknown, unknown>) => Partial<MachineStatus<unknown, unknown>>;

/** What the process runs, of whatever states and data: its definition knows their types. */
export interface Callbacks {
  readonly init: (arg: unknown) => MaybeAsync<unknown>;
  readonly clauses: Clauses;
  readonly terminate: ((reason: ExitReason, state: unknown, data: unknown) => unknown) | undefined;
  readonly formatStatus: FormatStatus | undefined;
}

/** A machine may go on for ever with events of its own: so long, and then the other processes of the thread have a turn. */
const ROW_MS = 4;
/** Between two looks at the clock meanwhile. */
const EVENTS_PER_CLOCK_LOOK = 8;

const BAD_RETURN = "bad_return_from_state_function";
const BAD_ENTER_RETURN = "bad_state_enter_return_from_state_function";
const BAD_ACTION = "bad_action_from_state_function";
const BAD_ENTER_ACTION = "bad_state_enter_action_from_state_function";

/** Runs `init`, and makes the process of what it returned. */
export function bootMachine(callbacks: Callbacks, arg: unknown): ReturnType<Definition["boot"]> {
  const result = callbacks.init(arg);
  return isThenable(result)
    ? result.then((settled) => initialized(callbacks, settled))
    : initialized(callbacks, result);
}

function initialized(callbacks: Callbacks, result: unknown): Behaviour {
  if (result instanceof NextState) {
    const problem = callbacks.clauses.problem(result.state);
    if (problem === undefined) return new StateMachineProcess(callbacks, result);
    return badReturn("bad_return_from_init", "init", result, problem);
  }
  if (result instanceof Stop) throw new Exit(result.reason);
  if (result instanceof Failure) return initFail(["error", result.reason], "normal");
  if (result instanceof Ignore) return initFail(["ignore"], "normal");
  return badReturn("bad_return_from_init", "init", result, ALLOWED_FROM_INIT);
}

class StateMachineProcess implements SystemTarget {
  readonly kind = "stateMachine";
  debug: Debug | null = null;
  readonly formatStatus: SystemTarget["formatStatus"];
  readonly #callbacks: Callbacks;
  readonly #parent: Pid | null = parent();
  readonly #engine = new Engine();
  #state: unknown;
  #data: unknown;
  /** What `init` wants done first. */
  #first: Actions;
  /** Events handled since others had a turn, and until when there may be more. */
  #inRow = 0;
  #rowEndMs = 0;

  // The event in progress; `null` is the start. State and data become the machine's when it is through: until then a crash
  // is one of the old state.
  #event: QueuedEvent | null = null;
  #nextState: unknown;
  #nextData: unknown;
  #postpone = false;
  readonly #nextEvents: QueuedEvent[] = [];
  readonly #timeouts: SetTimeout[] = [];

  constructor(callbacks: Callbacks, first: NextState) {
    this.#callbacks = callbacks;
    this.formatStatus = callbacks.formatStatus && pairwise(callbacks.formatStatus);
    this.#state = first.state;
    this.#data = first.data;
    this.#first = first.actions;
  }

  started(): void | PromiseLike<void> {
    const actions = this.#first;
    this.#first = undefined;
    this.#begin(null);
    const held = this.#decided(actions, true, false);
    return held === undefined ? this.#run(this.#engine.take()) : this.#runOn(held, undefined);
  }

  handle(message: unknown): void | PromiseLike<void> {
    if (this.debug === null) return this.take(message);
    if (!(message instanceof Timeout)) return watched(this, message);
    const event = this.#engine.due(message);
    if (event === undefined) return;
    const { type, name, content } = event;
    return watched(this, message, { type, name, content }, () => this.#run(event));
  }

  take(message: unknown): void | PromiseLike<void> {
    if (isSystem(message)) return handleSystem(this, message); // no event: timeouts go on
    return this.#run(this.#eventOf(message));
  }

  /** As OTP's sys shows it. */
  state(): readonly [state: unknown, data: unknown] {
    return [this.#state, this.#data];
  }

  /** As in OTP that is no change of state: nothing is entered, nothing retried, timeouts go on. */
  replaceState(state: unknown): void {
    if (!Array.isArray(state) || state.length !== 2) {
      throw new RuntimeError(
        ErrorCode.badArgument,
        `not the state of a stateMachine: ${show(state)}; it is [state, data]`,
      );
    }
    const problem = this.#callbacks.clauses.problem(state[0]);
    if (problem !== undefined) {
      throw new RuntimeError(ErrorCode.badArgument, problem);
    }
    [this.#state, this.#data] = state as [unknown, unknown];
  }

  isParentsEnd(message: unknown): boolean {
    return isExit(message) && message.from === this.#parent;
  }

  terminate(reason: ExitReason): ExitReason | Promise<ExitReason> {
    this.#carryOut(this.#engine.cancelAll());
    const last = this.#callbacks.terminate?.(reason, this.#state, this.#data);
    return isThenable(last) ? Promise.resolve(last).then(() => reason) : reason;
  }

  // ---- events ----

  /** `undefined`: a timeout that is set no more. */
  #eventOf(message: unknown): QueuedEvent | undefined {
    if (Array.isArray(message)) {
      // The layouts are those of gen-server-calls.ts.
      switch (message[0]) {
        case CALL: {
          const from = { pid: message[1] as Pid, ref: message[2] as Ref };
          return queuedEvent("call", message[3] as string, message[4], from);
        }
        case CAST:
          return queuedEvent("cast", message[1] as string, message[2], undefined);
        case STOP:
          throw new Exit(message[1]);
      }
    } else if (message instanceof Timeout) return this.#engine.due(message);
    else if (isExit(message) && message.from === this.#parent) throw new Exit(message.reason);
    return queuedEvent("info", undefined, message, undefined);
  }

  /** Handles `first`, and all that is to be handled before the next message. */
  #run(first: QueuedEvent | undefined): void | PromiseLike<void> {
    this.#inRow = 0;
    for (let event = first; event !== undefined; event = this.#engine.take()) {
      if (this.#isLongRow()) return this.#runOn(nextTurn(), event);
      const held = this.#step(event);
      if (held !== undefined) return this.#runOn(held, undefined);
    }
  }

  /** {@link #run} from the moment on that `held` has settled. A promise that is settled already gives nobody a turn either. */
  async #runOn(held: PromiseLike<void>, first: QueuedEvent | undefined): Promise<void> {
    await held;
    self(); // throws if the process has ended meanwhile: nothing of it runs on
    for (let event = first ?? this.#engine.take(); event !== undefined; event = this.#engine.take()) {
      const step = this.#step(event);
      const isLong = this.#isLongRow();
      if (step !== undefined) await step;
      if (isLong) await nextTurn();
      if (isLong || step !== undefined) self();
    }
  }

  /** Whether a turn is due to others. The clock is first looked at after some events, so that most rows never do. */
  #isLongRow(): boolean {
    if (++this.#inRow % EVENTS_PER_CLOCK_LOOK !== 0) return false;
    const nowMs = now();
    if (this.#inRow === EVENTS_PER_CLOCK_LOOK) this.#rowEndMs = nowMs + ROW_MS;
    if (nowMs < this.#rowEndMs) return false;
    this.#inRow = 0;
    return true;
  }

  #step(event: QueuedEvent): void | PromiseLike<void> {
    this.#begin(event);
    return this.#returned(this.#callbacks.clauses.run(event, this.#state, this.#data), false);
  }

  #begin(event: QueuedEvent | null): void {
    this.#event = event;
    this.#nextState = this.#state;
    this.#nextData = this.#data;
    this.#postpone = false;
    if (this.#nextEvents.length > 0) this.#nextEvents.length = 0;
    if (this.#timeouts.length > 0) this.#timeouts.length = 0;
  }

  // ---- results ----

  /** `inEnter`: it is the result of an enter call, which may do less. */
  #returned(result: unknown, inEnter: boolean): void | PromiseLike<void> {
    if (result instanceof NextState) {
      const isSame = same(result.state, this.#nextState);
      if (!isSame) {
        if (inEnter) return this.#bad(BAD_ENTER_RETURN, result, "the state just entered");
        const problem = this.#callbacks.clauses.problem(result.state);
        if (problem !== undefined) return this.#bad(BAD_RETURN, result, problem);
        this.#nextState = result.state;
      }
      if (result.data !== undefined) this.#nextData = result.data;
      return this.#decided(result.actions, !isSame, inEnter);
    }
    if (result instanceof KeepState || result instanceof RepeatState) {
      if (result.data !== undefined) this.#nextData = result.data;
      return this.#decided(result.actions, result instanceof RepeatState, inEnter);
    }
    if (result instanceof Stop) {
      const { data } = (result.options ?? {}) as { readonly data?: unknown };
      return this.#stop(result.reason, data);
    }
    if (result instanceof StopAndReply) return this.#stopAndReply(result);
    if (isThenable(result)) return result.then((settled) => this.#settled(settled, inEnter));
    return this.#bad(BAD_RETURN, result, ALLOWED_RESULTS);
  }

  #settled(result: unknown, inEnter: boolean): void | PromiseLike<void> {
    self(); // throws if the process has ended meanwhile
    return this.#returned(result, inEnter);
  }

  /** The callback has gone well: its actions, an enter call if one is due, and the end of the event. */
  #decided(actions: Actions, callsEnter: boolean, inEnter: boolean): void | PromiseLike<void> {
    if (actions !== undefined) this.#act(actions, inEnter);
    if (!callsEnter || !this.#callbacks.clauses.enters(this.#nextState)) return this.#complete();
    const event = queuedEvent("enter", undefined, this.#state, undefined);
    return this.#returned(this.#callbacks.clauses.run(event, this.#nextState, this.#nextData), true);
  }

  #act(actions: NonNullable<Actions>, inEnter: boolean): void {
    for (const action of Array.isArray(actions) ? (actions as readonly unknown[]) : [actions as unknown]) {
      if (!isAction(action)) return this.#bad(BAD_ACTION, action, ALLOWED_ACTIONS);
      if (action instanceof Reply) this.#reply(action.first as From, action.second);
      else if (action instanceof SetTimeout) this.#timeouts.push(action);
      else if (action instanceof Postpone) {
        if (inEnter && action.postpone) return this.#bad(BAD_ENTER_ACTION, action, "all but postpone and nextEvent");
        this.#postpone = action.postpone;
      } else if (action instanceof NextEvent) {
        if (inEnter) return this.#bad(BAD_ENTER_ACTION, action, "all but postpone and nextEvent");
        const { type, name, content, from } = action.event as Partial<QueuedEvent> & Pick<QueuedEvent, "type">;
        this.#nextEvents.push(queuedEvent(type, name, content, from));
      }
    }
  }

  #reply(to: From, value: unknown): void {
    replyTo(to, value);
    if (this.debug !== null) this.debug.out(value, to.pid, [this.#nextState, this.#nextData]);
  }

  #complete(): void {
    const stateChanged = !same(this.#nextState, this.#state);
    this.#commit();
    const commands = this.#engine.complete(this.#event, {
      stateChanged,
      postpone: this.#postpone,
      nextEvents: this.#nextEvents,
      timeouts: this.#timeouts,
    });
    if (commands.length > 0) this.#carryOut(commands);
  }

  #commit(): void {
    this.#state = this.#nextState;
    this.#data = this.#nextData;
  }

  #carryOut(commands: readonly TimerCommand[]): void {
    for (const command of commands) {
      const { timeout } = command;
      if (command.tag === "cancel") {
        if (timeout.timer !== null) cancelTimer(timeout.timer);
      } else {
        // Rounded up: Node.js cuts fractions off, and the moment is not to come early for that.
        const delayMs = command.absolute ? Math.max(0, Math.ceil(command.time - now())) : command.time;
        timeout.timer = sendAfter(self(), timeout, delayMs);
      }
    }
  }

  #stop(reason: ExitReason, data: unknown): never {
    this.#commit();
    if (data !== undefined) this.#data = data;
    throw new Exit(reason);
  }

  /** As in OTP the replies go first, so who gets one may see the machine alive still. */
  #stopAndReply(result: StopAndReply): never {
    const { replies } = result;
    for (const reply of Array.isArray(replies) ? replies : replies === undefined ? [] : [replies]) {
      if (!(reply instanceof Reply && isAction(reply))) {
        return this.#bad("bad_reply_action_from_state_function", reply, "reply(from, value)");
      }
      this.#reply(reply.first as From, reply.second);
    }
    return this.#stop(result.reason, result.data);
  }

  #bad(tag: string, value: unknown, allowed: string): never {
    this.#commit();
    const { type, name } = this.#event ?? { type: "start", name: undefined };
    return badReturn(tag, `the callback of ${type}${name === undefined ? "" : ` "${name}"`}`, value, allowed);
  }
}

/** A machine's `formatStatus` tells state and data apart; for the others they are one, a pair. */
function pairwise(format: FormatStatus): NonNullable<SystemTarget["formatStatus"]> {
  return ({ state: pair, ...rest }) => {
    const [state, data] = pair as readonly [unknown, unknown]; // from `state()`
    const changed = format({ ...rest, state, data });
    if (typeof changed !== "object" || changed === null || isThenable(changed)) return changed; // not allowed, and so withheld
    const { state: newState, data: newData, ...others } = { state, data, ...changed };
    return { ...others, state: [newState, newData] };
  };
}

/** States are compared by value, as Erlang's `=:=` does: a state may be any term. */
function same(a: unknown, b: unknown): boolean {
  return a === b || (typeof a === "object" && isDeepStrictEqual(a, b));
}

/** Settles when the thread's other processes, timers and connections have had their turn. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
