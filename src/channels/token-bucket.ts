/**
 * Token buckets, and the ladder a client climbs that sends more than it may: slowed down, refused, closed. Pure: the same
 * bucket, limit and time, the same verdict; what follows from it is `connection-limits.ts`.
 *
 * ```
 *   tokens  burst ┌────────┐
 *                 │  pass  │   perSecond flow in, each message takes one
 *               0 ├────────┤
 *                 │throttle│   passes on credit: nothing more is read until the debt is paid, the client waits
 *      -throttle  ├────────┤
 *                 │ refuse │   an answer with a reason; takes no token of these, but one of the bucket of refusals
 *                 └────────┘   … and when that is empty: close
 * ```
 *
 * Integers throughout: a token is 1000 parts, so a millisecond brings exactly `perSecond` of them. Usual levels are small
 * integers to V8, which cost no allocation. `bench/token-bucket.bench.ts` has the numbers.
 */

/** How much of something may come: so many a second in the long run, and so many at once. */
export interface RateLimit {
  /** From 1 to 1,000,000. */
  readonly perSecond: number;
  /** From 1 to 1,000,000. @defaultValue `perSecond` */
  readonly burst?: number;
}

/** A {@link RateLimit} as buckets are filled by it, in parts of tokens. */
export interface Rate {
  readonly perSecond: number;
  readonly fullParts: number;
  /** How far below zero it may go. */
  readonly creditParts: number;
}

const PARTS = 1000;

/** What {@link TokenBucket.take} answers besides milliseconds. */
export const Verdict = { pass: 0, refuse: -1, close: -2 } as const;

/** @param throttleMs - Milliseconds a client may be kept waiting at most: what takes longer to pay is refused. */
export function rateOf({ perSecond, burst = perSecond }: RateLimit, throttleMs = 0): Rate {
  return { perSecond, fullParts: burst * PARTS, creditParts: throttleMs * perSecond };
}

export class TokenBucket {
  #parts: number;
  #atMs: number;

  /** A full one. */
  constructor(rate: Rate, nowMs: number) {
    this.#parts = rate.fullParts;
    this.#atMs = nowMs;
  }

  /**
   * Takes a token.
   *
   * @param nowMs - A whole number, never going back.
   * @returns `Verdict.pass`; milliseconds until the debt is paid, for one that passes on credit; `Verdict.refuse`, and
   *   nothing was taken.
   */
  take(rate: Rate, nowMs: number): number {
    if (nowMs !== this.#atMs) {
      this.#parts = Math.min(rate.fullParts, this.#parts + (nowMs - this.#atMs) * rate.perSecond);
      this.#atMs = nowMs;
    }
    const left = this.#parts - PARTS;
    if (left < -rate.creditParts) return Verdict.refuse;
    this.#parts = left;
    return left >= 0 ? Verdict.pass : Math.ceil(-left / rate.perSecond);
  }
}

/** The bucket of refusals has the last word: a client that is refused too often is closed. `null`: never. */
export function onRefused(refusals: TokenBucket | null, rate: Rate | null, nowMs: number): number {
  if (refusals === null || rate === null) return Verdict.refuse;
  return refusals.take(rate, nowMs) === Verdict.pass ? Verdict.refuse : Verdict.close;
}
