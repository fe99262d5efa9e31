/** The options of a mount's WebSockets, with their defaults, checked once at the edge. */
import { checkInteger } from "../core/check-integer.js";
import { type OutboundOptions, resolveOutbound } from "./outbound.js";

export interface WebSocketOptions {
  /** Milliseconds without anything received after which a connection is closed. @defaultValue 60000 */
  readonly timeoutMs?: number;
  /**
   * Milliseconds of silence after which a client is pinged; its answer counts as something received, so that a client without
   * heartbeats stays. 0: never, as in Phoenix. @defaultValue 0
   */
  readonly pingIntervalMs?: number;
  /** Milliseconds a pinged client may stay silent; then its connection is closed with 1000. @defaultValue 15000 */
  readonly pongTimeoutMs?: number;
  /** Bytes of the largest message a client may send; a larger one closes the connection with 1009. @defaultValue 10000000 */
  readonly maxFrameBytes?: number;
  /**
   * Whether messages of 1 KB and more are compressed for clients that want that (permessage-deflate). Costs memory and time
   * for each connection; broadcasts are then no longer framed once for all. @defaultValue `false`
   */
  readonly compress?: boolean;
  /** Bytes that may wait for a client that doesn't read; what happens beyond that says `outbound`. @defaultValue 16777216 */
  readonly maxBufferedBytes?: number;
  /** What becomes of messages for a client that reads too slowly. @defaultValue beyond `maxBufferedBytes` it is closed with 1013 */
  readonly outbound?: OutboundOptions;
}

/** With all defaults. */
export type ResolvedWebSocketOptions = Required<Omit<WebSocketOptions, "outbound">> & {
  readonly outbound: Required<OutboundOptions>;
};

export const DEFAULT_TIMEOUT_MS = 60_000;
export const DEFAULT_PING_INTERVAL_MS = 0;
export const DEFAULT_PONG_TIMEOUT_MS = 15_000;
export const DEFAULT_MAX_FRAME_BYTES = 10_000_000;
export const DEFAULT_MAX_BUFFERED_BYTES = 16_777_216;

/** The longest delay Node.js timers take, and more bytes than a process has. */
const MAX_TIMEOUT_MS = 2_147_483_647;
const MAX_BYTES = Number.MAX_SAFE_INTEGER;

/** @throws RuntimeError `badOption` */
export function resolveWebSocketOptions(options: WebSocketOptions): ResolvedWebSocketOptions {
  const resolved = {
    timeoutMs: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    pingIntervalMs: options.pingIntervalMs ?? DEFAULT_PING_INTERVAL_MS,
    pongTimeoutMs: options.pongTimeoutMs ?? DEFAULT_PONG_TIMEOUT_MS,
    maxFrameBytes: options.maxFrameBytes ?? DEFAULT_MAX_FRAME_BYTES,
    compress: options.compress ?? false,
    maxBufferedBytes: options.maxBufferedBytes ?? DEFAULT_MAX_BUFFERED_BYTES,
    outbound: resolveOutbound(options.outbound ?? {}),
  };
  checkInteger("timeoutMs", resolved.timeoutMs, 1, MAX_TIMEOUT_MS);
  checkInteger("pingIntervalMs", resolved.pingIntervalMs, 0, MAX_TIMEOUT_MS);
  checkInteger("pongTimeoutMs", resolved.pongTimeoutMs, 1, MAX_TIMEOUT_MS);
  checkInteger("maxFrameBytes", resolved.maxFrameBytes, 1, MAX_BYTES);
  checkInteger("maxBufferedBytes", resolved.maxBufferedBytes, 1, MAX_BYTES);
  return resolved;
}
