/** The limits of one joined channel: the buckets of its messages, and of those of its events that have a limit. */
import type { ConnectionLimits } from "./connection-limits.js";
import type { ChannelRates } from "./limits.js";
import type { Head } from "./protocol.js";
import { TokenBucket, Verdict } from "./token-bucket.js";

export class ChannelBuckets {
  readonly #rates: ChannelRates;
  #messages: TokenBucket | null = null;
  /** Only of events with a limit: names are the client's, and there is no end of them. */
  readonly #events = new Map<string, TokenBucket>();

  private constructor(rates: ChannelRates) {
    this.#rates = rates;
  }

  /** `null` if there is no limit to hold. */
  static of(rates: ChannelRates): ChannelBuckets | null {
    return rates.messages === null && rates.events === null ? null : new ChannelBuckets(rates);
  }

  /** A message has come: `Verdict.pass`, or what shall become of it. The event's limit is looked at first. */
  onMessage({ event, topic }: Head, connection: ConnectionLimits): number {
    const { messages, events } = this.#rates;
    const nowMs = connection.nowMs();
    if (events !== null && typeof event === "string" && Object.hasOwn(events, event)) {
      const rate = events[event] as NonNullable<ChannelRates["messages"]>; // it is its own
      let bucket = this.#events.get(event);
      if (bucket === undefined) {
        bucket = new TokenBucket(rate, nowMs);
        this.#events.set(event, bucket);
      }
      if (bucket.take(rate, nowMs) !== Verdict.pass) return connection.refused("event", topic as string); // it has a join
    }
    if (messages === null) return Verdict.pass;
    this.#messages ??= new TokenBucket(messages, nowMs);
    if (this.#messages.take(messages, nowMs) === Verdict.pass) return Verdict.pass;
    return connection.refused("channel", topic as string);
  }
}
