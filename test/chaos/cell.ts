/** One cell of the matrix: a fresh server, fresh clients, one deed, and what came of it. Both are OS processes of their own. */
import { totalmem } from "node:os";
import type { AttackOrder, Observed } from "./attack.js";
import { Child } from "./child.js";
import type { Row } from "./rows.js";
import type { ServerOrder, Story } from "./server.js";

export type Isolation = ServerOrder["isolation"];

export interface Scale {
  readonly connections: number;
  /** Of each connection. */
  readonly channels: number;
  readonly schedulers: number;
  readonly echoesPerSecond: number;
}

/** What a fault cost, the least first. */
export type Cost =
  | { readonly of: "nothing" | "attempt" | "channel" | "connection" }
  /** Threads, or OS processes, with all their channels. */
  | { readonly of: "thread"; readonly threads: number; readonly siblings: number }
  /** More than it may: what is said in `problems`. */
  | { readonly of: "others" }
  /** The whole server. */
  | { readonly of: "all"; readonly end: string };

export interface Cell {
  readonly row: string;
  readonly isolation: Isolation;
  readonly cost: Cost;
  /** Why its thread was replaced. */
  readonly cause: string;
  /**
   * Who was named: in the report of its crash; as the one that ran when its thread ended, by `thread_down` or else by the black
   * box; as the last that had run.
   */
  readonly culprit: "reported" | "certain" | "likely" | "wrong" | "none";
  /** From the deed to the last `phx_error`, and to the last answer to a rejoin; 0: there was none. */
  readonly errorMs: number;
  readonly rejoinMs: number;
  /** The slowest answer meanwhile, of channels on threads that lived on. */
  readonly othersMs: number;
  readonly peakRssMib: number;
  readonly zombies: number;
  /** What must not be: connections lost, others disturbed, rules of order broken, channels that answer no more. */
  readonly problems: readonly string[];
}

/** Far below V8's own limit and the machine's memory, so that a loop or a leak is one soon. */
const LIMITS = {
  maxBlockMs: 1000,
  maxDeafMs: 3000,
  maxHeapBytes: 160 * 2 ** 20,
  maxRssBytes: Math.floor(totalmem() * 0.75),
};
/** A loop is one soon; what is none must not be taken for one, however slow the machine; nor is a leak to be found by its time. */
const MAX_BLOCK_MS = { loop: 1000, other: 5000, leak: 30_000 };
/** More than a `terminate` that never settles has. */
const FAULT_LIMIT_MS = 40_000;
const LEAK_LIMIT_MS = 60_000;
const START_LIMIT_MS = 120_000;

export async function runCell(row: Row, isolation: Isolation, scale: Scale): Promise<Cell> {
  const { schedulers, ...load } = scale;
  const kind = row.isLeak ? "leak" : row.group === "loops" || row.name.includes("loop") ? "loop" : "other";
  const options = { ...LIMITS, maxBlockMs: MAX_BLOCK_MS[kind] };
  const limitMs = row.isLeak ? LEAK_LIMIT_MS : FAULT_LIMIT_MS;
  const server = new Child("./server.js", { isolation, schedulers, options } satisfies ServerOrder);
  let clients: Child | null = null;
  try {
    const { port } = await server.next<{ port: number }>(START_LIMIT_MS);
    clients = new Child("./attack.js", { port, row, limitMs, ...load } satisfies AttackOrder);
    const observing = clients.next<Observed>(START_LIMIT_MS + 4 * limitMs);
    // If the server goes, there is nothing to observe any more.
    const observed = await Promise.race([observing, server.exited.then(() => null)]);
    void observing.catch(() => {});
    if (observed === null || server.end !== null) return ended(row, isolation, server.end as string);
    server.send("story");
    return judged(row, isolation, observed, await server.next<Story>(FAULT_LIMIT_MS));
  } catch (error) {
    if (server.end !== null) return ended(row, isolation, server.end);
    throw error;
  } finally {
    await clients?.kill();
    await server.kill();
  }
}

