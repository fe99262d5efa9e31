/**
 * A client's connection, on the I/O thread: a port with a table of its joins. It reads the head of each frame and passes the
 * frame on to the channel it is for; payloads are parsed there. Phoenix's `Phoenix.Socket` in its transport process, except
 * that a slow join holds up only its own topic.
 */
import { ErrorCode, RuntimeError } from "../core/errors.js";
import { type ExitReason, toExitReason } from "../core/exit-reason.js";
import { toJson } from "../core/json.js";
import type { LimitCode } from "../core/limit-codes.js";
import type { Pid } from "../core/pid.js";
import { SmallMap } from "../core/small-map.js";
import { Broadcast } from "../pubsub/broadcast.js";
import type { Plain, Subscriber, Topics } from "../pubsub/topics.js";
import type { Port, PortHandler } from "../runtime/process.js";
import { ConnectionLimits } from "./connection-limits.js";
import { mayDropEvent } from "./droppable.js";
import type { FilterParameters } from "./filter-parameters.js";
import { Join } from "./join.js";
import { slotOf } from "./latest.js";
import { ControlEvent, type Encoded, type Head, heartbeat, type Json, phoenixTopic } from "./protocol.js";
import type { RouteManifest, SocketManifest } from "./requests.js";
import { findRoute, type Route } from "./route.js";
import { isEncoded } from "./route-message.js";
import type { Serializer } from "./serializer.js";
import type { Throttle } from "./throttle.js";
import { Verdict } from "./token-bucket.js";
import { type ConnectionDriver, SharedMessage, type Transport } from "./transport.js";

/** Frames of the client kept for one topic while its join is not decided; one more closes the connection with 1008. */
export const MAX_HELD_FRAMES = 1000;
/** While every scheduler thread is being replaced, a join is tried again: so often, so many milliseconds apart. */
const START_TRIES = 100;
const START_RETRY_MS = 50;

type EndEvent = typeof ControlEvent.close | typeof ControlEvent.error;

/** Why channels end whose connection is gone. */
const CLOSED: ExitReason = ["shutdown", "closed"];

interface Waiting {
  readonly topic: Json;
  readonly frame: Encoded;
}

/** What a connection needs of the endpoint. */
export interface ConnectionSetup {
  readonly manifest: SocketManifest;
  readonly routes: readonly Route<RouteManifest>[];
  readonly serializer: Serializer;
  readonly id: string | null;
  readonly assigns: Readonly<Record<string, unknown>>;
  readonly topics: Topics;
  readonly openPort: (handler: PortHandler, label: string) => Port;
  readonly throttle: Throttle;
}

export class Connection implements PortHandler, ConnectionDriver, Subscriber {
  readonly transport: Transport;
  readonly serializer: Serializer;
  readonly id: string | null;
  readonly assigns: Readonly<Record<string, unknown>>;
  readonly topics: Topics;
  readonly openPort: (handler: PortHandler, label: string) => Port;
  readonly limits: ConnectionLimits;
  /**
   * The channel that was started last. The channels of a connection run on one thread: their answers come in the order of
   * their joins, and a thread's death meets few clients as a whole instead of many in part.
   */
  beside: Pid | null = null;

  readonly #manifest: SocketManifest;
  readonly #routes: readonly Route<RouteManifest>[];
  readonly #port: Port;
  readonly #joins = new SmallMap<string, Join>();
  /** Joins beyond the limit while others are undecided, and what came for their topics; `null` while there is nothing. */
  #waiting: Waiting[] | null = null;

  constructor(setup: ConnectionSetup, transport: Transport) {
    this.transport = transport;
    this.serializer = setup.serializer;
    this.id = setup.id;
    this.assigns = setup.assigns;
    this.topics = setup.topics;
    this.openPort = setup.openPort;
    this.limits = new ConnectionLimits(setup.manifest.limits, setup.throttle, transport, setup.id);
    this.#manifest = setup.manifest;
    this.#routes = setup.routes;
    this.#port = setup.openPort(this, `connection ${setup.id ?? ""}`.trimEnd());
    if (this.id !== null) this.topics.add(this.id, this);
  }

  /** What of the client's messages is kept out of the log. */
  get joinTimeoutMs(): number {
    return this.#manifest.joinTimeoutMs;
  }

