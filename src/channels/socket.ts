/**
 * The socket a channel sees: its topic, its client, its state. Phoenix's `Phoenix.Socket`, of which each channel has a copy
 * of its own. Everything it sends is encoded here, in the channel's process, with the serializer of the connection.
 */
import { ErrorCode, RuntimeError } from "../core/errors.js";
import type { Pid } from "../core/pid.js";
import { broadcastEncoded } from "../pubsub/pubsub.js";
import { self, send, sendData } from "../runtime/process.js";
import { serializerFor } from "./choose-serializer.js";
import { checkLatest, type EventOptions } from "./latest.js";
import { broadcastPayload } from "./payload.js";
import type { Json, Status } from "./protocol.js";
import { DRAIN, type JoinRequest, type RouteMessage } from "./requests.js";
import type { Serializer } from "./serializer.js";
import { spans } from "./telemetry.js";

/** Names one message of a client, to be answered later with {@link socketReply}, from any process. Plain data. */
export interface SocketRef {
  readonly tag: "socket_ref";
  readonly connection: Pid;
  readonly vsn: string;
  readonly joinRef: Json;
  readonly ref: Json;
  readonly topic: string;
}

export class Socket<Assigns extends object = Record<string, unknown>> {
  /** The topic that was joined. */
  readonly topic: string;
  /** State of this channel: begins with what `connect` assigned, lives and dies with the channel. */
  assigns: Assigns;
  /** What `connect` named the client, for forced disconnects; `null` if it has no name. */
  readonly id: string | null;
  /** `"websocket"`, `"longpoll"`. */
  readonly transport: string;
  /** The connection, to be monitored. */
  readonly transportPid: Pid;
  /** Names this join among the client's. */
  readonly joinRef: Json;

  readonly #serializer: Serializer;
  readonly #route: Pid;
  #joined = false;
  #ref: Json | undefined;

  constructor(request: JoinRequest, topic: string, joinRef: Json) {
    this.topic = topic;
    // A copy of its own, also where no thread lies between: channels must not share state through what connect assigned.
    this.assigns = structuredClone(request.assigns) as Assigns; // the application's types say it is these
    this.id = request.id;
    this.transport = request.transport;
    this.transportPid = request.connection;
    this.joinRef = joinRef;
    this.#serializer = serializerFor(request.vsn);
    this.#route = request.route;
  }

  /** Whether `join` has accepted the client: false inside `join`. */
  get joined(): boolean {
    return this.#joined;
  }

  /** The ref of the message being handled; `null` if it has none, or no message of the client is being handled. */
  get ref(): Json {
    return this.#ref ?? null;
  }

  /** Merges into {@link assigns}. */
  assign(assigns: Partial<Assigns>): void {
    Object.assign(this.assigns, assigns);
  }

