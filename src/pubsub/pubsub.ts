/**
 * Publish and subscribe, for processes: `Phoenix.PubSub`. At most once, no persistence; from one publisher to one subscriber
 * in order, across threads too. Topics are exact strings. Beyond this node (this runtime) it reaches by an adapter, if the
 * application has one (`adapter.ts`).
 *
 * @see https://hexdocs.pm/phoenix_pubsub/Phoenix.PubSub.html
 */
import { ErrorCode, RuntimeError } from "../core/errors.js";
import { keyOf, openRequest, peers, self, send, service } from "../runtime/process.js";
import type { Dispatcher } from "./dispatcher.js";
import type { Envelope } from "./envelope.js";
import { checkSendable } from "./sendable.js";
import { PUBSUB, type Publication, type PubSubRequest } from "./topics.js";

export interface SubscribeOptions {
  /** Only these events, of those that are broadcast as events. @defaultValue all */
  readonly events?: readonly string[];
  /** Told to dispatchers about this subscription. @defaultValue `null` */
  readonly metadata?: unknown;
}

/**
 * Subscribes the calling process: events arrive as {@link BroadcastMessage}s, published messages as they are. Subscribed
 * twice, it gets everything twice. Ends with the process.
 */
export function subscribe(topic: string, options: SubscribeOptions = {}): void {
  const { events = null, metadata = null } = options;
  send(service(PUBSUB), ["subscribe", checkTopic(topic), self(), events, metadata] satisfies PubSubRequest);
}

/** Ends all subscriptions of the calling process to `topic`. */
export function unsubscribe(topic: string): void {
  send(service(PUBSUB), ["unsubscribe", checkTopic(topic), self()] satisfies PubSubRequest);
}

/**
 * Sends `message` to every subscriber of `topic`, on all nodes. The same as `PubSub.broadcast`, by a name of its own.
 *
 * @param dispatcher - Delivers it instead; by its definition, or the key of that in the application module.
 * @throws RuntimeError `notSendable` for a message that other threads could not get; then nothing was sent.
 *   `unknownDefinition` for a dispatcher that the application module does not export.
 */
export function publish(topic: string, message: unknown, dispatcher?: Dispatcher | string): void {
  publishMessage(topic, message, dispatcher, false, true);
}

/** {@link publish} to all but the calling process. */
export function publishFrom(topic: string, message: unknown, dispatcher?: Dispatcher | string): void {
  publishMessage(topic, message, dispatcher, true, true);
}

/** {@link publish} to subscribers of this node only: all threads of this runtime, and no adapter. */
export function localPublish(topic: string, message: unknown, dispatcher?: Dispatcher | string): void {
  publishMessage(topic, message, dispatcher, false, false);
}

/** {@link localPublish} to all but the calling process. */
export function localPublishFrom(topic: string, message: unknown, dispatcher?: Dispatcher | string): void {
  publishMessage(topic, message, dispatcher, true, false);
}

/**
 * Sends `message` to the subscribers of `topic` on one node, by its name. An unknown node: nothing happens, as in Phoenix.
 *
 * @throws RuntimeError as {@link publish} does.
 */
export function directBroadcast(node: string, topic: string, message: unknown, dispatcher?: Dispatcher | string): void {
  checkSendable(checkTopic(topic), message);
  const envelope: Envelope = ["message", message, keyOfDispatcher(dispatcher)];
  send(service(PUBSUB), ["direct", checkNode(node), topic, envelope] satisfies PubSubRequest);
}

/** The name of this node, which its adapter gave it; `null` while there is none. */
export async function nodeName(): Promise<string | null> {
  const { from, answered } = openRequest(service(PUBSUB));
  send(service(PUBSUB), ["node_name", from] satisfies PubSubRequest);
  return (await answered) as string | null; // what Topics answers
}

/** Phoenix.PubSub: messages of any kind to processes. (`broadcast` alone is Phoenix's Endpoint: events to channels.) */
export const PubSub: {
  readonly subscribe: typeof subscribe;
  readonly unsubscribe: typeof unsubscribe;
  readonly broadcast: typeof publish;
  readonly broadcastFrom: typeof publishFrom;
  readonly localBroadcast: typeof localPublish;
  readonly localBroadcastFrom: typeof localPublishFrom;
  readonly directBroadcast: typeof directBroadcast;
  readonly nodeName: typeof nodeName;
} = {
  subscribe,
  unsubscribe,
  broadcast: publish,
  broadcastFrom: publishFrom,
  localBroadcast: localPublish,
  localBroadcastFrom: localPublishFrom,
  directBroadcast,
  nodeName,
};

/**
 * Broadcasts an event whose payload is JSON text or bytes already.
 *
 * @param except - Whether the calling process is left out.
 * @param cluster - Whether other nodes get it, too.
 * @param latest - What it is about, if only the newest matters.
 */
export function broadcastEncoded(
  topic: string,
  event: string,
  payload: string | Uint8Array,
  except: boolean,
  cluster = true,
  latest?: string,
): void {
  checkTopic(topic);
  if (latest === undefined) toAll(topic, ["event", topic, self(), except, cluster, event, payload]);
  else toAll(topic, ["event", topic, self(), except, cluster, event, payload, latest]);
}

/** Hands what another node published to the subscribers of this one. For the adapter's process. */
export function deliverHere(topic: string, envelope: Envelope): void {
  if (envelope[0] === "event") broadcastEncoded(topic, envelope[1], envelope[2], false, false, envelope[3]);
  else toAll(topic, ["message", topic, self(), false, false, envelope[1], envelope[2]]);
}

function publishMessage(
  topic: string,
  message: unknown,
  dispatcher: Dispatcher | string | undefined,
  except: boolean,
  cluster: boolean,
): void {
  checkSendable(checkTopic(topic), message);
  toAll(topic, ["message", topic, self(), except, cluster, message, keyOfDispatcher(dispatcher)]);
}

/** Posts once to each thread where somebody may listen, this one included. The own thread's service tells the adapter. */
function toAll(topic: string, request: Publication): void {
  send(service(PUBSUB), request);
  const others = peers(PUBSUB, topic);
  if (others.length === 0) return;
  const [tag, , publisher, except, , first, second, latest] = request;
  for (const pid of others) {
    if (latest === undefined) send(pid, [tag, topic, publisher, except, false, first, second]);
    else send(pid, [tag, topic, publisher, except, false, first, second, latest]);
  }
}

function keyOfDispatcher(dispatcher: Dispatcher | string | undefined): string | null {
  if (dispatcher === undefined) return null;
  return typeof dispatcher === "string" ? dispatcher : keyOf(dispatcher);
}

export function checkTopic(topic: string): string {
  if (typeof topic === "string" && topic !== "") return topic;
  throw new RuntimeError(ErrorCode.badArgument, `bad topic ${String(topic)}: a topic is a non-empty string`);
}

function checkNode(node: string): string {
  if (typeof node === "string" && node !== "") return node;
  throw new RuntimeError(ErrorCode.badArgument, `bad node ${String(node)}: the name of a node is a non-empty string`);
}
