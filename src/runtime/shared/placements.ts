/**
 * Which definitions run on a thread kept for them, and in which slot: in shared memory, so that it is true for all threads at
 * the same instant. Only the main thread writes; what stands here stays.
 *
 * ```
 *   version │ count │ 0    │ 0        a head and rows of four words
 *   hash, low │ high │ slot │ 0
 * ```
 *
 * A row is written before the version says so, and who reads looks at the version first: what is remembered of an older version
 * is looked up again.
 */
import { hash53 } from "../../core/hash.js";
import { type Mirror, Table } from "./mirror.js";
import type { SharedBuffers } from "./shared.js";

/** Keys of definitions that can be placed. */
export const MAX_PLACED = 256;
/** Answers that are remembered; keys are the application's, but a program may ask for what does not exist. */
const MAX_REMEMBERED = 1000;

const VERSION = 0;
const COUNT = 1;
const ROWS = 4;
const STRIDE = 4;

export class Placements {
  readonly #table: Int32Array;
  readonly #seed: number;
  readonly #mirror: Mirror | null;
  readonly #known = new Map<string, number>();
  #version = 0;

  constructor(buffers: SharedBuffers, mirror: Mirror | null = null) {
    this.#table = new Int32Array(buffers.placements);
    this.#seed = buffers.seed;
    this.#mirror = mirror;
  }

  static bytes(): number {
    return (ROWS + MAX_PLACED * STRIDE) * Int32Array.BYTES_PER_ELEMENT;
  }

  /** The slot that is kept for the definition of this key; 0: it runs where it is asked for. */
  slotOf(key: string): number {
    const version = Atomics.load(this.#table, VERSION);
    if (version === 0) return 0;
    if (version !== this.#version || this.#known.size >= MAX_REMEMBERED) {
      this.#known.clear();
      this.#version = version;
    }
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const row = this.#find(key);
    const slot = row === -1 ? 0 : Atomics.load(this.#table, row + 2);
    this.#known.set(key, slot);
    return slot;
  }

  /** Whether there is room for so many keys more. */
  hasRoom(keys: number): boolean {
    return Atomics.load(this.#table, COUNT) + keys <= MAX_PLACED;
  }

  /** Keeps a slot for the definition of these keys, for which there is room and none yet. Main thread only. */
  place(keys: readonly string[], slot: number): void {
    const count = Atomics.load(this.#table, COUNT);
    for (const [index, key] of keys.entries()) {
      const hash = hash53(key, this.#seed);
      const row = ROWS + (count + index) * STRIDE;
      Atomics.store(this.#table, row, low(hash));
      Atomics.store(this.#table, row + 1, high(hash));
      Atomics.store(this.#table, row + 2, slot);
    }
    Atomics.store(this.#table, COUNT, count + keys.length);
    Atomics.add(this.#table, VERSION, 1);
    this.#mirror?.written(Table.placements, 0);
  }

  #find(key: string): number {
    const hash = hash53(key, this.#seed);
    const end = ROWS + Atomics.load(this.#table, COUNT) * STRIDE;
    for (let row = ROWS; row < end; row += STRIDE) {
      if (Atomics.load(this.#table, row) !== low(hash) || Atomics.load(this.#table, row + 1) !== high(hash)) continue;
      return row;
    }
    return -1;
  }
}

const low = (hash: number): number => hash | 0;
const high = (hash: number): number => Math.floor(hash / 2 ** 32);
