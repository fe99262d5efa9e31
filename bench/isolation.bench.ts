/** What do messages, names, starts and memory cost with schedulers in OS processes, and what with schedulers in threads? */
import { readFileSync } from "node:fs";
import { isMainThread } from "node:worker_threads";
import { application, call, cast, genServer, kill, noreply, proc, receive, reply, spawn, start } from "../src/index.js";
import { machine } from "./support.js";

/** Rounds, both kinds in turn: what disturbs the machine for a while disturbs both. */
const ROUNDS = 3;
const HERTZ = 100; // of the ticks in /proc/*/stat, on every Linux
const payload = { ref: "12", topic: "room:lobby", event: "shout", payload: { body: "hello there", n: 12_345 } };

const waiter = proc(async () => {
  await receive(() => false);
});

export const Server = genServer({
  init: (_: undefined) => ({ count: 0 }),
  handleCall: {
    osProcess: () => reply(process.pid),
    ping: (value: unknown) => reply(value),
    /** One call after the other. */
    calls: async ([to, count]: readonly [string, number]) => {
      for (let i = 0; i < count; i++) await call(to, "ping", payload);
      return reply("done");
    },
    /** 64 calls at a time. */
    manyCalls: async ([to, count]: readonly [string, number]) => {
      for (let i = 0; i < count; i += 64)
        await Promise.all(Array.from({ length: 64 }, () => call(to, "ping", payload)));
      return reply("done");
    },
    casts: async ([to, count]: readonly [string, number]) => {
      for (let i = 0; i < count; i++) cast(to, "take", payload);
      return reply(await call(to, "ping", "all taken", 60_000));
    },
    /** Processes that start under a name, which is free again when they end. */
    names: async ([, count]: readonly [string, number]) => {
      for (let i = 0; i < count; i++) {
        kill(spawn(waiter, [], { name: "a name" }));
      }
      return reply("done");
    },
    nameless: async ([, count]: readonly [string, number]) => {
      for (let i = 0; i < count; i++) kill(spawn(waiter, []));
      return reply("done");
    },
  },
  handleCast: { take: () => noreply() },
});

export default application({
  children: [
    Server.child(undefined, { name: "one", id: "one", scheduler: 1 }),
    Server.child(undefined, { name: "two", id: "two", scheduler: 2 }),
  ],
});

const cases: readonly (readonly [name: string, event: string, to: string, count: number])[] = [
  ["call of another scheduler", "calls", "two", 2000],
  ["call, 64 at a time", "manyCalls", "two", 16_000],
  ["process that starts and ends", "nameless", "", 2000],
  ["process under a name that starts and ends", "names", "", 2000],
  ["cast, 50,000 at once", "casts", "two", 50_000],
];

type Numbers = Map<string, number[]>;

function note(numbers: Numbers, name: string, value: number): void {
  const all = numbers.get(name);
  if (all === undefined) numbers.set(name, [value]);
  else all.push(value);
}

/** Processor time of OS processes, in µs. */
function cpuMicros(osProcesses: Iterable<number>): number {
  let ticks = 0;
  for (const id of osProcesses) {
    const fields = readFileSync(`/proc/${id}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    ticks += Number(fields[11]) + Number(fields[12]); // utime, stime
  }
  return (ticks / HERTZ) * 1e6;
}

function pssMib(osProcesses: Iterable<number>): number {
  let kib = 0;
  for (const id of osProcesses)
    kib += Number(/^Pss: +(\d+)/m.exec(readFileSync(`/proc/${id}/smaps_rollup`, "utf8"))?.[1]);
  return kib / 1024;
}

async function measure(isolation: "thread" | "process", numbers: Numbers): Promise<void> {
  const startMs = performance.now();
  const app = await start(new URL(import.meta.url), { schedulers: 2, isolation });
  note(numbers, "start of two schedulers, ms", performance.now() - startMs);
  const osProcesses = new Set([
    process.pid,
    ...(await Promise.all(["one", "two"].map((to) => app.call(to, "osProcess")))),
  ]);
  const ids = [...osProcesses] as number[];
  note(numbers, "memory after the start, PSS of all, MiB", pssMib(ids));
  for (const [name, event, to, count] of cases) {
    await app.call("one", event, [to, count / 4], 60_000); // warm
    await timed(ids, numbers, name, count, () => app.call("one", event, [to, count], 60_000));
  }
  await timed(ids, numbers, "call from the main thread", 2000, async () => {
    for (let i = 0; i < 2000; i++) await app.call("one", "ping", payload);
  });
  await app.stop();
}

/** Notes the time and the processor time of one of `count` operations. */
async function timed(
  ids: readonly number[],
  numbers: Numbers,
  name: string,
  count: number,
  run: () => Promise<unknown>,
): Promise<void> {
  const cpu = cpuMicros(ids);
  const startMs = performance.now();
  await run();
  note(numbers, `${name}, µs`, ((performance.now() - startMs) * 1000) / count);
  note(numbers, `${name}, CPU µs`, (cpuMicros(ids) - cpu) / count);
}

const median = (values: readonly number[] = []): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

// Schedulers load this file too, and only find the definitions in it.
if (isMainThread && process.send === undefined) {
  const [threads, processes]: [Numbers, Numbers] = [new Map(), new Map()];
  for (let round = 0; round < ROUNDS; round++) {
    await measure("thread", threads);
    await measure("process", processes);
  }
  console.log(machine());
  const shown = (values: readonly number[] | undefined): string => median(values).toFixed(2);
  console.table(
    [...threads].map(([name, values]) => ({ name, threads: shown(values), processes: shown(processes.get(name)) })),
  );
}
