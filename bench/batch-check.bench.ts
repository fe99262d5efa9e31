/** What does it cost to look at a batch before it is taken in? */
import { Bench } from "tinybench";
import { isBatch, Op } from "../src/runtime/links/wire.js";
import { printTable } from "./support.js";

const OPERATIONS = 128;
const operations = {
  data: [Op.data, "<0.3.1234>", '["1","2","room:lobby","ping",{}]'],
  message: [Op.message, "<0.3.1234>", { tag: "cast" }],
  "monitor and spawn": [
    ...[Op.spawn, "<0.3.1234.0>", "<0.0.7>", "Room", [], "channel room:a", false, 1, null, false],
    ...[Op.monitor, "<0.0.7>", "<0.3.1234.0>", 7, "<0.0.7>"],
  ],
};

const bench = new Bench({ time: 1000, warmupTime: 300 });
for (const [name, operation] of Object.entries(operations)) {
  const batch = Array.from({ length: OPERATIONS }, () => operation).flat();
  bench.add(name, () => {
    if (!isBatch(batch)) throw new Error("unreachable");
  });
}
await bench.run();
printTable(bench, () => OPERATIONS, "ns");
