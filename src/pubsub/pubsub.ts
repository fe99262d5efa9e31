/**
 * Publish and subscribe, for processes: `Phoenix.PubSub`. At most once, no persistence; from one publisher to one subscriber
 * in order, across threads too. Topics are exact strings.
 */
import { ErrorCode, RuntimeError } from "../core/errors.js";
import { peers, self, send, service } from "../runtime/process.js";
import { PUBSUB, type PubSubRequest } from "./topics.js";

export interface SubscribeOptions {
  /** Only these events, of those that are broadcast as events. @defaultValue all */
  readonly events?: readonly string[];
}

/**
 * Subscribes the calling process: events arrive as {@link BroadcastMessage}s, published messages as they are. Subscribed
 * twice, it gets everything twice. Ends with the process.
 */
export function subscribe(topic: string, options: SubscribeOptions = {}): void {
  send(service(PUBSUB), ["subscribe", checkTopic(topic), self(), options.events ?? null] satisfies PubSubRequest);
}

/** Ends all subscriptions of the calling process to `topic`. */
export function unsubscribe(topic: string): void {
  send(service(PUBSUB), ["unsubscribe", checkTopic(topic), self()] satisfies PubSubRequest);
}

/** Sends `message` to every subscriber of `topic`. */
export function publish(topic: string, message: unknown): void {
  toAll(topic, ["message", checkTopic(topic), self(), false, message]);
}

/** Sends `message` to every subscriber of `topic` but the calling process. */
export function publishFrom(topic: string, message: unknown): void {
  toAll(topic, ["message", checkTopic(topic), self(), true, message]);
}

/**
 * Broadcasts an event whose payload is JSON text or bytes already.
 *
 * @param except - Whether the calling process is left out.
 */
export function broadcastEncoded(topic: string, event: string, payload: string | Uint8Array, except: boolean): void {
  toAll(topic, ["event", checkTopic(topic), self(), except, event, payload]);
}

/** Posts once to each thread where somebody may listen, this one included. */
function toAll(topic: string, request: PubSubRequest): void {
  send(service(PUBSUB), request);
  for (const pid of peers(PUBSUB, topic)) send(pid, request);
}

function checkTopic(topic: string): string {
  if (typeof topic === "string" && topic !== "") return topic;
  throw new RuntimeError(ErrorCode.badArgument, `bad topic ${String(topic)}: a topic is a non-empty string`);
}
