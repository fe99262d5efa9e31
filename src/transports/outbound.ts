/**
 * What waits for a client that reads more slowly than it is sent to, and what of it is dropped. Pure: `held-up.ts` moves the
 * bytes. What is left of the queue is always a subsequence of what was sent, in its order.
 *
 * ```
 *   oldest ──────────────────────────────────────► newest
 *     must   drop   must   drop   drop        ◄── add
 *             ▲ the cursor: none before it may be dropped
 * ```
 */
import { checkInteger } from "../core/check-integer.js";
import { ErrorCode, RuntimeError } from "../core/errors.js";

/** What happens to pushes and broadcasts beyond `maxBufferedBytes`. */
export const OutboundPolicy = {
  /** The client is closed with 1013: nothing is lost that it would not know of. */
  disconnect: "disconnect",
  /** What comes is dropped, what waits stays. */
  dropNewest: "drop_newest",
  /** What waits longest is dropped. */
  dropOldest: "drop_oldest",
} as const;
export type OutboundPolicy = (typeof OutboundPolicy)[keyof typeof OutboundPolicy];

export interface OutboundOptions {
  /**
   * What happens to pushes and broadcasts of a client for which more than `maxBufferedBytes` wait. Replies, the beginning and
   * the end of channels, and presence are never dropped: for them there is room made, or the client is closed with 1013.
   * @defaultValue `"disconnect"`
   */
  readonly policy?: OutboundPolicy;
  /**
   * Bytes that are handed to the operating system before it has taken the ones before. With more, a client counts as held up, and
   * what comes for it waits in a queue. No less than the `highWaterMark` of the server's sockets counts. @defaultValue 65536
   */
  readonly highWaterBytes?: number;
}

export const DEFAULT_HIGH_WATER_BYTES = 65_536;

/** @throws RuntimeError `badOption` */
export function resolveOutbound(options: OutboundOptions): Required<OutboundOptions> {
  const { policy = OutboundPolicy.disconnect, highWaterBytes = DEFAULT_HIGH_WATER_BYTES } = options;
  const allowed: readonly string[] = Object.values(OutboundPolicy);
  if (!allowed.includes(policy)) {
    const message = `bad outbound.policy ${String(policy)}: allowed are ${allowed.join(", ")}`;
    throw new RuntimeError(ErrorCode.badOption, message);
  }
  checkInteger("outbound.highWaterBytes", highWaterBytes, 1, Number.MAX_SAFE_INTEGER);
  return { policy, highWaterBytes };
}

/** Bytes that a place in the queue counts for, beside its message: a client of many small messages costs what it costs. */
export const PLACE_BYTES = 128;

interface Place<T> {
  readonly message: T;
  readonly bytes: number;
  readonly mayDrop: boolean;
  readonly slot: string | null;
  before: Place<T> | null;
  after: Place<T> | null;
}

/** What became of a message: `"full"` is for the caller to close the client. */
export type Added = "kept" | "dropped" | "full";

/** How many messages were dropped, by why: the newest, the oldest, or for a later one in the same slot. */
export interface Drops {
  newest: number;
  oldest: number;
  latest: number;
}

export class OutboundQueue<T> {
  readonly #policy: OutboundPolicy;
  #oldest: Place<T> | null = null;
  #newest: Place<T> | null = null;
  /** No place before it may be dropped. It only moves on, so that looking for the oldest one costs nothing in the end. */
  #cursor: Place<T> | null = null;
  /** The places with a slot; made for the first of them. */
  #slots: Map<string, Place<T>> | null = null;
  #bytes = 0;
  #drops: Drops | null = null;

  constructor(policy: OutboundPolicy) {
    this.#policy = policy;
  }

  /** Of all that waits, with {@link PLACE_BYTES} for each. */
  get bytes(): number {
    return this.#bytes;
  }

  get isEmpty(): boolean {
    return this.#oldest === null;
  }

  /** How many were dropped since it was asked last; `null`: none. */
  takeDrops(): Drops | null {
    const drops = this.#drops;
    this.#drops = null;
    return drops;
  }

  /**
   * @param mayDrop - Whether the client can do without it; under `"disconnect"` it never can.
   * @param room - Bytes that may wait here.
   * @param slot - It takes the place of the one that waits with the same slot, whatever the policy, but at the end of the queue:
   *   what a client gets is in the order of what was sent.
   */
  add(message: T, messageBytes: number, mayDrop: boolean, room: number, slot: string | null = null): Added {
    const bytes = messageBytes + PLACE_BYTES + (slot?.length ?? 0);
    const droppable = mayDrop && this.#policy !== OutboundPolicy.disconnect;
    const older = slot === null ? undefined : this.#slots?.get(slot);
    if (this.#bytes - (older?.bytes ?? 0) + bytes > room && droppable) {
      // One larger than all the room must not cost the others theirs.
      if (this.#policy === OutboundPolicy.dropNewest) return this.#drop("newest");
      if (bytes > room) return this.#drop("oldest");
    }
    if (older !== undefined) {
      this.#remove(older);
      this.#drop("latest");
    }
    while (this.#bytes + bytes > room) if (!this.#evict()) return droppable ? this.#drop("oldest") : "full";
    const place: Place<T> = { message, bytes, mayDrop: droppable, slot, before: this.#newest, after: null };
    if (this.#newest === null) this.#oldest = place;
    else this.#newest.after = place;
    this.#newest = place;
    this.#bytes += bytes;
    if (droppable) this.#cursor ??= place;
    if (slot !== null) {
      this.#slots ??= new Map();
      this.#slots.set(slot, place);
    }
    return "kept";
  }

  /** Takes the oldest, up to so many bytes but at least one. */
  take(maxBytes: number): T[] {
    const taken: T[] = [];
    let left = maxBytes;
    for (let place = this.#oldest; place !== null; place = this.#oldest) {
      if (taken.length > 0 && place.bytes > left) break;
      left -= place.bytes;
      taken.push(place.message);
      this.#remove(place);
    }
    return taken;
  }

  /** Drops the oldest that may be. */
  #evict(): boolean {
    while (this.#cursor !== null && !this.#cursor.mayDrop) this.#cursor = this.#cursor.after;
    if (this.#cursor === null) return false;
    this.#remove(this.#cursor);
    this.#drop("oldest");
    return true;
  }

  #drop(why: keyof Drops): "dropped" {
    this.#drops ??= { newest: 0, oldest: 0, latest: 0 };
    this.#drops[why]++;
    return "dropped";
  }

  #remove(place: Place<T>): void {
    if (this.#cursor === place) this.#cursor = place.after;
    if (place.before === null) this.#oldest = place.after;
    else place.before.after = place.after;
    if (place.after === null) this.#newest = place.before;
    else place.after.before = place.before;
    if (place.slot !== null) this.#slots?.delete(place.slot);
    this.#bytes -= place.bytes;
  }
}
