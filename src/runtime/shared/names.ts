/**
 * Registered names, seen by all threads at once. Erlang's names are atoms: a bounded table that is never collected. So is
 * this one: a slot, once a name has it, is that name's for ever, and only its owner changes. That makes every operation
 * one compare-and-exchange: no lock, nothing half done if the thread is terminated in the middle, and `register` and
 * `whereis` answer at once, as in Erlang. For names made of user data use a registry.
 *
 * Slots are found by a seeded 53-bit hash of the name; two names with the same hash would be taken for one name (odds
 * below one in a hundred million for ten thousand names). Why shared memory: `docs/decisions/0004-names-in-shared-memory.md`.
 */
import { ErrorCode, RuntimeError } from "../../core/errors.js";
import { hash53 } from "../../core/hash.js";
import { makePid, type Pid, pidParts } from "../../core/pid.js";
import { Registrations } from "../registrations.js";
import type { Keys } from "./keys.js";
import { type Mirror, slotFreed, Table } from "./mirror.js";
import type { Cells, SharedBuffers } from "./shared.js";

/** Distinct names a runtime can ever use. */
export const MAX_NAMES = 65_536;
const SLOTS = MAX_NAMES * 2; // half empty, so that probing stays short
const FREE = 0n;

export class Names {
  // Two words a slot: the name's hash, and the owner's pid packed into 64 bits.
  readonly #table: BigInt64Array;
  readonly #seed: number;
  readonly #cells: Cells;
  readonly #mirror: Mirror | null;
  /** name → slot: stays true for ever, because slots never change hands. */
  readonly #slots = new Map<string, number>();
  /** The other kind of names: keys in registries. */
  readonly keys: Keys;
  /** What the processes of this thread have registered in registries. */
  readonly registrations: Registrations;

  constructor(buffers: SharedBuffers, cells: Cells, keys: Keys, mirror: Mirror | null = null) {
    this.#table = new BigInt64Array(buffers.names);
    this.#seed = buffers.seed;
    this.#cells = cells;
    this.#mirror = mirror;
    this.keys = keys;
    this.registrations = new Registrations();
  }

  static bytes(): number {
    return SLOTS * 2 * BigInt64Array.BYTES_PER_ELEMENT;
  }

  /** Gives `name` to `pid`; `false` if a living process has it. */
  claim(name: string, pid: Pid): boolean {
    if (this.#mirror?.authority) return this.#mirror.authority.claimName(name, pid);
    const word = this.#slotOf(name, true) * 2 + 1;
    const mine = pack(pid);
    this.#mirror?.writes(Table.names, (word - 1) * 2);
    for (;;) {
      const owner = Atomics.load(this.#table, word);
      // A name whose owner's thread is gone is free: nobody was left there to release it.
      const isFree = owner === FREE || !this.#cells.isAlive(threadIn(owner));
      if (isFree && Atomics.compareExchange(this.#table, word, owner, mine) !== owner) continue;
      this.#mirror?.written(Table.names, (word - 1) * 2);
      return isFree;
    }
  }

  /** Frees `name` if `pid` has it. */
  release(name: string, pid: Pid): boolean {
    const slot = this.#slotOf(name, false);
    if (slot === -1) return false;
    return this.free(slot * 2 + 1, pack(pid));
  }

  /** Frees the name whose owner is in `word`, if that is `owner`. */
  free(word: number, owner: bigint): boolean {
    const slot = slotFreed(Table.names, word);
    this.#mirror?.writes(Table.names, slot);
    if (Atomics.compareExchange(this.#table, word, owner, FREE) !== owner) {
      this.#mirror?.written(Table.names, slot);
      return false;
    }
    this.#mirror?.freed(Table.names, word, owner);
    return true;
  }

  /** The process registered under `name`. */
  whereis(name: string): Pid | undefined {
    const slot = this.#slotOf(name, false);
    if (slot === -1) return undefined;
    const owner = Atomics.load(this.#table, slot * 2 + 1);
    if (owner === FREE || !this.#cells.isAlive(threadIn(owner))) return undefined;
    return unpack(owner);
  }

  /**
   * Frees the names of processes of `thread`, the own one, that `creator` asked for and that are not there: when that thread is
   * gone and all it had sent was taken in, they will not come any more.
   */
  sweep(thread: number, creator: number, isThere: (pid: Pid) => boolean): void {
    // Halves of words are cheaper to look through than BigInts. Every platform of Node.js has the lower one first.
    const halves = new Int32Array(this.#table.buffer);
    for (let word = 1; word < SLOTS * 2; word += 2) {
      const high = Atomics.load(halves, word * 2 + 1);
      if (high >>> 15 !== thread || (high & 0x7fff) !== creator >>> 1) continue;
      const owner = Atomics.load(this.#table, word);
      const pid = unpack(owner);
      if (owner === FREE || pidParts(pid).creator !== creator || isThere(pid)) continue;
      this.free(word, owner);
    }
  }

  #slotOf(name: string, add: boolean): number {
    const known = this.#slots.get(name);
    if (known !== undefined) return known;
    const key = BigInt(hash53(name, this.#seed)) + 1n; // 0 marks a slot no name has
    const start = Number(key % BigInt(SLOTS));
    for (let probe = 0; probe < MAX_NAMES; probe++) {
      const slot = (start + probe) % SLOTS;
      let found = Atomics.load(this.#table, slot * 2);
      if (found === FREE) {
        if (!add) return -1;
        this.#mirror?.writes(Table.names, slot * 4);
        found = Atomics.compareExchange(this.#table, slot * 2, FREE, key);
        if (found === FREE) found = key; // ours now; else another thread was first, perhaps with the same name
      }
      if (found === key) {
        this.#slots.set(name, slot);
        return slot;
      }
    }
    if (!add) return -1;
    throw new RuntimeError(
      ErrorCode.tooManyNames,
      `cannot register "${name}": the runtime has used ${MAX_NAMES} distinct names already, and names are never collected`,
    );
  }
}

// thread: 16 bits, creator: 16 bits, serial + 1: 31 bits. Threads and creators are numbered from 0 and never reused;
// `thread-keeper.ts` sees to it that there are no more than 16 bits can number.
function pack(pid: Pid): bigint {
  const { thread, serial, creator } = pidParts(pid);
  return (BigInt(thread) << 47n) | (BigInt(creator) << 31n) | BigInt(serial & 0x7fffffff);
}

function threadIn(owner: bigint): number {
  return Number(owner >> 47n);
}

function unpack(owner: bigint): Pid {
  return makePid(threadIn(owner), Number(owner & 0x7fffffffn), Number((owner >> 31n) & 0xffffn));
}
