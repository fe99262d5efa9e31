/**
 * The process that has the say over its share of a tracker's topics. It watches whom it tracks, tells the copies and its
 * listener of each change, and other machines of all changes of a period.
 *
 * Source: `Phoenix.Tracker.Shard`. Departures: it monitors tracked processes where the original links them, so that its
 * own end is not theirs; it is started again from the copies instead. And ends that arrive together are told together.
 */
import { randomBytes } from "node:crypto";
import { isDown } from "../core/messages.js";
import { type Pid, threadOf } from "../core/pid.js";
import type { Ref } from "../core/ref.js";
import { publishFrom, subscribe } from "../pubsub/pubsub.js";
import { demonitor, monitor, peers, self, send, sendAfter, service } from "../runtime/process.js";
import { type CopyData, type CopyMessage, type NumberedDiff, TRACKER } from "./copies.js";
import type { ResolvedTrackerOptions } from "./options.js";
import { withRef } from "./refs.js";
import { State } from "./state.js";
import type { Diff, Entry, Meta, StateData } from "./state-data.js";
import { findKept, type Kept } from "./takeover.js";

export type TrackResult = readonly ["ok", ref: string] | readonly ["error", "already_tracked"];
export type UpdateResult = readonly ["ok", ref: string] | readonly ["error", "nopresence"];

/** Hears of all changes of one shard, in order, in the shard's process. Must not throw. */
export interface Listener {
  /** Whether all who must know of a diff have been told when `handleDiff` returns. If not, {@link Shard.told} says when. */
  readonly tellsAtOnce: boolean;
  /** Somebody came or went. */
  handleDiff(diff: NumberedDiff): void;
  /** A message to the shard that is none of the tracker's. */
  handleInfo?(message: unknown): void;
}

/** Sent to itself: no more ends have arrived. */
const SETTLE = "$tracker_settle";
/** Sent to itself: a period is over. */
const BROADCAST = "$tracker_broadcast";
/** Between shards of the same name on different machines. */
interface DeltaMessage {
  readonly tag: "tracker_delta";
  readonly data: StateData;
}

/** The PubSub topic on which shards of a name hear of each other. */
export function gossipTopic(shard: string): string {
  return `phx_presence:${shard}`;
}

export class Shard {
  readonly name: string;
  readonly #options: ResolvedTrackerOptions;
  readonly #life: number;
  readonly #state: State;
  readonly #listener: Listener;
  readonly #monitors = new Map<Pid, Ref>();
  /** The services that have a copy. */
  readonly #copies = new Map<Pid, Ref>();
  #seq = 0;
  #untold: NumberedDiff[] = [];
  #gone: Pid[] = [];
  #periodRuns = false;

  /** Starts from what there is; {@link begin} comes next. */
  static async start(
    name: string,
    options: ResolvedTrackerOptions,
    listen: (shard: Shard) => Listener,
  ): Promise<Shard> {
    const services = [service(TRACKER), ...peers(TRACKER)];
    const kept = await findKept(name, services);
    const shard = new Shard(name, options, listen, (kept.copy?.life ?? 0) + 1);
    subscribe(gossipTopic(name));
    shard.#takeOver(kept);
    return shard;
  }

  private constructor(name: string, options: ResolvedTrackerOptions, listen: (shard: Shard) => Listener, life: number) {
    this.name = name;
    this.#options = options;
    this.#life = life;
    this.#state = new State(`${name}@${randomBytes(6).toString("base64url")}`);
    this.#listener = listen(this);
  }

