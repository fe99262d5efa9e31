/** The application of the slow consumers: channels that publish as much as they are told, on mounts of each policy. */
import { application, broadcast, channel, type OutboundPolicy, ok, reply, socket } from "joist";

interface Burst {
  /** Numbers of its messages. */
  readonly from: number;
  readonly count: number;
  /** Of each message. */
  readonly bytes: number;
  /** They are about so many things, in turn, and of each only the newest matters. */
  readonly things?: number;
}

const optionsOf = (n: number, things: number | undefined) =>
  things === undefined ? {} : { latest: String(n % things) };

export const Feed = channel({
  join: () => ok(),
  handleIn: {
    echo: (payload: unknown) => reply("ok", payload),
    /** Goes to everybody as it is. */
    publish: (payload: unknown, socket) => socket.broadcast("tick", payload),
    /** Goes to everybody. */
    burst: ({ from, count, bytes, things }: Burst, socket) => {
      const pad = "x".repeat(bytes);
      for (let n = from; n < from + count; n++) socket.broadcast("n", { n, pad }, optionsOf(n, things));
      return reply("ok");
    },
    /** Goes to its own client; somebody else is told that it has. */
    own: ({ from, count, bytes, things }: Burst, socket) => {
      const pad = "x".repeat(bytes);
      for (let n = from; n < from + count; n++) socket.push("n", { n, pad }, optionsOf(n, things));
      broadcast("feed:watch", "done", {});
      return reply("ok");
    },
  },
});

export const FeedSocket = socket({ channels: { "feed:*": Feed } });

const mount = (policy: OutboundPolicy) => ({
  socket: FeedSocket,
  websocket: { maxBufferedBytes: 2 ** 20, outbound: { policy } },
});

export default application({
  sockets: {
    "/disconnect": mount("disconnect"),
    "/drop_newest": mount("drop_newest"),
    "/drop_oldest": mount("drop_oldest"),
  },
});
