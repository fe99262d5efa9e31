/**
 * A WebSocket connection that is held up: more than its high-water mark waits for the operating system to take it. Until all of
 * that is gone, what comes is queued here, and handed on piece by piece. A connection has one only for that time.
 */

import type { SharedMessage } from "../channels/transport.js";
import { Counts } from "../core/counts.js";
import type { LimitCode } from "../core/limit-codes.js";
import { type Drops, OutboundPolicy, OutboundQueue } from "./outbound.js";
import type { Debtor, OutboundBudget } from "./outbound-budget.js";

/** A message, or one that many connections get. */
export type Outgoing = string | Uint8Array | SharedMessage;

/** What its connections may cost, once for all of a mount. */
export interface OutboundLimits {
  readonly policy: OutboundPolicy;
  readonly highWaterBytes: number;
  readonly maxBufferedBytes: number;
  readonly counts: Counts;
  readonly budget: OutboundBudget;
}

/** The connection below. */
export interface Pipe {
  readonly limits: OutboundLimits;
  /** No less than that of the limits. */
  readonly highWaterBytes: number;
  /** Bytes that were written and are still here. */
  waitingBytes(): number;
  /** Writes some; `false`: not before `goOn` is called again, as somebody will when these are gone. */
  write(messages: readonly Outgoing[]): boolean;
  /** A limit has struck so often, and was counted: to be told of. */
  limited(code: LimitCode, count: number): void;
  /** Closes it with 1013 when this turn is over. */
  closeTooSlow(): void;
}

export class HeldUp implements Debtor {
  readonly #pipe: Pipe;
  readonly #queue: OutboundQueue<Outgoing>;
  /** What was dropped. Told of when it is over: an event for each message would be more work than sending it. */
  readonly #dropped = new Counts();
  #isGivenUp = false;
  /** As the budget has it. What is written leaves in pieces, so this is looked at when something happens. */
  bytes: number;

  constructor(pipe: Pipe) {
    this.#pipe = pipe;
    this.#queue = new OutboundQueue(pipe.limits.policy);
    this.bytes = pipe.waitingBytes();
    pipe.limits.budget.enter(this);
  }

  /**
   * Without room for what must arrive the client is closed.
   *
   * @param slot - Of which only the newest message is kept.
   */
  add(message: Outgoing, mayDrop: boolean, slot: string | null = slotOf(message)): void {
    if (this.#isGivenUp) return;
    const { maxBufferedBytes, policy } = this.#pipe.limits;
    const waiting = this.#pipe.waitingBytes();
    // What was written can't be taken back: all of one turn, the first time. Who wants the newest shall not wait for its end.
    const least = policy === OutboundPolicy.disconnect ? 0 : maxBufferedBytes / 2;
    const room = Math.max(maxBufferedBytes - waiting, least);
    const added = this.#queue.add(message, bytesOf(message), mayDrop, room, slot);
    const drops = this.#queue.takeDrops();
    if (drops !== null) this.#count(drops);
    if (added === "full") this.#giveUp("closed.outbound");
    else this.#charge(waiting + this.#queue.bytes);
  }

  /** There is room below. `true`: nothing waits any more. */
  goOn(): boolean {
    if (this.#isGivenUp) return false;
    const { highWaterBytes } = this.#pipe;
    if (this.#pipe.waitingBytes() > highWaterBytes) return false; // what was written last is still there
    while (!this.#queue.isEmpty) {
      if (this.#pipe.write(this.#queue.take(highWaterBytes))) continue;
      this.#charge(this.#pipe.waitingBytes() + this.#queue.bytes);
      return false;
    }
    return true;
  }

  /** It is held up no more. Answers what waits still, of a connection that ends. */
  over(): Outgoing[] {
    this.#pipe.limits.budget.leave(this);
    for (const [code, count] of this.#dropped.take()) this.#pipe.limited(code, count);
    return this.#queue.take(Number.POSITIVE_INFINITY);
  }

  overTotal(): void {
    this.#giveUp("closed.outbound.total");
  }

  /** What waits, and what still comes, would only keep the close frame waiting. */
  #giveUp(code: LimitCode): void {
    this.#pipe.limits.counts.add(code);
    this.#isGivenUp = true;
    this.over();
    this.#pipe.limited(code, 1);
    this.#pipe.closeTooSlow();
  }

  #count({ newest, oldest, latest }: Drops): void {
    for (const counts of [this.#pipe.limits.counts, this.#dropped]) {
      if (newest > 0) counts.add("dropped.outbound.newest", newest);
      if (oldest > 0) counts.add("dropped.outbound.oldest", oldest);
      if (latest > 0) counts.add("dropped.outbound.latest", latest);
    }
  }

  #charge(bytes: number): void {
    const change = bytes - this.bytes;
    this.bytes = bytes;
    this.#pipe.limits.budget.charge(change);
  }
}

/** A shared one knows its own. */
function slotOf(message: Outgoing): string | null {
  return typeof message === "string" || message instanceof Uint8Array ? null : message.slot;
}

/** In UTF-8, without the few bytes of a frame's head: those are in the place's. */
function bytesOf(message: Outgoing): number {
  const bare = typeof message === "string" || message instanceof Uint8Array ? message : message.message;
  return typeof bare === "string" ? Buffer.byteLength(bare) : bare.length;
}
