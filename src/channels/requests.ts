/** What connections and channels tell each other, as plain data: the shapes of their messages across threads. */
import type { Pid } from "../core/pid.js";
import type { FilterParameters } from "./filter-parameters.js";
import type { ChannelRates, ConnectionRates } from "./limits.js";
import type { Encoded } from "./protocol.js";
import type { Refusal } from "./transport.js";

/** Given to a channel at its start. */
export interface JoinRequest {
  /** The whole join frame; its payload is parsed by the channel. */
  readonly frame: Encoded;
  /** Version of the serializer. */
  readonly vsn: string;
  /** The port of this join ref: what the channel sends there goes to its client. */
  readonly route: Pid;
  /** The connection's port: answers by socket ref go there, they may outlive the channel. */
  readonly connection: Pid;
  readonly transport: string;
  /** The socket's id. */
  readonly id: string | null;
  readonly assigns: Readonly<Record<string, unknown>>;
  /** When it was sent, for telemetry; see `sharedNowMs`. */
  readonly sentMs: number;
  /** What of the client's messages is kept out of the log. */
  readonly filter: FilterParameters;
  /** Bytes it may have handled and not told its route of. */
  readonly tellAfterBytes: number;
}

/** From a channel to its route. What is for the client's eyes travels as data, in the same stream. */
export type RouteMessage =
  | readonly ["joined", reply: Encoded]
  | readonly ["refused", reply: Encoded]
  /** It ends as intended: `phx_close`. */
  | readonly ["close"]
  /** So many messages of the client, of so many bytes, are handled. Told now and then: the client is slowed down by it. */
  | readonly ["handled", count: number, bytes: number]
  /** It was told to drain: its whole connection closes. */
  | readonly ["drain"]
  /** A frame that only looked well from its head: the I/O thread looks for itself. */
  | readonly ["malformed", frame: Encoded]
  /** A push of which only the newest matters; see `latest.ts`. */
  | readonly ["push", frame: Encoded, event: string, latest: string];

/** Given to the process that runs a socket's `connect`. It answers with a {@link ConnectAnswer}. */
export interface ConnectCall {
  readonly params: { readonly [key: string]: unknown };
  readonly info: unknown;
  readonly transport: string;
  readonly vsn: string;
  /** As in {@link JoinRequest}. */
  readonly sentMs: number;
  readonly filter: FilterParameters;
}

/** The last thing that a process does that runs `connect`; it says whose answer this is. */
export type ConnectAnswer =
  | readonly ["accepted", from: Pid, id: string | null, assigns: Readonly<Record<string, unknown>>]
  | readonly ["refused", from: Pid, refusal: Refusal | null];

/** Tells a channel to drain. Phoenix's drainer sends its channels such a message, too. */
export const DRAIN = "$phx_drain";

/** One route of a socket as the I/O thread knows it. */
export interface RouteManifest {
  readonly pattern: string;
  /** Key of the channel's definition. */
  readonly channel: string;
  /** Events its `handleOut` wants: these do not go straight to its client. */
  readonly intercept: readonly string[];
  /** Merged over what `connect` assigned. */
  readonly assigns: Readonly<Record<string, unknown>>;
  readonly limits: ChannelRates;
}

/** A socket as the I/O thread knows it. */
export interface SocketManifest {
  readonly socket: string;
  readonly routes: readonly RouteManifest[];
  readonly maxChannels: number;
  readonly joinTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly limits: ConnectionRates;
  /** Of its application. */
  readonly filter: FilterParameters;
}
