/** Requests that wait for their replies: `call`, and the acknowledgement of a start. */
import { ErrorCode, RuntimeError } from "../core/errors.js";
import { type ExitReason, formatReason } from "../core/exit-reason.js";
import type { Pid } from "../core/pid.js";
import type { Ref } from "../core/ref.js";
import { type Destination, showDestination } from "../core/via.js";
import { Deadline } from "./deadlines.js";
import type { ProcessRecord } from "./process-record.js";

/**
 * One request: the promise of its reply, the requester's half of the monitor under it, and its timeout. All in one, so that
 * a call makes one object besides its promise.
 */
export class Pending extends Deadline {
  /** Settles when the request is over; awaited in the process that made it. */
  readonly answered: Promise<unknown>;
  /** Whom it waits for; `shown` is what it was addressed to. */
  readonly target: Pid;
  readonly shown: Destination;
  readonly #record: ProcessRecord;
  readonly #ref: Ref;
  #resolve!: (value: unknown) => void; // the two are set before the constructor returns
  #reject!: (error: RuntimeError) => void;

  constructor(record: ProcessRecord, ref: Ref, target: Pid, shown: Destination) {
    super();
    this.#record = record;
    this.#ref = ref;
    this.target = target;
    this.shown = shown;
    this.answered = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Fails the request after so many milliseconds. */
  limit(timeoutMs: number): void {
    this.#record.scheduler.deadlines.add(this, timeoutMs);
  }

  resolve(value: unknown): void {
    this.drop();
    this.#resolve(value);
  }

  /** The other side ended, or was not there. */
  reject(reason: ExitReason): void {
    this.drop();
    this.#reject(callFailed(reason, this.shown));
  }

  override onTimeout(): void {
    const record = this.#record;
    record.pending?.delete(this.#ref); // a later reply is dropped
    record.scheduler.signals.unwatch(this.#ref, this.target, record.pid);
    const { shown, timeoutMs } = this;
    const what = `no reply from ${showDestination(shown)} within ${timeoutMs} ms`;
    const error = new RuntimeError(ErrorCode.callTimeout, what, {
      exitReason: ["timeout", ["call", shown, timeoutMs]],
    });
    this.#reject(error);
  }

  /** The process that waited is gone: nobody resumes it. */
  drop(): void {
    this.#record.scheduler.deadlines.delete(this);
  }
}

/** Uncaught, it ends the caller as in OTP: with the reason of the other side, in a tuple with the request. */
export function callFailed(reason: ExitReason, to: Destination): RuntimeError {
  const shown = showDestination(to);
  const what = reason === "noproc" ? `there is no process ${shown}` : `${shown} exited: ${formatReason(reason)}`;
  return new RuntimeError(ErrorCode.callFailed, what, { cause: reason, exitReason: [reason, ["call", to]] });
}
