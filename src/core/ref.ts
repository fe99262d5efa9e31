/** References: unique in the runtime for its life, ordered by nothing. Used for monitors, calls and timers. */

declare const brand: unique symbol;

/** Names one monitor, call or timer. Opaque; a number only because numbers are cheap to make and to copy. */
export type Ref = number & { readonly [brand]: "Ref" };

/** 2^37 references a thread, 2^16 threads: both fit an exact integer together. */
const PER_THREAD = 2 ** 37;

/** Hands out the references of one thread. */
export class RefSource {
  #next: number;

  constructor(thread: number) {
    this.#next = thread * PER_THREAD + 1;
  }

  next(): Ref {
    return this.#next++ as Ref; // The only place where a number becomes a Ref.
  }
}
