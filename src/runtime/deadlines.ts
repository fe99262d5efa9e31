/**
 * The timeouts of a thread's calls, behind one Node.js timer. Nearly every call has a timeout and nearly none is reached.
 * Two things keep that cheap, a timer of its own for each would cost 0.7 µs (`bench/gen-server.bench.ts`):
 *
 * - A new deadline is only noted. What is over by the end of the turn, as most calls within a thread are, was never looked
 *   at; the others are stamped then with one reading of the clock, which costs 0.06 µs.
 * - The timer is set for the earliest of those, and stays when that call is over; when it fires, all that wait are looked
 *   at and it is set anew. With OTP's default of five seconds that is one look in five seconds, however many calls.
 */
import type { Clock } from "../core/clock.js";

/** `dueMs` of a deadline that is not waited for, and of one that is not stamped yet. */
const OVER = -1;
const FRESH = 0;

/** Something that may take so long and no longer. */
export abstract class Deadline {
  timeoutMs = 0;
  dueMs: number = OVER;

  abstract onTimeout(): void;
}

export class Deadlines {
  readonly #clock: Clock;
  /** Sees to it that a turn follows, and {@link settle} at its end. */
  readonly #wake: () => void;
  #fresh: Deadline[] = [];
  readonly #waiting = new Set<Deadline>();
  #timer: NodeJS.Timeout | null = null;
  /** When the timer fires. */
  #nextMs = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, wake: () => void) {
    this.#clock = clock;
    this.#wake = wake;
  }

  add(deadline: Deadline, timeoutMs: number): void {
    deadline.timeoutMs = timeoutMs;
    deadline.dueMs = FRESH;
    if (this.#fresh.push(deadline) === 1) this.#wake();
  }

  delete(deadline: Deadline): void {
    const { dueMs } = deadline;
    deadline.dueMs = OVER;
    if (dueMs <= FRESH) return;
    // The timer may stay, but must not keep the process alive for nobody.
    if (this.#waiting.delete(deadline) && this.#waiting.size === 0) this.#timer?.unref();
  }

  /** Stamps what has come since the last time and is not over yet. At the end of each turn. */
  settle(): void {
    if (this.#fresh.length === 0) return;
    let nowMs = Number.NaN;
    for (const deadline of this.#fresh) {
      if (deadline.dueMs !== FRESH) continue;
      if (Number.isNaN(nowMs)) nowMs = this.#clock.now();
      deadline.dueMs = Math.ceil(nowMs + deadline.timeoutMs); // a small integer to V8, which needs no object of its own
      if (this.#waiting.size === 0) this.#timer?.ref();
      this.#waiting.add(deadline);
      if (deadline.dueMs < this.#nextMs) this.#arm(deadline.dueMs, Math.ceil(deadline.dueMs - nowMs));
    }
    this.#fresh = [];
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#waiting.clear();
    this.#fresh = [];
  }

  #arm(atMs: number, delayMs: number): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#nextMs = atMs;
    this.#timer = setTimeout(this.#look, delayMs);
  }

  readonly #look = (): void => {
    this.#timer = null;
    this.#nextMs = Number.POSITIVE_INFINITY;
    const nowMs = this.#clock.now();
    let earliestMs = Number.POSITIVE_INFINITY;
    const due: Deadline[] = [];
    for (const deadline of this.#waiting) {
      if (deadline.dueMs > nowMs) earliestMs = Math.min(earliestMs, deadline.dueMs);
      else due.push(deadline);
    }
    // Several, if the thread was busy when the first of them was.
    due.sort((a, b) => a.dueMs - b.dueMs);
    for (const deadline of due) {
      if (!this.#waiting.delete(deadline)) continue; // over since, by the one before
      deadline.dueMs = OVER;
      deadline.onTimeout();
    }
    if (earliestMs < this.#nextMs) this.#arm(earliestMs, Math.max(1, Math.ceil(earliestMs - nowMs)));
  };
}
