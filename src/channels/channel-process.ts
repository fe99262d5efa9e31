/**
 * The process of a channel: Phoenix's `Channel.Server`. Its parent is the route of its join ref (`join.ts`), which watches
 * it and is watched by it. What it does is decided by the results of the user's callbacks:
 *
 * ```
 *   boot       join ok        monitor the route, "joined" with the reply, then messages
 *              join refused   "refused" with the reply, terminate, exit shutdown
 *              join throws    exit: the route answers "join crashed"; no terminate
 *   leave      reply, "close", terminate, exit {shutdown, left}
 *   stop       reply if any, "close" if the reason is a normal end, terminate, exit
 *   throw      terminate, exit: the route writes phx_error
 *   route gone terminate, exit with its reason
 * ```
 */
import { ErrorCode, RuntimeError } from "../core/errors.js";
import { Exit, type ExitReason, isNormalExit } from "../core/exit-reason.js";
import { type DownMessage, isDown } from "../core/messages.js";
import type { Pid } from "../core/pid.js";
import type { Ref } from "../core/ref.js";
import { isThenable } from "../core/thenable.js";
import { CALL, CAST, type CallMessage, type CastMessage, STOP } from "../otp/gen-server-calls.js";
import { Failure, NoReply, Ok, Reply, Stop } from "../otp/results.js";
import type { Debug } from "../otp/sys-debug.js";
import { handleSystem, isSystem, type SystemTarget, watched } from "../otp/system.js";
import { isBroadcast } from "../pubsub/broadcast.js";
import { subscribe } from "../pubsub/pubsub.js";
import { type Behaviour, monitor, now, replyTo, send, sendData } from "../runtime/process.js";
import type { Channel, ChannelOptions } from "./channel.js";
import { ChannelTold } from "./channel-told.js";
import { serializerFor } from "./choose-serializer.js";
import { ControlEvent, type Encoded, type Json, type Message } from "./protocol.js";
import { DRAIN, type JoinRequest, type RouteMessage } from "./requests.js";
import type { Serializer } from "./serializer.js";
import { Socket } from "./socket.js";
import { spans } from "./telemetry.js";

/** Milliseconds a `terminate` may take. Until it is over the client is not told of the end, and the process is there. */
const MAX_TERMINATE_MS = 30_000;

type Options = ChannelOptions<Record<string, unknown>>;

/** What `sys.getState` and crash reports show of a channel. */
export interface ChannelState {
  readonly topic: string;
  readonly joinRef: Json;
  readonly id: string | null;
  readonly transport: string;
  readonly assigns: Record<string, unknown>;
}

export function bootChannel(definition: Channel, request: JoinRequest): Promise<Behaviour> | Behaviour {
  const { options, intercept } = definition;
  const serializer = serializerFor(request.vsn);
  const tell = (message: RouteMessage): void => send(request.route, message);
  let message: Message;
  try {
    message = serializer.decode(request.frame);
  } catch (error) {
    tell(["malformed", request.frame]);
    throw error;
  }
  const topic = message.topic as string; // it matched a route
  const socket = new Socket(request, topic, message.joinRef ?? message.ref);
  const told = new ChannelTold(definition, socket, request.filter);
  const answer = (status: string, response: unknown): Encoded =>
    serializer.encodeReply(message.joinRef, message.ref, topic, status, response);

  const decided = (result: unknown): Promise<Behaviour> | Behaviour => {
    if (result instanceof Failure) {
      tell(["refused", answer("error", orEmpty(result.reason))]);
      return ended(told.terminate("shutdown"), () => {
        throw new Exit("shutdown");
      });
    }
    if (!(result instanceof Ok)) throw badReturn("join", result, "ok(response?), error(reason)");
    const reply = answer("ok", orEmpty(result.value));
    const { limits } = definition;
    const tellAfter = Math.ceil(limits.maxUnhandled / 4); // what is kept back must not matter to the route
    const process = new ChannelProcess(told, options, socket, serializer, request, tellAfter, monitor(request.route));
    if (intercept.length > 0) subscribe(topic, { events: intercept });
    Socket.setJoined(socket);
    tell(["joined", reply]);
    return process;
  };

  const result = told.join(message.payload, request.sentMs);
  return isThenable(result) ? Promise.resolve(result).then(decided) : decided(result);
}

/** Goes on with `next` when a callback that may have been async is done. */
function ended<T>(callback: unknown, next: () => T): Promise<T> | T {
  return isThenable(callback) ? Promise.resolve(callback).then(next) : next();
}

/** Settles with `callback`, but no later than {@link MAX_TERMINATE_MS} from now. */
function settledInTime(callback: PromiseLike<unknown>): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, MAX_TERMINATE_MS).unref();
    Promise.resolve(callback)
      .finally(() => clearTimeout(timer))
      .then(resolve, reject);
  });
}

