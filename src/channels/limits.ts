/**
 * The limits of sockets and channels as their users give them, and as plain data for the I/O thread, which holds them.
 * docs/channels/limits.md has all of them, with reasons for the defaults.
 */
import { checkInteger } from "../core/check-integer.js";
import { ErrorCode, RuntimeError } from "../core/errors.js";
import { type Rate, type RateLimit, rateOf } from "./token-bucket.js";

/** Limits of one connection: what a client may do. `false`: no limit. */
export interface SocketLimits {
  /**
   * Messages of the client, heartbeats and joins among them. Beyond it its connection is not read for a while: the client gets
   * slower, and nothing is lost. @defaultValue `{ perSecond: 10_000, burst: 20_000 }`
   */
  readonly messages?: RateLimit | false;
  /** Joins, likewise; each costs a process. @defaultValue `{ perSecond: 100, burst: 1000 }`, or a burst of `maxChannels` */
  readonly joins?: RateLimit | false;
  /**
   * Milliseconds a client is kept waiting at most by these two. What would have to wait longer is refused with `rate_limited`;
   * 0 refuses at once. @defaultValue 1000
   */
  readonly throttleMs?: number;
  /** Refused messages; one more closes the connection with 1008. @defaultValue `{ perSecond: 10, burst: 1000 }` */
  readonly refusals?: RateLimit | false;
  /**
   * Bytes of messages that its channels have not handled yet. Beyond it the connection is not read until half of them are
   * handled. @defaultValue 16777216
   */
  readonly maxUnhandledBytes?: number;
}

/** Limits of one channel process: what its client may do to it. */
export interface ChannelLimits {
  /** Messages of the client; beyond it they are refused with `rate_limited`. @defaultValue `false` */
  readonly messages?: RateLimit | false;
  /** The same by event, besides: `{ typing: { perSecond: 2 } }`. @defaultValue none */
  readonly events?: Readonly<Record<string, RateLimit>>;
  /**
   * Messages of the client that it has not handled yet. Beyond it the client's connection is not read until half of them are
   * handled: nothing is lost. @defaultValue 1000
   */
  readonly maxUnhandled?: number;
}

export const DEFAULT_MESSAGES: RateLimit = { perSecond: 10_000, burst: 20_000 };
export const DEFAULT_JOINS: RateLimit = { perSecond: 100, burst: 1000 };
export const DEFAULT_REFUSALS: RateLimit = { perSecond: 10, burst: 1000 };
export const DEFAULT_THROTTLE_MS = 1000;
export const DEFAULT_MAX_UNHANDLED_BYTES = 16_777_216;
export const DEFAULT_MAX_UNHANDLED = 1000;

const MAX_RATE = 1_000_000;
const MAX_THROTTLE_MS = 30_000;

/** {@link SocketLimits} in plain data; `null`: no limit. */
export interface ConnectionRates {
  readonly messages: Rate | null;
  readonly joins: Rate | null;
  readonly refusals: Rate | null;
  readonly maxUnhandledBytes: number;
}

/** {@link ChannelLimits} in plain data. */
export interface ChannelRates {
  readonly messages: Rate | null;
  readonly events: Readonly<Record<string, Rate>> | null;
  readonly maxUnhandled: number;
}

/** @throws RuntimeError `badOption` */
export function resolveSocketLimits(limits: SocketLimits, maxChannels: number): ConnectionRates {
  const { throttleMs = DEFAULT_THROTTLE_MS, maxUnhandledBytes = DEFAULT_MAX_UNHANDLED_BYTES } = limits;
  checkNames("limits", limits, ["messages", "joins", "throttleMs", "refusals", "maxUnhandledBytes"]);
  checkInteger("limits.throttleMs", throttleMs, 0, MAX_THROTTLE_MS);
  checkInteger("limits.maxUnhandledBytes", maxUnhandledBytes, 1, Number.MAX_SAFE_INTEGER);
  // A client that comes back joins all of its topics at once.
  const burst = Math.min(MAX_RATE, Math.max(DEFAULT_JOINS.burst as number, maxChannels));
  return {
    messages: resolveRate("limits.messages", limits.messages ?? DEFAULT_MESSAGES, throttleMs),
    joins: resolveRate("limits.joins", limits.joins ?? { ...DEFAULT_JOINS, burst }, throttleMs),
    refusals: resolveRate("limits.refusals", limits.refusals ?? DEFAULT_REFUSALS, 0),
    maxUnhandledBytes,
  };
}

/** A channel's have no throttle: not to read on would hold up the other topics of the connection for this one's sake. */
export function resolveChannelLimits(limits: ChannelLimits): ChannelRates {
  const { maxUnhandled = DEFAULT_MAX_UNHANDLED, events } = limits;
  checkNames("limits", limits, ["messages", "events", "maxUnhandled"]);
  checkInteger("limits.maxUnhandled", maxUnhandled, 1, 1_000_000);
  const byEvent = Object.entries(events ?? {}).map(
    ([event, limit]) => [event, resolveRate(`limits.events.${event}`, limit, 0)] as const,
  );
  return {
    messages: resolveRate("limits.messages", limits.messages ?? false, 0),
    events: byEvent.length === 0 ? null : (Object.fromEntries(byEvent) as Record<string, Rate>), // only `false` has none
    maxUnhandled,
  };
}

function resolveRate(name: string, limit: RateLimit | false, throttleMs: number): Rate | null {
  if (limit === false) return null;
  if (typeof limit !== "object" || limit === null) {
    throw new RuntimeError(ErrorCode.badOption, `bad ${name} ${String(limit)}: allowed is { perSecond, burst? }`);
  }
  checkNames(name, limit, ["perSecond", "burst"]);
  checkInteger(`${name}.perSecond`, limit.perSecond, 1, MAX_RATE);
  checkInteger(`${name}.burst`, limit.burst ?? limit.perSecond, 1, MAX_RATE);
  return rateOf(limit, throttleMs);
}

/** A limit that is misspelt would be none. */
function checkNames(name: string, given: object, allowed: readonly string[]): void {
  for (const key of Object.keys(given)) {
    if (allowed.includes(key)) continue;
    throw new RuntimeError(ErrorCode.badOption, `no ${name}.${key}; there are: ${allowed.join(", ")}`);
  }
}
