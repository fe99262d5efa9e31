/** Runs a function as a process on a scheduler of the test's own thread: real mailboxes and turns, no other threads. */
import { allocateShared, bootScheduler } from "../../src/runtime/boot-scheduler.js";
import { Definitions } from "../../src/runtime/definitions.js";
import { DEFAULT_BUDGETS } from "../../src/runtime/options.js";
import { processFunction } from "../../src/runtime/process.js";
import type { Report } from "../../src/runtime/report.js";
import { DEFAULT_REPORTING, type Reporting } from "../../src/runtime/reports.js";
import type { Scheduler } from "../../src/runtime/scheduler.js";

export interface Inline {
  readonly scheduler: Scheduler;
  /** Crash reports so far: quiet, but there to be asked. */
  readonly reports: readonly Report[];
  /** Runs `body` as a process; settles as it does. */
  run<T>(body: () => Promise<T>): Promise<T>;
}

export function inline(
  budgets: Partial<typeof DEFAULT_BUDGETS> = {},
  reporting: Reporting = DEFAULT_REPORTING,
): Inline {
  const reports: Report[] = [];
  const definitions = new Definitions();
  const scheduler = bootScheduler({
    thread: 0,
    slot: 0,
    shared: allocateShared(1),
    definitions,
    budgets: { ...DEFAULT_BUDGETS, ...budgets },
    report: (report) => reports.push(report),
    reporting,
    runsUserCode: true,
  });
  scheduler.cells.setThread(0, 0);
  return {
    scheduler,
    reports,
    run: <T>(body: () => Promise<T>) =>
      new Promise<T>((resolve, reject) => {
        const main = async (): Promise<void> => {
          try {
            resolve(await body());
          } catch (error) {
            reject(error);
          }
        };
        const definition = { kind: "test", boot: () => processFunction(main, []) };
        scheduler.start(scheduler.nextPid(0), null, definition, [], "test");
      }),
  };
}
