/** What the main thread and a scheduler thread say to each other beside the batches: births and deaths of threads. */
import type { MessagePort } from "node:worker_threads";
import type { ExitReason } from "../../core/exit-reason.js";
import type { Pid } from "../../core/pid.js";
import type { ListedDefinition } from "../definitions.js";
import type { Report } from "../report.js";
import type { Reporting } from "../reports.js";
import type { Budgets } from "../scheduler-setup.js";
import type { SharedBuffers } from "../shared/shared.js";
import type { BlackBoxContents } from "../watchdog/black-box.js";

/** Given to a thread at its start. */
export interface ThreadData {
  readonly thread: number;
  readonly slot: number;
  /** `null` in an OS process of its own: it makes tables that are copies; see `mirror.ts`. */
  readonly shared: SharedBuffers | null;
  readonly tables: Pick<SharedBuffers, "slots" | "dedicated" | "seed" | "io">;
  readonly budgets: Budgets;
  readonly reporting: Reporting;
  /** Where it shows its vital signs, and how often; `maxHeapBytes` as in the options. */
  readonly vitals: SharedArrayBuffer;
  readonly beatMs: number;
  readonly maxHeapBytes: number;
  /** URL of the application module; of an I/O thread, of the library's own program for it. */
  readonly application: string;
  /** Whether it is an I/O thread: with sockets, and no code of the user's. */
  readonly isIo: boolean;
  /** The threads that are there already. */
  readonly peers: readonly Peer[];
}

/** Another thread, and the way to it; without a port that is the pipe to the main process. */
export interface Peer {
  readonly thread: number;
  readonly port: MessagePort | null;
  /** It is an I/O thread beside the main one. */
  readonly isIo?: boolean;
  /** It is in an OS process of its own: the port is one to the main thread, which passes on what is for it. */
  readonly isRelayed?: true;
}

/** What a thread has loaded. */
export interface Loaded {
  readonly manifest: unknown;
  /** In the order of their numbers in its vital signs. */
  readonly definitions: readonly ListedDefinition[];
}

/** The process that a thread died of, and the reason it has alone. */
export interface Culprit {
  readonly pid: Pid;
  readonly reason: ExitReason;
}

/** From the main thread. */
export type Order =
  | ({ readonly tag: "peer" } & Peer)
  | { readonly tag: "down"; readonly thread: number; readonly culprit: Culprit | null }
  /** To say what is in its black box: for one that is given up, and still takes orders. */
  | { readonly tag: "black_box" }
  /** Half of a question to its pulse. */
  | { readonly tag: "pulse"; readonly n: number }
  /** To end, but not before all that was printed has reached the main thread. */
  | { readonly tag: "exit" };

/** To the main thread. */
export type News =
  /** The application module is loaded. `pulse`: see `pulse.ts`. */
  | ({ readonly tag: "ready"; readonly pulse: Pid } & Loaded)
  | { readonly tag: "failed"; readonly message: string }
  | { readonly tag: "black_box"; readonly contents: BlackBoxContents }
  | { readonly tag: "report"; readonly report: Report };
