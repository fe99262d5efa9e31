/**
 * Takes in what comes over the links of a thread in the order of cause and effect, also where three threads are in it:
 *
 * ```
 *   A ──── "state" ────────────────► C        C has both in its ports, and the event loop may look at B's first.
 *   A ──── "track" ──► B ── "diff" ──► C        Yet A posted "state" before B could know of "track".
 * ```
 *
 * Batches carry the time they were posted at. Before one is taken in, all links are looked at: whatever caused it was
 * posted before it, so it is in its port, and older. On one node of Erlang a send is a delivery, so nothing can overtake.
 */
import type { Arrived, Batch, Link } from "./link.js";

/** Batches that are taken in before timers and I/O have their turn. */
const MOST_AT_ONCE = 32;

interface Source {
  readonly link: Link;
  readonly receive: (batch: Batch) => void;
  /** What has come and was not taken in, the oldest first. */
  readonly waiting: Arrived[];
}

export class Arrivals {
  readonly #sources = new Map<Link, Source>();
  #goesOn = false;

  add(link: Link, receive: (batch: Batch) => void, lost: (error: unknown) => void): void {
    const source: Source = { link, receive, waiting: [] };
    this.#sources.set(link, source);
    link.onBatch((arrived) => {
      if (this.#sources.size === 1) return receive(arrived.batch);
      source.waiting.push(arrived);
      this.#takeIn();
    }, lost);
  }

  /** Takes in all that was posted over a link whose other side is dead, and forgets it. */
  drain(link: Link): void {
    const source = this.#sources.get(link);
    if (source === undefined) return;
    for (
      let next = source.waiting.shift() ?? link.take();
      next !== undefined;
      next = source.waiting.shift() ?? link.take()
    ) {
      source.receive(next.batch);
    }
    this.#sources.delete(link);
  }

  clear(): void {
    this.#sources.clear();
  }

  #takeIn(): void {
    try {
      for (let taken = 0; taken < MOST_AT_ONCE; taken++) {
        const source = this.#oldest();
        if (source === undefined) return;
        source.receive((source.waiting.shift() as Arrived).batch); // it has one
      }
    } finally {
      this.#goOnLater();
    }
  }

  /** The source of the oldest batch that has come over any link. */
  #oldest(): Source | undefined {
    // Until a round finds nothing more: a link that was empty may have got the cause of what another one had.
    for (let found = true; found; ) {
      found = false;
      for (const source of this.#sources.values()) {
        if (source.waiting.length > 0) continue;
        const arrived = source.link.take();
        if (arrived === undefined) continue;
        source.waiting.push(arrived);
        found = true;
      }
    }
    let oldest: Source | undefined;
    let oldestNs = 0;
    for (const source of this.#sources.values()) {
      const first = source.waiting[0];
      // No time at all, of a thread whose clock code has taken away, is as old as any: it must not wait for ever.
      if (first === undefined || (oldest !== undefined && first.postedNs >= oldestNs)) continue;
      oldest = source;
      oldestNs = first.postedNs;
    }
    return oldest;
  }

  #goOnLater(): void {
    if (this.#goesOn || ![...this.#sources.values()].some(({ waiting }) => waiting.length > 0)) return;
    this.#goesOn = true;
    setImmediate(() => {
      this.#goesOn = false;
      this.#takeIn();
    });
  }
}