  /** What its channels may keep to themselves of what they have handled: together, not enough to matter to the limit. */
  get tellAfterBytes(): number {
    return Math.ceil(this.#manifest.limits.maxUnhandledBytes / (4 * this.#manifest.maxChannels));
  }

  get filter(): FilterParameters {
    return this.#manifest.filter;
  }

  get pid(): Pid {
    return this.#port.pid;
  }

  // ---- from the transport ----

  receive(frame: Encoded): void {
    if (!this.#port.isOpen) return; // it is closing
    const head = this.serializer.readHead(frame);
    if (head === undefined) return this.malformed();
    const verdict = this.limits.onMessage();
    if (verdict === Verdict.pass || this.#mayPass(head)) this.#take(head, frame);
    else this.#refuse(verdict, head);
  }

  /** Of a message that goes through although it is one too many: a leave makes things better, and each join has but one. */
  #mayPass(head: Head): boolean {
    return (
      head.event === ControlEvent.leave && typeof head.topic === "string" && this.#joins.get(head.topic) !== undefined
    );
  }

  #take(head: Head, frame: Encoded): void {
    if (head.topic === phoenixTopic) return this.#onPhoenix(head, frame);
    const join = typeof head.topic === "string" ? this.#joins.get(head.topic) : undefined;
    if (join?.state === "joining") {
      join.held ??= [];
      return this.#hold(join.held, frame);
    }
    if (this.#waiting?.some(({ topic }) => topic === head.topic)) {
      return this.#wait(head, frame);
    }
    if (head.event === ControlEvent.join) return this.#join(head, frame, join ?? null);
    if (join === undefined) return this.#unmatched(head, frame);
    // A message of an earlier join of this topic: its channel is gone, and so is whoever waits for an answer.
    if (head.joinRef !== null && !sameRef(head.joinRef, join.joinRef)) return;
    const verdict =
      join.limits === null || this.#mayPass(head) ? Verdict.pass : join.limits.onMessage(head, this.limits);
    if (verdict === Verdict.pass) join.forward(frame);
    else this.#refuse(verdict, head);
  }

  /** More than the client may: it is told so, if it wants an answer; in the end its connection is closed. */
  #refuse(verdict: number, head: Head): void {
    if (verdict === Verdict.close) this.#close(1008, CLOSED, "rate_limited");
    else if (head.ref !== null) this.#reply(head.joinRef, head, "error", { reason: "rate_limited" });
  }

