/** What does an offloaded call cost, beside calling the function directly and calling a server on another thread? */
import { cpus } from "node:os";
import { isMainThread } from "node:worker_threads";
import { Bench } from "tinybench";
import { application, call, genServer, offload, reply, start } from "../src/index.js";

const self = new URL(import.meta.url);
const LARGE = 10 * 2 ** 20;

/** What is offloaded. */
export const first = (bytes: Uint8Array): number => bytes[0] ?? 0;

export const Server = genServer({
  init: (_: undefined) => null,
  handleCall: {
    first: (bytes: Uint8Array) => reply(first(bytes)),
    /** The same from a process on a scheduler, so that the I/O thread is crossed. */
    offload: async ([count, size]: readonly [count: number, size: number]) => {
      const bytes = new Uint8Array(size);
      for (let i = 0; i < count; i++) await offload<typeof first>(self, bytes, { name: "first" });
      return reply("done");
    },
    offloadTransfer: async (count: number) => {
      for (let i = 0; i < count; i++) {
        const bytes = new Uint8Array(LARGE);
        await offload<typeof first>(self, bytes, { name: "first", transfer: [bytes.buffer] });
      }
      return reply("done");
    },
    callOther: async (count: number) => {
      const bytes = new Uint8Array(16);
      for (let i = 0; i < count; i++) await call("other", "first", bytes);
      return reply("done");
    },
    direct: (count: number) => {
      const bytes = new Uint8Array(16);
      let sum = 0;
      for (let i = 0; i < count; i++) sum += first(bytes);
      return reply(sum);
    },
  },
});

export default application({
  children: [
    Server.child(undefined, { name: "server", id: "server", scheduler: 1 }),
    Server.child(undefined, { name: "other", id: "other", scheduler: 2 }),
  ],
});

async function main(): Promise<void> {
  const app = await start(self, { schedulers: 2, offload: { maxThreads: 1 } });
  const ask = (event: string, arg: unknown): Promise<unknown> => app.call("server", event, arg, 60_000);
  const cases: readonly (readonly [name: string, event: string, arg: unknown, count: number])[] = [
    ["called directly", "direct", 1000, 1000],
    ["call of a server on another thread", "callOther", 100, 100],
    ["offload, 16 bytes", "offload", [100, 16], 100],
    ["offload, 10 MiB, copied", "offload", [4, LARGE], 4],
    ["offload, 10 MiB, handed over (and made)", "offloadTransfer", 4, 4],
  ];
  const startMs = performance.now();
  await ask("offload", [1, 16]);
  const firstMs = performance.now() - startMs;
  const bench = new Bench({ time: 1500, warmupTime: 500 });
  for (const [name, event, arg] of cases) bench.add(name, () => ask(event, arg).then(() => {}));
  await bench.run();
  console.log(`${cpus()[0]?.model ?? "unknown CPU"}, ${cpus().length} cores, Node.js ${process.version}`);
  console.log(`the first offload, which loads Piscina and starts a thread: ${firstMs.toFixed(0)} ms`);
  for (const [index, task] of bench.tasks.entries()) {
    const { result } = task;
    if (result.state !== "completed") continue;
    const count = cases[index]?.[3] ?? 1;
    console.log(`${task.name.padEnd(42)} ${((result.latency.p50 * 1000) / count).toFixed(2).padStart(10)} µs (median)`);
  }
  await app.stop();
}

// Schedulers and the pool load this file too, and only find the definitions in it.
if (isMainThread) await main();
