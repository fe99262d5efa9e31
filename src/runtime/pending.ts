/** Requests that wait for their replies: `call`, and the acknowledgement of a start. */
import { ErrorCode, RuntimeError } from "../core/errors.js";
import { type ExitReason, formatReason } from "../core/exit-reason.js";
import { type Destination, showDestination } from "../core/via.js";
import type { Deadline, Deadlines } from "./deadlines.js";

/** One request. Its timeout is part of it, so that a reply costs no second promise to stop that. */
export class Pending implements Deadline {
  /** Settles when the request is over; awaited in the process that made it. */
  readonly answered: Promise<unknown>;
  readonly #to: Destination;
  #resolve!: (value: unknown) => void; // the two are set before the constructor returns
  #reject!: (error: RuntimeError) => void;
  dueMs = 0;
  #deadlines: Deadlines | null = null;
  #timeoutMs = 0;
  #giveUp: (() => void) | null = null;

  constructor(to: Destination) {
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

  /** Fails the request after so many milliseconds; `giveUp` forgets it, so that a later reply is dropped. */
  limit(timeoutMs: number, deadlines: Deadlines, giveUp: () => void): void {
    this.#deadlines = deadlines;
    this.#timeoutMs = timeoutMs;
    this.#giveUp = giveUp;
    deadlines.add(this, timeoutMs);
  }

  onTimeout(): void {
    this.#giveUp?.();
    const timeoutMs = this.#timeoutMs;
    const error = new RuntimeError(
      ErrorCode.callTimeout,
      `no reply from ${showDestination(this.#to)} within ${timeoutMs} ms`,
      {
        exitReason: ["timeout", ["call", this.#to, timeoutMs]],
      },
    );
    this.#reject(error);
  }

  /** The process that waited is gone: nobody resumes it. */
  drop(): void {
    this.#deadlines?.delete(this);
  }
}

/** Uncaught, it ends the caller as in OTP: with the reason of the other side, in a tuple with the request. */
export function callFailed(reason: ExitReason, to: Destination): RuntimeError {
  const shown = showDestination(to);
  const what = reason === "noproc" ? `there is no process ${shown}` : `${shown} exited: ${formatReason(reason)}`;
  return new RuntimeError(ErrorCode.callFailed, what, { cause: reason, exitReason: [reason, ["call", to]] });
}
