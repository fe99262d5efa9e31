/**
 * The OS process with the application: started with a {@link ServerOrder} as its argument, tells its port, and what it saw when
 * it is asked.
 */
import { readFileSync } from "node:fs";
import { type App, type Placement, type Report, type StartOptions, start, task } from "joist";
import { makePid } from "../../src/core/pid.js";
import { current } from "../../src/runtime/context.js";
import { census, type ThreadCensus } from "./app.js";

export interface ServerOrder {
  readonly isolation: "thread" | "process";
  readonly schedulers: number;
  readonly options: StartOptions;
  /** @defaultValue `"./app.js"` */
  readonly app?: string;
}

/** What the server has to tell of a fault: the answer to `"story"`. */
export interface Story {
  readonly downs: readonly Extract<Report, { tag: "thread_down" }>[];
  /** What black boxes found out for certain: thread and process. */
  readonly found: readonly { readonly thread: number; readonly pid: string; readonly label: string | null }[];
  /** Pids of processes that crashed, the first ones. */
  readonly crashed: readonly string[];
  readonly notices: readonly string[];
  readonly connections: number;
  readonly zombies: number;
  readonly peakRssMib: number;
  /** What limits have done. */
  readonly counts: Readonly<Record<string, number>>;
}

/** What there is at this moment, after a full collection: the answer to `"census"`. */
export interface Census {
  /** Of the I/O thread, then of each scheduler, and of each thread that is kept for definitions. */
  readonly processes: readonly number[];
  /** How many of those there are: one for each definition in quarantine. */
  readonly kept: number;
  /** Names and topics, of those channels have, that somebody still has or wants. */
  readonly names: number;
  readonly topics: number;
  readonly rssMib: number;
  readonly osThreads: number;
  readonly connections: number;
  readonly zombies: number;
  /** Threads that have ended so far. */
  readonly downs: number;
}

const MAX_KEPT = 200;
const MIB = 2 ** 20;

const {
  isolation,
  schedulers,
  options,
  app: module = "./app.js",
} = JSON.parse(process.argv[2] as string) as ServerOrder;
const story = {
  ...{ downs: [] as Story["downs"][number][], found: [] as Story["found"][number][] },
  ...{ crashed: [] as string[], notices: [] as string[] },
};
let downs = 0;
let peakRss = 0;
setInterval(() => {
  peakRss = Math.max(peakRss, process.memoryUsage.rss());
}, 20).unref();

const app: App = await start(new URL(module, import.meta.url), {
  ...{ port: 0, address: "127.0.0.1", schedulers, stopOnSignals: false },
  // One definition does it all: after its third deed it would be on a thread of its own, and harm nobody any more.
  quarantineAfter: 0,
  // Not an option of every version: what the runtime doesn't know it does not look at.
  ...(isolation === "process" ? ({ isolation } as StartOptions) : {}),
  report: (report) => {
    if (report.tag === "thread_down") {
      downs++;
      if (story.downs.length < MAX_KEPT) story.downs.push(report);
    } else if (report.tag === "black_box" && report.source === "interrupted" && report.running !== undefined) {
      const { pid, label } = report.running;
      story.found.push({ thread: report.thread, pid, label });
    } else if (report.tag === "crash" && story.crashed.length < MAX_KEPT) story.crashed.push(report.pid);
    else if (report.tag === "notice" && story.notices.length < MAX_KEPT) story.notices.push(report.message);
  },
  ...options,
});

function storySoFar(): Story {
  return {
    ...story,
    connections: app.connections,
    zombies: app.zombies,
    peakRssMib: Math.round(peakRss / MIB),
    counts: app.counts(),
  };
}

async function takeCensus(): Promise<Census> {
  const threads: ThreadCensus[] = [];
  for (let slot = 1; slot <= schedulers; slot++) threads.push(await censusOf(() => slot));
  const kept = keptSlots();
  for (const slot of kept) threads.push(await censusOf(() => placementOn(slot)));
  const own = app.run(() => census());
  return {
    processes: [own.processes, ...threads.map((thread) => thread.processes)],
    kept: kept.length,
    names: own.names,
    topics: own.topics,
    rssMib: Math.round(process.memoryUsage.rss() / MIB),
    osThreads: Number(/^Threads:\s+(\d+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? 0),
    ...{ connections: app.connections, zombies: app.zombies, downs },
  };
}

/** The slots beyond the schedulers that have a thread, or will have one in a moment. */
function keptSlots(): number[] {
  const { cells } = app.run(() => current()).scheduler;
  const slots = Array.from({ length: cells.slots - 1 - cells.schedulers }, (_, n) => 1 + cells.schedulers + n);
  return slots.filter((slot) => cells.threadOf(slot) !== undefined);
}

/** Beside a process on the thread of a kept slot: nobody else can be started there. */
function placementOn(slot: number): Placement {
  const thread = app.run(() => current()).scheduler.cells.threadOf(slot) ?? 0;
  return { beside: makePid(thread, 1, thread) };
}

/** Asked of a thread, again if that is being replaced. */
async function censusOf(placement: () => Placement): Promise<ThreadCensus> {
  for (;;) {
    try {
      const asked = app.run(() => task.async("census", [], { scheduler: placement() }));
      const [, counted] = (await app.run(() => task.yield(asked, 5000))) ?? [];
      if (typeof counted === "object" && counted !== null && "processes" in counted) return counted as ThreadCensus;
    } catch {
      // no thread there now; the main thread knows what the application exports by its name only
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

process.on("message", async (what) => {
  process.send?.(what === "census" ? await takeCensus() : storySoFar());
});
process.on("disconnect", () => process.exit(0)); // whoever asked is gone
process.send?.({ port: app.port });
