/**
 * Who is where, agreed on by replicas that hear of each other late, twice, or in another order: an observed-remove set
 * without tombstones, with deltas. Deterministic; it has no clock but its own count of events, and sends nothing.
 *
 * ```
 *   join, leave, update   events of this replica, each with the next clock; the delta tells of them
 *   merge(delta | state)  entries we have not seen come, entries the other has seen and has no more go
 *   replicaDown / Up      its entries are hidden, and shown again
 *   removeReplica         it will not come back: its entries and clocks go, and what others still say of it is ignored
 * ```
 *
 * Source: `Phoenix.Tracker.State` (phoenix_pubsub 2.2). Departures: an entry belongs to the replica whose process it is
 * about, also where it is looked up, so two replicas can't have different opinions about one entry (phoenix_pubsub #214);
 * and a delta tells of its own replica only, as every replica sends its own.
 */
import type { Pid } from "../core/pid.js";
import { Clocks } from "./clocks.js";
import type { Diff, Entry, Meta, ReplicaId, StateData } from "./state-data.js";
import { Table } from "./table.js";

export class State {
  readonly replica: ReplicaId;
  readonly #clocks = new Clocks();
  readonly #table = new Table();
  /** This replica's entries by process, and there by topic and key. */
  readonly #own = new Map<Pid, Map<string, Entry>>();
  readonly #down = new Set<ReplicaId>();
  /** Events since the last {@link resetDelta}. */
  #deltaClocks: number[] = [];
  #deltaEntries = new Map<number, Entry>();

  constructor(replica: ReplicaId) {
    this.replica = replica;
    this.#clocks.learn(replica);
  }

  /** Entries, of replicas that are down too. */
  get size(): number {
    return this.#table.size;
  }

  // ---- events of this replica ----

  /** Tracks a process under a key; `undefined` if it is tracked there. */
  join(pid: Pid, topic: string, key: string, meta: Meta): Entry | undefined {
    return this.get(pid, topic, key) === undefined ? this.#add(pid, topic, key, meta) : undefined;
  }

