/**
 * Runs one deed of `apps/hostile.ts` against an application with connections, in an OS process of its own, so that an abort of
 * that process is an outcome like others: `node hostile.js DEED` prints an {@link Outcome} as a line of JSON. `node hostile.js DEED unwatched`:
 * without the watchdog, so that V8 finds the end of a heap by itself.
 */
import { type BlackBoxReport, type StartOptions, start, type ThreadReport } from "joist";
import { type Deed, isLeak } from "./apps/hostile.js";
import { isolation } from "./isolation.js";
import { RawClient } from "./raw-client.js";

const TOPICS = ["room:a", "room:b"];
const CLIENTS = 8;

/** Loops that an interruption gets through to, however long that takes on a busy machine. */
const interruptible: ReadonlySet<Deed> = new Set([
  "endless_loop",
  "microtask_loop",
  "loop_after_await",
  "catastrophic_regex",
]);

/** Small, so that a loop or a leak is one soon; but however slow the machine, a leak is not to be found by its time. */
const limitsFor = (deed: Deed): StartOptions =>
  process.argv[3] === "unwatched"
    ? { maxBlockMs: 0, maxHeapBytes: Number.POSITIVE_INFINITY }
    : {
        maxBlockMs: isLeak(deed) ? 30_000 : 1000,
        maxHeapBytes: 96 * 2 ** 20,
        ...(interruptible.has(deed) ? { blackBoxMs: 10_000 } : {}),
      };

export interface Outcome {
  readonly deed: Deed;
  readonly cause: string;
  readonly reason: string;
  /** The culprit that the report names is the channel that did it, for certain or as the last that ran. */
  readonly culprit: "certain" | "likely" | "wrong" | "none";
  readonly label: string | null;
  /** From the deed to the last `phx_error` of the thread's channels, and to the last answer to a rejoin. */
  readonly errorMs: number;
  readonly rejoinMs: number;
  readonly lost: number;
  readonly unharmed: number;
  /** The slowest answer of a channel on another thread meanwhile. */
  readonly slowestMs: number;
  /** `phx_error`s and closes that had no business to come. */
  readonly surplus: number;
  readonly threadsDown: number;
  /** Terminated threads that were not gone when all was well again. */
  readonly zombies: number;
  readonly peakRssMib: number;
  /** How its black box was taken, and whether that names the channel and the event, and keeps the secret to itself. */
  readonly box: BlackBoxReport["source"] | "none";
  readonly boxIsRight: boolean;
}

interface Seat {
  readonly client: RawClient;
  readonly topic: string;
  readonly pid: string;
  readonly scheduler: number;
}

async function seatsOf(client: RawClient): Promise<Seat[]> {
  const seats: Seat[] = [];
  for (const topic of TOPICS) {
    await client.join(topic);
    const { response } = (await client.ask(topic, "where")) as { response: { pid: string; scheduler: number } };
    seats.push({ client, topic, ...response });
  }
  return seats;
}

async function run(deed: Deed): Promise<Outcome> {
  const downs: ThreadReport[] = [];
  const boxes: BlackBoxReport[] = [];
  const app = await start(new URL("./apps/hostile.js", import.meta.url), {
    port: 0,
    address: "127.0.0.1",
    schedulers: 2,
    isolation,
    report: (report) => {
      if (report.tag === "thread_down") downs.push(report);
      if (report.tag === "black_box") boxes.push(report);
    },
    ...limitsFor(deed),
  });
  const clients = await Promise.all(Array.from({ length: CLIENTS }, () => RawClient.connect(app.port)));
  const seats: Seat[] = [];
  for (const client of clients) seats.push(...(await seatsOf(client)));
  const [villain] = seats;
  if (villain === undefined) throw new Error("nobody has joined");
  const lost = seats.filter(({ scheduler }) => scheduler === villain.scheduler);
  const living = seats.filter(({ scheduler }) => scheduler !== villain.scheduler);
  if (living.length === 0) throw new Error("all channels are on one thread");

  let peakRss = 0;
  const gauge = setInterval(() => {
    peakRss = Math.max(peakRss, process.memoryUsage.rss());
  }, 10);
  let closed = 0;
  for (const client of clients) void client.closed.then(() => closed++);

  const startMs = performance.now();
  let [errorMs, rejoinMs, slowestMs, over] = [0, 0, 0, false];
  villain.client.send("1", "deed", villain.topic, deed, { note: "hello", password: "hunter2" });
  const others = living.map(async ({ client, topic, pid }) => {
    for (let asked = 1; !over || asked === 1; asked++) {
      const before = performance.now();
      const { response } = (await client.ask(topic, "where", {}, `${topic}${asked}`)) as { response: { pid: string } };
      if (response.pid !== pid) throw new Error(`${topic} was ${pid} and is ${response.pid}`);
      slowestMs = Math.max(slowestMs, performance.now() - before);
    }
  });
  await Promise.all(
    lost.map(async ({ client, topic }) => {
      await client.next((frame) => frame[2] === topic && frame[3] === "phx_error");
      errorMs = Math.max(errorMs, performance.now() - startMs);
      for (let ref = 100; ; ref++) {
        const [, , , , answer] = await client.join(topic, {}, String(ref));
        if ((answer as { status: string }).status === "ok") break;
      }
      rejoinMs = Math.max(rejoinMs, performance.now() - startMs);
    }),
  );
  over = true;
  await Promise.all(others);
  let surplus = closed;
  for (const client of clients) {
    const unexpected = (await client.settle()).filter((frame) => frame[3] === "phx_error" || frame[3] === "phx_close");
    surplus += unexpected.length;
  }
  clearInterval(gauge);
  if (typeof (await app.call("counter", "add", 1)) !== "number") throw new Error("the counter does not count");

  const hasBox = downs[0]?.cause !== "exit"; // of one that ended by itself there is none
  while (hasBox && boxes.length === 0) await new Promise((resolve) => setImmediate(resolve)); // within blackBoxMs
  const [box] = boxes;
  const told = JSON.stringify(box ?? null);
  const zombies = app.zombies;
  const [down] = downs;
  const { culprit } = down ?? {};
  const isRight = culprit?.pid === villain.pid;
  return {
    deed,
    cause: down?.cause ?? "none",
    reason: down?.reason ?? "",
    culprit: culprit === undefined ? "none" : !isRight ? "wrong" : culprit.isCertain ? "certain" : "likely",
    label: culprit?.label ?? null,
    errorMs: Math.round(errorMs),
    rejoinMs: Math.round(rejoinMs),
    lost: lost.length,
    unharmed: living.length,
    slowestMs: Math.round(slowestMs),
    surplus,
    threadsDown: downs.length,
    zombies,
    peakRssMib: Math.round(peakRss / 2 ** 20),
    box: box?.source ?? "none",
    boxIsRight:
      box?.recent.some(({ pid }) => pid === villain.pid) === true &&
      (box.running === undefined ? box.source === "answered" : box.running.pid === villain.pid) &&
      !told.includes("hunter2") &&
      (box.running?.message === undefined || (told.includes(`"event":"${deed}"`) && told.includes("hello"))),
  };
}

const outcome = await run(process.argv[2] as Deed);
process.stdout.write(`${JSON.stringify(outcome)}\n`, () => process.exit(0));