  #again(frame: Encoded): void {
    const head = this.#port.isOpen ? this.serializer.readHead(frame) : undefined;
    if (head !== undefined) this.#take(head, frame);
  }

  get channels(): readonly Pid[] {
    return this.#joins.values().map(({ pid }) => pid);
  }

  limited(code: LimitCode, count: number): void {
    this.limits.tell(code, count);
  }

  closed(reason: ExitReason): void {
    if (!this.#port.isOpen) return;
    if (this.id !== null) this.topics.remove(this.id, this);
    for (const join of this.#joins.values()) join.closed(reason);
    this.#joins.clear();
    this.limits.closed();
    this.#port.close(reason);
  }

  // ---- from processes ----

  /** Answers by socket ref: they may come when their channel is gone already. */
  data(frame: Encoded): void {
    if (isEncoded(frame)) this.transport.send(frame);
  }

  /** Broadcasts on the socket's id: `disconnect` closes the connection, anything else is ignored. */
  deliver(published: Broadcast | Plain): void {
    if (published instanceof Broadcast && published.event === "disconnect") this.#close(1001, CLOSED);
  }

  // ---- from its joins ----

  /**
   * A frame that cannot be read: Phoenix's transport process crashes on it, which closes the connection with 1011, and its
   * channels see that crash.
   */
  malformed(): void {
    this.#close(
      1011,
      toExitReason(new RuntimeError(ErrorCode.badPayload, "the client sent a frame that cannot be read")),
    );
  }

  /** Whether a frame that a channel on `topic` could not read is one that nobody can. */
  isMalformed(topic: string, frame: Encoded): boolean {
    return this.serializer.readHead(frame)?.topic === topic && !this.#isWhole(frame);
  }

  /** An answer of our own. An application's serializer may fail on it: then this connection is lost, and no other. */
  sendReply(joinRef: Json, ref: Json, topic: Json, status: string, response: Json): void {
    let frame: Encoded;
    try {
      frame = this.serializer.encodeReply(joinRef, ref, topic, status, response);
    } catch (error) {
      return this.#cannotEncode(error);
    }
    this.transport.send(frame);
  }

  /** The end of a channel. */
  sendEnd(joinRef: Json, topic: string, event: EndEvent, payload: Json): void {
    let frame: Encoded;
    try {
      frame = this.serializer.encodeEnd(joinRef, topic, event, payload);
    } catch (error) {
      return this.#cannotEncode(error);
    }
    this.transport.send(frame);
  }

  #cannotEncode(error: unknown): void {
    this.#close(1011, toExitReason(error));
  }

  /** A channel was told to drain: the client shall come back, to another server maybe. */
  drain(): void {
    this.#close(1012, ["shutdown", "draining"]);
  }

  /** The join is decided: what came in meanwhile is handled as if it came now. */
  decided(join: Join): void {
    const { held } = join;
    join.held = null;
    for (const frame of held ?? []) this.#again(frame);
    const waiting = this.#waiting;
    this.#waiting = null;
    for (const { frame } of waiting ?? []) this.#again(frame);
  }

  left(join: Join): void {
    if (this.#joins.get(join.topic) === join) this.#joins.delete(join.topic);
  }

  /** The frame of a broadcast for clients of this serializer, made once for all of them; `null` if it cannot carry it. */
  sharedFrame(broadcast: Broadcast): SharedMessage | null {
    const { vsn } = this.serializer;
    const made = broadcast.shared.get(vsn) as SharedMessage | null | undefined; // only set here
    if (made !== undefined) return made;
    const shared = this.#frameOf(broadcast);
    broadcast.shared.set(vsn, shared);
    return shared;
  }

  #frameOf({ topic, event, payload, latest }: Broadcast): SharedMessage | null {
    if (typeof payload !== "string" && !this.serializer.binary) return null;
    try {
      return new SharedMessage(
        typeof payload === "string"
          ? this.serializer.encodeBroadcastFromJson(topic, event, payload)
          : this.serializer.encodeBroadcast(topic, event, payload),
        latest !== undefined || mayDropEvent(event),
        latest === undefined ? null : slotOf(topic, event, latest),
      );
    } catch (error) {
      // What one format cannot carry must cost neither the connections that speak it nor those that don't.
      this.#port.notice(
        `broadcast "${event}" on topic "${topic}" has no frame in "${this.serializer.vsn}": ${String(error)}`,
      );
      return null;
    }
  }

  /** The channels end now, not when the client has answered the close frame. */
  #close(code: number, exit: ExitReason, reason = ""): void {
    this.transport.close(code, reason);
    this.closed(exit);
  }

  #wait({ topic }: Head, frame: Encoded): void {
    this.#waiting ??= [];
    this.#hold(this.#waiting, { topic, frame });
  }

  #hold<T>(held: T[], item: T): void {
    if (held.length < MAX_HELD_FRAMES) {
      held.push(item);
      return;
    }
    this.limits.hit("closed.held");
    this.#close(1008, CLOSED, "too many messages before the join was answered");
  }

  #onPhoenix(head: Head, frame: Encoded): void {
    if (!this.#isWhole(frame)) return this.malformed();
    if (head.event === heartbeat) this.#reply(null, head, "ok", {});
    else this.#reply(null, head, "error", { reason: "unmatched topic" });
  }

  #unmatched(head: Head, frame: Encoded): void {
    if (!this.#isWhole(frame)) return this.malformed();
    if (head.event === ControlEvent.leave) this.#reply(head.joinRef, head, "ok", {});
    else this.#reply(null, head, "error", { reason: "unmatched topic" });
  }

  /** Whether all of a frame can be read. What goes to a channel is found out there; what is answered here, here. */
  #isWhole(frame: Encoded): boolean {
    try {
      this.serializer.decode(frame);
      return true;
    } catch {
      return false;
    }
  }

  #join(head: Head, frame: Encoded, current: Join | null): void {
    const route = findRoute(this.#routes, head.topic);
    if (route === undefined) return this.#reply(null, head, "error", { reason: "unmatched topic" });
    const verdict = this.limits.onJoin();
    if (verdict !== Verdict.pass) return this.#refuse(verdict, head);
    if (current === null && this.#joins.size >= this.#manifest.maxChannels) {
      // Refused joins don't count, so it takes those that are not decided yet to know.
      if (this.#joins.values().some(({ state }) => state === "joining")) return this.#wait(head, frame);
      this.limits.hit("refused.max_channels");
      return this.#reply(head.joinRef, head, "error", { reason: "too many channels joined" });
    }
    current?.replace();
    const topic = head.topic as string; // a route matched
    const join = new Join(this, route.target, topic, head.joinRef, head.ref, current);
    this.#joins.set(topic, join);
    this.#start(join, frame, START_TRIES);
  }

  #start(join: Join, frame: Encoded, tries: number): void {
    if (!this.#port.isOpen || join.start(frame)) return;
    if (tries === 0) return join.fail();
    setTimeout(() => this.#start(join, frame, tries - 1), START_RETRY_MS);
  }

  #reply(joinRef: Json, head: Head, status: string, response: Json): void {
    this.sendReply(joinRef, head.ref, head.topic, status, response);
  }
}

/** Refs are any JSON value, and the same one if their JSON is. */
function sameRef(a: Json, b: Json): boolean {
  return a === b || (typeof a === "object" && a !== null && toJson(a) === toJson(b));
}
