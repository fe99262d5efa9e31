/**
 * The memory all threads of a runtime share. Only what must be true on every thread at the same instant lives here; the
 * rest travels in messages. Everything is written with single atomic operations: a thread can be terminated between any
 * two instructions, so there is no lock that could stay held.
 *
 * ```
 *   cells     one row a slot (0 = main I/O thread, 1 … N = schedulers, then further I/O threads, then those kept for
 *             definitions): thread number, load
 *   placements  which definitions have a slot of their own (placements.ts)
 *   names     registered names: name → pid (names.ts)
 *   keys      unique keys of registries: registry, key → pid (keys.ts)
 *   interest  which slots have subscribers of a topic (interest.ts)
 *   marks     what of names, keys and interest was written and is to be told to other OS processes (marks.ts)
 * ```
 */

import { type Mirror, Table } from "./mirror.js";

/** Most slots a runtime can have: the interest filter gives each a bit. One is the I/O thread's. */
export const MAX_SLOTS = 32;

/** Passed to each thread at its start. */
export interface SharedBuffers {
  readonly cells: SharedArrayBuffer;
  readonly placements: SharedArrayBuffer;
  readonly names: SharedArrayBuffer;
  readonly keys: SharedArrayBuffer;
  readonly interest: SharedArrayBuffer;
  readonly marks: SharedArrayBuffer;
  /** Seed of all hashes, random per runtime, so that nobody can prepare names that collide. */
  readonly seed: number;
  /** The main I/O thread, schedulers, further I/O threads, and what is kept for definitions. */
  readonly slots: number;
  /** How many of them, the last ones, are kept for definitions: see `dedicated.ts`. */
  readonly dedicated: number;
  /** I/O threads beside the main one: theirs are the slots after the schedulers'. */
  readonly io: number;
}

const ROW = 8;
const THREAD = 0; // thread number + 1; 0 while the slot has no thread that processes can be started on
const LOAD = 1; // living processes

/** The row of each slot. */
export class Cells {
  readonly #cells: Int32Array;
  readonly slots: number;
  readonly #mirror: Mirror | null;
  /** How many of the slots are schedulers for everybody: 1 … N. */
  readonly schedulers: number;

  constructor(buffers: SharedBuffers, mirror: Mirror | null = null) {
    this.#cells = new Int32Array(buffers.cells);
    this.slots = buffers.slots;
    this.#mirror = mirror;
    this.schedulers = buffers.slots - 1 - buffers.dedicated - buffers.io;
  }

  static bytes(slots: number): number {
    return slots * ROW * Int32Array.BYTES_PER_ELEMENT;
  }

  /**
   * The living thread of a slot; `undefined` while it is being replaced. A slot that is kept for definitions has its next thread
   * as soon as the last one is gone: what is for it waits in the outboxes until it runs.
   */
  threadOf(slot: number): number | undefined {
    const thread = Atomics.load(this.#cells, slot * ROW + THREAD);
    return thread === 0 ? undefined : thread - 1;
  }

  isAlive(thread: number): boolean {
    for (let slot = 0; slot < this.slots; slot++) {
      if (Atomics.load(this.#cells, slot * ROW + THREAD) === thread + 1) return true;
    }
    return false;
  }

  setThread(slot: number, thread: number | undefined): void {
    Atomics.store(this.#cells, slot * ROW + LOAD, 0);
    Atomics.store(this.#cells, slot * ROW + THREAD, thread === undefined ? 0 : thread + 1);
    this.#mirror?.written(Table.cells, slot * ROW);
  }

  /**
   * Counts a process of `thread` that begins or ends. Not if the slot is another thread's by now: this one was given up while
   * it was stuck, and its processes count no more. (Between the look and the write it would have to stand still for as long as
   * its successor takes to start, which sets the load to 0.)
   */
  addLoad(slot: number, thread: number, change: number): void {
    if (Atomics.load(this.#cells, slot * ROW + THREAD) !== thread + 1) return;
    Atomics.add(this.#cells, slot * ROW + LOAD, change);
    this.#mirror?.loaded(slot, thread, change);
  }

  /**
   * Counts a process where it is decided that it will run on `thread`, before it gets there: placements made in one turn
   * would otherwise all see the same load, and a wave of joins would pile up on one thread.
   */
  countProcess(thread: number): void {
    for (let slot = 0; slot < this.slots; slot++) {
      if (Atomics.load(this.#cells, slot * ROW + THREAD) === thread + 1) return this.addLoad(slot, thread, 1);
    }
  }

  /** Living processes of the thread in that slot. */
  loadOf(slot: number): number {
    return Atomics.load(this.#cells, slot * ROW + LOAD);
  }

  /** The ready scheduler, of those for everybody, with the fewest living processes; `undefined` if none is ready. */
  leastLoaded(): number | undefined {
    let best: number | undefined;
    let least = Number.POSITIVE_INFINITY;
    for (let slot = 1; slot <= this.schedulers; slot++) {
      if (Atomics.load(this.#cells, slot * ROW + THREAD) === 0) continue;
      const load = this.loadOf(slot);
      if (load < least) {
        least = load;
        best = slot;
      }
    }
    return best;
  }
}