  /**
   * Sends an event to this client alone.
   *
   * @throws RuntimeError `notJoined` inside `join`: send yourself a message and push when it comes. `badPayload`.
   *   `badArgument` for a bad option.
   */
  push(event: string, payload: unknown = {}, options?: EventOptions): void {
    this.#mustBeJoined("push");
    if (!spans.push.isWatched) return this.#push(event, payload, options);
    const { topic, joinRef, transport } = this;
    const socket = this as unknown as Socket; // erased: telemetry knows nobody's assigns
    const metadata = { pid: self(), topic, joinRef, transport, socket, event, payload };
    spans.push.run(metadata, {}, () => this.#push(event, payload, options));
  }

  #push(event: string, payload: unknown, options: EventOptions | undefined): void {
    const latest = options === undefined ? undefined : checkLatest(event, options);
    const frame = this.#serializer.encodePush(this.joinRef, this.topic, event, payload);
    if (latest === undefined) sendData(this.#route, frame);
    else send(this.#route, ["push", frame, event, latest] satisfies RouteMessage);
  }

  /**
   * Sends an event to everyone on this topic, the own client too.
   *
   * @throws RuntimeError `notJoined` inside `join`; `badPayload` and, for a bad option, `badArgument`, before anything was sent.
   */
  broadcast(event: string, payload: unknown = {}, options?: EventOptions): void {
    this.#mustBeJoined("broadcast");
    broadcast(this.topic, event, payload, options);
  }

  /** {@link broadcast} to everyone but the own client. */
  broadcastFrom(event: string, payload: unknown = {}, options?: EventOptions): void {
    this.#mustBeJoined("broadcastFrom");
    broadcastFrom(this.topic, event, payload, options);
  }

  /**
   * Names the message being handled, to answer it later. Phoenix's `socket_ref/1`.
   *
   * @throws RuntimeError `badArgument` when no message of the client with a ref is being handled.
   */
  socketRef(): SocketRef {
    const ref = this.#ref;
    if (!this.#joined || ref === undefined || ref === null) {
      throw new RuntimeError(ErrorCode.badArgument, "socketRef() works in handleIn only, for a message that has a ref");
    }
    const { topic, joinRef } = this;
    return { tag: "socket_ref", connection: this.transportPid, vsn: this.#serializer.vsn, joinRef, ref, topic };
  }

  /** For the channel's process only. */
  static setJoined(socket: Socket): void {
    socket.#joined = true;
  }

  /** For the channel's process only: which message is being handled, `undefined` when none. */
  static setRef(socket: Socket, ref: Json | undefined): void {
    socket.#ref = ref;
  }

  #mustBeJoined(what: string): void {
    if (this.#joined) return;
    throw new RuntimeError(
      ErrorCode.notJoined,
      `${what} on topic "${this.topic}" before its join has returned; send yourself a message in join and do it then`,
    );
  }
}

/** Answers a message later, from any process and any number of times, also when its channel is gone. Phoenix's `reply/2`. */
export function socketReply(to: SocketRef, status: Status, response: unknown = {}): void {
  const serializer = serializerFor(to.vsn);
  sendData(to.connection, serializer.encodeReply(to.joinRef, to.ref, to.topic, status, response));
}

/**
 * Broadcasts an event on a topic from any process. Phoenix's `Endpoint.broadcast`.
 *
 * @throws RuntimeError `badPayload` if the payload is no object or bytes, or has no JSON; then nothing was sent.
 *   `badArgument` for a bad option.
 */
export function broadcast(topic: string, event: string, payload: unknown = {}, options?: EventOptions): void {
  publish(topic, event, payload, options, false, true);
}

/** {@link broadcast} to all but the calling process (and its client, if it is a channel on that topic). */
export function broadcastFrom(topic: string, event: string, payload: unknown = {}, options?: EventOptions): void {
  publish(topic, event, payload, options, true, true);
}

/** {@link broadcast} to this node only: all threads of this runtime, and no adapter. Phoenix's `Endpoint.local_broadcast`. */
export function localBroadcast(topic: string, event: string, payload: unknown = {}, options?: EventOptions): void {
  publish(topic, event, payload, options, false, false);
}

/** {@link localBroadcast} to all but the calling process. */
export function localBroadcastFrom(topic: string, event: string, payload: unknown = {}, options?: EventOptions): void {
  publish(topic, event, payload, options, true, false);
}

/** @param others - Whether other nodes get it, too. */
function publish(
  topic: string,
  event: string,
  payload: unknown,
  options: EventOptions | undefined,
  fromSelf: boolean,
  others: boolean,
): void {
  const latest = options === undefined ? undefined : checkLatest(event, options);
  if (!spans.broadcast.isWatched) {
    return broadcastEncoded(topic, event, broadcastPayload(topic, event, payload), fromSelf, others, latest);
  }
  spans.broadcast.run({ pid: self(), topic, event, payload }, {}, () =>
    broadcastEncoded(topic, event, broadcastPayload(topic, event, payload), fromSelf, others, latest),
  );
}

/** Closes every connection whose socket has this id, with code 1001. */
export function disconnect(id: string): void {
  broadcast(id, "disconnect", {});
}

/** Closes the connection that a channel belongs to with code 1012, as a stop does to all: the stock client comes back. */
export function drain(channel: Pid): void {
  send(channel, DRAIN);
}
