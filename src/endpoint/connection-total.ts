/**
 * How many connections there are, on all I/O threads together: a row each in shared memory, which only its own thread counts in,
 * so that the limit holds at the instant a client comes, without asking anybody.
 *
 * ```
 *   owner │ connections      a row for each I/O thread; 0 as the owner: it is nobody's
 * ```
 *
 * A thread that was given up may still run for a moment: its row is another one's by then, and it counts no more.
 */

const ROW = 2;
const OWNER = 0;
const CONNECTIONS = 1;

export class ConnectionTotal {
  /** Shared by all I/O threads. */
  readonly buffer: SharedArrayBuffer;
  readonly #rows: Int32Array;
  readonly #row: number;
  readonly #owner: number;

  /**
   * @param row - The own one; the first is the main thread's.
   * @param owner - Who has it, by a number that nobody else ever has.
   */
  constructor(buffer: SharedArrayBuffer = ConnectionTotal.allocate(1), row = 0, owner = 1) {
    this.buffer = buffer;
    this.#rows = new Int32Array(buffer);
    this.#row = row * ROW;
    this.#owner = owner;
    if (row === 0) this.give(0, owner);
  }

  static allocate(rows: number): SharedArrayBuffer {
    return new SharedArrayBuffer(rows * ROW * Int32Array.BYTES_PER_ELEMENT);
  }

  /** Counts one more, unless that were more than `max`. Two that come at once may both be one too many, never both one too few. */
  enter(max: number): boolean {
    this.#add(1);
    if (this.total <= max) return true;
    this.#add(-1);
    return false;
  }

  leave(): void {
    this.#add(-1);
  }

  /** Of all threads. */
  get total(): number {
    let total = 0;
    for (let at = CONNECTIONS; at < this.#rows.length; at += ROW) total += Atomics.load(this.#rows, at);
    return total;
  }

  /** Gives a row to a new owner, with no connections; 0: to nobody. */
  give(row: number, owner: number): void {
    Atomics.store(this.#rows, row * ROW + OWNER, owner);
    Atomics.store(this.#rows, row * ROW + CONNECTIONS, 0);
  }

  #add(change: 1 | -1): void {
    if (Atomics.load(this.#rows, this.#row + OWNER) !== this.#owner) return;
    Atomics.add(this.#rows, this.#row + CONNECTIONS, change);
  }
}
