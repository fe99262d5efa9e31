/** What does a slice pay for showing which process it runs? */
import { cpus } from "node:os";
import { Bench } from "tinybench";
import { makePid } from "../src/core/pid.js";
import { ProcessRecord } from "../src/runtime/process-record.js";
import type { Scheduler } from "../src/runtime/scheduler.js";
import { allocateVitals, VitalSigns } from "../src/runtime/watchdog/vitals.js";

const SLICES = 10_000;

const vitals = new VitalSigns(allocateVitals());
// None of them is ever run: their scheduler is not asked.
const records = Array.from(
  { length: 64 },
  (_, i) => new ProcessRecord({} as Scheduler, makePid(1, i + 1, 1), null, null, null, "worker"),
);
const bench = new Bench({ time: 1000, warmupTime: 300 });
bench
  .add("the loop alone", () => {
    let sum = 0;
    for (let i = 0; i < SLICES; i++) sum += records[i & 63]?.vitalSerial ?? 0;
    if (sum < 0) throw new Error("unreachable");
  })
  .add("begin and end of a slice", () => {
    for (let i = 0; i < SLICES; i++) {
      vitals.begin(records[i & 63] as ProcessRecord);
      vitals.end();
    }
  });
await bench.run();
console.log(`${cpus()[0]?.model.trim()} x ${cpus().length}, Node.js ${process.version}`);
console.table(bench.tasks.map((task) => ({ task: task.name, "ns a slice (median)": medianNs(task.result) })));

function medianNs(result: (typeof bench.tasks)[number]["result"]): string {
  return "latency" in result ? ((result.latency.p50 * 1e6) / SLICES).toFixed(2) : "failed";
}
