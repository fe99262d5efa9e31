/**
 * The contract between a transport (WebSocket, long poll) and a connection: the transport owns the bytes, the connection
 * knows topics and channels. Both live on the I/O thread and hold plain data only: no user code runs there.
 */
import type { ExitReason } from "../core/exit-reason.js";
import type { LimitCode } from "../core/limit-codes.js";
import type { Pid } from "../core/pid.js";

/** A message that many connections get: each transport puts it into its own form once and keeps that here. */
export class SharedMessage {
  readonly message: string | Uint8Array;
  /** Whether a client that reads too slowly can do without it. */
  readonly mayDrop: boolean;
  /** Of the messages with the same one that wait for such a client only the newest is kept. `null`: all are. */
  readonly slot: string | null;
  /** As a WebSocket frame. */
  framed: Uint8Array | null = null;
  /** As a JSON string, for long poll. */
  quoted: string | null = null;

  constructor(message: string | Uint8Array, mayDrop = false, slot: string | null = null) {
    this.message = message;
    this.mayDrop = mayDrop;
    this.slot = slot;
  }
}

/** What a connection asks of its transport. */
export interface Transport {
  /** Its name for user code: `"websocket"`, `"longpoll"`. */
  readonly name: string;
  /** Sends one message: a string as text, bytes as binary. */
  send(message: string | Uint8Array): void;
  sendShared(shared: SharedMessage): void;
  /** Whether the client is slower than what it is sent. Only then it matters what may be dropped. */
  readonly isHeldUp: boolean;
  /** Sends one message that the client can do without; see {@link SharedMessage} for its slot. */
  sendDroppable(message: string | Uint8Array, slot: string | null): void;
  /** Closes the connection with a WebSocket close code. */
  close(code: number, reason: string): void;
  /** Takes nothing more from the client for now, so that it has to wait. What was read already may still come. */
  pause(): void;
  resume(): void;
}

/** What a transport tells its connection. */
export interface ConnectionDriver {
  /** A message arrived. */
  receive(message: string | Uint8Array): void;
  /** The processes that work for it, and end with it. */
  readonly channels: readonly Pid[];
  /** A limit of the transport's has struck so often. It is counted; this is for those who want to know of whom. */
  limited(code: LimitCode, count: number): void;
  /** The connection is gone, with the reason its channels see: `["shutdown", "closed"]`. What comes after is ignored. */
  closed(reason: ExitReason): void;
}

/** An open connection, for whoever stops its server. */
export interface Drainable {
  /** Closes it with 1012. Answers the processes that worked for it, which now end. */
  drain(): readonly Pid[];
}

/** What a client asked for when it connected. */
export interface ConnectRequest {
  readonly params: { readonly [key: string]: unknown };
  readonly info: ConnectInfo;
}

/** What `connect` is told about the request besides its parameters. */
export interface ConnectInfo {
  readonly peer: { readonly address: string; readonly port: number };
  readonly uri: { readonly scheme: string; readonly host: string; readonly path: string; readonly query: string };
  readonly userAgent: string | null;
  /** Request headers that begin with `x-`. */
  readonly xHeaders: Headers;
  /** `traceparent` and `tracestate`, if the request has them. */
  readonly traceContextHeaders: Headers;
  /** Request headers that begin with `sec-websocket-`. */
  readonly secWebSocketHeaders: Headers;
  /** The client's `authToken`, where the mount has `authToken: true`; else `null`. */
  readonly authToken: string | null;
  /** What the mount has as `connectInfo`. */
  readonly custom: { readonly [key: string]: unknown };
}

/** Some headers of a request, by their names in lower case. */
export type Headers = { readonly [name: string]: string };

/** The response to a WebSocket request that `connect` refused. */
export interface Refusal {
  readonly status: number;
  /** Plain text. @defaultValue empty */
  readonly body?: string;
}

/** How a client's wish to connect ended. */
export type ConnectOutcome =
  | { readonly tag: "accepted"; readonly open: (transport: Transport) => ConnectionDriver }
  | { readonly tag: "refused"; readonly refusal: Refusal | null }
  /** `connect` threw, or returned what is not allowed: our fault, not the client's. */
  | { readonly tag: "failed" }
  /** No scheduler could take it in time. */
  | { readonly tag: "unavailable" };

/** Decides about clients: what an endpoint hands to its transports. */
export interface Acceptor {
  connect(request: ConnectRequest, vsn: string | undefined): Promise<ConnectOutcome>;
}
