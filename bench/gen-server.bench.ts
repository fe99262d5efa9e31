/** What do a call, a cast and a plain send to a server cost, when client and server share a thread? */
import { cpus } from "node:os";
import { Bench } from "tinybench";
import { genServer } from "../src/otp/gen-server.js";
import { call, cast } from "../src/otp/gen-server-calls.js";
import { reply } from "../src/otp/results.js";
import { allocateShared, bootScheduler } from "../src/runtime/boot-scheduler.js";
import { Definitions } from "../src/runtime/definitions.js";
import { DEFAULT_BUDGETS } from "../src/runtime/options.js";
import { processFunction, receive, self, send, spawn } from "../src/runtime/process.js";

/** Operations a measurement: enough that the turn around them does not count. */
const BATCH = 1000;

const Counter = genServer({
  init: () => ({ count: 0 }),
  handleCall: {
    add: (by: number, state) => {
      state.count += by;
      return reply(state.count);
    },
  },
  handleCast: {
    add: (by: number, state) => {
      state.count += by;
    },
  },
  handleInfo: (_message, state) => {
    state.count++;
  },
});

async function main(): Promise<void> {
  const started = await Counter.startLink();
  if (started[0] !== "ok") throw new Error("the server did not start");
  const pid = started[1];
  const bench = new Bench({ time: 1000, warmupTime: 300 });
  bench
    .add("call, one after the other", async () => {
      for (let i = 0; i < BATCH; i++) await call(pid, "add", 1);
    })
    .add("call without a timeout, one after the other", async () => {
      for (let i = 0; i < BATCH; i++) await call(pid, "add", 1, Number.POSITIVE_INFINITY);
    })
    .add("call, all in flight", async () => {
      const calls: Promise<unknown>[] = [];
      for (let i = 0; i < BATCH; i++) calls.push(call(pid, "add", 1));
      await Promise.all(calls);
    })
    .add("cast", async () => {
      for (let i = 0; i < BATCH; i++) cast(pid, "add", 1);
      await call(pid, "add", 1);
    })
    .add("send to handleInfo", async () => {
      for (let i = 0; i < BATCH; i++) send(pid, i);
      await call(pid, "add", 1);
    })
    .add("send and receive, there and back, between two process functions", async () => {
      const main = self();
      const echo = spawn(async () => {
        for (let i = 0; i < BATCH; i++) send(main, await receive());
      }, []);
      for (let i = 0; i < BATCH; i++) {
        send(echo, i);
        await receive();
      }
    });
  await bench.run();
  console.log(`${cpus()[0]?.model} x ${cpus().length}, Node.js ${process.version}, V8 ${process.versions.v8}`);
  console.table(
    bench.tasks.map((task) => {
      if (task.result.state !== "completed") return { task: task.name, state: task.result.state };
      const { mean, p50, p99 } = task.result.latency;
      const micros = (ms: number): string => ((ms * 1000) / BATCH).toFixed(3);
      return { task: task.name, "µs mean": micros(mean), "µs median": micros(p50), "µs p99": micros(p99) };
    }),
  );
}

const scheduler = bootScheduler({
  thread: 0,
  slot: 0,
  shared: allocateShared(1),
  definitions: new Definitions(),
  budgets: DEFAULT_BUDGETS,
  report: (report) => console.error(report),
  runsUserCode: true,
});
scheduler.cells.setThread(0, 0);
scheduler.start(scheduler.nextPid(0), null, { kind: "bench", boot: () => processFunction(main, []) }, [], "bench");
