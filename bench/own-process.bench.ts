/** What does it cost when a definition has an OS process of its own: to talk with it, and to those on threads who claim names? */
import { isMainThread } from "node:worker_threads";
import { makePid } from "../src/core/pid.js";
import { application, call, cast, genServer, noreply, reply, start } from "../src/index.js";
import { allocateShared } from "../src/runtime/boot-scheduler.js";
import { Interest } from "../src/runtime/shared/interest.js";
import { Keys } from "../src/runtime/shared/keys.js";
import { Marks } from "../src/runtime/shared/marks.js";
import { Names } from "../src/runtime/shared/names.js";
import { Cells } from "../src/runtime/shared/shared.js";
import { machine } from "./support.js";

const payload = { ref: "12", topic: "room:lobby", event: "shout", payload: { body: "hello there", n: 12_345 } };

const server = {
  init: (_: undefined) => ({}),
  handleCall: {
    ping: (value: unknown) => reply(value),
    /** One call after the other. */
    calls: async ([to, count]: readonly [string, number]) => {
      for (let i = 0; i < count; i++) await call(to, "ping", payload);
      return reply("done");
    },
    casts: async ([to, count]: readonly [string, number]) => {
      for (let i = 0; i < count; i++) cast(to, "take", payload);
      return reply(await call(to, "ping", "all taken", 60_000));
    },
  },
  handleCast: { take: () => noreply() },
};

export const Server = genServer(server);
export const Apart = genServer({ ...server, isolation: "process" });

export default application({
  children: [
    Server.child(undefined, { name: "one", id: "one", scheduler: 1 }),
    Server.child(undefined, { name: "two", id: "two", scheduler: 2 }),
    Apart.child(undefined, { name: "apart", id: "apart" }),
  ],
});

/** Nanoseconds an operation takes, the best of five rounds: what disturbs the machine only adds. */
function nanos(count: number, run: (i: number) => void): string {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 5; round++) {
    const start = performance.now();
    for (let i = 0; i < count; i++) run(i);
    best = Math.min(best, ((performance.now() - start) * 1e6) / count);
  }
  return best.toFixed(0);
}

/** The tables of one thread, that marks what it writes or does not. */
function tablesOf(marks: boolean): Record<string, string> {
  const shared = allocateShared(3);
  const cells = new Cells(shared);
  cells.setThread(1, 1);
  const mirror = marks ? new Marks(shared, 1) : null;
  const keys = new Keys(shared, cells, 1, mirror);
  const names = new Names(shared, cells, keys, mirror);
  const interest = new Interest(shared, 1, mirror);
  const pid = makePid(1, 1, 1);
  const main = new Marks(shared, 0);
  return {
    "name claimed and released": nanos(100_000, () => {
      names.claim("a name", pid);
      names.release("a name", pid);
    }),
    "key claimed and released": nanos(100_000, () => {
      keys.claim(pid, "a key", pid);
      keys.release(pid, "a key", pid);
    }),
    "topic of interest, and not any more": nanos(100_000, () => {
      interest.add("a topic");
      interest.remove("a topic");
    }),
    // The main thread before each frame it writes to a pipe.
    "look for marks: none": nanos(100_000, () => main.take(() => {})),
    "look for marks: one": nanos(10_000, () => {
      interest.set(7, 1, true);
      main.take(() => {});
    }),
  };
}

if (isMainThread && process.send === undefined) {
  console.log(machine());
  const [without, with_] = [tablesOf(false), tablesOf(true)];
  console.table(Object.keys(without).map((name) => ({ name, "ns alone": without[name], "ns marked": with_[name] })));

  const app = await start(new URL(import.meta.url), { schedulers: 2 });
  const rows: Record<string, Record<string, string>> = {};
  for (const [title, from, to] of [
    ["thread, thread", "one", "two"],
    ["thread, OS process", "one", "apart"],
    ["OS process, thread", "apart", "two"],
  ] as const) {
    const row: Record<string, string> = {};
    for (const [event, count] of [
      ["calls", 2000],
      ["casts", 50_000],
    ] as const) {
      // biome-ignore format: a table
      const times: number[] = [];
      for (let round = 0; round < 4; round++) {
        const startMs = performance.now();
        await app.call(from, event, [to, count], 120_000);
        times.push(((performance.now() - startMs) * 1000) / count);
      }
      row[`${event}, µs each`] = Math.min(...times).toFixed(1);
    }
    rows[title] = row;
  }
  await app.stop();
  console.table(rows);
}
