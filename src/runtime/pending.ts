/** Requests that wait for their replies: `call`, and the acknowledgement of a start. */
import { ErrorCode, RuntimeError } from "../core/errors.js";
import { type ExitReason, formatReason } from "../core/exit-reason.js";
import type { Pid } from "../core/pid.js";

/** One request. The timer is part of it, so that a reply costs no second promise to stop it. */
export class Pending {
  /** Settles when the request is over; awaited in the process that made it. */
  readonly answered: Promise<unknown>;
  readonly #to: Pid | string;
  #resolve!: (value: unknown) => void; // the two are set before the constructor returns
  #reject!: (error: RuntimeError) => void;
  #timer: NodeJS.Timeout | null = null;

  constructor(to: Pid | string) {
    this.#to = to;
    this.answered = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  resolve(value: unknown): void {
    this.drop();
    this.#resolve(value);
  }

  /** The other side ended, or was not there. */
  reject(reason: ExitReason): void {
    this.drop();
    this.#reject(callFailed(reason, this.#to));
  }

  /** Runs `onTimeout` after so many milliseconds, unless the request is over by then. */
  startTimer(timeoutMs: number, onTimeout: () => void): void {
    this.#timer = setTimeout(onTimeout, timeoutMs);
  }

  timeOut(timeoutMs: number): void {
    const error = new RuntimeError(ErrorCode.callTimeout, `no reply from ${this.#to} within ${timeoutMs} ms`, {
      exitReason: ["timeout", ["call", this.#to, timeoutMs]],
    });
    this.#reject(error);
  }

  /** The process that waited is gone: nobody resumes it. */
  drop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
  }
}

/** Uncaught, it ends the caller as in OTP: with the reason of the other side, in a tuple with the request. */
export function callFailed(reason: ExitReason, to: Pid | string): RuntimeError {
  const what = reason === "noproc" ? `there is no process ${to}` : `${to} exited: ${formatReason(reason)}`;
  return new RuntimeError(ErrorCode.callFailed, what, { cause: reason, exitReason: [reason, ["call", to]] });
}