function ended(row: Row, isolation: Isolation, end: string): Cell {
  return {
    ...{ row: row.name, isolation, cost: { of: "all", end }, cause: "", culprit: "none" },
    ...{ errorMs: 0, rejoinMs: 0, othersMs: 0, peakRssMib: 0, zombies: 0, problems: [] },
  };
}

/** What the clients saw and what the server told, put together. */
export function judged(row: Row, isolation: Isolation, observed: Observed, story: Story): Cell {
  const { threads, culprit, connectionsLost, told, deaf, violations } = observed;
  const isOnIts = row.way === "event" || row.way === "unknown";
  const dead = new Set(story.downs.map(({ thread }) => String(thread)));
  const seen = Object.entries(threads);
  const onDead = seen.filter(([thread]) => dead.has(thread)).map(([, counts]) => counts);
  const living = seen.filter(([thread]) => !dead.has(thread));
  const beside = living.filter(([thread]) => thread === culprit.thread && isOnIts).map(([, counts]) => counts);
  const elsewhere = living.filter(([thread]) => thread !== culprit.thread || !isOnIts).map(([, counts]) => counts);
  const sum = (of: readonly { errored: number; repeated: number }[], what: "errored" | "repeated"): number =>
    of.reduce((total, counts) => total + counts[what], 0);

  const disturbed = sum(elsewhere, "errored");
  // The channel that does it may end on a thread that lives on, but no other there.
  const siblingsDisturbed = Math.max(0, sum(beside, "errored") - (told === null ? 0 : 1));
  const repeated = sum([...onDead, ...beside, ...elsewhere], "repeated");
  const problems = [
    ...problem(connectionsLost, "connections lost"),
    ...problem(disturbed, "channels of other threads disturbed"),
    ...problem(siblingsDisturbed, "channels of a thread that lives on disturbed"),
    ...problem(repeated, "channels told twice"),
    ...problem(deaf, "channels deaf"),
    ...problem(violations.length, `frames that must not come (${violations[0]})`),
    ...(told === null ? ["its own client was told nothing"] : []),
  ];
  const siblings = sum(onDead, "errored");
  return {
    ...{
      row: row.name,
      isolation,
      cost: costOf(),
      cause: story.downs[0]?.cause ?? "",
      culprit: namedIn(row, culprit, story),
    },
    ...{ errorMs: observed.errorMs, rejoinMs: observed.rejoinMs, problems },
    othersMs: Math.max(0, ...[...beside, ...elsewhere].map(({ slowestMs }) => slowestMs)),
    ...{ peakRssMib: story.peakRssMib, zombies: story.zombies },
  };

  function costOf(): Cost {
    if (connectionsLost > 0 || disturbed + siblingsDisturbed > 0 || deaf > 1) return { of: "others" };
    if (dead.size > 0) return { of: "thread", threads: story.downs.length, siblings };
    if (row.way === "connect" || row.way === "join") return { of: "attempt" };
    return { of: told === "phx_error" ? "channel" : told === "closed" ? "connection" : "nothing" };
  }
}

function problem(count: number, what: string): readonly string[] {
  return count === 0 ? [] : [`${count} ${what}`];
}

function namedIn(row: Row, { pid }: Observed["culprit"], { downs, found, crashed }: Story): Cell["culprit"] {
  const [down] = downs;
  const inBox = found.find(({ thread }) => thread === down?.thread);
  const isKnown = down?.culprit?.isCertain === true || inBox === undefined || down?.cause !== "stuck";
  const named = isKnown ? down?.culprit : { ...inBox, isCertain: true };
  if (downs.length === 0) return crashed.includes(pid) ? "reported" : "none";
  if (named === undefined) return "none";
  // Of what a client of its own does, the pid is not known to anybody but the server.
  const label = row.way === "connect" ? "connect" : row.way === "event" ? null : "channel room:own";
  const isRight = label === null ? named.pid === pid : named.label === label;
  return !isRight ? "wrong" : named.isCertain ? "certain" : "likely";
}
