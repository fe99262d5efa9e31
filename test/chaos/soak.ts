/** `npm run chaos -- soak`: random faults at a steady rate under load, and rules that must hold all the time and at the end. */
import { availableParallelism } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { Isolation } from "./cell.js";
import { Child } from "./child.js";
import type { Census, ServerOrder } from "./server.js";
import type { SoakOrder, SoakSeen } from "./soak-clients.js";

const USAGE = `npm run chaos -- soak [options]

  --minutes M              1
  --faults-per-second F    4
  --seed S                 of the faults, random
  --isolation KIND         thread or process, thread
  --connections N          60
  --channels N             of each connection, 3
  --schedulers N           3
  --quarantine-after N     3; with 0 faults go on to hit all schedulers
`;

/** Loops and leaks are found soon. */
const OPTIONS = { maxBlockMs: 1000, maxHeapBytes: 160 * 2 ** 20 };
/** Without quarantine schedulers may die as often as faults say. */
const NO_QUARANTINE = { maxThreadRestarts: 1_000_000 };
const START_LIMIT_MS = 120_000;
/** Where memory begins to be compared, as a share of the whole time: until then caches, tables and heaps grow to their size. */
const PLATEAU_AT = 0.3;
const SAMPLES = 20;
/** What memory may grow by from the plateau to the end: an allocator never gives all back, least with many threads. */
const GROWTH = { share: 0.2, mib: 40 };
/** A channel that was replaced has 5 s to end before it is killed, and connections have to be noticed as gone. */
const EMPTY_LIMIT_MS = 20_000;

export async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: "string", default: "1" },
      "faults-per-second": { type: "string", default: "4" },
      seed: { type: "string", default: String(Date.now() % 1_000_000) },
      isolation: { type: "string", default: "thread" },
      connections: { type: "string", default: "60" },
      channels: { type: "string", default: "3" },
      schedulers: { type: "string", default: "3" },
      "quarantine-after": { type: "string", default: "3" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const durationMs = Number(values.minutes) * 60_000;
  const isolation = values.isolation as Isolation;
  console.log(
    `soak: ${values.minutes} minutes, ${values["faults-per-second"]} faults a second, seed ${values.seed}, isolation ${isolation}, Node.js ${process.version}, ${availableParallelism()} cores`,
  );
  const quarantineAfter = Number(values["quarantine-after"]);
  const options = { ...OPTIONS, quarantineAfter, ...(quarantineAfter === 0 ? NO_QUARANTINE : {}) };
  const serverOrder: ServerOrder = { isolation, schedulers: Number(values.schedulers), options };
  const server = new Child("./server.js", serverOrder, ["--expose-gc"]);
  let clients: Child | null = null;
  try {
    const { port } = await server.next<{ port: number }>(START_LIMIT_MS);
    const empty = await censusOf(server);
    const load = { connections: Number(values.connections), channels: Number(values.channels) };
    clients = new Child("./soak-clients.js", {
      ...{ port, ...load, echoesPerSecond: 600, publishesPerSecond: 100 },
      ...{ faultsPerSecond: Number(values["faults-per-second"]), seed: Number(values.seed) },
    } satisfies SoakOrder);
    await clients.next(START_LIMIT_MS);

    const samples: Census[] = [];
    for (let n = 0; n < SAMPLES; n++) {
      await sleep(durationMs / SAMPLES);
      const census = await censusOf(server);
      samples.push(census);
      clients.send("seen");
      console.log(lineOf(((n + 1) * durationMs) / SAMPLES, census, await clients.next<SoakSeen>(START_LIMIT_MS)));
    }
    clients.send("end");
    const seen = await clients.next<SoakSeen>(10 * START_LIMIT_MS);
    await clients.kill();
    const problems = [...seen.violations, ...(await problemsOf(server, empty, samples))];
    console.log(`faults: ${JSON.stringify(seen.faults)}`);
    for (const problem of problems) console.log(`VIOLATION ${problem}`);
    console.log(problems.length === 0 ? "no violations" : `${problems.length} violations; seed ${values.seed}`);
    return problems.length === 0 ? 0 : 1;
  } catch (error) {
    console.log(`VIOLATION ${String(error)}${server.end === null ? "" : `; the server ended with ${server.end}`}`);
    console.log(server.errors);
    return 1;
  } finally {
    await clients?.kill();
    await server.kill();
  }
}

async function censusOf(server: Child): Promise<Census> {
  server.send("census");
  return await server.next<Census>(START_LIMIT_MS);
}

function lineOf(ms: number, { rssMib, osThreads, zombies, downs, processes, kept }: Census, seen: SoakSeen): string {
  const { answers, events, errors, slowestMs, violations } = seen;
  const server = `rss ${rssMib} MiB, ${osThreads} OS threads, ${kept} kept, ${zombies} zombies, ${downs} threads down, processes ${processes.join("+")}`;
  return `${Math.round(ms / 1000)} s: ${answers} answers, ${events} events, ${errors} phx_errors, slowest ${slowestMs} ms; ${server}; ${violations.length} violations`;
}

/** What is not as it was, now that everybody has left. */
async function problemsOf(server: Child, empty: Census, samples: readonly Census[]): Promise<readonly string[]> {
  let now = await censusOf(server);
  const left = (): readonly string[] => [
    ...differs("zombies", 0, now.zombies),
    ...differs("connections", 0, now.connections),
    // A thread that is kept for a definition has what any has that nobody is on.
    ...differs(
      "processes of each scheduler",
      [...empty.processes, ...idle(now.kept)].join("+"),
      now.processes.join("+"),
    ),
    ...differs("names that are taken", 0, now.names),
    ...differs("topics somebody seems to want", 0, now.topics),
    ...(now.osThreads > empty.osThreads + now.kept
      ? [
          `${now.osThreads} OS threads at the end, ${empty.osThreads} at the start, and ${now.kept} kept for definitions`,
        ]
      : []),
  ];
  const idle = (count: number): readonly number[] => new Array(count).fill(empty.processes.at(-1));
  for (const endMs = performance.now() + EMPTY_LIMIT_MS; left().length > 0 && performance.now() < endMs; ) {
    await sleep(500);
    now = await censusOf(server);
  }
  return [...left(), ...grown(samples)];
}

function differs<T>(what: string, wanted: T, found: T): readonly string[] {
  return wanted === found ? [] : [`${what}: ${found} at the end, ${wanted} at the start`];
}

/** Memory after a collection: the median of the first fifth of the plateau against that of the last fifth. */
function grown(samples: readonly Census[]): readonly string[] {
  const plateau = samples.slice(Math.floor(samples.length * PLATEAU_AT)).map(({ rssMib }) => rssMib);
  const fifth = Math.max(3, Math.floor(plateau.length / 5));
  const [before, after] = [median(plateau.slice(0, fifth)), median(plateau.slice(-fifth))];
  const allowed = before * (1 + GROWTH.share) + GROWTH.mib;
  console.log(`memory: ${before} MiB at the beginning of the plateau, ${after} MiB at the end`);
  return after <= allowed ? [] : [`memory grew from ${before} to ${after} MiB; ${Math.round(allowed)} MiB are allowed`];
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;
}
