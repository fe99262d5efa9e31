/** What does it cost to reach a process by its pid, a registered name and a key of a registry, and to register under a key? */
import { Bench } from "tinybench";
import { genServer } from "../src/otp/gen-server.js";
import { call, cast } from "../src/otp/gen-server-calls.js";
import { registry } from "../src/otp/registry.js";
import { registryService } from "../src/otp/registry-service.js";
import { reply } from "../src/otp/results.js";
import { whereis } from "../src/runtime/process.js";
import { asProcess, printTable } from "./support.js";

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
  printTable(bench, () => BATCH);
}

asProcess(main, [registryService]);
