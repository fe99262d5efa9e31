/** How far apart from others the instances of a definition run. Where they do then: `placements.ts`, `placing.ts`. */
import { ErrorCode, RuntimeError } from "../core/errors.js";

export const ISOLATIONS = ["shared", "dedicated", "process"] as const;

/**
 * `"shared"`: on the schedulers, among all others. `"dedicated"`: on a scheduler thread kept for this definition, all its
 * instances together, wherever they are asked for; it must be exported by the application module. What blocks, leaks or ends
 * that thread costs only its own kind. `"process"`: the same in an OS process, so that not even an abort of V8 or a fault in native code
 * costs more; the other schedulers stay what they are. Not on Windows.
 */
export type Isolation = (typeof ISOLATIONS)[number];

/** @throws RuntimeError `badOption` for what is none. */
export function checkIsolation(isolation: Isolation | undefined): void {
  if (isolation === undefined || ISOLATIONS.includes(isolation)) return;
  throw new RuntimeError(
    ErrorCode.badOption,
    `bad isolation ${String(isolation)}: allowed are ${ISOLATIONS.join(", ")}`,
  );
}
