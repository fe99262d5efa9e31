/** What does it cost to reach a process by its pid, a registered name and a key of a registry, and to register under a key? */
import { cpus } from "node:os";
import { Bench } from "tinybench";
import { genServer } from "../src/otp/gen-server.js";
import { call, cast } from "../src/otp/gen-server-calls.js";
import { registry } from "../src/otp/registry.js";
import { registryService } from "../src/otp/registry-service.js";
import { reply } from "../src/otp/results.js";
import { allocateShared, bootScheduler } from "../src/runtime/boot-scheduler.js";
import { Definitions } from "../src/runtime/definitions.js";
import { DEFAULT_BUDGETS } from "../src/runtime/options.js";
import { openServices } from "../src/runtime/port.js";
import { processFunction, whereis } from "../src/runtime/process.js";

/** Operations a measurement. */
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
});
const Rooms = registry<unknown, number>({ name: "rooms", keys: "unique" });
const Tags = registry<unknown, number>({ name: "tags", keys: "duplicate" });

async function main(): Promise<void> {
  await Rooms.startLink();
  await Tags.startLink();
  const byKey = Rooms.via("lobby");
  const byStructure = Rooms.via({ type: "room", id: ["lobby", 7] });
  const [, pid] = await Counter.startLink(undefined, { name: byKey });
  await Counter.startLink(undefined, { name: byStructure });
  await Counter.startLink(undefined, { name: "counter" });
  const targets = {
    pid: pid as Exclude<typeof pid, unknown[] | undefined>,
    name: "counter",
    key: byKey,
    "key, an object": byStructure,
  };
  const bench = new Bench({ time: 500, warmupTime: 200 });
  for (const [how, to] of Object.entries(targets) as [string, typeof byKey][]) {
    bench
      .add(`call by ${how}`, async () => {
        for (let i = 0; i < BATCH; i++) await call(to, "add", 1);
      })
      .add(`cast by ${how}`, async () => {
        for (let i = 0; i < BATCH; i++) cast(to, "add", 1);
        await call(to, "add", 1);
      });
  }
  bench
    .add("whereis, a name", () => {
      for (let i = 0; i < BATCH; i++) whereis("counter");
    })
    .add("whereis, a key", () => {
      for (let i = 0; i < BATCH; i++) whereis(byKey);
    })
    .add("whereis, a key nobody has", () => {
      for (let i = 0; i < BATCH; i++) Rooms.whereis("nobody");
    })
    .add("register and unregister, unique", () => {
      for (let i = 0; i < BATCH; i++) {
        Rooms.register(i, i);
        Rooms.unregister(i);
      }
    })
    .add("register and unregister, duplicate", () => {
      for (let i = 0; i < BATCH; i++) {
        Tags.register(i, i);
        Tags.unregister(i);
      }
    })
    .add("lookup, unique, on this thread", async () => {
      for (let i = 0; i < BATCH; i++) await Rooms.lookup("lobby");
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
openServices(scheduler, [registryService]);
scheduler.cells.setThread(0, 0);
scheduler.start(scheduler.nextPid(0), null, { kind: "bench", boot: () => processFunction(main, []) }, [], "bench");
