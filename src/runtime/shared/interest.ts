/**
 * Which slots have subscribers of a topic: a filter in shared memory, one word of bits per hash of the topic. A publisher
 * asks it and posts only to threads that may have somebody there. Two topics that share a hash cost a message that finds
 * nobody; a subscriber is never missed: its bit is set, for all threads to see, before `add` returns. A table replicated
 * by messages could not promise that: a subscriber's message to a third thread could overtake the news of its subscription.
 */
import { hash53 } from "../../core/hash.js";
import { type Mirror, Table } from "./mirror.js";
import { MAX_SLOTS, type SharedBuffers } from "./shared.js";

const WORDS = 65_536;

export class Interest {
  readonly #bits: Int32Array;
  readonly #seed: number;
  readonly #slot: number;
  readonly #mirror: Mirror | null;
  /** This slot's topics per word: the bit goes when the last one does. */
  readonly #counts: Uint32Array = new Uint32Array(WORDS);

  constructor(buffers: SharedBuffers, slot: number, mirror: Mirror | null = null) {
    this.#bits = new Int32Array(buffers.interest);
    this.#seed = buffers.seed;
    this.#slot = slot;
    this.#mirror = mirror;
  }

  static bytes(): number {
    return WORDS * Int32Array.BYTES_PER_ELEMENT;
  }

  /** This thread has subscribers of `topic` from now on. Once per topic, not per subscriber. */
  add(topic: string): void {
    const word = this.#wordOf(topic);
    if (++(this.#counts as { [word: number]: number })[word]! === 1) this.set(word, this.#slot, true);
  }

  remove(topic: string): void {
    const word = this.#wordOf(topic);
    if (--(this.#counts as { [word: number]: number })[word]! === 0) this.set(word, this.#slot, false);
  }

  /** Whether a slot may have subscribers of the topics of a word. */
  set(word: number, slot: number, wants: boolean): void {
    this.#mirror?.writes(Table.interest, word);
    if (wants) Atomics.or(this.#bits, word, 1 << slot);
    else Atomics.and(this.#bits, word, ~(1 << slot));
    this.#mirror?.interested(word, wants);
  }

  /** One bit a slot that may have subscribers of `topic`. */
  slotsFor(topic: string): number {
    return Atomics.load(this.#bits, this.#wordOf(topic));
  }

  /** Forgets all interest of a slot whose thread is gone. */
  clearSlot(slot: number): void {
    if (slot < 0 || slot >= MAX_SLOTS) return;
    for (let word = 0; word < WORDS; word++) Atomics.and(this.#bits, word, ~(1 << slot));
    this.#mirror?.cleared(slot);
  }

  #wordOf(topic: string): number {
    return hash53(topic, this.#seed) % WORDS;
  }
}
