/** What a long poll may take: its options, their defaults and what is allowed. */
import { checkInteger } from "../core/check-integer.js";

export interface LongPollOptions {
  /**
   * Milliseconds a poll waits for messages, and then a client may take to read the answer. A session that is not polled for
   * one and a half times that ends. The stock client gives up a poll after 20 s. @defaultValue 10000
   */
  readonly windowMs?: number;
  /** Milliseconds after which a session must begin anew. @defaultValue 1209600000, two weeks */
  readonly tokenMaxAgeMs?: number;
  /** Sessions there may be; one more client gets HTTP 503. @defaultValue 10000 */
  readonly maxSessions?: number;
  /** Messages that may wait for a client between two polls; beyond that its session ends. @defaultValue 10000 */
  readonly maxBufferedMessages?: number;
  /** Bytes that may wait for a client; beyond that its session ends. @defaultValue 16777216 */
  readonly maxBufferedBytes?: number;
  /** Bytes of the largest body a client may post; a larger one gets HTTP 400. @defaultValue 8000000 */
  readonly maxBodyBytes?: number;
  /** Milliseconds a body may take to arrive; then HTTP 400. @defaultValue 15000 */
  readonly bodyTimeoutMs?: number;
  /** Messages of one body that are handled; the others are dropped. The stock client sends no more. @defaultValue 100 */
  readonly maxBatch?: number;
  /**
   * Bytes that messages and bodies of all sessions may take together. Beyond that a session that needs more ends, and a POST
   * gets HTTP 503. @defaultValue 268435456
   */
  readonly maxTotalBytes?: number;
}

export const DEFAULT_WINDOW_MS = 10_000;
export const DEFAULT_TOKEN_MAX_AGE_MS = 1_209_600_000;
export const DEFAULT_MAX_SESSIONS = 10_000;
export const DEFAULT_MAX_BUFFERED_MESSAGES = 10_000;
export const DEFAULT_LONG_POLL_BUFFERED_BYTES = 16_777_216;
export const DEFAULT_MAX_BODY_BYTES = 8_000_000;
export const DEFAULT_BODY_TIMEOUT_MS = 15_000;
export const DEFAULT_MAX_BATCH = 100;
export const DEFAULT_MAX_TOTAL_BYTES = 268_435_456;

/** How long a session may go without a poll, in windows. */
export const WINDOWS_UNTIL_IDLE = 1.5;

const MAX_COUNT = Number.MAX_SAFE_INTEGER;
/** The longest delay Node.js timers take. */
const MAX_TIMER_MS = 2_147_483_647;

/** @throws RuntimeError `badOption` */
export function resolveLongPollOptions(options: LongPollOptions): Required<LongPollOptions> {
  const resolved = {
    windowMs: options.windowMs ?? DEFAULT_WINDOW_MS,
    tokenMaxAgeMs: options.tokenMaxAgeMs ?? DEFAULT_TOKEN_MAX_AGE_MS,
    maxSessions: options.maxSessions ?? DEFAULT_MAX_SESSIONS,
    maxBufferedMessages: options.maxBufferedMessages ?? DEFAULT_MAX_BUFFERED_MESSAGES,
    maxBufferedBytes: options.maxBufferedBytes ?? DEFAULT_LONG_POLL_BUFFERED_BYTES,
    maxBodyBytes: options.maxBodyBytes ?? DEFAULT_MAX_BODY_BYTES,
    bodyTimeoutMs: options.bodyTimeoutMs ?? DEFAULT_BODY_TIMEOUT_MS,
    maxBatch: options.maxBatch ?? DEFAULT_MAX_BATCH,
    maxTotalBytes: options.maxTotalBytes ?? DEFAULT_MAX_TOTAL_BYTES,
  };
  for (const [name, value] of Object.entries(resolved)) {
    const isTimer = name === "windowMs" || name === "bodyTimeoutMs";
    checkInteger(name, value, 1, isTimer ? Math.floor(MAX_TIMER_MS / WINDOWS_UNTIL_IDLE) : MAX_COUNT);
  }
  return resolved;
}
