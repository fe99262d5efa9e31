/**
 * Unique keys of registries, seen by all threads at once: who has which key in which registry. Like the names in `names.ts`, but
 * a key that is given back leaves its slot to others, so keys may be made of user data.
 *
 * ```
 *   slot:   word │ hash, low │ hash, high │ creator │ serial │ data
 *           word = state (3 bits) │ thread (16) │ version (13)
 *
 *   never ──► busy ──► claiming ──► owned ──► free ──► busy …        version + 1 with each busy
 *              ▲ written  │ seen by others
 *              └──────────┘ put back by another claim of the same key, which goes first
 * ```
 *
 * A key is sought in the slots of its window, which begins where its hash says. Two threads that claim one key at the same time
 * may take two different slots, so a claim is in three steps: take a slot and write it (`busy`), announce it (`claiming`), then
 * look through the window once more: an owned one there has won, a claiming one is put back to `busy`. At last the claim becomes
 * `owned` in one compare-and-exchange, which fails if it was put back itself; then it is announced again. Of two claims the one
 * that announces later sees the other and puts it back, or finds it owned: at most one passes. (Purcell and Harris, Non-blocking
 * Hashtables with Open Addressing, 2005, with threads' ends added.) There is no lock: a slot whose thread is gone is free.
 *
 * A reader compares the word before and after it read a slot; the version tells a slot that changed hands in between.
 * Two keys with the same 53-bit hash would be taken for one (odds below one in a million for a full table).
 */
import { ErrorCode, RuntimeError } from "../../core/errors.js";
import { hash53 } from "../../core/hash.js";
import { makePid, type Pid, pidParts } from "../../core/pid.js";
import { type Mirror, Table } from "./mirror.js";
import type { Cells, SharedBuffers } from "./shared.js";

/** Unique keys all registries of a runtime can have at a time, about: when a window is full there is no room for a key. */
export const MAX_KEYS = 131_072;
const SLOTS = MAX_KEYS * 2;
/** Slots a key may be in. With half of all slots in use, the odds that any key finds its window full are 1 in 100,000. */
const WINDOW = 128;
const STRIDE = 6;
const [LOW, HIGH, CREATOR, SERIAL, DATA] = [1, 2, 3, 4, 5];

/** No slot: nobody was ever beyond it, as a claim takes the first free slot it finds. */
const NEVER = 0;
const FREE = 1;
const BUSY = 2;
const CLAIMING = 3;
const OWNED = 4;

const stateOf = (word: number): number => word & 7;
const threadIn = (word: number): number => (word >>> 3) & 0xffff;
const wordOf = (state: number, thread: number, version: number): number => state | (thread << 3) | (version << 19);
const withState = (word: number, state: number): number => (word & ~7) | state;

export class Keys {
  readonly #table: Int32Array;
  readonly #seed: number;
  readonly #cells: Cells;
  readonly #thread: number;
  readonly #mirror: Mirror | null;

  constructor(buffers: SharedBuffers, cells: Cells, thread: number, mirror: Mirror | null = null) {
    this.#table = new Int32Array(buffers.keys);
    this.#seed = buffers.seed;
    this.#cells = cells;
    this.#thread = thread;
    this.#mirror = mirror;
  }

  static bytes(): number {
    return SLOTS * STRIDE * Int32Array.BYTES_PER_ELEMENT;
  }

