/** The links of one thread: an outbox for each other thread, and which threads are gone. */
import { Arrivals } from "./arrivals.js";
import type { Batch, Link } from "./link.js";
import { Outbox, type Unsendable } from "./outbox.js";
import { Op } from "./wire.js";

export class Router {
  readonly #outboxes = new Map<number, Outbox>();
  readonly #down = new Set<number>();
  /** Of the threads below this number all that live are known. */
  #complete = 0;
  readonly #dirty: Outbox[] = [];
  readonly #arrivals = new Arrivals();

  /** The outbox for `thread`; `null` if that thread is gone. */
  outbox(thread: number): Outbox | null {
    let outbox = this.#outboxes.get(thread);
    if (outbox === undefined) {
      if (thread < this.#complete || this.#down.has(thread)) return null;
      // Heard of before its link arrived: what is sent waits in the outbox.
      outbox = new Outbox();
      this.#outboxes.set(thread, outbox);
    }
    if (outbox.isEmpty) {
      // I/O threads first: what clients are to see is on its way before another thread can answer to what it is told.
      if (thread === 0 || outbox.goesFirst) this.#dirty.unshift(outbox);
      else this.#dirty.push(outbox);
    }
    return outbox;
  }

  /** Whether a batch for `thread` is being collected. */
  hasSomethingFor(thread: number): boolean {
    return this.#outboxes.get(thread)?.isEmpty === false;
  }

  /** Whether things can be handed over to `thread` instead of copied. */
  handsOver(thread: number): boolean {
    return this.#outboxes.get(thread)?.link?.handsOver ?? true;
  }

  /** Takes in what comes over `link` with `receive`, and sends what waits for it. `lost` hears of a batch that can't be read. */
  connect(thread: number, link: Link, receive: (batch: Batch) => void, lost: (error: unknown) => void): void {
    const outbox = this.#outboxes.get(thread) ?? new Outbox();
    this.#outboxes.set(thread, outbox);
    outbox.connect(link);
    this.#dirty.push(outbox);
    this.#arrivals.add(
      link,
      (batch) => {
        if (batch[0] === Op.acknowledge) {
          outbox.acknowledged();
          this.#dirty.push(outbox); // the next full batch may go
        }
        receive(batch);
        if (batch[0] === Op.full) link.post([Op.acknowledge]); // past the outbox: two floods must not wait for each other
      },
      lost,
    );
  }

  /** A thread that is connected has sockets. */
  putFirst(thread: number): void {
    const outbox = this.#outboxes.get(thread);
    if (outbox !== undefined) outbox.goesFirst = true;
  }

  /**
   * All threads with a number below `thread` that live are connected now; of the others nobody will be heard. Threads are started
   * in the order of their numbers, so that is so at a thread's own start.
   */
  complete(thread: number): void {
    this.#complete = thread;
  }

  /** Calls `pass` with what comes over a link for others, in the order of all that comes over any. */
  relay(link: Link, pass: (batch: Batch) => void): void {
    this.#arrivals.add(link, pass, () => {}); // bytes can always be read
  }

  /** Takes in what is still in such a link, and closes it. */
  endRelay(link: Link): void {
    this.#arrivals.drain(link);
    link.close();
  }

  /** Takes in what a dead thread had still posted, then forgets it. */
  disconnect(thread: number): void {
    this.#down.add(thread);
    const link = this.#outboxes.get(thread)?.link;
    if (link) this.#arrivals.drain(link);
    link?.close();
    this.#outboxes.delete(thread);
  }

  get isDirty(): boolean {
    return this.#dirty.length > 0;
  }

  flush(refused: (what: Unsendable) => void): void {
    let unsendable: Unsendable[] | null = null;
    for (const outbox of this.#dirty) {
      for (const what of outbox.flush()) {
        unsendable ??= [];
        unsendable.push(what);
      }
    }
    this.#dirty.length = 0;
    // Not before: whoever sent what cannot be copied is ended, and others are told of it, with the I/O thread put before what the
    // list has. In the middle of the walk it would be skipped there, and then its outbox would wait for ever.
    if (unsendable !== null) for (const what of unsendable) refused(what);
  }

  closeAll(): void {
    for (const outbox of this.#outboxes.values()) outbox.link?.close();
    this.#outboxes.clear();
    this.#arrivals.clear();
  }
}
