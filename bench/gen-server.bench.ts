/** What do a call, a cast and a plain send to a server cost, when client and server share a thread? */
import { Bench } from "tinybench";
import { genServer } from "../src/otp/gen-server.js";
import { call, cast } from "../src/otp/gen-server-calls.js";
import { reply } from "../src/otp/results.js";
import { receive, self, send, spawn } from "../src/runtime/process.js";
import { asProcess, printTable } from "./support.js";

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
  printTable(bench, () => BATCH);
}

asProcess(main);
