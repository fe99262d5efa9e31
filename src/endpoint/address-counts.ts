/** How many clients there are from each address, for `maxConnectionsPerAddress`. Kept by the main thread, for all I/O threads. */

/** Whom an I/O thread asks: the counts themselves, or, where they are on another thread, somebody who asks there. */
export interface AddressLimit {
  /** Whether one more may come. If so, it counts. */
  enter(network: string): boolean | Promise<boolean>;
  leave(network: string): void;
}

export class AddressCounts implements AddressLimit {
  readonly #max: number;
  readonly #counts = new Map<string, number>();

  constructor(max: number) {
    this.#max = max;
  }

  enter(network: string): boolean {
    const count = this.#counts.get(network) ?? 0;
    if (count >= this.#max) return false;
    this.#counts.set(network, count + 1);
    return true;
  }

  leave(network: string): void {
    const count = (this.#counts.get(network) ?? 0) - 1;
    if (count <= 0) this.#counts.delete(network);
    else this.#counts.set(network, count);
  }
}
