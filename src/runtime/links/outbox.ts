/**
 * What this thread has for another one, collected over a turn and posted as one batch. A thread that was heard of (its
 * pid came along in a message) before its link arrived has an outbox too: its batch waits for the link.
 *
 * A flood is posted in full batches, a few at a time: the receiver acknowledges each, and the next follows. Taking in a
 * batch of a million operations would hold the other thread's timers and everyone else's messages for a third of a second.
 */
import type { TransferListItem } from "node:worker_threads";
import type { Pid } from "../../core/pid.js";
import { toPlain } from "../../core/plain.js";
import { Ring } from "../../core/ring.js";
import type { Link } from "./link.js";
import { ARITY, Op } from "./wire.js";

/** Operations of a full batch: about 0.3 ms to take in. */
const FULL = 1000;
/** Full batches that may be on their way at once. */
const MAX_IN_FLIGHT = 4;

/** What operations hand over instead of copying, by their number in the batch. */
type Transfers = ReadonlyMap<number, readonly TransferListItem[]>;

interface Batched {
  readonly batch: unknown[];
  readonly senders: readonly (Pid | null)[];
  readonly transfers: Transfers | null;
}

/** An operation that could not be copied to another thread, and who sent it. */
export interface Unsendable {
  readonly sender: Pid | null;
  readonly payload: readonly unknown[];
  readonly cause: unknown;
}

export class Outbox {
  #link: Link | null = null;
  #batch: unknown[] = [];
  /** Who sent each operation: asked only when one cannot be copied. */
  #senders: (Pid | null)[] = [];
  /** `null` in nearly every batch. */
  #transfers: Map<number, readonly TransferListItem[]> | null = null;
  readonly #full = new Ring<Batched>();
  /** Whether its thread has sockets: what clients are to see is posted before all else. */
  goesFirst = false;
  #inFlight = 0;

  get isEmpty(): boolean {
    return this.#senders.length === 0 && this.#full.size === 0;
  }

  connect(link: Link): void {
    this.#link = link;
  }

  get link(): Link | null {
    return this.#link;
  }

  /** Begins an operation; the caller pushes its values into the returned batch, as many as `ARITY` says. */
  begin(op: number, sender: Pid | null): unknown[] {
    if (this.#senders.length === FULL) {
      this.#batch.unshift(Op.full); // asks for an acknowledgement
      this.#full.push(this.#takeBatch());
    }
    this.#senders.push(sender);
    this.#batch.push(op);
    return this.#batch;
  }

  /** The operation that was begun last hands these over. */
  handOver(transfer: readonly TransferListItem[]): void {
    this.#transfers ??= new Map();
    this.#transfers.set(this.#senders.length - 1, transfer);
  }

  #takeBatch(): Batched {
    const taken = { batch: this.#batch, senders: this.#senders, transfers: this.#transfers };
    this.#batch = [];
    this.#senders = [];
    this.#transfers = null;
    return taken;
  }

  /** The other side has taken in a full batch. */
  acknowledged(): void {
    this.#inFlight--;
  }

  /**
   * Posts what was collected, as far as it may. Returns what could not be copied; everything else has gone, in order, or
   * goes when acknowledgements come.
   */
  flush(): readonly Unsendable[] {
    const link = this.#link;
    if (link === null) return [];
    const refused: Unsendable[] = [];
    while (this.#full.size > 0) {
      if (this.#inFlight >= MAX_IN_FLIGHT) return refused;
      const full = this.#full.shift() as Batched; // the size was asked
      if (post(link, full, refused)) this.#inFlight++;
    }
    if (this.#senders.length === 0) return refused;
    post(link, this.#takeBatch(), refused);
    return refused;
  }
}

/** Posts a batch whole; if something in it cannot be copied, operation by operation, and then answers `false`. */
function post(link: Link, { batch, senders, transfers }: Batched, refused: Unsendable[]): boolean {
  try {
    if (transfers === null) link.post(batch);
    else link.post(batch, [...transfers.values()].flat());
    return true;
  } catch {
    let at = batch[0] === Op.full ? 1 : 0;
    for (const [index, sender] of senders.entries()) {
      const end = at + 1 + (ARITY[batch[at] as number] as number); // an operation's number stands at its start
      const operation = batch.slice(at, end);
      try {
        link.post(operation, transfers?.get(index));
      } catch (cause) {
        if (!postEnd(link, operation)) refused.push({ sender, payload: operation.slice(1), cause });
      }
      at = end;
    }
    return false;
  }
}

/**
 * The end of a process whose reason cannot be copied is told all the same, with the reason described: whoever is linked to
 * it or watches it would wait for ever. A reason that somebody sends with `exit` is a message like any other: `false`.
 */
function postEnd(link: Link, operation: readonly unknown[]): boolean {
  const [op] = operation;
  const at = op === Op.down ? 4 : op === Op.exit && operation[4] === true ? 3 : undefined; // where wire.ts has the reason
  if (at === undefined) return false;
  link.post(operation.with(at, toPlain(operation[at])));
  return true;
}
