/**
 * Which events a replica has seen: a causal context. For each replica it knows the clock up to which it has seen all, and
 * a *cloud* of clocks beyond that, which came before those between them.
 *
 * Source: `Phoenix.Tracker.Clock` and the contexts of `Phoenix.Tracker.State`, after Almeida, Shoker, Baquero, "Efficient
 * State-based CRDTs by Delta-Mutation" (https://arxiv.org/abs/1410.2803).
 */
import type { ReplicaId, StateData } from "./state-data.js";

export class Clocks {
  readonly #context = new Map<ReplicaId, number>();
  readonly #clouds = new Map<ReplicaId, Set<number>>();

  /** Events of a replica that is not known count for nothing: one that was removed must not come back by hearsay. */
  knows(replica: ReplicaId): boolean {
    return this.#context.has(replica);
  }

  learn(replica: ReplicaId): void {
    if (!this.#context.has(replica)) this.#context.set(replica, 0);
  }

  forget(replica: ReplicaId): void {
    this.#context.delete(replica);
    this.#clouds.delete(replica);
  }

  /** The clock up to which all of a replica's events were seen. */
  of(replica: ReplicaId): number {
    return this.#context.get(replica) ?? 0;
  }

  /** The clock of a new event of one's own. */
  tick(replica: ReplicaId): number {
    const clock = this.of(replica) + 1;
    this.#context.set(replica, clock);
    return clock;
  }

  has(replica: ReplicaId, clock: number): boolean {
    return clock <= this.of(replica) || this.#clouds.get(replica)?.has(clock) === true;
  }

  /** All events of a known replica up to `clock` were seen. */
  raise(replica: ReplicaId, clock: number): void {
    if (clock > this.of(replica)) this.#context.set(replica, clock);
    this.#compact(replica);
  }

  /** These events of a known replica were seen. */
  add(replica: ReplicaId, clocks: Iterable<number>): void {
    let cloud = this.#clouds.get(replica);
    if (cloud === undefined) {
      cloud = new Set();
      this.#clouds.set(replica, cloud);
    }
    for (const clock of clocks) cloud.add(clock);
    this.#compact(replica);
  }

  /** What of a cloud has no gap before it moves into the context. */
  #compact(replica: ReplicaId): void {
    const cloud = this.#clouds.get(replica);
    if (cloud === undefined) return;
    let clock = this.of(replica);
    while (cloud.delete(clock + 1)) clock++;
    this.#context.set(replica, clock);
    for (const seen of cloud) if (seen <= clock) cloud.delete(seen);
    if (cloud.size === 0) this.#clouds.delete(replica);
  }

  /** In one order, whatever order it was learnt in: equal contexts are equal data. */
  toData(): Pick<StateData, "context" | "clouds"> {
    return {
      context: [...this.#context].sort(byReplica),
      clouds: [...this.#clouds]
        .map(([replica, cloud]) => [replica, [...cloud].sort((a, b) => a - b)] as const)
        .sort(byReplica),
    };
  }
}

function byReplica([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}
