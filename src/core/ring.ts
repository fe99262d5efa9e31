/** A queue in a growing ring: the mailbox and the run queue. `push` and `shift` cost the same however long it is. */

const SMALLEST = 8;
/** Larger ones are given back when they are empty. */
const LARGE = 1024;
/** What every empty ring starts from: nothing is ever written into it. */
const NOTHING: never[] = [];

export class Ring<T> {
  // A power of two, so that an index wraps with a mask. Empty until the first push: an idle mailbox costs nothing.
  #items: (T | undefined)[] = NOTHING;
  #head = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(item: T): void {
    if (this.#size === this.#items.length) this.#grow();
    this.#items[(this.#head + this.#size) & (this.#items.length - 1)] = item;
    this.#size++;
  }

  /** Takes the oldest item; `undefined` when empty, so ask `size` first where `undefined` is an item. */
  shift(): T | undefined {
    if (this.#size === 0) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head] = undefined; // or the queue would keep it alive
    this.#head = (this.#head + 1) & (this.#items.length - 1);
    this.#size--;
    // A flood leaves a large ring behind; give it back once it is over.
    if (this.#size === 0 && this.#items.length > LARGE) this.clear();
    return item;
  }

  /**
   * As {@link shift}, but the item can be seen in {@link taken} until the next `take`, or until {@link forget}: it stays in its
   * place, which costs nothing, where a field of its own would be a write for each item.
   */
  take(): T | undefined {
    const items = this.#items;
    if (this.#size === 0) return undefined;
    this.forget();
    const item = items[this.#head];
    this.#head = (this.#head + 1) & (items.length - 1);
    this.#size--;
    return item;
  }

  /** What was taken last; `undefined` if that was long ago, or what came since needed its place. */
  get taken(): T | undefined {
    return this.#size < this.#items.length ? this.#items[this.#before] : undefined;
  }

  /** Lets go of {@link taken}, so that it isn't kept alive; of a flood's large ring, too. */
  forget(): void {
    if (this.#size === 0 && this.#items.length > LARGE) this.clear();
    else if (this.#size < this.#items.length) this.#items[this.#before] = undefined; // else another item has its place
  }

  get #before(): number {
    return (this.#head - 1) & (this.#items.length - 1);
  }

  /** The item `index` places behind the oldest. */
  at(index: number): T | undefined {
    return index < this.#size ? this.#items[(this.#head + index) & (this.#items.length - 1)] : undefined;
  }

  /** Takes out the item `index` places behind the oldest; the others keep their order. For selective receive. */
  takeAt(index: number): T | undefined {
    const mask = this.#items.length - 1;
    const item = this.at(index);
    this.forget(); // the others move: what is before the head must be nothing
    for (let i = index; i > 0; i--) {
      this.#items[(this.#head + i) & mask] = this.#items[(this.#head + i - 1) & mask];
    }
    this.shift();
    return item;
  }

  clear(): void {
    this.#items = NOTHING;
    this.#head = 0;
    this.#size = 0;
  }

  #grow(): void {
    const larger: (T | undefined)[] = new Array(Math.max(SMALLEST, this.#items.length * 2));
    for (let i = 0; i < this.#size; i++) larger[i] = this.at(i);
    this.#items = larger;
    this.#head = 0;
  }
}
