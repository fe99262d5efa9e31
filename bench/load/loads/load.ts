/** What all loads have in common: what they are given. */
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
