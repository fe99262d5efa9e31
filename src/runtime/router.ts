/** The links of one thread: an outbox for each other thread, and which threads are gone. */
import type { Batch, Link } from "./link.js";
import { Outbox, type Unsendable } from "./outbox.js";
import { Op } from "./wire.js";

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

  /** Takes in what comes over `link` with `receive`, and sends what waits for it. */
  connect(thread: number, link: Link, receive: (batch: Batch) => void): void {
    const outbox = this.#outboxes.get(thread) ?? new Outbox();
    this.#outboxes.set(thread, outbox);
    outbox.connect(link);
    this.#dirty.push(outbox);
    link.onBatch((batch) => {
      if (batch[0] === Op.acknowledge) {
        outbox.acknowledged();
        this.#dirty.push(outbox); // the next full batch may go
      }
      receive(batch);
      if (batch[0] === Op.full) link.post([Op.acknowledge]); // past the outbox: two floods must not wait for each other
    });
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
