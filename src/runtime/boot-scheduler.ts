/** Builds the scheduler of one thread over the memory all threads share. */
import { randomInt } from "node:crypto";
import { monotonicClock } from "../core/clock.js";
import type { Definitions } from "./definitions.js";
import type { Reporter } from "./report.js";
import type { Reporting } from "./reports.js";
import { Scheduler } from "./scheduler.js";
import type { Budgets } from "./scheduler-setup.js";
import { Interest } from "./shared/interest.js";
import { Keys } from "./shared/keys.js";
import { Marks } from "./shared/marks.js";
import type { Mirror } from "./shared/mirror.js";
import { Names } from "./shared/names.js";
import { Placements } from "./shared/placements.js";
import { Cells, type SharedBuffers } from "./shared/shared.js";

/**
 * @param dedicated - How many of the slots, the last ones, are kept for definitions.
 * @param seed - Of the tables these are a copy of, if they are one.
 * @param io - How many of the slots, those after the schedulers', are I/O threads.
 */
export function allocateShared(slots: number, dedicated = 0, seed: number = randomInt(2 ** 31), io = 0): SharedBuffers {
  const tables = {
    cells: new SharedArrayBuffer(Cells.bytes(slots)),
    placements: new SharedArrayBuffer(Placements.bytes()),
    names: new SharedArrayBuffer(Names.bytes()),
    keys: new SharedArrayBuffer(Keys.bytes()),
    interest: new SharedArrayBuffer(Interest.bytes()),
    seed,
    slots,
    dedicated,
    io,
  };
  return { ...tables, marks: new SharedArrayBuffer(Marks.bytes(tables)) };
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
  /** Keeps the tables in step with those of other OS processes. @defaultValue there are none */
  readonly mirror?: Mirror | null;
}

export function bootScheduler(setup: ThreadSetup): Scheduler {
  const { shared, thread, slot, mirror = null } = setup;
  const cells = new Cells(shared, mirror);
  return new Scheduler({
    ...setup,
    cells,
    names: new Names(shared, cells, new Keys(shared, cells, thread, mirror), mirror),
    interest: new Interest(shared, slot, mirror),
    placements: new Placements(shared, mirror),
    clock: monotonicClock,
  });
}
