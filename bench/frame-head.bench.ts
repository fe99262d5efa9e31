// Question: what does reading the head of a frame cost, compared with JSON.parse of all of it?
import { cpus } from "node:os";
import { Bench } from "tinybench";
import { readHead } from "../src/channels/frame-head.js";

const cases = [
  { name: "64 B", text: frameOf(64) },
  { name: "4 KB", text: frameOf(4096) },
  { name: "64 B, join", text: frameOf(64, "phx_join") },
  { name: "64 B, escape in the topic", text: frameOf(64, "echo", "room:\\u00fc") },
];

const bench = new Bench({ time: 1000, warmupTime: 200 });
for (const { name, text } of cases) {
  bench.add(`${name}: head`, () => void readHead(text));
  bench.add(`${name}: JSON.parse`, () => void JSON.parse(text));
}
await bench.run();

console.log(`${cpus()[0]?.model ?? "unknown CPU"}, ${cpus().length} cores, Node.js ${process.version}`);
// Measured per call by timing many in a loop, besides: at these sizes one call is near the clock's own cost.
for (const task of bench.tasks) {
  const { result } = task;
  if (result.state !== "completed") continue;
  console.log(
    `${task.name.padEnd(40)} ${(result.latency.p50 * 1e6).toFixed(0).padStart(8)} ns a call (median, with the clock)`,
  );
}
for (const { name, text } of cases) {
  console.log(
    `${name.padEnd(28)} loop of head: ${loop(() => readHead(text))} ns, of JSON.parse: ${loop(() => JSON.parse(text))} ns`,
  );
}

/** The best of ten loops, so that what else the machine does counts least. */
function loop(run: () => unknown): string {
  const rounds = 20_000;
  let best = Number.POSITIVE_INFINITY;
  let used: unknown;
  for (let attempt = 0; attempt < 10; attempt++) {
    const start = process.hrtime.bigint();
    for (let i = 0; i < rounds; i++) used = run();
    best = Math.min(best, Number(process.hrtime.bigint() - start) / rounds);
  }
  if (used === undefined) throw new Error("the frame was malformed");
  return best.toFixed(0).padStart(6);
}

/** Flat, as a frame from the network is: not the rope that concatenation makes. */
function frameOf(bytes: number, event = "echo", topic = "room:lobby"): string {
  const text = `["1","17","${topic}","${event}",{"body":"","n":1}]`;
  const filled = text.replace('"body":""', `"body":"${"x".repeat(Math.max(0, bytes - text.length))}"`);
  return Buffer.from(filled).toString();
}
