/**
 * What was sent and is not answered yet, of all connections. It has a fixed number of slots and makes nothing per message.
 *
 * The slots of a connection are a list in the order of sending:
 *
 *     first[connection] → slot → slot → slot ← last[connection]      the first is the oldest
 *
 * so a look at the first finds what has been waiting for too long, and a connection that closes loses its own only. A ref
 * names its slot and how often that has been used, so an answer that comes too late meets a slot that is not its own.
 */

/** No slot. */
export const NONE = -1;

export class Outstanding {
  /** By slot, also right after {@link take}: the channel it was sent on, when it was meant for, when it was sent. */
  readonly channel: Uint16Array;
  readonly meantMs: Float64Array;
  readonly sentMs: Float64Array;
  /** By slot: 1 if it belongs to the measurement, 0 if to the warm-up. */
  readonly counts: Uint8Array;
  /** How many there are. */
  size = 0;
  readonly #firstRef: number;
  readonly #capacity: number;
  readonly #uses: Float64Array;
  readonly #connection: Int32Array;
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #free: Int32Array;
  readonly #first: Int32Array;
  readonly #last: Int32Array;

  /** @param firstRef - Its refs begin there: the lower ones are those of joins. */
  constructor(capacity: number, connections: number, firstRef: number) {
    this.#capacity = capacity;
    this.#firstRef = firstRef;
    this.channel = new Uint16Array(capacity);
    this.meantMs = new Float64Array(capacity);
    this.sentMs = new Float64Array(capacity);
    this.counts = new Uint8Array(capacity);
    this.#uses = new Float64Array(capacity);
    this.#connection = new Int32Array(capacity).fill(NONE);
    this.#next = new Int32Array(capacity);
    this.#previous = new Int32Array(capacity);
    this.#free = new Int32Array(capacity).map((_, i) => capacity - 1 - i);
    this.#first = new Int32Array(connections).fill(NONE);
    this.#last = new Int32Array(connections).fill(NONE);
  }

  get isFull(): boolean {
    return this.size === this.#capacity;
  }

  /** Takes a slot, of which there must be one. @returns The ref that the answer will have. */
  add(connection: number, channel: number, meantMs: number, sentMs: number, counts: boolean): number {
    const slot = this.#free[this.#capacity - 1 - this.size] as number;
    this.size += 1;
    this.channel[slot] = channel;
    this.meantMs[slot] = meantMs;
    this.sentMs[slot] = sentMs;
    this.counts[slot] = counts ? 1 : 0;
    this.#connection[slot] = connection;
    const last = this.#last[connection] as number;
    this.#previous[slot] = last;
    this.#next[slot] = NONE;
    if (last === NONE) this.#first[connection] = slot;
    else this.#next[last] = slot;
    this.#last[connection] = slot;
    return this.#firstRef + (this.#uses[slot] as number) * this.#capacity + slot;
  }

  /** Gives back the slot of the message that this answers; {@link NONE} if there is none, as it came too late. */
  take(connection: number, ref: number): number {
    const place = ref - this.#firstRef;
    const slot = place % this.#capacity;
    if (place < 0 || this.#connection[slot] !== connection) return NONE;
    if (this.#uses[slot] !== (place - slot) / this.#capacity) return NONE;
    this.release(slot);
    return slot;
  }

  /** The slot that waits longest on that connection, or {@link NONE}. */
  oldest(connection: number): number {
    return this.#first[connection] as number;
  }

  /** The one sent after it on the same connection, or {@link NONE}. */
  after(slot: number): number {
    return this.#next[slot] as number;
  }

  release(slot: number): void {
    const connection = this.#connection[slot] as number;
    const [next, previous] = [this.#next[slot] as number, this.#previous[slot] as number];
    if (previous === NONE) this.#first[connection] = next;
    else this.#next[previous] = next;
    if (next === NONE) this.#last[connection] = previous;
    else this.#previous[next] = previous;
    this.#connection[slot] = NONE;
    this.#uses[slot] = (this.#uses[slot] as number) + 1;
    this.size -= 1;
    this.#free[this.#capacity - 1 - this.size] = slot;
  }
}
