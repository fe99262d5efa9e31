/** What benchmarks share: a scheduler to run in, and the table they end with. */
import { cpus } from "node:os";
import type { Bench } from "tinybench";
import { allocateShared, bootScheduler } from "../src/runtime/boot-scheduler.js";
import { Definitions } from "../src/runtime/definitions.js";
import { DEFAULT_BUDGETS } from "../src/runtime/options.js";
import { openServices } from "../src/runtime/port.js";
import { processFunction, type Service } from "../src/runtime/process.js";
import type { Report } from "../src/runtime/report.js";
import type { Scheduler } from "../src/runtime/scheduler.js";

/** The machine the numbers are of. */
export function machine(): string {
  return `${cpus()[0]?.model.trim()} x ${cpus().length}, Node.js ${process.version}, V8 ${process.versions.v8}`;
}

/** Runs `main` as a process of a scheduler on this thread. */
export function asProcess(
  main: (scheduler: Scheduler) => Promise<void>,
  services: readonly Service[] = [],
  report: (report: Report) => void = (report) => console.error(report),
): void {
  const scheduler = bootScheduler({
    thread: 0,
    slot: 0,
    shared: allocateShared(1),
    definitions: new Definitions(),
    budgets: DEFAULT_BUDGETS,
    report,
    runsUserCode: true,
  });
  openServices(scheduler, services);
  scheduler.cells.setThread(0, 0);
  const boot = () => processFunction(() => main(scheduler).finally(() => scheduler.stop()), []);
  scheduler.start(scheduler.nextPid(0), null, { kind: "bench", boot }, [], "bench");
}

/** Prints what each operation took; `operations` says how many of them a measurement of that name is. */
export function printTable(bench: Bench, operations: (name: string) => number, unit: "µs" | "ns" = "µs"): void {
  const scale = unit === "µs" ? 1000 : 1_000_000;
  const digits = unit === "µs" ? 3 : 0;
  console.log(machine());
  console.table(
    bench.tasks.map(({ name, result }) => {
      if (result.state !== "completed") return { task: name, state: result.state };
      const { mean, p50, p99 } = result.latency;
      const each = (ms: number): string => ((ms * scale) / operations(name)).toFixed(digits);
      return { task: name, [`${unit} mean`]: each(mean), [`${unit} median`]: each(p50), [`${unit} p99`]: each(p99) };
    }),
  );
}
