/** The options of a tracker, with their defaults. Phoenix's, where it has them. */
import { checkInteger } from "../core/check-integer.js";
import { ErrorCode, RuntimeError } from "../core/errors.js";

export interface TrackerOptions {
  /** Its name in the application: no two may have the same. Shards are registered as `name_shard0` and so on. */
  readonly name: string;
  /** Shards, each a process with a share of the topics. Must be the same on all machines. @defaultValue 1 */
  readonly poolSize?: number;
  /** Milliseconds for which changes are gathered before other machines are told. @defaultValue 1500 */
  readonly broadcastPeriodMs?: number;
}

/** With the defaults filled in. */
export type ResolvedTrackerOptions = Required<TrackerOptions>;

export const DEFAULT_POOL_SIZE = 1;
export const DEFAULT_BROADCAST_PERIOD_MS = 1500;
const MAX_POOL_SIZE = 1024;
const LONGEST_PERIOD_MS = 3_600_000;

/** @throws RuntimeError `badOption` */
export function resolveTrackerOptions(options: TrackerOptions): ResolvedTrackerOptions {
  const { name, poolSize = DEFAULT_POOL_SIZE, broadcastPeriodMs = DEFAULT_BROADCAST_PERIOD_MS } = options;
  if (typeof name !== "string" || name === "" || name.startsWith("<")) {
    const shown = typeof name === "string" ? `"${name}"` : String(name);
    throw new RuntimeError(
      ErrorCode.badOption,
      `bad name ${shown}: a tracker's is a non-empty string without < in front`,
    );
  }
  checkInteger("poolSize", poolSize, 1, MAX_POOL_SIZE);
  checkInteger("broadcastPeriodMs", broadcastPeriodMs, 1, LONGEST_PERIOD_MS);
  return { name, poolSize, broadcastPeriodMs };
}
