/** A queue in a growing ring: the mailbox and the run queue. `push` and `shift` cost the same however long it is. */

const SMALLEST = 8;
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
    if (this.#size === 0 && this.#items.length > 1024) this.clear();
    return item;
  }

  /** The item `index` places behind the oldest. */
  at(index: number): T | undefined {
    return index < this.#size ? this.#items[(this.#head + index) & (this.#items.length - 1)] : undefined;
  }

  /** Takes out the item `index` places behind the oldest; the others keep their order. For selective receive. */
  takeAt(index: number): T | undefined {
    const mask = this.#items.length - 1;
    const item = this.at(index);
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
