/**
 * One scheduler as the main process sees it, wherever it runs: in a thread (`scheduler-thread.ts`) or in an OS process of its own
 * (`scheduler-process.ts`). Who starts such ones: `hosting.ts`.
 */
import type { MessagePort } from "node:worker_threads";
import type { Pid } from "../../core/pid.js";
import { budgetsOf, type Isolation, type RuntimeOptions, reportingOf } from "../options.js";
import type { Report } from "../report.js";
import type { SharedBuffers } from "../shared/shared.js";
import type { BlackBoxContents } from "../watchdog/black-box.js";
import type { LastSlice, Vitals } from "../watchdog/vitals.js";
import { beatMsOf } from "../watchdog/watchdog.js";
import type { Loaded, Order, ThreadData } from "./thread-protocol.js";

/** How long a scheduler may take to hand over what it printed. */
export const PRINT_WAIT_MS = 200;

/** Where a scheduler runs: in a thread of the main process, or in an OS process of its own. */
export type HostKind = Isolation;

export interface SchedulerHost {
  readonly kind: HostKind;
  /** Never used again. */
  readonly number: number;
  readonly slot: number;
  /** Whether it is an I/O thread, and no scheduler. */
  readonly isIo: boolean;
  /** Settles with what it has loaded once it is ready; rejects with `startFailed` if it ends before. */
  readonly started: Promise<Loaded>;
  /** Whether it has loaded the application and takes turns. */
  readonly isReady: boolean;
  readonly vitals: Vitals;
  /** The process that says whether it works, once it is ready; see `pulse.ts`. */
  readonly pulse: Pid | null;
  /** What its OS process holds; `null` if that is the main one. */
  readonly memory: HostMemory | null;
  /** It ended without a word: nobody knows of what, but who ran last can be said. */
  readonly isVanished: boolean;
  /** The processes that had its last slices, the newest first, as far as that is known here. */
  readonly lastSlices: readonly LastSlice[];
  /** V8's own limit for its heap. */
  readonly hardLimitBytes: number;
  /** Asks it for its black box; `undefined` if it has not answered in time. */
  askBlackBox(timeoutMs: number): Promise<BlackBoxContents | undefined>;
  /** Takes its black box, as JSON, in the middle of whatever runs there. Rejects or is no string if that can't be done. */
  interrupt(timeoutMs: number): Promise<unknown>;
  /** The key of a definition by its number in the vital signs; `null` for 0. */
  definitionOf(number: number): string | null;
  order(what: Order, transfer?: MessagePort[]): void;
  /** Ends it when the last it printed has arrived. */
  end(): Promise<unknown>;
  /** Ends it as soon as that can be done. */
  terminate(): Promise<unknown>;
  /** It keeps nothing alive any more: its end may take seconds. */
  abandon(): void;
}

export interface HostMemory {
  readonly rssBytes: number;
  /** Of that, heap and buffers that are not the scheduler's. */
  readonly ownBytes: number;
  /** How often it has told of itself: what is known of it is new if this is. */
  readonly told: number;
}

export interface HostSetup {
  readonly number: number;
  readonly slot: number;
  /** URL of what it loads: the application module, or the program of I/O threads. */
  readonly url: string;
  readonly isIo: boolean;
  readonly shared: SharedBuffers;
  readonly options: Required<RuntimeOptions>;
  readonly heard: (report: Report) => void;
  /** It takes turns from now on. */
  readonly ready: (host: SchedulerHost) => void;
  /** It is gone. */
  readonly exited: (host: SchedulerHost, reason: string) => void;
}

/** What a scheduler is told at its start, but for what differs between threads and processes. */
export function threadDataOf(setup: HostSetup): Omit<ThreadData, "shared" | "peers" | "vitals"> {
  const { number, slot, options, shared } = setup;
  return {
    thread: number,
    slot,
    tables: { slots: shared.slots, dedicated: shared.dedicated, seed: shared.seed, io: shared.io },
    isIo: setup.isIo,
    budgets: budgetsOf(options),
    reporting: reportingOf(options),
    beatMs: beatMsOf(options),
    maxHeapBytes: options.maxHeapBytes,
    application: setup.url,
  };
}
