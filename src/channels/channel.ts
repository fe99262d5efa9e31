/**
 * What users write: a channel. One process per client and topic, started by a join, with the client's messages as its
 * events. `Phoenix.Channel`, with a table of events instead of clauses: an event that is not in the table has no clause, so
 * it crashes the channel, as in Phoenix; its client gets `phx_error` and rejoins.
 *
 * ```ts
 * export const RoomChannel = channel({
 *   join: (topic, params, socket) => ok({ topic }),
 *   handleIn: {
 *     ping: () => reply("ok", { ping: "pong" }),
 *     shout: (payload, socket) => { socket.broadcast("shout", payload); },
 *   },
 *   handleOut: { shout: (payload, socket) => { socket.push("shout", payload); } },
 * });
 * ```
 *
 * @see https://hexdocs.pm/phoenix/Phoenix.Channel.html
 */
import type { ExitReason } from "../core/exit-reason.js";
import type { From } from "../core/messages.js";
import type { Failure, NoReply, Ok, Reply, Stop } from "../otp/results.js";
import { type Behaviour, checkIsolation, type Definition, type Isolation } from "../runtime/process.js";
import { bootChannel } from "./channel-process.js";
import { type ChannelLimits, type ChannelRates, resolveChannelLimits } from "./limits.js";
import { checkLogLevel, type LogLevel } from "./log.js";
import type { Status } from "./protocol.js";
import type { JoinRequest } from "./requests.js";
import type { Socket } from "./socket.js";

export type MaybePromise<T> = T | PromiseLike<T>;

/** `ok(response?)` lets the client in; `error(reason)` refuses it, and the reason is the answer. */
export type JoinResult = Ok<unknown> | Failure;

/** Nothing, or `noreply()`; `reply(status, response?)`; `stop(reason, { reply }?)`. */
export type InResult =
  | void
  | NoReply<undefined>
  | Reply<Status, unknown>
  | Stop<undefined | { readonly reply: Reply<Status, unknown> }>;

/** Nothing, or `noreply()`; `stop(reason)`. */
export type EventResult = void | NoReply<undefined> | Stop<undefined>;

/** `reply(value)`, `noreply()`, `stop(reason)`. */
export type ChannelCallResult = Reply<unknown, undefined> | NoReply<undefined> | Stop<undefined>;

// Payloads are what a client sent: unknown until a handler says what it expects. Declared as methods, so that a handler
// may name a narrower type for its payload; nothing has checked it.
type InHandler<A extends object> = { handler(payload: unknown, socket: Socket<A>): MaybePromise<InResult> }["handler"];
type OutHandler<A extends object> = {
  handler(payload: unknown, socket: Socket<A>): MaybePromise<EventResult>;
}["handler"];
type CallHandler<A extends object> = {
  handler(arg: unknown, socket: Socket<A>, from: From): MaybePromise<ChannelCallResult>;
}["handler"];

export interface ChannelOptions<A extends object> {
  /** Decides whether the client may join. `topic` is the whole topic, `params` what the client sent along. */
  join(topic: string, params: unknown, socket: Socket<A>): MaybePromise<JoinResult>;
  /** The client's events. A missing one crashes the channel. */
  readonly handleIn?: Readonly<Record<string, InHandler<A>>>;
  /** Broadcast events that this channel takes in hand instead of letting them go straight to the client. */
  readonly handleOut?: Readonly<Record<string, OutHandler<A>>>;
  /** Other messages of processes. Without it they are dropped. */
  handleInfo?(message: unknown, socket: Socket<A>): MaybePromise<EventResult>;
  /** Requests of other processes: `call(pid, event, arg)`. */
  readonly handleCall?: Readonly<Record<string, CallHandler<A>>>;
  /** `cast(pid, event, arg)`. */
  readonly handleCast?: Readonly<Record<string, OutHandler<A>>>;
  /**
   * Runs when the channel ends by itself, by a crash, or because its client is gone; not when it is killed. After 30 s it is not
   * waited for any more.
   */
  terminate?(reason: ExitReason, socket: Socket<A>): MaybePromise<void>;
  /**
   * Level at which joins are logged, `false`: never. Heard if `reportLevel` lets it through. Phoenix's `log_join`.
   * @defaultValue `"info"`
   */
  readonly logJoin?: LogLevel;
  /** Level at which the client's events are logged, likewise. Phoenix's `log_handle_in`. @defaultValue `"debug"` */
  readonly logHandleIn?: LogLevel;
  /** How much its client may send it. */
  readonly limits?: ChannelLimits;
  /**
   * Its channels may have a thread (`"dedicated"`) or an OS process (`"process"`) kept for them; see {@link Isolation}.
   * @defaultValue `"shared"`
   */
  readonly isolation?: Isolation;
}

export class Channel implements Definition<readonly [JoinRequest]> {
  readonly kind = "channel";
  // Erased: the process runs any channel alike, and the types have done their work where the channel was written.
  readonly options: ChannelOptions<Record<string, unknown>>;
  readonly limits: ChannelRates;
  readonly isolation: Isolation;

  constructor(options: ChannelOptions<Record<string, unknown>>) {
    checkIsolation(options.isolation);
    checkLogLevel("logJoin", options.logJoin ?? false);
    checkLogLevel("logHandleIn", options.logHandleIn ?? false);
    this.options = options;
    this.limits = resolveChannelLimits(options.limits ?? {});
    this.isolation = options.isolation ?? "shared";
  }

  /** The broadcast events it takes in hand. */
  get intercept(): readonly string[] {
    return Object.keys(this.options.handleOut ?? {});
  }

  boot(request: JoinRequest): Promise<Behaviour> | Behaviour {
    return bootChannel(this, request);
  }
}

/**
 * Defines a channel; `A` is the type of its assigns.
 *
 * @throws RuntimeError `badOption` for a level or an isolation that is none, or a limit out of range.
 */
export function channel<A extends object = Record<string, unknown>>(options: ChannelOptions<A>): Channel {
  return new Channel(options as unknown as ChannelOptions<Record<string, unknown>>); // see Channel.options
}
