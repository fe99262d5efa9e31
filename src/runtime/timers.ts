/**
 * `sendAfter`, `startTimer`: a timer is a message to come. Timers to names look the name up when they fire; all outlive their
 * creator. One whose receiver runs on this thread ends with it, as in Erlang: it would hold its message for nobody.
 */

import { ErrorCode, RuntimeError } from "../core/errors.js";
import type { TimeoutMessage } from "../core/messages.js";
import { isPid } from "../core/pid.js";
import type { Ref } from "../core/ref.js";
import type { Destination } from "../core/via.js";
import { lookUp } from "./naming.js";
import type { ProcessRecord } from "./process-record.js";
import type { Scheduler } from "./scheduler.js";

interface Timer {
  readonly handle: NodeJS.Timeout;
  readonly dueMs: number;
  /** Whom the message is for, if it was named by pid and runs here. */
  readonly receiver: ProcessRecord | null;
}

/** The longest delay Node.js timers take: a bit under 25 days. */
export const MAX_DELAY_MS = 2_147_483_647;

export class Timers {
  readonly #scheduler: Scheduler;
  readonly #timers = new Map<Ref, Timer>();

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  start(to: Destination, message: unknown, delayMs: number): Ref {
    return this.#start(this.#scheduler.refs.next(), to, message, delayMs);
  }

  #start(ref: Ref, to: Destination, message: unknown, delayMs: number): Ref {
    const handle = setTimeout(this.#fire, delayMs, ref, to, message);
    const receiver = (isPid(to) && this.#scheduler.processes.get(to)) || null;
    if (receiver !== null) {
      receiver.timers ??= new Set();
      receiver.timers.add(ref);
    }
    this.#timers.set(ref, { handle, dueMs: this.#scheduler.clock.now() + delayMs, receiver });
    return ref;
  }

  /** As {@link start}, and the message says which timer it is of. */
  startTagged(to: Destination, message: unknown, delayMs: number): Ref {
    const ref = this.#scheduler.refs.next();
    return this.#start(ref, to, { tag: "timeout", ref, message } satisfies TimeoutMessage, delayMs);
  }

  /** Milliseconds that were left, or `false` if it has fired already or never was. */
  cancel(ref: Ref): number | false {
    const left = this.read(ref);
    if (left === false) return false;
    clearTimeout(this.#timers.get(ref)?.handle);
    this.#forget(ref);
    return left;
  }

  /** Nobody is left to get these messages. */
  receiverGone(record: ProcessRecord): void {
    for (const ref of record.timers ?? []) {
      clearTimeout(this.#timers.get(ref)?.handle);
      this.#timers.delete(ref);
    }
    record.timers = null;
  }

  #forget(ref: Ref): void {
    this.#timers.get(ref)?.receiver?.timers?.delete(ref);
    this.#timers.delete(ref);
  }

  read(ref: Ref): number | false {
    const timer = this.#timers.get(ref);
    return timer === undefined ? false : Math.max(0, Math.ceil(timer.dueMs - this.#scheduler.clock.now()));
  }

  stop(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer.handle);
    this.#timers.clear();
  }

  readonly #fire = (ref: Ref, to: Destination, message: unknown): void => {
    this.#forget(ref);
    const pid = lookUp(this.#scheduler, to);
    if (pid !== undefined) this.#scheduler.send(null, pid, message);
  };
}

/** @throws RuntimeError `badArgument`, naming the value and what is allowed. */
export function checkDelay(delayMs: number): number {
  if (Number.isFinite(delayMs) && delayMs >= 0 && delayMs <= MAX_DELAY_MS) return delayMs;
  throw new RuntimeError(
    ErrorCode.badArgument,
    `bad delay ${String(delayMs)}: allowed are 0 to ${MAX_DELAY_MS} milliseconds`,
  );
}