  /** The same entries again, as a new replica's; those whose process is gone leave when its monitor says so. */
  #takeOver({ copy, holders }: Kept): void {
    for (const { topic, pid, key, meta, replica } of copy?.entries ?? []) {
      if (replica !== copy?.replica) continue;
      this.#state.join(pid, topic, key, meta);
      this.#watch(pid);
    }
    // Some of it may have been told: twice is nothing new to a client, and never would be a ghost.
    const untold = (copy?.untold ?? []).map((diff) => ({ ...diff, seq: ++this.#seq }));
    if (!this.#listener.tellsAtOnce) this.#untold.push(...untold);
    for (const pid of holders) this.#addCopy(pid);
    for (const diff of untold) this.#listener.handleDiff(diff);
    if (copy !== null) this.#startPeriod();
  }

  // ---- requests ----

  /**
   * Whoever uses the shard gets a copy on its thread: what it reads next is there. A ref that is there already is that of a
   * question which this shard's earlier life could not answer any more.
   */
  track(copy: Pid, pid: Pid, topic: string, key: string, meta: Meta, ref: string): TrackResult {
    this.settle();
    this.#addCopy(copy);
    const entry = this.#state.join(pid, topic, key, withRef(meta, ref));
    if (entry === undefined) {
      const isAnswer = this.#state.get(pid, topic, key)?.meta.phx_ref === ref;
      return isAnswer ? ["ok", ref] : ["error", "already_tracked"];
    }
    this.#watch(pid);
    if (threadOf(pid) !== threadOf(copy)) this.#addCopyBeside(pid);
    this.#changed({ joins: [entry], leaves: [] });
    return ["ok", ref];
  }

  untrack(pid: Pid, topic: string, key: string): void {
    this.settle();
    const entry = this.#state.leave(pid, topic, key);
    if (entry === undefined) return;
    this.#unwatch(pid);
    this.#changed({ joins: [], leaves: [entry] });
  }

  /**
   * @param seen - The ref of the meta that the new one was made from; `null` if it was made from none. If another one is
   *   there by now, the answer is `"changed"`, and nothing else happens.
   */
  update(
    copy: Pid,
    pid: Pid,
    topic: string,
    key: string,
    meta: Meta,
    ref: string,
    seen: string | null,
  ): UpdateResult | readonly ["error", "changed"] {
    this.settle();
    this.#addCopy(copy);
    const old = this.#state.get(pid, topic, key);
    if (old === undefined) return ["error", "nopresence"];
    const previous = old.meta.phx_ref as string; // track put it there
    if (previous === ref) return ["ok", ref];
    if (seen !== null && seen !== previous) return ["error", "changed"];
    const diff = this.#state.update(pid, topic, key, withRef(meta, ref, previous));
    if (diff !== undefined) this.#changed(diff);
    return ["ok", ref];
  }

  /** Gives a thread's service a copy, which it then keeps up to date. */
  copyTo(copy: Pid): void {
    this.settle();
    this.#addCopy(copy);
  }

  /** All entries that can be seen. */
  online(): readonly Entry[] {
    return this.#state.online();
  }

  /** All diffs up to `seq` have been told to whoever must know. For the listener. */
  told(seq: number): void {
    this.#untold = this.#untold.filter((diff) => diff.seq > seq);
    this.#toCopies(["told", this.name, this.#life, seq]);
  }

  // ---- messages ----

  handleInfo(message: unknown): void {
    if (isDown(message)) {
      const pid = message.from as Pid; // monitors of shards are set on pids
      if (this.#monitors.get(pid) === message.ref) return this.#ended(pid);
      if (this.#copies.get(pid) === message.ref) {
        this.#copies.delete(pid);
        return;
      }
    }
    this.settle();
    if (message === SETTLE) return;
    if (message === BROADCAST) return this.#broadcast();
    if (isDelta(message)) return this.#hear(message.data);
    this.#listener.handleInfo?.(message);
  }

  /** A thread's death, or a crowd that leaves, is one diff: its processes' ends come one after the other. */
  #ended(pid: Pid): void {
    this.#monitors.delete(pid);
    if (this.#gone.push(pid) === 1) send(self(), SETTLE);
  }

  /** Before anything else happens, the ends that came before it have. */
  settle(): void {
    if (this.#gone.length === 0) return;
    const leaves = this.#gone.flatMap((pid) => this.#state.leaveAll(pid));
    this.#gone = [];
    this.#changed({ joins: [], leaves });
  }

  // ---- what follows ----

  /** Copies first: whoever is told of something finds it there. */
  #changed({ joins, leaves }: Diff): void {
    if (joins.length === 0 && leaves.length === 0) return;
    const seq = ++this.#seq;
    const { tellsAtOnce } = this.#listener;
    this.#toCopies(["diff", this.name, this.#life, seq, joins, leaves, tellsAtOnce]);
    const diff: NumberedDiff = { seq, joins, leaves };
    if (!tellsAtOnce) this.#untold.push(diff);
    this.#listener.handleDiff(diff);
    this.#startPeriod();
  }

  #toCopies(message: CopyMessage): void {
    for (const pid of this.#copies.keys()) send(pid, message);
  }

  #addCopy(pid: Pid): void {
    if (this.#copies.has(pid)) return;
    this.#copies.set(pid, monitor(pid));
    const { replica } = this.#state;
    const position = { life: this.#life, seq: this.#seq };
    const data: CopyData = { ...position, replica, entries: this.#state.online(), untold: this.#untold };
    send(pid, ["table", this.name, data] satisfies CopyMessage);
  }

  /** On the thread of whom it tracks for others, too: where that one lives on, what is known of it does. */
  #addCopyBeside(pid: Pid): void {
    const thread = threadOf(pid);
    const beside = [service(TRACKER), ...peers(TRACKER)].find((copy) => threadOf(copy) === thread);
    if (beside !== undefined) this.#addCopy(beside);
  }

  #watch(pid: Pid): void {
    if (!this.#monitors.has(pid)) this.#monitors.set(pid, monitor(pid));
  }

  #unwatch(pid: Pid): void {
    const ref = this.#monitors.get(pid);
    if (ref === undefined || this.#state.isTracked(pid)) return;
    this.#monitors.delete(pid);
    demonitor(ref, { flush: true });
  }

  // ---- other machines ----

  #startPeriod(): void {
    if (this.#periodRuns) return;
    this.#periodRuns = true;
    sendAfter(self(), BROADCAST, this.#options.broadcastPeriodMs);
  }

  #broadcast(): void {
    this.#periodRuns = false;
    const data = this.#state.delta();
    if (data === undefined) return;
    this.#state.resetDelta();
    publishFrom(gossipTopic(this.name), { tag: "tracker_delta", data } satisfies DeltaMessage);
  }

  #hear(data: StateData): void {
    if (data.replica === this.#state.replica) return;
    const up = this.#state.replicaUp(data.replica);
    const { joins, leaves } = this.#state.merge(data);
    this.#changed({ joins: [...up.joins, ...joins], leaves });
  }
}

function isDelta(message: unknown): message is DeltaMessage {
  return typeof message === "object" && message !== null && (message as { tag?: unknown }).tag === "tracker_delta";
}
