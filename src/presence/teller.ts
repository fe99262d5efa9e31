/**
 * Tells clients who came and went: the listener of a tracker's shard, in the shard's process. Without `fetch` a diff is
 * broadcast as it happens. With it, a process for each batch of diffs runs `fetch`, one batch at a time; what happens
 * meanwhile is the next batch, so that a slow `fetch` makes fewer diffs and not a queue.
 *
 * ```
 *   diff ──► waiting ──► fetching (a process, for fetchTimeoutMs at most) ──► presence_diff, handleMetas
 *                            └─ throws, is late: the diff goes out with what was tracked
 * ```
 *
 * Source: `Phoenix.Presence`, which fetches in tasks too, but goes down with them, and every tracked process with it.
 */

import { broadcastPayload } from "../channels/payload.js";
import { formatReason, toExitReason } from "../core/exit-reason.js";
import { isDown } from "../core/messages.js";
import type { Pid } from "../core/pid.js";
import type { Ref } from "../core/ref.js";
import { broadcastEncoded } from "../pubsub/pubsub.js";
import { demonitor, monitor, notice, self, send, spawnMonitor } from "../runtime/process.js";
import type { NumberedDiff } from "../tracker/copies.js";
import type { Listener, Shard } from "../tracker/shard.js";
import type { Entry } from "../tracker/state-data.js";
import { type AnyFetch, fetchOrKeep } from "./fetch.js";
import { type AnyDiff, diffsOf } from "./presences.js";

/** The event that tells of a diff. */
export const DIFF_EVENT = "presence_diff";

/** From a `handleMetas` process: it is there now, and wants to hear everything from the beginning. */
export const HANDLER = "$presence_handler";
/** To a `handleMetas` process. The first one has everybody as a join, not fetched yet. */
export type HandlerMessage =
  | readonly ["present", diffs: ReadonlyMap<string, AnyDiff>]
  | readonly ["diff", topic: string, AnyDiff];

/** A topic's diff, with its payload. */
type Told = readonly [topic: string, diff: AnyDiff, payload: string | Uint8Array];
/** From a fetching process: the diffs up to a number. */
const FETCHED = "$presence_fetched";

/** What waits to be told: changes, or a handler that hears of all that comes after it. */
type Waiting =
  | { readonly tag: "changes"; readonly joins: Entry[]; readonly leaves: Entry[]; seq: number }
  | { readonly tag: "handler"; readonly pid: Pid; readonly present: ReadonlyMap<string, AnyDiff> };

/** A process that fetches. */
interface Fetching {
  readonly ref: Ref;
  readonly diffs: ReadonlyMap<string, AnyDiff>;
  readonly seq: number;
}

export interface TellerOptions {
  readonly fetch: AnyFetch | undefined;
  readonly fetchTimeoutMs: number;
}

export class Teller implements Listener {
  readonly tellsAtOnce: boolean;
  readonly #shard: Shard;
  readonly #options: TellerOptions;
  readonly #waiting: Waiting[] = [];
  #fetching: Fetching | null = null;
  #handler: { readonly pid: Pid; readonly ref: Ref } | null = null;

  constructor(shard: Shard, options: TellerOptions) {
    this.#shard = shard;
    this.#options = options;
    this.tellsAtOnce = options.fetch === undefined;
  }

  handleDiff({ joins, leaves, seq }: NumberedDiff): void {
    if (this.tellsAtOnce) return this.#tell(tellable(diffsOf(joins, leaves)));
    const last = this.#waiting.at(-1);
    if (last?.tag === "changes") {
      last.joins.push(...joins);
      last.leaves.push(...leaves);
      last.seq = seq;
    } else this.#waiting.push({ tag: "changes", joins: [...joins], leaves: [...leaves], seq });
    this.#next();
  }

  handleInfo(message: unknown): void {
    if (isDown(message)) {
      if (message.ref === this.#handler?.ref) this.#handler = null;
      else if (message.ref === this.#fetching?.ref) this.#fetched(tellable(this.#fetching.diffs)); // a stray error, reported
    } else if (Array.isArray(message)) {
      const [tag, what] = message as readonly unknown[];
      if (tag === HANDLER) this.#greet(what as Pid);
      else if (tag === FETCHED && what === this.#fetching?.seq) this.#fetched(message[2] as readonly Told[]);
    }
  }

  // ---- fetching ----

  #next(): void {
    while (this.#fetching === null) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      if (next.tag === "changes") this.#fetch(diffsOf(next.joins, next.leaves), next.seq);
      else this.#welcome(next.pid, next.present);
    }
  }

  /** Its time is limited in there: it ends, whatever becomes of this shard. */
  #fetch(diffs: ReadonlyMap<string, AnyDiff>, seq: number): void {
    const { fetch, fetchTimeoutMs } = this.#options;
    if (fetch === undefined) return; // and then nothing waits
    const shard = self();
    const run = async (): Promise<void> => {
      const all = [...diffs].map(([topic, diff]) => fetched(fetch, topic, diff, fetchTimeoutMs));
      send(shard, [FETCHED, seq, await Promise.all(all)]);
    };
    const { ref } = spawnMonitor(run, [], { label: `fetch of ${this.#shard.name}` });
    this.#fetching = { ref, diffs, seq };
  }

  #fetched(told: readonly Told[]): void {
    const { ref, seq } = this.#fetching as Fetching; // handleInfo has looked
    this.#fetching = null;
    demonitor(ref, { flush: true });
    this.#tell(told);
    this.#shard.told(seq);
    this.#next();
  }

  // ---- telling ----

  #tell(all: readonly Told[]): void {
    for (const [topic, diff, payload] of all) {
      broadcastEncoded(topic, DIFF_EVENT, payload, false);
      if (this.#handler !== null) send(this.#handler.pid, ["diff", topic, diff] satisfies HandlerMessage);
    }
  }

  /** It hears of what there is now, and then of what comes after that: not of what waits. */
  #greet(pid: Pid): void {
    const present = diffsOf(this.#shard.online(), []);
    if (this.tellsAtOnce) return this.#welcome(pid, present);
    this.#waiting.push({ tag: "handler", pid, present });
    this.#next();
  }

  #welcome(pid: Pid, present: ReadonlyMap<string, AnyDiff>): void {
    if (this.#handler !== null) demonitor(this.#handler.ref, { flush: true });
    this.#handler = { pid, ref: monitor(pid) };
    send(pid, ["present", present] satisfies HandlerMessage);
  }
}

/** A diff with what `fetch` adds, as far as that works. */
async function fetched(fetch: AnyFetch, topic: string, diff: AnyDiff, timeoutMs: number): Promise<Told> {
  const [joins, leaves] = await Promise.all([
    fetchOrKeep(fetch, topic, diff.joins, timeoutMs),
    fetchOrKeep(fetch, topic, diff.leaves, timeoutMs),
  ]);
  try {
    return withPayload(topic, { joins, leaves });
  } catch (error) {
    notice(`tells a diff of topic "${topic}" without what fetch adds: ${formatReason(toExitReason(error))}`);
    return withPayload(topic, diff);
  }
}

/** Diffs as they were tracked. */
function tellable(diffs: ReadonlyMap<string, AnyDiff>): readonly Told[] {
  return [...diffs].map(([topic, diff]) => withPayload(topic, diff));
}

function withPayload(topic: string, diff: AnyDiff): Told {
  return [topic, diff, broadcastPayload(topic, DIFF_EVENT, diff)];
}
