/** The links of one thread: an outbox for each other thread, and which threads are gone. */
import type { Link } from "./link.js";
import { Outbox, type Unsendable } from "./outbox.js";

export class Router {
  readonly #outboxes = new Map<number, Outbox>();
  readonly #down = new Set<number>();
  readonly #dirty: Outbox[] = [];

  /** The outbox for `thread`; `null` if that thread is gone. */
  outbox(thread: number): Outbox | null {
    let outbox = this.#outboxes.get(thread);
    if (outbox === undefined) {
      if (this.#down.has(thread)) return null;
      // Heard of before its link arrived: what is sent waits in the outbox.
      outbox = new Outbox();
      this.#outboxes.set(thread, outbox);
    }
    if (outbox.isEmpty) this.#dirty.push(outbox);
    return outbox;
  }

  connect(thread: number, link: Link): void {
    let outbox = this.#outboxes.get(thread);
    if (outbox === undefined) {
      outbox = new Outbox();
      this.#outboxes.set(thread, outbox);
    }
    outbox.connect(link);
    this.#dirty.push(outbox);
  }

  /** Takes in what a dead thread had still posted, then forgets it. */
  disconnect(thread: number): void {
    this.#down.add(thread);
    const link = this.#outboxes.get(thread)?.link;
    link?.drain();
    link?.close();
    this.#outboxes.delete(thread);
  }

  get isDirty(): boolean {
    return this.#dirty.length > 0;
  }

  flush(refused: (what: Unsendable) => void): void {
    while (this.#dirty.length > 0) {
      for (const what of (this.#dirty.pop() as Outbox).flush()) refused(what); // the length was asked
    }
  }

  closeAll(): void {
    for (const outbox of this.#outboxes.values()) outbox.link?.close();
    this.#outboxes.clear();
  }
}
