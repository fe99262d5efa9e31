/**
 * What users write: a socket, the door through which clients come. `connect` says who a client is; `channels` says which
 * channel a topic belongs to. `Phoenix.Socket`.
 *
 * ```ts
 * export const UserSocket = socket({
 *   connect: (params) => ok({ id: `user:${params.user_id}`, assigns: { userId: params.user_id } }),
 *   channels: { "ping": PingChannel, "room:*": RoomChannel },
 * });
 * ```
 *
 * @see https://hexdocs.pm/phoenix/Phoenix.Socket.html
 */
import { checkInteger } from "../core/check-integer.js";
import { ErrorCode, RuntimeError } from "../core/errors.js";
import { Exit } from "../core/exit-reason.js";
import { isThenable } from "../core/thenable.js";
import { Failure, Ok, ok } from "../otp/results.js";
import {
  checkIsolation,
  type Definition,
  type Isolation,
  keyOf,
  parent,
  type ReportLevel,
  self,
  send,
} from "../runtime/process.js";
import type { Channel, MaybePromise } from "./channel.js";
import { type FilterParameters, filterParameters } from "./filter-parameters.js";
import { resolveSocketLimits, type SocketLimits } from "./limits.js";
import { checkLogLevel, durationText, heardLevel, type LogLevel, log } from "./log.js";
import type { ConnectAnswer, ConnectCall, SocketManifest } from "./requests.js";
import { resolveRoutes } from "./route.js";
import { type ConnectMetadata, sharedNowMs, spans } from "./telemetry.js";
import type { ConnectInfo, Refusal } from "./transport.js";

/** Channels a client may have joined over one connection, as in Phoenix. */
export const DEFAULT_MAX_CHANNELS = 100;

/** Milliseconds `connect` may take. */
export const DEFAULT_CONNECT_TIMEOUT_MS = 10_000;
/** Milliseconds a `join` may take. */
export const DEFAULT_JOIN_TIMEOUT_MS = 30_000;
/** The longest delay Node.js timers take. */
const MAX_DELAY_MS = 2_147_483_647;

export interface Accepted {
  /** Names the client for `disconnect(id)`. @defaultValue none */
  readonly id?: string | null;
  /** The first state of each of its channels: plain data. @defaultValue `{}` */
  readonly assigns?: Readonly<Record<string, unknown>>;
}

/** `ok({ id?, assigns? })` lets the client in, `error(reason?)` refuses it: HTTP 403, unless `refusal` says otherwise. */
export type ConnectResult = Ok<Accepted | undefined> | Failure;

/** The query parameters of a client, decoded as Phoenix does: strings, nested by `a[b]=c`. */
export type ConnectParams = { readonly [key: string]: string | undefined };

/** A channel with first values for its assigns, merged over those of the socket. */
export interface ChannelRoute {
  readonly channel: Channel;
  /** Plain data. */
  readonly assigns?: Readonly<Record<string, unknown>>;
}

export interface SocketOptions {
  /** Runs once per connection, in a process of its own on a scheduler. @defaultValue lets everybody in */
  connect?(params: ConnectParams, info: ConnectInfo): MaybePromise<ConnectResult>;
  /**
   * The response to a client that `connect` refused with a reason. Phoenix's `error_handler`: over WebSocket only, and
   * browsers show it to nobody. @defaultValue 403 without a body
   */
  refusal?(reason: unknown): MaybePromise<Refusal>;
  /** Topic pattern (`"room:lobby"`, `"room:*"`) → channel; the first match in this order wins. */
  readonly channels: Readonly<Record<string, Channel | ChannelRoute>>;
  /**
   * Level at which connects are logged, `false`: never. Heard if `reportLevel` lets it through. Phoenix's `log`.
   * @defaultValue `"info"`
   */
  readonly log?: LogLevel;
  /** Channels a client may have joined over one connection; one more is refused. @defaultValue 100 */
  readonly maxChannels?: number;
  /**
   * Milliseconds a channel's `join` may take; then it is killed, and the client gets the error `join timeout`. The stock client
   * gives up after 10 s by itself. @defaultValue 30000
   */
  readonly joinTimeoutMs?: number;
  /** Milliseconds `connect` may take; then its process is killed, and the client gets HTTP 503. @defaultValue 10000 */
  readonly connectTimeoutMs?: number;
  /** How much a client may send over one connection. */
  readonly limits?: SocketLimits;
  /**
   * Where `connect` runs: a thread (`"dedicated"`) or an OS process (`"process"`) may be kept for it; see {@link Isolation}. Its
   * channels have an isolation of their own.
   * @defaultValue `"shared"`
   */
  readonly isolation?: Isolation;
}

export class UserSocket implements Definition<readonly [ConnectCall]> {
  readonly kind = "socket";
  readonly options: SocketOptions;
  readonly isolation: Isolation;