  #add(pid: Pid, topic: string, key: string, meta: Meta): Entry {
    let entries = this.#own.get(pid);
    if (entries === undefined) {
      entries = new Map();
      this.#own.set(pid, entries);
    }
    const { replica } = this;
    const clock = this.#clocks.tick(replica);
    const entry: Entry = { topic, pid, key, meta, replica, clock };
    entries.set(placeOf(topic, key), entry);
    this.#table.add(entry);
    this.#deltaClocks.push(clock);
    this.#deltaEntries.set(clock, entry);
    return entry;
  }

  /** What went, if it was there. */
  leave(pid: Pid, topic: string, key: string): Entry | undefined {
    const entries = this.#own.get(pid);
    const place = placeOf(topic, key);
    const entry = entries?.get(place);
    if (entries === undefined || entry === undefined) return undefined;
    entries.delete(place);
    if (entries.size === 0) this.#own.delete(pid);
    this.#remove(entry);
    return entry;
  }

  /** Takes a process out of everything. */
  leaveAll(pid: Pid): readonly Entry[] {
    const entries = [...(this.#own.get(pid)?.values() ?? [])];
    this.#own.delete(pid);
    for (const entry of entries) this.#remove(entry);
    return entries;
  }

  /**
   * A leave and a join in one step; `undefined` if it is not there. The new entry comes before the old one goes: a key that
   * went and came would leave a trace in V8's maps each time, and all of them are walked when it is looked up.
   */
  update(pid: Pid, topic: string, key: string, meta: Meta): Diff | undefined {
    const left = this.get(pid, topic, key);
    if (left === undefined) return undefined;
    const joined = this.#add(pid, topic, key, meta);
    this.#remove(left);
    return { joins: [joined], leaves: [left] };
  }

  /** The leave is an event too: a replica that missed it sees from our clock that it lacks something. */
  #remove({ clock }: Entry): void {
    this.#table.remove(this.replica, clock);
    // If the join is in the delta as well, its clock stays there: seen and not listed, which is what "gone" means.
    if (!this.#deltaEntries.delete(clock)) this.#deltaClocks.push(clock);
    this.#deltaClocks.push(this.#clocks.tick(this.replica));
  }

  /** Whether a process is tracked anywhere. */
  isTracked(pid: Pid): boolean {
    return this.#own.has(pid);
  }

  /** A process's entry. */
  get(pid: Pid, topic: string, key: string): Entry | undefined {
    return this.#own.get(pid)?.get(placeOf(topic, key));
  }

  // ---- what others say ----

  /** Takes in a state or delta of another replica; answers what of it can be seen. */
  merge(remote: StateData): Diff {
    const joins: Entry[] = [];
    const leaves: Entry[] = [];
    const listed = new Map<ReplicaId, Set<number>>();
    for (const entry of remote.entries) {
      const { replica, clock } = entry;
      if (!this.#hearsOf(replica)) continue;
      const clocks = listed.get(replica);
      if (clocks === undefined) listed.set(replica, new Set([clock]));
      else clocks.add(clock);
      if (this.#clocks.has(replica, clock)) continue; // known, or known and gone
      this.#table.add(entry);
      if (!this.#down.has(replica)) joins.push(entry);
    }
    const dropUnlisted = (replica: ReplicaId, clock: number): void => {
      if (listed.get(replica)?.has(clock)) return;
      const entry = this.#table.remove(replica, clock);
      if (entry !== undefined && !this.#down.has(replica)) leaves.push(entry);
    };
    for (const [replica, seen] of remote.context) {
      if (!this.#hearsOf(replica)) continue;
      for (const clock of this.#table.clocksOf(replica)) if (clock <= seen) dropUnlisted(replica, clock);
      this.#clocks.raise(replica, seen);
    }
    for (const [replica, cloud] of remote.clouds) {
      if (!this.#hearsOf(replica)) continue;
      for (const clock of cloud) dropUnlisted(replica, clock);
      this.#clocks.add(replica, cloud);
    }
    return { joins, leaves };
  }

  /** Nobody knows better than we what is here; and of replicas that we removed, or never met, we take nobody's word. */
  #hearsOf(replica: ReplicaId): boolean {
    return replica !== this.replica && this.#clocks.knows(replica);
  }

  // ---- what to tell others ----

  /** Everything, for a replica that has missed too much. */
  extract(): StateData {
    return { replica: this.replica, ...this.#clocks.toData(), entries: this.#table.all() };
  }

  /** What happened here since the last {@link resetDelta}; `undefined` if nothing. */
  delta(): StateData | undefined {
    if (this.#deltaClocks.length === 0) return undefined;
    const clouds = [[this.replica, this.#deltaClocks.toSorted((a, b) => a - b)]] as const;
    return { replica: this.replica, context: [], clouds, entries: [...this.#deltaEntries.values()] };
  }

  resetDelta(): void {
    this.#deltaClocks = [];
    this.#deltaEntries = new Map();
  }

  // ---- replicas ----

  /** A replica is heard from, for the first time or again: answers what of it can be seen now. */
  replicaUp(replica: ReplicaId): Diff {
    this.#clocks.learn(replica);
    return { joins: this.#down.delete(replica) ? this.#table.of(replica) : [], leaves: [] };
  }

  /** A replica is silent: what it said is kept, but can't be seen. */
  replicaDown(replica: ReplicaId): Diff {
    if (!this.#hearsOf(replica) || this.#down.has(replica)) return { joins: [], leaves: [] };
    this.#down.add(replica);
    return { joins: [], leaves: this.#table.of(replica) };
  }

  /** A replica is gone for good. */
  removeReplica(replica: ReplicaId): Diff {
    const { leaves } = this.replicaDown(replica);
    for (const clock of [...this.#table.clocksOf(replica)]) this.#table.remove(replica, clock);
    this.#clocks.forget(replica);
    this.#down.delete(replica);
    return { joins: [], leaves };
  }

  // ---- looking ----

  /** The metas of a topic by key. */
  list(topic: string): [key: string, metas: Meta[]][] {
    return this.#table.list(topic, this.#down);
  }

  /** The entries of a topic under one key, in the order they came. */
  at(topic: string, key: string): Entry[] {
    return this.#table.at(topic, key).filter(({ replica }) => !this.#down.has(replica));
  }

  /** All entries that can be seen. */
  online(): Entry[] {
    return this.#table.all().filter(({ replica }) => !this.#down.has(replica));
  }
}

/** With the length in front no two places are the same text. */
function placeOf(topic: string, key: string): string {
  return `${topic.length}:${topic}${key}`;
}
