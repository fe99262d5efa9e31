/**
 * An application for several nodes in one OS process: an adapter over `BroadcastChannel`s, one a topic, and listeners. Its
 * URL says who it is: `?bus=…&node=a`. What happens inside is posted to the channel `…/log`, for the test to wait for.
 */
import { BroadcastChannel } from "node:worker_threads";
import {
  application,
  channel,
  dispatcher,
  type Envelope,
  isBroadcast,
  ok,
  PubSub,
  proc,
  publish,
  pubsubAdapter,
  receive,
  register,
  send,
  socket,
} from "joist";

const { searchParams } = new URL(import.meta.url);
const bus = searchParams.get("bus") ?? "";
const node = searchParams.get("node") ?? "";
const hasAdapter = searchParams.get("adapter") !== "none";

/** What the test hears of. */
export type Logged =
  | readonly [node: string, "subscribe" | "unsubscribe", topic: string]
  | readonly [node: string, "broadcast", topic: string, envelope: Envelope]
  | readonly [node: string, "up"]
  | readonly [node: string, "heard", who: string, message: unknown];

const channelOf = (name: string): BroadcastChannel => {
  const channel = new BroadcastChannel(`${bus}/${name}`);
  channel.unref();
  return channel;
};

const logging = channelOf("log");
const log = (...entry: readonly unknown[]): void => logging.postMessage([node, ...entry]);

export const Bus = pubsubAdapter(async (_options: null, { deliver }) => {
  const topics = new Map<string, BroadcastChannel>();
  const direct = channelOf(`node/${node}`);
  direct.onmessage = ({ data }) => deliver(data[0], data[1]);
  register("adapter");
  log("up");
  return {
    nodeName: node,
    subscribe: (topic) => {
      const channel = channelOf(`topic/${topic}`);
      channel.onmessage = ({ data }) => deliver(topic, data);
      topics.set(topic, channel);
      log("subscribe", topic);
    },
    unsubscribe: (topic) => {
      topics.get(topic)?.close();
      topics.delete(topic);
      log("unsubscribe", topic);
    },
    broadcast: (topic, envelope) => {
      log("broadcast", topic, envelope);
      if (envelope[0] === "message" && envelope[1] === "reject") return Promise.reject(new Error("the broker is away"));
      // The channel it reads from does not get what is posted to it; without one, any will do.
      const own = topics.get(topic);
      const channel = own ?? channelOf(`topic/${topic}`);
      channel.postMessage(envelope);
      if (own === undefined) channel.close();
      return undefined;
    },
    directBroadcast: (to, topic, envelope) => {
      const channel = channelOf(`node/${to}`);
      channel.postMessage([topic, envelope]);
      channel.close();
    },
    handleInfo: (message) => log("heard", "adapter", message),
    terminate: (reason) => {
      log("heard", "adapter", ["terminate", reason]);
      for (const channel of [...topics.values(), direct]) channel.close();
    },
  };
});

/** Subscribes and says what comes. */
export const Listener = proc(async (who: string, topic: string, metadata: unknown) => {
  register(who);
  PubSub.subscribe(topic, { metadata });
  log("heard", who, "subscribed");
  for (;;) {
    const message = await receive();
    log("heard", who, isBroadcast(message) ? [message.event, message.payload] : message);
    if (message === "leave") PubSub.unsubscribe(topic);
  }
});

/** Subscribes and publishes from within: what it publishes "from" itself must not come back. */
export const Publisher = proc(async (who: string, topic: string) => {
  PubSub.subscribe(topic);
  PubSub.broadcastFrom(topic, "from the publisher");
  PubSub.localBroadcastFrom(topic, "from the publisher, here");
  publish(topic, "to all");
  log("heard", who, await receive());
});

/** Only those with this metadata; each gets the message with its metadata. */
export const ToAdmins = dispatcher((entries, from, message) => {
  for (const { pid, metadata } of entries) {
    if (pid !== from && metadata === "admin") send(pid, { for: metadata, message });
  }
});

export const Broken = dispatcher(() => {
  throw new Error("the dispatcher is broken");
});

/** Ends its thread. */
export const Exiter = proc(async () => process.exit(1));

export const RoomChannel = channel({ join: () => ok() });
export const UserSocket = socket({ channels: { "room:*": RoomChannel } });

export default application({
  sockets: { "/socket": UserSocket },
  children: hasAdapter ? [Bus.child(null)] : [],
});
