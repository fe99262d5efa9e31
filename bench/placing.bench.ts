/** What does a start pay for asking whether its definition has a thread kept for it? */
import { Bench } from "tinybench";
import type { Definition } from "../src/runtime/behaviour.js";
import { allocateShared, bootScheduler } from "../src/runtime/boot-scheduler.js";
import { Definitions } from "../src/runtime/definitions.js";
import { DEFAULT_BUDGETS } from "../src/runtime/options.js";
import { keptSlot } from "../src/runtime/placing.js";
import type { Scheduler } from "../src/runtime/scheduler.js";
import type { SharedBuffers } from "../src/runtime/shared/shared.js";
import { printTable } from "./support.js";

const STARTS = 10_000;

const exported = Object.fromEntries(
  Array.from({ length: 50 }, (_, i): [string, Definition] => [
    `Server${i}`,
    { kind: "genServer", boot: () => ({ handle: () => {} }) },
  ]),
);
const definitions = new Definitions();
definitions.collect(exported);

function schedulerOver(shared: SharedBuffers): Scheduler {
  const setup = { thread: 0, slot: 0, definitions, budgets: DEFAULT_BUDGETS, report: () => {}, runsUserCode: true };
  return bootScheduler({ ...setup, shared });
}

const none = schedulerOver(allocateShared(4, 2));
const some = schedulerOver(allocateShared(4, 2));
some.placements.place(["Server7"], 3);

const keys = Object.keys(exported);
const objects = Object.values(exported);
const bench = new Bench({ time: 1000, warmupTime: 300 });
for (const [what, scheduler] of [
  ["no definition has one", none],
  ["some definition has one", some],
] as const) {
  for (const [how, asked] of [
    ["by key", keys],
    ["by itself", objects],
  ] as const) {
    bench.add(`${what}, asked ${how}`, () => {
      let sum = 0;
      for (let i = 0; i < STARTS; i++) sum += keptSlot(scheduler, asked[i % 50] as Definition | string);
      if (sum < 0) throw new Error("unreachable");
    });
  }
}
await bench.run();
printTable(bench, () => STARTS, "ns");
