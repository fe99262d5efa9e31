/**
 * What all clients that are held up may keep waiting together. A thousand of them, each within its own limit, would still be
 * 16 GiB. Beyond the total those that keep the most are closed: not at once, which could be in the middle of a broadcast, but at
 * the end of the turn.
 */

export const DEFAULT_MAX_TOTAL_BUFFERED_BYTES = 268_435_456;

/** One that is held up. */
export interface Debtor {
  /** Bytes that it counts for. */
  readonly bytes: number;
  /** Discards what waits, and closes it: it takes the largest. From then on it counts no more. */
  overTotal(): void;
}

export class OutboundBudget {
  readonly #maxBytes: number;
  readonly #afterTurn: (action: () => void) => void;
  readonly #debtors = new Set<Debtor>();
  #bytes = 0;
  #isRelieving = false;

  constructor(maxBytes: number, afterTurn: (action: () => void) => void) {
    this.#maxBytes = maxBytes;
    this.#afterTurn = afterTurn;
  }

  /** Of all debtors. */
  get bytes(): number {
    return this.#bytes;
  }

  enter(debtor: Debtor): void {
    this.#debtors.add(debtor);
    this.charge(debtor.bytes);
  }

  /** Its bytes have changed by so many. */
  charge(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes <= this.#maxBytes || this.#isRelieving) return;
    this.#isRelieving = true;
    this.#afterTurn(this.#relieve);
  }

  leave(debtor: Debtor): void {
    if (this.#debtors.delete(debtor)) this.#bytes -= debtor.bytes;
  }

  readonly #relieve = (): void => {
    this.#isRelieving = false;
    if (this.#bytes <= this.#maxBytes) return; // somebody has gone meanwhile
    const largest = [...this.#debtors].sort((a, b) => b.bytes - a.bytes);
    for (const debtor of largest) {
      if (this.#bytes <= this.#maxBytes) return;
      this.leave(debtor);
      debtor.overTotal();
    }
  };
}
