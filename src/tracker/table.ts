/** Entries, found by their dot and by topic and key. A topic or key is there while it has entries. */
import type { Entry, Meta, ReplicaId } from "./state-data.js";

export class Table {
  readonly #dots = new Map<ReplicaId, Map<number, Entry>>();
  readonly #topics = new Map<string, Map<string, Set<Entry>>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  has(replica: ReplicaId, clock: number): boolean {
    return this.#dots.get(replica)?.has(clock) === true;
  }

  add(entry: Entry): void {
    const { replica, clock, topic, key } = entry;
    let dots = this.#dots.get(replica);
    if (dots === undefined) {
      dots = new Map();
      this.#dots.set(replica, dots);
    }
    if (dots.has(clock)) return;
    dots.set(clock, entry);
    let keys = this.#topics.get(topic);
    if (keys === undefined) {
      keys = new Map();
      this.#topics.set(topic, keys);
    }
    const entries = keys.get(key);
    if (entries === undefined) keys.set(key, new Set([entry]));
    else entries.add(entry);
    this.#size++;
  }

  remove(replica: ReplicaId, clock: number): Entry | undefined {
    const dots = this.#dots.get(replica);
    const entry = dots?.get(clock);
    if (dots === undefined || entry === undefined) return undefined;
    dots.delete(clock);
    if (dots.size === 0) this.#dots.delete(replica);
    const keys = this.#topics.get(entry.topic);
    const entries = keys?.get(entry.key);
    entries?.delete(entry);
    if (entries?.size === 0) keys?.delete(entry.key);
    if (keys?.size === 0) this.#topics.delete(entry.topic);
    this.#size--;
    return entry;
  }

  /** The clocks of a replica's entries. */
  clocksOf(replica: ReplicaId): Iterable<number> {
    return this.#dots.get(replica)?.keys() ?? [];
  }

  of(replica: ReplicaId): Entry[] {
    return [...(this.#dots.get(replica)?.values() ?? [])];
  }

  all(): Entry[] {
    return [...this.#dots.values()].flatMap((dots) => [...dots.values()]);
  }

  /** The entries of a topic under one key, in the order they came. */
  at(topic: string, key: string): Entry[] {
    return [...(this.#topics.get(topic)?.get(key) ?? [])];
  }

  /** The metas of a topic by key: those of a key in the order they came, without the entries of `hidden` replicas. */
  list(topic: string, hidden?: ReadonlySet<ReplicaId>): [key: string, metas: Meta[]][] {
    const listed: [string, Meta[]][] = [];
    for (const [key, entries] of this.#topics.get(topic) ?? []) {
      const metas: Meta[] = [];
      for (const { replica, meta } of entries) if (hidden?.has(replica) !== true) metas.push(meta);
      if (metas.length > 0) listed.push([key, metas]);
    }
    return listed;
  }
}
