/** Where time comes from. Durations are monotonic milliseconds; a test may hold the clock. */
export interface Clock {
  /** Milliseconds since some fixed moment, never going back. */
  now(): number;
}

export const monotonicClock: Clock = { now: () => performance.now() };
