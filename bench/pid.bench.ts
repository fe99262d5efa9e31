/** Which form of a pid is cheapest where pids spend their lives: as map keys, compared, and copied between threads? */
import { cpus } from "node:os";
import { MessageChannel, receiveMessageOnPort } from "node:worker_threads";
import { Bench } from "tinybench";
import { makePid, threadOf } from "../src/core/pid.js";

const COUNT = 1000;
const strings = Array.from({ length: COUNT }, (_, i) => makePid(1, i + 1, 1));
const numbers = Array.from({ length: COUNT }, (_, i) => 2 ** 37 + i + 1);
const bigints = numbers.map(BigInt);
const objects = numbers.map((_, i) => ({ thread: 1, serial: i + 1 }));

const { port1, port2 } = new MessageChannel();
function copy<T>(value: T): T {
  port1.postMessage(value);
  return receiveMessageOnPort(port2)?.message as T;
}

/** Pids that have crossed a thread: new strings, whose hash nobody has computed yet. */
function lookUpAll<K>(table: ReadonlyMap<K, number>, keys: readonly K[]): number {
  let sum = 0;
  for (const key of keys) sum += table.get(key) ?? 0;
  return sum;
}

const tables = {
  strings: new Map(strings.map((pid, i) => [pid, i])),
  numbers: new Map(numbers.map((pid, i) => [pid, i])),
  bigints: new Map(bigints.map((pid, i) => [pid, i])),
};

const bench = new Bench({ time: 800, warmupTime: 200 });
bench
  .add("look up: string", () => lookUpAll(tables.strings, strings))
  .add("look up: number", () => lookUpAll(tables.numbers, numbers))
  .add("look up: bigint", () => lookUpAll(tables.bigints, bigints))
  .add("copy to another thread and look up there: string", () => lookUpAll(tables.strings, copy(strings)))
  .add("copy to another thread and look up there: number", () => lookUpAll(tables.numbers, copy(numbers)))
  .add("copy to another thread and look up there: bigint", () => lookUpAll(tables.bigints, copy(bigints)))
  .add("copy to another thread: object (no === there, no key)", () => copy(objects))
  .add("which thread: string", () => strings.reduce((sum, pid) => sum + threadOf(pid), 0))
  .add("which thread: number", () => numbers.reduce((sum, pid) => sum + Math.floor(pid / 2 ** 37), 0))
  .add("make: string", () => numbers.map((_, i) => makePid(1, i, 1)));
await bench.run();
port1.close();

console.log(`${cpus()[0]?.model}, ${cpus().length} cores, Node.js ${process.version}`);
for (const task of bench.tasks) {
  const median = task.result.state === "completed" ? task.result.latency.p50 : Number.NaN;
  console.log(`${((median * 1e6) / COUNT).toFixed(1).padStart(8)} ns each  ${task.name}`);
}
