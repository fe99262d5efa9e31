/** What all loads have in common: what they are given, and the clock of those that don't wait for answers. */
import type { Dialect } from "../dialects.js";
import type { Measurement, Times } from "../measurement.js";
import type { Scenario } from "../scenarios.js";

export interface Load<S extends Scenario> {
  readonly scenario: S;
  readonly dialect: Dialect;
  readonly measurement: Measurement;
  readonly times: Times;
}

/** The first ref after the join's. */
export const FIRST_REF = 2;

/** Calls `tick` so many times a second with the time each was meant for; those that are late come as soon as they can. */
export function everySecond(perSecond: number, tick: (meantMs: number) => void): NodeJS.Timeout {
  const stepMs = 1000 / perSecond;
  let nextMs = performance.now() + stepMs;
  return setInterval(() => {
    for (; nextMs <= performance.now(); nextMs += stepMs) tick(nextMs);
  }, 1);
}
