/** What the endpoint's own HTTP server allows a request. A server of the user's has limits of its own. */
import type { ServerOptions } from "node:http";
import { checkInteger } from "../core/check-integer.js";

export interface HttpOptions {
  /**
   * Milliseconds the head of a request may take, from the connection's first moment on: also for who never sends a byte. Then 408.
   * @defaultValue 60000
   */
  readonly headersTimeoutMs?: number;
  /** Milliseconds a whole request may take, its body included; then 408. @defaultValue 300000 */
  readonly requestTimeoutMs?: number;
  /** Bytes of the largest head; a larger one gets 431. @defaultValue 16384 */
  readonly maxHeaderBytes?: number;
}

const MAX_DELAY_MS = 2_147_483_647;

/** They are looked after so many times in the shortest of them, but no more often than that. */
const LOOKS_PER_TIMEOUT = 4;
const LEAST_LOOK_MS = 10;
const MOST_LOOK_MS = 30_000;

/** In the words of Node.js. @throws RuntimeError `badOption` */
export function resolveHttpOptions(options: HttpOptions): ServerOptions {
  const { headersTimeoutMs = 60_000, requestTimeoutMs = 300_000, maxHeaderBytes = 16_384 } = options;
  checkInteger("http.requestTimeoutMs", requestTimeoutMs, 1, MAX_DELAY_MS);
  checkInteger("http.headersTimeoutMs", headersTimeoutMs, 1, requestTimeoutMs);
  checkInteger("http.maxHeaderBytes", maxHeaderBytes, 1024, 1_048_576);
  const lookMs = Math.ceil(headersTimeoutMs / LOOKS_PER_TIMEOUT);
  return {
    headersTimeout: headersTimeoutMs,
    requestTimeout: requestTimeoutMs,
    maxHeaderSize: maxHeaderBytes,
    connectionsCheckingInterval: Math.min(Math.max(lookMs, LEAST_LOOK_MS), MOST_LOOK_MS),
  };
}
