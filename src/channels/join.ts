/**
 * One join ref, from the I/O thread's side: a port of its own, which starts the channel, watches it, and writes what it
 * sends. It is where Phoenix's order is rebuilt on purpose:
 *
 * ```
 *            phx_join                 "joined"                "close" / DOWN
 *  (nothing) ────────► joining ─────────────────► joined ───────────────────► ended
 *                        │ "refused", DOWN: the answer, and gone        late pushes of terminate
 *                        │ frames of the client and broadcasts wait     still pass, until DOWN
 * ```
 *
 * - The join reply is the first frame of a join ref: all else waits for it, here.
 * - It ends in exactly one of `phx_close` and `phx_error`.
 * - A join that took its place silences it: what its channel still sends is dropped.
 */

import type { ExitReason } from "../core/exit-reason.js";
import { isDown } from "../core/messages.js";
import type { Pid } from "../core/pid.js";
import { Broadcast } from "../pubsub/broadcast.js";
import type { Plain, Subscriber } from "../pubsub/topics.js";
import { Deadline, type Port, type PortHandler } from "../runtime/process.js";
import { ChannelBuckets } from "./channel-buckets.js";
import type { Connection } from "./connection.js";
import { mayDropFrame } from "./droppable.js";
import { slotOf } from "./latest.js";
import { ControlEvent, type Encoded, type Json } from "./protocol.js";
import type { JoinRequest, RouteManifest } from "./requests.js";
import { isEncoded, routeMessageIn } from "./route-message.js";
import { sharedNowMs } from "./telemetry.js";
import type { SharedMessage } from "./transport.js";

/** Broadcasts kept for a channel whose join is not decided yet; then the oldest are dropped. */
export const MAX_HELD_BROADCASTS = 1000;
/** Milliseconds a replaced channel that traps exits has to end before it is killed, as in Phoenix. */
const REPLACED_KILL_MS = 5000;

export class Join extends Deadline implements PortHandler, Subscriber {
  readonly topic: string;
  readonly joinRef: Json;
  readonly ref: Json;
  /** Frames of the client that came before the join was decided, if any did. */
  held: Encoded[] | null = null;
  state: "joining" | "joined" | "ended" = "joining";
  /** The join it takes the place of, until that one's `phx_close` has followed our reply. */
  replaces: Join | null;
  /** How much may come for the channel; `null`: it has no limit of its own. */
  readonly limits: ChannelBuckets | null;

  readonly #connection: Connection;
  readonly #route: RouteManifest;
  readonly #port: Port;
  #channel: Pid | null = null;
  #replaced = false;
  #broadcasts: SharedMessage[] | null = null;
  /** What the channel was given and has not handled, as far as it has told. */
  #unhandled = 0;
  #unhandledBytes = 0;
  #overflows = false;

  constructor(
    connection: Connection,
    route: RouteManifest,
    topic: string,
    joinRef: Json,
    ref: Json,
    replaces: Join | null,
  ) {
    super();
    this.#connection = connection;
    this.#route = route;
    this.topic = topic;
    this.joinRef = joinRef;
    this.ref = ref;
    this.replaces = replaces;
    this.limits = ChannelBuckets.of(route.limits);
    this.#port = connection.openPort(this, `join ${topic}`);
    connection.topics.add(topic, this);
  }

  /** Whom `broadcastFrom` leaves out: the channel. */
  get pid(): Pid {
    return this.#channel ?? this.#port.pid;
  }

