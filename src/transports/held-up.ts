/**
 * A WebSocket connection that is held up: more than its high-water mark waits for the operating system to take it. Until all of
 * that is gone, what comes is queued here, and handed on piece by piece. A connection has one only for that time.
 */

import type { SharedMessage } from "../channels/transport.js";
import type { Counts } from "../core/counts.js";
import { OutboundPolicy, OutboundQueue } from "./outbound.js";

/** A message, or one that many connections get. */
export type Outgoing = string | Uint8Array | SharedMessage;

/** The connection below, and what it may cost. */
export interface Pipe {
  readonly policy: OutboundPolicy;
  readonly highWaterBytes: number;
  readonly maxBufferedBytes: number;
  readonly counts: Counts;
  /** Bytes that were written and are still here. */
  waitingBytes(): number;
  /** Writes some; `false`: not before `goOn` is called again, as somebody will when these are gone. */
  write(messages: readonly Outgoing[]): boolean;
}

export class HeldUp {
  readonly #pipe: Pipe;
  readonly #queue: OutboundQueue<Outgoing>;
  #isGivenUp = false;

  constructor(pipe: Pipe) {
    this.#pipe = pipe;
    this.#queue = new OutboundQueue(pipe.policy);
  }

  /** `false`: there is no room, so the client is to be closed. */
  add(message: Outgoing, mayDrop: boolean): boolean {
    if (this.#isGivenUp) return true;
    const { maxBufferedBytes, counts, policy } = this.#pipe;
    const room = maxBufferedBytes - this.#pipe.waitingBytes();
    const added = this.#queue.add(message, bytesOf(message), mayDrop, room);
    const evicted = this.#queue.takeEvicted();
    if (evicted > 0) counts.add("dropped.outbound.oldest", evicted);
    if (added === "dropped") {
      counts.add(policy === OutboundPolicy.dropNewest ? "dropped.outbound.newest" : "dropped.outbound.oldest");
    }
    return added !== "full";
  }

  /** There is room below. `true`: nothing waits any more. */
  goOn(): boolean {
    if (this.#isGivenUp) return false;
    const { highWaterBytes } = this.#pipe;
    if (this.#pipe.waitingBytes() > highWaterBytes) return false; // what was written last is still there
    while (!this.#queue.isEmpty) if (!this.#pipe.write(this.#queue.take(highWaterBytes))) return false;
    return true;
  }

  /** It will be closed: what waits, and what still comes, would only keep the close frame waiting. */
  giveUp(): void {
    this.#isGivenUp = true;
    this.takeAll();
  }

  /** All that waits, for a connection that ends. */
  takeAll(): Outgoing[] {
    return this.#queue.take(Number.POSITIVE_INFINITY);
  }
}

/** In UTF-8, without the few bytes of a frame's head: those are in the place's. */
function bytesOf(message: Outgoing): number {
  const bare = typeof message === "string" || message instanceof Uint8Array ? message : message.message;
  return typeof bare === "string" ? Buffer.byteLength(bare) : bare.length;
}
