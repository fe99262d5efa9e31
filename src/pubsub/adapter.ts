/**
 * The contract of an adapter: what joins the PubSub of this node (this runtime, with all its threads) to that of others, by
 * a broker. Without one, a broadcast reaches this node's subscribers and no others. Phoenix.PubSub.Adapter, with interest:
 * an adapter subscribes its node to a topic at the broker while it has subscribers there, so nodes get what they want only.
 *
 * ```ts
 * export const Broker = pubsubAdapter(async (options: BrokerOptions, node) => {
 *   const client = await connect(options);
 *   client.on("message", (topic, bytes) => node.deliver(topic, unpack(bytes)));
 *   return {
 *     nodeName: options.name,
 *     subscribe: (topic) => client.subscribe(topic),
 *     unsubscribe: (topic) => client.unsubscribe(topic),
 *     broadcast: (topic, envelope) => client.publish(topic, pack(envelope)),
 *     directBroadcast: (to, topic, envelope) => client.publish(`node.${to}`, pack([topic, envelope])),
 *   };
 * });
 *
 * export default application({ children: [Broker.child({ name: "a" })] });
 * ```
 *
 * Its callbacks run in one process (`adapter-process.ts`), one after the other, in the order of what they are about.
 * Nothing waits for them: subscribers of this node have got their message whatever becomes of the broker.
 *
 * @see https://hexdocs.pm/phoenix_pubsub/Phoenix.PubSub.Adapter.html
 */
import type { ExitReason } from "../core/exit-reason.js";
import type { Envelope } from "./envelope.js";

export type { Envelope };

/**
 * What an adapter does. A callback may be async; its promise is not waited for, so it has to keep the order itself (the
 * pipelines of brokers do). What it throws or rejects with ends the adapter, and with it a restart of its supervisor: a
 * broker that is away for a while is no reason to, so drop what can't be sent, or keep a bounded amount of it.
 */
export interface Adapter {
  /** The name of this node. No other one of the cluster may have it. */
  readonly nodeName: string;
  /** The first subscriber of a topic has come: what other nodes broadcast on it is to be {@link AdapterNode.deliver}ed. */
  subscribe(topic: string): unknown;
  /** The last one has gone. */
  unsubscribe(topic: string): unknown;
  /** Takes a broadcast to all other nodes that are subscribed; never back to this one, which has it already. */
  broadcast(topic: string, envelope: Envelope): unknown;
  /** Takes a broadcast to the other node of that name, subscribed or not; nothing happens if there is none. */
  directBroadcast(node: string, topic: string, envelope: Envelope): unknown;
  /** Other messages to its process: timers, monitors, exits of what it is linked to. @defaultValue drops them */
  handleInfo?(message: unknown): unknown;
  /** Runs when its process ends, also when its supervisor stops it; not when it is killed. A promise is waited for. */
  terminate?(reason: ExitReason): unknown;
}

/** The node, for its adapter. */
export interface AdapterNode {
  /**
   * Hands what another node broadcast to the subscribers of this one. May be called from any callback of a driver; without
   * effect once the adapter has ended.
   *
   * @throws RuntimeError `badArgument` for what is no topic or no envelope.
   */
  deliver(topic: string, envelope: unknown): void;
}

/** Connects: called in the adapter's process at its start, and at each restart. */
export type AdapterInit<Options> = (options: Options, node: AdapterNode) => Adapter | PromiseLike<Adapter>;
