/** Builds the scheduler of one thread over the memory all threads share. */
import { randomInt } from "node:crypto";
import { monotonicClock } from "../core/clock.js";
import type { Definitions } from "./definitions.js";
import { Interest } from "./interest.js";
import { Keys } from "./keys.js";
import { Names } from "./names.js";
import { Placements } from "./placements.js";
import type { Reporter } from "./report.js";
import type { Reporting } from "./reports.js";
import { Scheduler } from "./scheduler.js";
import type { Budgets } from "./scheduler-setup.js";
import { Cells, type SharedBuffers } from "./shared.js";

/** @param dedicated - How many of the slots, the last ones, are kept for definitions. */
export function allocateShared(slots: number, dedicated = 0): SharedBuffers {
  return {
    cells: new SharedArrayBuffer(Cells.bytes(slots)),
    placements: new SharedArrayBuffer(Placements.bytes()),
    names: new SharedArrayBuffer(Names.bytes()),
    keys: new SharedArrayBuffer(Keys.bytes()),
    interest: new SharedArrayBuffer(Interest.bytes()),
    seed: randomInt(2 ** 31),
    slots,
    dedicated,
  };
}

export interface ThreadSetup {
  readonly thread: number;
  readonly slot: number;
  readonly shared: SharedBuffers;
  readonly definitions: Definitions;
  readonly budgets: Budgets;
  readonly report: Reporter;
  readonly reporting?: Reporting;
  readonly runsUserCode: boolean;
  readonly vitals?: SharedArrayBuffer;
}

export function bootScheduler(setup: ThreadSetup): Scheduler {
  const cells = new Cells(setup.shared);
  return new Scheduler({
    ...setup,
    cells,
    names: new Names(setup.shared, cells, new Keys(setup.shared, cells, setup.thread)),
    interest: new Interest(setup.shared, setup.slot),
    placements: new Placements(setup.shared),
    clock: monotonicClock,
  });
}