  /** Starts the channel, or answers that it can't be started for a while; `false` if no scheduler can take it now. */
  start(frame: Encoded): boolean {
    const { serializer, id, assigns, pid, transport, filter } = this.#connection;
    const request = {
      frame,
      vsn: serializer.vsn,
      route: this.#port.pid,
      connection: pid,
      transport: transport.name,
      id,
      assigns: { ...assigns, ...this.#route.assigns },
      sentMs: sharedNowMs(),
      filter,
      tellAfterBytes: this.#connection.tellAfterBytes,
    } satisfies JoinRequest;
    const { beside } = this.#connection;
    const spawned = this.#port.spawn(this.#route.channel, [request], `channel ${this.topic}`, beside);
    if (spawned === undefined) {
      if (!this.#port.isRefused(this.#route.channel)) return false;
      this.fail();
      return true;
    }
    this.#channel = spawned.pid;
    if (!spawned.isApart) this.#connection.beside = spawned.pid;
    this.#port.limit(this, this.#connection.joinTimeoutMs);
    return true;
  }

  /** `join` takes too long: nobody waits for it any more, and nothing of it may come after the refusal. */
  override onTimeout(): void {
    if (this.state !== "joining" || this.#replaced || this.#channel === null) return;
    this.#port.exit(this.#channel, "kill");
    this.#connection.limits.hit("refused.join_timeout", this.topic);
    this.#refuse({ reason: "join timeout" });
  }

  /** Passes a frame of the client on to the channel. */
  forward(frame: Encoded): void {
    if (this.#channel === null) return;
    this.#port.sendData(this.#channel, frame);
    const { limits } = this.#connection;
    this.#unhandledBytes += frame.length;
    limits.given(frame.length);
    if (++this.#unhandled <= this.#route.limits.maxUnhandled || this.#overflows) return;
    this.#overflows = true;
    limits.overflows(true);
  }

  /** @param told - Never more than it was given, whatever its thread says. */
  #handled(told: number, toldBytes: number): void {
    const { limits } = this.#connection;
    const bytes = Math.min(toldBytes, this.#unhandledBytes);
    this.#unhandled -= Math.min(told, this.#unhandled);
    this.#unhandledBytes -= bytes;
    const isOver = this.#overflows && this.#unhandled <= this.#route.limits.maxUnhandled / 2;
    if (isOver) this.#overflows = false;
    if (isOver) limits.overflows(false);
    limits.handled(bytes);
  }

  /** Another join of this topic comes: this one's channel must go, and is heard no more. */
  replace(): void {
    this.#replaced = true;
    this.#port.unlimit(this);
    this.#unsubscribe();
    const channel = this.#channel;
    if (channel === null) return;
    this.#port.exit(channel, ["shutdown", "duplicate_join"]);
    const port = this.#port;
    setTimeout(() => {
      if (port.isOpen) port.exit(channel, "kill");
    }, REPLACED_KILL_MS).unref();
  }

  /** The connection is gone; the channel, which watches this port, learns why. */
  closed(reason: ExitReason): void {
    this.#port.unlimit(this);
    this.#unsubscribe();
    this.state = "ended";
    this.#port.close(reason);
  }

  /** The channel could not be started at all. */
  fail(): void {
    this.#refuse({ reason: "join crashed" });
    this.#port.close("normal");
  }

  // ---- from the channel ----

  data(frame: Encoded): void {
    if (this.#replaced) return;
    if (!isEncoded(frame)) return this.#broken();
    const { transport, serializer } = this.#connection;
    if (transport.isHeldUp && mayDropFrame(serializer, frame)) transport.sendDroppable(frame, null);
    else transport.send(frame);
  }

  message(message: unknown): void {
    if (isDown(message)) return this.#down();
    const told = routeMessageIn(message);
    if (told === null) return this.#broken();
    switch (told[0]) {
      case "joined":
        return this.#joined(told[1]);
      case "refused":
        return this.#refuse(told[1]);
      case "close":
        return this.#end(ControlEvent.close, {});
      case "handled":
        return this.#handled(told[1], told[2]);
      case "drain":
        return this.#connection.drain();
      case "malformed":
        return this.#connection.isMalformed(this.topic, told[1]) ? this.#connection.malformed() : this.#broken();
      case "push":
        return this.#push(told[1], told[2], told[3]);
    }
  }

  /**
   * What the channel says makes no sense: its thread is coming apart, as code there has taken away `Array` or the like. That
   * must cost the connection nothing. The channel may not be able to hear that it has to go.
   */
  #broken(): void {
    if (this.#channel !== null) this.#port.exit(this.#channel, "kill");
    if (this.state === "joining") this.#refuse({ reason: "join crashed" });
    else this.#end(ControlEvent.error, { reason: "channel_crash" });
    this.#replaced = true; // and is heard no more
  }

  #push(frame: Encoded, event: string, latest: string): void {
    if (this.#replaced) return;
    const { transport } = this.#connection;
    if (transport.isHeldUp) transport.sendDroppable(frame, slotOf(this.topic, event, latest));
    else transport.send(frame);
  }

  // ---- from PubSub ----

  deliver(published: Broadcast | Plain): void {
    if (!(published instanceof Broadcast) || this.#route.intercept.includes(published.event)) return;
    if (this.state === "ended") return;
    // A broadcast made inside join, by the channel itself, is from before it was subscribed.
    if (this.state === "joining" && published.publisher === this.#channel) return;
    const shared = this.#connection.sharedFrame(published);
    if (shared === null) return;
    if (this.state === "joined") return this.#connection.transport.sendShared(shared);
    this.#broadcasts ??= [];
    this.#broadcasts.push(shared);
    if (this.#broadcasts.length <= MAX_HELD_BROADCASTS) return;
    this.#broadcasts.shift();
    this.#connection.limits.hit("dropped.held", this.topic);
  }

  #joined(reply: Encoded): void {
    if (this.#replaced || this.state !== "joining") return;
    this.state = "joined";
    this.#port.unlimit(this);
    this.#answer(reply);
    for (const shared of this.#broadcasts ?? []) this.#connection.transport.sendShared(shared);
    this.#broadcasts = null;
    this.#connection.decided(this);
  }

  /** @param reply - The channel's, or the reason why it has none. */
  #refuse(reply: Encoded | { readonly reason: string }): void {
    if (this.#replaced || this.state !== "joining") return;
    this.state = "ended";
    this.#port.unlimit(this);
    this.#unsubscribe();
    this.#answer(reply);
    this.#connection.left(this);
    this.#connection.decided(this);
  }

  /** The reply, and right behind it the end of the join it replaces. */
  #answer(reply: Encoded | { readonly reason: string }): void {
    if (typeof reply === "string" || reply instanceof Uint8Array) this.#connection.transport.send(reply);
    else this.#connection.sendReply(this.joinRef, this.ref, this.topic, "error", reply);
    this.replaces?.replacedEnd();
    this.replaces = null; // or a topic that is joined again and again kept all of its joins
  }

  /** Called by the join that took this one's place, when that is decided. */
  replacedEnd(): void {
    if (this.state === "ended") return;
    this.state = "ended";
    this.#write(ControlEvent.close, {});
  }

  #down(): void {
    this.#handled(this.#unhandled, this.#unhandledBytes); // what it has not, nobody will
    if (this.state === "joining" && !this.#replaced) this.#refuse({ reason: "join crashed" });
    else if (!this.#replaced) this.#end(ControlEvent.error, { reason: "channel_crash" });
    this.#port.close("normal");
  }

  #end(event: typeof ControlEvent.close | typeof ControlEvent.error, payload: Json): void {
    if (this.state === "ended" || this.#replaced) return;
    this.state = "ended";
    this.#unsubscribe();
    this.#connection.left(this);
    this.#write(event, payload);
  }

  #write(event: typeof ControlEvent.close | typeof ControlEvent.error, payload: Json): void {
    this.#connection.sendEnd(this.joinRef, this.topic, event, payload);
  }

  #unsubscribe(): void {
    this.#connection.topics.remove(this.topic, this);
    this.#broadcasts = null;
  }
}
