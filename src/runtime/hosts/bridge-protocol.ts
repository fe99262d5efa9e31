/** What the main process and the main thread of a scheduler's process tell each other; all else goes past that thread. */

import type { LastSlice, Vitals } from "../watchdog/vitals.js";
import type { HostMemory } from "./host.js";
import type { ThreadData } from "./thread-protocol.js";

/**
 * What a scheduler thread exits with that can't write to its pipe to the main process: EX_IOERR of sysexits.h. By the pipe it can
 * tell nobody, and its exit may be known before the end of the pipe is.
 */
export const BROKEN_PIPE_EXIT_CODE = 74;

export interface BridgeStart {
  readonly tag: "start";
  readonly data: Omit<ThreadData, "vitals">;
  /** Between two tellings of how the scheduler is. */
  readonly intervalMs: number;
}

export type BridgeOrder = BridgeStart | { readonly tag: "interrupt"; readonly timeoutMs: number };

export type BridgeNews =
  /** What came of an interrupt: the black box as JSON, or nothing. */
  | { readonly tag: "interrupted"; readonly json: unknown }
  | {
      readonly tag: "vitals";
      readonly vitals: Vitals;
      readonly lastSlices: readonly LastSlice[];
      readonly memory: Omit<HostMemory, "told">;
    }
  /** The scheduler thread has ended, and so does the process. */
  | { readonly tag: "ended"; readonly reason: string; readonly vitals: Vitals };