class ChannelProcess implements SystemTarget {
  readonly kind = "channel";
  debug: Debug | null = null;
  readonly #told: ChannelTold;
  readonly #options: Options;
  readonly #socket: Socket;
  readonly #serializer: Serializer;
  readonly #route: Pid;
  readonly #routeMonitor: Ref;
  readonly #tellAfter: number;
  readonly #tellAfterBytes: number;
  /** Messages of the client that were handled, and their bytes, since the route was told. */
  #handled = 0;
  #handledBytes = 0;

  constructor(
    told: ChannelTold,
    options: Options,
    socket: Socket,
    serializer: Serializer,
    { route, tellAfterBytes }: JoinRequest,
    tellAfter: number,
    routeMonitor: Ref,
  ) {
    this.#told = told;
    this.#options = options;
    this.#socket = socket;
    this.#serializer = serializer;
    this.#route = route;
    this.#routeMonitor = routeMonitor;
    this.#tellAfter = tellAfter;
    this.#tellAfterBytes = tellAfterBytes;
  }

  /** A frame of the client. */
  data(raw: Encoded, arrivedMs: number): void | PromiseLike<void> {
    this.#handledBytes += raw.length;
    if (++this.#handled >= this.#tellAfter || this.#handledBytes >= this.#tellAfterBytes) this.#tellHandled();
    return this.debug === null
      ? this.#frame(raw, arrivedMs)
      : watched(this, raw, raw, () => this.#frame(raw, arrivedMs));
  }

  /** There is room for more; see `Join.forward`. */
  #tellHandled(): void {
    this.#tell(["handled", this.#handled, this.#handledBytes]);
    this.#handled = 0;
    this.#handledBytes = 0;
  }

  get timesData(): boolean {
    return spans.handleIn.isWatched;
  }

  #frame(raw: Encoded, arrivedMs: number): void | PromiseLike<void> {
    let message: Message;
    try {
      message = this.#serializer.decode(raw);
    } catch {
      return this.#tell(["malformed", raw]); // the connection closes, and this channel with it
    }
    if (message.event === ControlEvent.leave) {
      this.#reply(message, "ok", {});
      this.#tell(["close"]);
      throw new Exit(["shutdown", "left"]);
    }
    const event = String(message.event);
    const handler = clause("handleIn", this.#options.handleIn, event, this.#socket);
    Socket.setRef(this.#socket, message.ref);
    const told = this.#told;
    const result = told.tellsIn
      ? told.handleIn(handler, event, message, arrivedMs === 0 ? undefined : now() - arrivedMs)
      : handler(message.payload, this.#socket);
    return isThenable(result)
      ? Promise.resolve(result).then((settled) => this.#handledIn(message, settled))
      : this.#handledIn(message, result);
  }

  handle(message: unknown): void | PromiseLike<void> {
    return this.debug === null ? this.take(message) : watched(this, message);
  }

  take(message: unknown): void | PromiseLike<void> {
    const options = this.#options;
    const socket = this.#socket;
    if (message === DRAIN) return this.#tell(["drain"]);
    if (this.isParentsEnd(message)) {
      throw new Exit(message.reason === "normal" ? ["shutdown", "closed"] : message.reason);
    }
    if (Array.isArray(message) && message[0] === CALL) return this.#call(message as unknown as CallMessage);
    if (Array.isArray(message) && message[0] === CAST) {
      const [, event, arg] = message as unknown as CastMessage;
      return this.#after(clause("handleCast", options.handleCast, event, socket)(arg, socket), `handleCast.${event}`);
    }
    if (Array.isArray(message) && message[0] === STOP) return this.#stop(message[1]);
    if (isSystem(message)) return handleSystem(this, message);
    if (isBroadcast(message) && message.topic === socket.topic) {
      const { event, payload } = message;
      const handler = clause("handleOut", options.handleOut, event, socket);
      const told = spans.handleOut.isWatched;
      const result = told ? this.#told.handleOut(handler, event, payload) : handler(payload, socket);
      return this.#after(result, `handleOut.${event}`);
    }
    if (options.handleInfo === undefined) return; // as in Phoenix, which logs it; a trace belongs to the observer here
    const told = spans.handleInfo.isWatched;
    return this.#after(told ? this.#told.handleInfo(message) : options.handleInfo(message, socket), "handleInfo");
  }

  /** What is the channel's own; not what it is made of. */
  state(): ChannelState {
    const { topic, joinRef, id, transport, assigns } = this.#socket;
    return { topic, joinRef, id, transport, assigns };
  }

  /** A frame of the client, or what else it gets, with secrets filtered out as in the log. */
  showMessage(message: unknown): unknown {
    if (typeof message !== "string" && !(message instanceof Uint8Array)) return this.#told.filtered(message);
    const { event, ref, payload } = this.#serializer.decode(message);
    return { event, ref, payload: this.#told.filtered(payload) };
  }

  /** Takes the assigns. */
  replaceState(state: unknown): void {
    const assigns: unknown = (state as Partial<ChannelState> | null | undefined)?.assigns;
    if (typeof assigns !== "object" || assigns === null) {
      throw new RuntimeError(ErrorCode.badArgument, "the state of a channel has the form { assigns: { … } }");
    }
    this.#socket.assigns = assigns as Record<string, unknown>;
  }

  /** Its route stands for its connection. */
  isParentsEnd(message: unknown): message is DownMessage {
    return isDown(message) && message.ref === this.#routeMonitor;
  }

  terminate(reason: ExitReason): ExitReason | PromiseLike<ExitReason> {
    const last = this.#told.terminate(reason);
    return isThenable(last) ? settledInTime(last).then(() => reason) : reason;
  }

  #handledIn(message: Message, result: unknown): void {
    Socket.setRef(this.#socket, undefined);
    if (result === undefined || result instanceof NoReply) return;
    if (result instanceof Reply) return this.#reply(message, result.first, result.second);
    if (!(result instanceof Stop)) {
      throw badReturn(
        `handleIn.${String(message.event)}`,
        result,
        "nothing, noreply(), reply(status, response?), stop(reason, { reply }?)",
      );
    }
    const options: { reply?: unknown } = result.options ?? {};
    if (options.reply instanceof Reply) this.#reply(message, options.reply.first, options.reply.second);
    this.#stop(result.reason);
  }

  #after(result: unknown, callback: string): void | PromiseLike<void> {
    if (isThenable(result)) return Promise.resolve(result).then((settled) => this.#after(settled, callback));
    if (result === undefined || result instanceof NoReply) return;
    if (result instanceof Stop) return this.#stop(result.reason);
    throw badReturn(callback, result, "nothing, noreply(), stop(reason)");
  }

  #call([, pid, ref, event, arg]: CallMessage): void | PromiseLike<void> {
    const from = { pid, ref };
    const result = clause("handleCall", this.#options.handleCall, event, this.#socket)(arg, this.#socket, from);
    const answered = (settled: unknown): void => {
      if (settled instanceof Reply) {
        replyTo(from, settled.first);
        this.debug?.out(settled.first, from.pid, this.state());
      } else if (settled instanceof Stop) this.#stop(settled.reason);
      else if (!(settled instanceof NoReply)) {
        throw badReturn(`handleCall.${event}`, settled, "reply(value), noreply(), stop(reason)");
      }
    };
    return isThenable(result) ? Promise.resolve(result).then(answered) : answered(result);
  }

  /** The close notice goes out before `terminate` runs, as in Phoenix: what that one pushes comes after it. */
  #stop(reason: ExitReason): never {
    if (isNormalExit(reason)) this.#tell(["close"]);
    throw new Exit(reason);
  }

  #reply(message: Message, status: unknown, response: unknown): void {
    const { topic, joinRef } = this.#socket; // a message may leave the join ref out, its answer does not
    if (typeof status !== "string") {
      throw badReturn(
        `handleIn.${String(message.event)}`,
        status,
        "a status that is a string, in reply(status, response?)",
      );
    }
    const frame = this.#serializer.encodeReply(joinRef, message.ref, topic, status, orEmpty(response));
    sendData(this.#route, frame);
    this.debug?.out(frame, this.#route, this.state());
  }

  #tell(message: RouteMessage): void {
    send(this.#route, message);
  }
}

/** What was left out is an empty object; `null` is null. */
function orEmpty(response: unknown): unknown {
  return response === undefined ? {} : response;
}

/** The handler of an event. Only the table's own entries count: `constructor` is no event. */
function clause<H>(callback: string, table: Readonly<Record<string, H>> | undefined, event: string, socket: Socket): H {
  if (table !== undefined && Object.hasOwn(table, event)) return table[event] as H; // it is its own
  const known = Object.keys(table ?? {}).join(", ") || "none";
  const message = `no ${callback} for event ${JSON.stringify(event)} on topic "${socket.topic}"; there are: ${known}`;
  throw new RuntimeError(ErrorCode.unknownEvent, message);
}

function badReturn(callback: string, value: unknown, allowed: string): RuntimeError {
  const shown =
    typeof value === "object" && value !== null ? Object.prototype.toString.call(value) : String(value as Json);
  return new RuntimeError(ErrorCode.badReturn, `${callback} returned ${shown}; allowed are ${allowed}`);
}
