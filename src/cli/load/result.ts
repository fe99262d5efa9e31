/** What `joist load` measured; also the shape of its JSON, which docs/load.md describes. */
import type { Failure } from "./failures.js";
import type { Percentiles } from "./latency.js";
import type { OwnLoad } from "./own-load.js";

export interface LoadResult {
  /** Without its parameters, which may hold what nobody should read. */
  readonly url: string;
  /** Whether Ctrl-C ended it, or that no channel was left. */
  readonly ended: "in time" | "interrupted" | "nothing left to send to";
  readonly connections: {
    readonly wanted: number;
    readonly opened: number;
    /** Those still open when the measurement ended. */
    readonly openAtEnd: number;
    /** From the first attempt until the last one had connected and joined, or failed. */
    readonly seconds: number;
    readonly connectMs: Percentiles | null;
  };
  readonly channels: { readonly wanted: number; readonly joined: number; readonly joinMs: Percentiles | null };
  /** Of the measurement: `sent` = `answered` + `failed`. */
  readonly messages: {
    readonly sent: number;
    readonly answered: number;
    readonly failed: number;
    /** Meant to be sent, but there was no room for more under way. */
    readonly unsent: number;
    /** Pushes and broadcasts that came. */
    readonly pushed: number;
    readonly seconds: number;
    readonly sentPerSecond: number;
    /** Answers that came within those seconds. */
    readonly answeredPerSecond: number;
  };
  readonly latencyMs: Percentiles | null;
  /** Of the measurement, as the sockets count them: frames with their heads, and with TLS what is inside of it. */
  readonly bytes: { readonly in: number; readonly out: number };
  readonly failures: readonly Failure[];
  /** Of messages that were sent in the warm-up; they are in none of the numbers above. */
  readonly warmUpFailures: readonly Failure[];
  readonly generator: OwnLoad;
}

export function hasFailed({ failures, warmUpFailures, channels }: LoadResult): boolean {
  return failures.length > 0 || warmUpFailures.length > 0 || channels.joined === 0;
}
