/** In what form is a batch of messages cheapest to post to another thread and to take in there? (CPU of both sides, µs an entry) */
import { cpus } from "node:os";
import { MessageChannel, receiveMessageOnPort } from "node:worker_threads";
import { Packr } from "msgpackr";
import { Bench } from "tinybench";

/** Entries a batch: what a busy turn has. */
const ENTRIES = 64;

const { port1, port2 } = new MessageChannel();
const pids = Array.from({ length: ENTRIES }, (_, i) => `<0.1.${1000 + i}>`);
const frames = pids.map(
  (_, i) => `["1","${i}","room:lobby","echo",{"n":${i},"text":"sixty-four bytes or so, as chat messages are"}]`,
);
const packr = new Packr({ structuredClone: false });

/** Posts and takes in one batch, on this one thread, so that the CPU of both sides counts. */
function through(batch: unknown, transfer: ArrayBuffer[] = []): unknown {
  port1.postMessage(batch, transfer);
  return receiveMessageOnPort(port2)?.message;
}

const bench = new Bench({ time: 1000, warmupTime: 300 });
bench
  .add("flat array: op, pid, frame, op, pid, frame … (what wire.ts does)", () => {
    const batch: unknown[] = [];
    for (let i = 0; i < ENTRIES; i++) batch.push(0, pids[i], frames[i]);
    through(batch);
  })
  .add("array of arrays", () => {
    const batch: unknown[] = [];
    for (let i = 0; i < ENTRIES; i++) batch.push([0, pids[i], frames[i]]);
    through(batch);
  })
  .add("array of objects", () => {
    const batch: unknown[] = [];
    for (let i = 0; i < ENTRIES; i++) batch.push({ op: 0, to: pids[i], frame: frames[i] });
    through(batch);
  })
  .add("one JSON text", () => {
    const batch: unknown[] = [];
    for (let i = 0; i < ENTRIES; i++) batch.push(0, pids[i], frames[i]);
    JSON.parse(through(JSON.stringify(batch)) as string);
  })
  .add("msgpackr, bytes transferred", () => {
    const batch: unknown[] = [];
    for (let i = 0; i < ENTRIES; i++) batch.push(0, pids[i], frames[i]);
    const bytes = Uint8Array.from(packr.pack(batch));
    packr.unpack(through(bytes, [bytes.buffer]) as Uint8Array);
  })
  .add("bytes in one transferred buffer, places beside it", () => {
    const slab = Buffer.allocUnsafeSlow(16_384);
    const batch: unknown[] = [slab];
    let at = 0;
    for (let i = 0; i < ENTRIES; i++) {
      const start = at;
      at += slab.write(frames[i] as string, at);
      batch.push(pids[i], start, at);
    }
    const taken = through(batch, [slab.buffer as ArrayBuffer]) as [Uint8Array, ...unknown[]];
    const bytes = Buffer.from(taken[0].buffer);
    for (let i = 0; i < ENTRIES; i++) bytes.toString("utf8", taken[i * 3 + 2] as number, taken[i * 3 + 3] as number);
  })
  .add("one message a post", () => {
    for (let i = 0; i < ENTRIES; i++) through([0, pids[i], frames[i]]);
  });
await bench.run();
port1.close();

console.log(`${cpus()[0]?.model}, ${cpus().length} cores, Node.js ${process.version}`);
for (const task of bench.tasks) {
  const median = task.result.state === "completed" ? task.result.latency.p50 : Number.NaN;
  console.log(`${((median * 1000) / ENTRIES).toFixed(3).padStart(8)} µs an entry  ${task.name}`);
}
