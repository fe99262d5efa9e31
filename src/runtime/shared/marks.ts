/**
 * Which slots of the tables the threads of the main process have written, for the copies in other OS processes (`mirror.ts`): a bit
 * for each slot, in shared memory. Whoever writes a slot marks it; the main thread takes the marks before it writes to a pipe, and
 * tells what stands in those slots. Nothing is marked unless a definition has `isolation: "process"`.
 *
 * ```
 *   a thread      under way = slot │ write the slot │ mark it │ under way = none
 *   main thread   look at what is under way │ take the marks
 * ```
 *
 * A mark alone would come too late: between the write and the mark others may see what was written, and send a message about it. So
 * a slot counts as written from before it is until it is marked. The main thread looks at the two in the opposite order, so each
 * write that anybody can know of is in one place or in the other.
 */
import { type Mirror, SLOT_WORDS, slotFreed, Table, wordsOf } from "./mirror.js";
import { MAX_SLOTS, type SharedBuffers } from "./shared.js";

/** The tables that threads write, in the order of their marks. Cells and placements are small, and seen to otherwise. */
const MARKED = [Table.names, Table.keys, Table.interest] as const;

// A head, then three levels of bits, the marks being the last: each bit of a level stands for a word of the next that is not 0.
const ANY = 0;
const UNDER_WAY = 1; // a word for each thread's slot: the number of the mark + 1
const LEVELS = UNDER_WAY + MAX_SLOTS;

const wordsFor = (bits: number): number => Math.ceil(bits / 32);

/** How many slots each marked table has. */
function sizesOf(shared: Omit<SharedBuffers, "marks">): readonly number[] {
  const tables = wordsOf(shared);
  return MARKED.map((table) => (tables[table] as Int32Array).length / (SLOT_WORDS[table] as number));
}

/** How many words the levels have, the marks first. */
function levelsOf(bits: number): readonly [marks: number, middle: number, top: number] {
  const marks = wordsFor(bits);
  return [marks, wordsFor(marks), wordsFor(wordsFor(marks))];
}

export class Marks implements Mirror {
  /** Threads claim in the tables themselves. */
  readonly authority = null;
  readonly #words: Int32Array;
  readonly #underWay: number;
  /** Where the marks of each table begin, and the end. */
  readonly #starts: readonly number[];
  /** Where each level begins. */
  readonly #top: number;
  readonly #middle: number;
  readonly #marks: number;
  /** How many threads there can be. */
  readonly #slots: number;

  /** @param slot - The thread's that writes. */
  constructor(shared: SharedBuffers, slot: number) {
    this.#words = new Int32Array(shared.marks);
    this.#underWay = UNDER_WAY + slot;
    const starts = [0];
    for (const size of sizesOf(shared)) starts.push((starts.at(-1) as number) + size);
    this.#starts = starts;
    const [, middle, top] = levelsOf(starts.at(-1) as number);
    this.#top = LEVELS;
    this.#middle = this.#top + top;
    this.#marks = this.#middle + middle;
    this.#slots = shared.slots;
  }

  static bytes(shared: Omit<SharedBuffers, "marks">): number {
    const levels = levelsOf(sizesOf(shared).reduce((sum, size) => sum + size, 0));
    return (LEVELS + levels.reduce((sum, words) => sum + words, 0)) * Int32Array.BYTES_PER_ELEMENT;
  }

  // ---- what a thread's tables tell ----

  writes(table: Table, index: number): void {
    const mark = this.#markOf(table, index);
    if (mark !== -1) Atomics.store(this.#words, this.#underWay, mark + 1);
  }

  written(table: Table, index: number): void {
    const mark = this.#markOf(table, index);
    if (mark === -1) return;
    this.#set(mark);
    Atomics.store(this.#words, this.#underWay, 0);
  }

  freed(table: Table, index: number): void {
    this.written(table, slotFreed(table, index));
  }

  interested(word: number): void {
    this.written(Table.interest, word);
  }

  /** Only the main thread empties slots. */
  cleared(): void {}

  /** The main thread looks for itself, now and then. */
  loaded(): void {}

  // ---- what the main thread does ----

  /** Calls `tell` with each slot that was written since the last call, or is being written. The bits that are set are cleared. */
  take(tell: (table: Table, index: number) => void): void {
    const words = this.#words;
    for (let at = UNDER_WAY; at < UNDER_WAY + this.#slots; at++) {
      const mark = Atomics.load(words, at) - 1;
      if (mark !== -1) this.#tell(mark, tell);
    }
    if (Atomics.load(words, ANY) === 0) return;
    // From the top down, as marks are set from the bottom up: what is set meanwhile is found at the next call.
    Atomics.store(words, ANY, 0);
    for (let top = 0; top < this.#middle - this.#top; top++) {
      for (let bits = this.#empty(this.#top + top); bits !== 0; bits &= bits - 1) {
        const middle = top * 32 + lowestBit(bits);
        for (let inner = this.#empty(this.#middle + middle); inner !== 0; inner &= inner - 1) {
          const word = middle * 32 + lowestBit(inner);
          let marks = this.#empty(this.#marks + word);
          for (; marks !== 0; marks &= marks - 1) this.#tell(word * 32 + lowestBit(marks), tell);
        }
      }
    }
  }

  /** The thread of a slot has ended, perhaps in the middle of a write. */
  ended(slot: number): void {
    const mark = Atomics.exchange(this.#words, UNDER_WAY + slot, 0) - 1;
    if (mark !== -1) this.#set(mark);
  }

  #set(mark: number): void {
    const words = this.#words;
    Atomics.or(words, this.#marks + (mark >>> 5), 1 << (mark & 31));
    Atomics.or(words, this.#middle + (mark >>> 10), 1 << ((mark >>> 5) & 31));
    Atomics.or(words, this.#top + (mark >>> 15), 1 << ((mark >>> 10) & 31));
    Atomics.store(words, ANY, 1);
  }

  /** The bits of a word, which are not set any more. */
  #empty(word: number): number {
    return Atomics.load(this.#words, word) === 0 ? 0 : Atomics.exchange(this.#words, word, 0);
  }

  #markOf(table: Table, index: number): number {
    const place = MARKED.indexOf(table as (typeof MARKED)[number]);
    return place === -1 ? -1 : (this.#starts[place] as number) + index / (SLOT_WORDS[table] as number);
  }

  #tell(mark: number, tell: (table: Table, index: number) => void): void {
    const next = this.#starts.findIndex((start) => start > mark);
    const table = MARKED[next - 1] as Table; // the last start is beyond all marks
    tell(table, (mark - (this.#starts[next - 1] as number)) * (SLOT_WORDS[table] as number));
  }
}

const lowestBit = (bits: number): number => 31 - Math.clz32(bits & -bits);
