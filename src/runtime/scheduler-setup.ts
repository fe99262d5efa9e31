/** What a scheduler is built from, and how it is told to start a process. */
import type { Clock } from "../core/clock.js";
import type { Ref } from "../core/ref.js";
import type { Definitions } from "./definitions.js";
import type { KeyName } from "./registering.js";
import type { Reporter } from "./report.js";
import type { Reporting } from "./reports.js";
import type { Interest } from "./shared/interest.js";
import type { Names } from "./shared/names.js";
import type { Placements } from "./shared/placements.js";
import type { Cells } from "./shared/shared.js";

/** How a scheduler shares its thread out. All have defaults in `options.ts`. */
export interface Budgets {
  /** Messages one process handles before the next one has its slice. */
  readonly messageBudget: number;
  /** Milliseconds a turn may take before timers and I/O of the thread are served. Checked between messages. */
  readonly turnBudgetMs: number;
  /** Messages in a mailbox above which it is reported; 0: never. */
  readonly longMailbox: number;
}

export interface SchedulerSetup {
  /** Number of this thread: never used again after its death. */
  readonly thread: number;
  /** The slot it fills: 0 is the main I/O thread, 1 … N are schedulers; see `shared.ts`. */
  readonly slot: number;
  readonly cells: Cells;
  readonly names: Names;
  readonly interest: Interest;
  readonly placements: Placements;
  readonly definitions: Definitions;
  readonly budgets: Budgets;
  readonly clock: Clock;
  /** Where its vital signs are shown. @defaultValue nowhere */
  readonly vitals?: SharedArrayBuffer;
  readonly report: Reporter;
  /** Which reports are made. @defaultValue `DEFAULT_REPORTING` */
  readonly reporting?: Reporting;
  /** Whether user code runs here: then a turn may follow from a microtask, while its time lasts. */
  readonly runsUserCode: boolean;
}

/** How a process is started. */
export interface SpawnOptions {
  readonly link: boolean;
  readonly monitor: Ref | null;
  readonly label: string;
  /** A name, already claimed for the new pid. */
  readonly name: string | KeyName | null;
  /** Whether the parent waits under the monitor's ref to hear how the start went. */
  readonly acknowledge?: boolean;
}