  constructor(options: SocketOptions) {
    checkLogLevel("log", options.log ?? false);
    checkIsolation(options.isolation);
    this.options = options;
    this.isolation = options.isolation ?? "shared";
  }

  /**
   * Runs `connect`, answers the port that waits for it, its parent, and ends. All in one go if no callback is async: then the
   * answers of many clients, and the ends of these processes, leave the thread together.
   */
  boot(call: ConnectCall): Promise<never> {
    const level = heardLevel(this.options.log ?? "info");
    const result = spans.connect.isWatched || level !== null ? this.#told(call, level) : this.#connect(call);
    return isThenable(result)
      ? Promise.resolve(result).then((settled) => this.#decided(settled))
      : this.#decided(result);
  }

  #decided(result: unknown): Promise<never> {
    if (!(result instanceof Failure)) return accept(result);
    const { refusal } = this.options;
    const { reason } = result;
    const refused = reason === undefined || refusal === undefined ? null : refusal(reason);
    return isThenable(refused) ? Promise.resolve(refused).then(refuse) : refuse(refused);
  }

  #connect({ params, info }: ConnectCall): unknown {
    // The endpoint sends what its transports have read from the request.
    return this.options.connect === undefined
      ? ok()
      : this.options.connect(params as ConnectParams, info as ConnectInfo);
  }

  /** Runs `connect` for people who listen: telemetry, and the log if `level` is heard. */
  #told(call: ConnectCall, level: ReportLevel | null): unknown {
    const { transport, vsn, params, info: connectInfo } = call;
    const userSocket = keyOf(this as Definition);
    const metadata: ConnectMetadata = { pid: self(), userSocket, transport, vsn, params, connectInfo };
    const work = (): unknown => this.#connect(call);
    return spans.connect.run(metadata, { queueMs: sharedNowMs() - call.sentMs }, work, (result, durationMs) => {
      if (result instanceof Ok) metadata.result = "ok";
      else if (result instanceof Failure) metadata.result = "error";
      if (level === null || metadata.result === undefined) return;
      const how = metadata.result === "ok" ? "CONNECTED TO" : "REFUSED CONNECTION TO";
      const shown = { transport, serializer: vsn, params: filterParameters(params, call.filter) };
      log(level, `${how} ${userSocket} in ${durationText(durationMs)}`, shown);
    });
  }

  /** The socket in plain data, for the I/O thread. */
  describe(keyOf: (definition: Definition) => string, filter: FilterParameters): SocketManifest {
    const routes = resolveRoutes(Object.entries(this.options.channels)).map(({ pattern, target }) => {
      const { channel, assigns = {} } = "channel" in target ? target : { channel: target };
      return {
        pattern,
        channel: keyOf(channel as Definition),
        intercept: channel.intercept,
        assigns,
        limits: channel.limits,
      };
    });
    const maxChannels = this.options.maxChannels ?? DEFAULT_MAX_CHANNELS;
    checkInteger("maxChannels", maxChannels, 1, Number.MAX_SAFE_INTEGER);
    const joinTimeoutMs = this.options.joinTimeoutMs ?? DEFAULT_JOIN_TIMEOUT_MS;
    checkInteger("joinTimeoutMs", joinTimeoutMs, 1, MAX_DELAY_MS);
    const connectTimeoutMs = this.options.connectTimeoutMs ?? DEFAULT_CONNECT_TIMEOUT_MS;
    checkInteger("connectTimeoutMs", connectTimeoutMs, 1, MAX_DELAY_MS);
    const limits = resolveSocketLimits(this.options.limits ?? {}, maxChannels);
    return { socket: keyOf(this as Definition), routes, maxChannels, joinTimeoutMs, connectTimeoutMs, limits, filter };
  }
}

/** Defines a socket. @throws RuntimeError `badOption` for a `log` that is no level, or a bad isolation. */
export function socket(options: SocketOptions): UserSocket {
  return new UserSocket(options);
}

function accept(result: unknown): never {
  const { id = null, assigns = {} } = (result instanceof Ok ? (result.value as Accepted | undefined) : undefined) ?? {};
  if (result instanceof Ok && (typeof id === "string" || id === null)) {
    answer(["accepted", self(), id, assigns]);
    throw new Exit("normal");
  }
  // The client is refused, as in Phoenix; the crash that follows is for the eyes of who wrote it.
  answer(["refused", self(), null]);
  const what = result instanceof Ok ? `an id that is a ${typeof id}` : `a ${typeof result}`;
  throw new RuntimeError(
    ErrorCode.badReturn,
    `connect returned ${what}; allowed are ok({ id?: string, assigns?: object }), error(reason?)`,
  );
}

function refuse(refusal: Refusal | null): never {
  answer(["refused", self(), refusal]);
  throw new Exit("normal");
}

function answer(answer: ConnectAnswer): void {
  const connection = parent();
  if (connection !== null) send(connection, answer);
}