  /**
   * Gives `key` in `registry` to `pid`, a process of any thread.
   *
   * @param data - A whole number that {@link dataOf} answers.
   * @returns who has it already; `undefined`: `pid` has it now.
   * @throws RuntimeError `tooManyNames`; `processExited` on a thread that has been replaced and runs on nevertheless: to the
   *   others its slots are free.
   */
  claim(registry: Pid, key: string, pid: Pid, data = 0): Pid | undefined {
    if (!this.#cells.isAlive(this.#thread)) throw replaced();
    if (this.#mirror?.authority) return this.#mirror.authority.claimKey(registry, key, pid, data);
    const hash = this.#hash(registry, key);
    for (;;) {
      const [found, at, word] = this.#look(hash);
      if (found !== undefined) return found;
      if (at === -1) throw full(key);
      const busy = wordOf(BUSY, this.#thread, ((word >>> 19) + 1) & 0x1fff);
      this.#mirror?.writes(Table.keys, at);
      if (Atomics.compareExchange(this.#table, at, word, busy) !== word) {
        this.#mirror?.written(Table.keys, at);
        continue; // somebody was faster: look again
      }
      const owner = pidParts(pid);
      Atomics.store(this.#table, at + LOW, hash | 0);
      Atomics.store(this.#table, at + HIGH, highOf(hash));
      Atomics.store(this.#table, at + CREATOR, owner.creator);
      Atomics.store(this.#table, at + SERIAL, owner.serial);
      Atomics.store(this.#table, at + DATA, data);
      const claiming = withState(busy, CLAIMING);
      const owned = wordOf(OWNED, owner.thread, busy >>> 19);
      for (;;) {
        Atomics.store(this.#table, at, claiming);
        const [winner] = this.#look(hash, at);
        if (winner !== undefined) {
          Atomics.store(this.#table, at, withState(busy, FREE));
          this.#mirror?.written(Table.keys, at); // a slot that was in use once is not where a search ends
          return winner;
        }
        if (Atomics.compareExchange(this.#table, at, claiming, owned) !== claiming) continue;
        this.#mirror?.written(Table.keys, at);
        return undefined;
      }
    }
  }

  /** Takes `key` from `pid`; `false` if it does not have it. */
  release(registry: Pid, key: string, pid: Pid): boolean {
    const hash = this.#hash(registry, key);
    const at = this.#find(hash);
    const word = at === -1 ? NEVER : Atomics.load(this.#table, at);
    if (stateOf(word) !== OWNED || this.#pidAt(at, word) !== pid || !this.#holds(at, word, hash)) return false;
    return this.free(at, word);
  }

  /** Frees the slot at `at`, if it is as `word` says. */
  free(at: number, word: number): boolean {
    this.#mirror?.writes(Table.keys, at);
    if (Atomics.compareExchange(this.#table, at, word, withState(word, FREE)) !== word) {
      this.#mirror?.written(Table.keys, at);
      return false;
    }
    this.#mirror?.freed(Table.keys, at, word);
    return true;
  }

  /** The process that has `key` in `registry`. */
  whereis(registry: Pid, key: string): Pid | undefined {
    const hash = this.#hash(registry, key);
    for (;;) {
      const at = this.#find(hash);
      if (at === -1) return undefined;
      const word = Atomics.load(this.#table, at);
      const pid = this.#pidAt(at, word);
      if (stateOf(word) === OWNED && this.#holds(at, word, hash)) return pid;
    }
  }

  /** The number the key was claimed with. */
  dataOf(registry: Pid, key: string): number | undefined {
    const hash = this.#hash(registry, key);
    for (;;) {
      const at = this.#find(hash);
      if (at === -1) return undefined;
      const word = Atomics.load(this.#table, at);
      const data = Atomics.load(this.#table, at + DATA);
      if (stateOf(word) === OWNED && this.#holds(at, word, hash)) return data;
    }
  }

  /**
   * Frees the keys of processes of this thread that `creator` asked for and that are not there: when that thread is gone and all
   * it had sent was taken in, they will not come any more.
   */
  sweep(creator: number, isThere: (pid: Pid) => boolean): void {
    for (let at = 0; at < SLOTS * STRIDE; at += STRIDE) {
      const word = Atomics.load(this.#table, at);
      if (stateOf(word) !== OWNED || threadIn(word) !== this.#thread) continue;
      if (Atomics.load(this.#table, at + CREATOR) !== creator || isThere(this.#pidAt(at, word))) continue;
      this.free(at, word);
    }
  }

  #hash(registry: Pid, key: string): number {
    return hash53(registry + key, this.#seed); // a pid ends in ">", so no two pairs give one text
  }

  /** The owned slot of a key; -1 if there is none. */
  #find(hash: number): number {
    for (let probe = 0, slot = hash % SLOTS; probe < WINDOW; probe++, slot = (slot + 1) % SLOTS) {
      const at = slot * STRIDE;
      const word = Atomics.load(this.#table, at);
      if (word === NEVER) return -1;
      if (stateOf(word) === OWNED && this.#holds(at, word, hash) && this.#cells.isAlive(threadIn(word))) return at;
    }
    return -1;
  }

  /**
   * Looks through the window of a key that is being claimed: who has it; else a slot that can be taken, with its word. Other
   * claims of the key are put back.
   *
   * @param mine - The claim's own slot, once it has one.
   */
  #look(hash: number, mine = -1): readonly [found: Pid | undefined, at: number, word: number] {
    let [free, freeWord] = [-1, 0];
    for (let probe = 0, slot = hash % SLOTS; probe < WINDOW; probe++, slot = (slot + 1) % SLOTS) {
      const at = slot * STRIDE;
      if (at === mine) continue;
      const word = Atomics.load(this.#table, at);
      const state = stateOf(word);
      if (state === NEVER || state === FREE || !this.#cells.isAlive(threadIn(word))) {
        if (free === -1) [free, freeWord] = [at, word];
        if (state === NEVER) break;
      } else if (state !== BUSY) {
        const isIt = this.#isAbout(at, hash);
        if (isIt && state === CLAIMING) {
          if (Atomics.compareExchange(this.#table, at, word, withState(word, BUSY)) === word) continue;
        } else {
          const pid = isIt ? this.#pidAt(at, word) : undefined;
          if (Atomics.load(this.#table, at) === word) {
            if (pid !== undefined) return [pid, -1, 0];
            continue;
          }
        }
        // It went on while it was read, from claiming to owned perhaps: once more.
        probe--;
        slot = (slot + SLOTS - 1) % SLOTS;
      }
    }
    return [undefined, free, freeWord];
  }

  /** Whether a slot is about the key of that hash, and its word still is `word`. */
  #holds(at: number, word: number, hash: number): boolean {
    return this.#isAbout(at, hash) && Atomics.load(this.#table, at) === word;
  }

  #isAbout(at: number, hash: number): boolean {
    return Atomics.load(this.#table, at + LOW) === (hash | 0) && Atomics.load(this.#table, at + HIGH) === highOf(hash);
  }

  #pidAt(at: number, word: number): Pid {
    const [creator, serial] = [Atomics.load(this.#table, at + CREATOR), Atomics.load(this.#table, at + SERIAL)];
    return makePid(threadIn(word), serial, creator);
  }
}

function highOf(hash: number): number {
  return Math.floor(hash / 2 ** 32);
}

function replaced(): RuntimeError {
  return new RuntimeError(
    ErrorCode.processExited,
    "this thread has been replaced; its processes are dead to all others",
  );
}

function full(key: string): RuntimeError {
  return new RuntimeError(
    ErrorCode.tooManyNames,
    `cannot register ${key}: the table of unique keys is full; it has room for about ${MAX_KEYS} at a time`,
  );
}
