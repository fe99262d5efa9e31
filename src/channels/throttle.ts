/**
 * What the connections of one endpoint share for their limits: counts of what was refused, slowed down and closed, a coarse
 * clock, and one timer for all connections that wait for time to pass. On the I/O thread.
 */
import { type Clock, monotonicClock } from "../core/clock.js";
import { Counts } from "../core/counts.js";
import type { LimitCode } from "../core/limit-codes.js";
import { spans } from "./telemetry.js";

/** Milliseconds between two looks at who may go on. Finer would be no use: a client's debt is that of many messages. */
const TICK_MS = 20;

/** Somebody who waits. */
export interface Waiting {
  /** Its time is over. */
  wake(): void;
}

/** What a limit was about; for telemetry. */
export interface LimitSubject {
  readonly transport: string;
  readonly id: string | null;
  readonly topic: string | null;
}

export class Throttle {
  readonly counts: Counts;
  readonly #afterTurn: (action: () => void) => void;
  readonly #clock: Clock;
  readonly #waiting = new Map<Waiting, number>();
  #timer: NodeJS.Timeout | null = null;
  /** Milliseconds, whole; -1 if nobody has looked in this turn. */
  #nowMs = -1;

  constructor(afterTurn: (action: () => void) => void, counts: Counts = new Counts(), clock: Clock = monotonicClock) {
    this.#afterTurn = afterTurn;
    this.counts = counts;
    this.#clock = clock;
  }

  /** Milliseconds, as the clock had them when somebody asked first in this turn of the event loop. */
  nowMs(): number {
    return this.#nowMs === -1 ? this.#look() : this.#nowMs;
  }

  /** Wakes it then; told several times, at the latest of them. */
  wakeAt(waiting: Waiting, ms: number): void {
    this.#waiting.set(waiting, Math.max(ms, this.#waiting.get(waiting) ?? 0));
    if (this.#timer !== null) return;
    this.#timer = setInterval(this.#tick, TICK_MS);
    this.#timer.unref();
  }

  forget(waiting: Waiting): void {
    this.#waiting.delete(waiting);
  }

  /** Counts something that a limit did, by its code, and tells of it. */
  hit(code: LimitCode, subject: LimitSubject): void {
    this.counts.add(code);
    this.tell(code, subject, 1);
  }

  /** Tells of what was counted already: so often. */
  tell(code: LimitCode, { transport, id, topic }: LimitSubject, count: number): void {
    if (spans.limit.isWatched) spans.limit.run({ code, transport, id, topic }, { count }, () => {});
  }

  #look(): number {
    this.#nowMs = Math.floor(this.#clock.now());
    this.#afterTurn(this.#turnOver);
    return this.#nowMs;
  }

  readonly #turnOver = (): void => {
    this.#nowMs = -1;
  };

  readonly #tick = (): void => {
    const nowMs = Math.floor(this.#clock.now());
    for (const [waiting, untilMs] of this.#waiting) {
      if (untilMs > nowMs) continue;
      this.#waiting.delete(waiting);
      waiting.wake();
    }
    if (this.#waiting.size > 0 || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  };
}
