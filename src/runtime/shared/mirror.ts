/**
 * The tables of `shared.ts` where there is no memory to share, because schedulers are in OS processes of their own. The main process
 * has the tables that count, each other process a copy, which is written word by word as the main process says. Threads of the main
 * process write the tables that count directly; what they have written is found by their marks (`marks.ts`).
 *
 * ```
 *   claim    copy ── asks, and waits ──► main process ── the words it wrote ──► all copies, then the answer
 *   free     copy, at once ── "free it" ─► main process ── the words it wrote ──► all copies
 *   read     from the copy
 * ```
 *
 * What keeps a copy true enough is its stream: words, batches and the ends of threads come from the main process in one order. So a
 * process that hears of a name in a message finds it registered, and one that hears of a death finds the name free.
 */
import type { Pid } from "../../core/pid.js";
import type { SharedBuffers } from "./shared.js";

export const Table = { cells: 0, names: 1, keys: 2, interest: 3, placements: 4 } as const;
export type Table = (typeof Table)[keyof typeof Table];

/** What the tables tell of their changes. */
export interface Mirror {
  /** Who decides in place of this table; `null` in the main process, whose tables do. */
  readonly authority: Authority | null;
  /** The slot at `index`, in words of 32 bits, is about to be written. `written` or `freed` follows, also if it was not. */
  writes(table: Table, index: number): void;
  /** The slot at `index`, in words of 32 bits, was written. */
  written(table: Table, index: number): void;
  /** A slot was freed that held `before`. `index` is the word that was compared: of 64 bits in `names`, else of 32. */
  freed(table: Table, index: number, before: bigint | number): void;
  interested(word: number, wants: boolean): void;
  /** A slot has no interest in anything any more. */
  cleared(slot: number): void;
  loaded(slot: number, thread: number, change: number): void;
}

/** Decides who has what, while the caller stands still. @throws RuntimeError `callTimeout` */
export interface Authority {
  claimName(name: string, pid: Pid): boolean;
  claimKey(registry: Pid, key: string, pid: Pid, data: number): Pid | undefined;
}

/** Words of a slot, by table: what changes together. Placements change seldom, and all together. */
export const SLOT_WORDS: readonly number[] = [2, 4, 6, 1];

/** The slot that {@link Mirror.freed} names, in words of 32 bits. */
export function slotFreed(table: Table, index: number): number {
  return table === Table.names ? (index - 1) * 2 : index;
}

/** The tables, by their numbers. */
export function wordsOf(shared: Omit<SharedBuffers, "marks">): readonly Int32Array[] {
  return [shared.cells, shared.names, shared.keys, shared.interest, shared.placements].map(
    (buffer) => new Int32Array(buffer),
  );
}

/** Adds what is in `count` words of a table to a list of changes: table, index, count, words. */
export function addWords(to: number[], table: Table, words: Int32Array, index: number, count: number): void {
  to.push(table, index, count);
  for (let at = index; at < index + count; at++) to.push(Atomics.load(words, at));
}

/** Adds the slot at `index` as it was at one instant: threads may be writing it. A table without slots is added as a whole. */
export function addSlot(to: number[], table: Table, words: Int32Array, index: number): void {
  const start = to.length;
  for (let isTorn = true; isTorn; ) {
    to.length = start;
    addWords(to, table, words, index, SLOT_WORDS[table] ?? words.length);
    isTorn = false;
    for (let at = start + 3; at < to.length; at++) {
      if (to[at] !== Atomics.load(words, index + at - start - 3)) isTorn = true;
    }
  }
}

/** Adds that a slot has no interest any more. */
export function addCleared(to: number[], slot: number): void {
  to.push(Table.interest, -1 - slot, 0);
}

/**
 * Adds all words that are not 0, as changes of tables that are still empty. What threads write meanwhile may be torn: it is marked.
 */
export function addAll(changes: number[], tables: readonly Int32Array[]): void {
  for (const [table, words] of tables.entries()) {
    for (let at = 0; at < words.length; at++) {
      if (words[at] === 0) continue;
      let end = at + 1;
      while (end < words.length && words[end] !== 0) end++;
      addWords(changes, table as Table, words, at, end - at); // tables are numbered in this order
      at = end;
    }
  }
}

/** Writes changes into a copy. Nobody else reads it meanwhile: a copy has one thread. */
export function applyWords(tables: readonly Int32Array[], changes: Buffer): void {
  for (let at = 0; at < changes.length; ) {
    const words = tables[changes.readInt32LE(at)] as Int32Array; // our own process wrote it
    const index = changes.readInt32LE(at + 4);
    const count = changes.readInt32LE(at + 8);
    at += 12;
    if (index < 0) {
      const mask = ~(1 << (-1 - index));
      for (let word = 0; word < words.length; word++) words[word] = (words[word] as number) & mask;
    }
    for (let offset = 0; offset < count; offset++, at += 4) words[index + offset] = changes.readInt32LE(at);
  }
}

/** Numbers of 32 bits as they travel. */
export function int32Bytes(numbers: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe(numbers.length * 4);
  for (let at = 0; at < numbers.length; at++) bytes.writeInt32LE(numbers[at] as number, at * 4);
  return bytes;
}
