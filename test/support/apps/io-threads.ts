/** The application of the tests of several I/O threads: a room that shows who is in it, and hears of each who goes. */
import { application, broadcast, channel, ok, presence, reply, self, send, socket } from "joist";
import ThreadTeller from "./thread-teller.js";

export const RoomPresence = presence<{ name: string }>({ name: "room_presence", poolSize: 2 });

export const RoomChannel = channel<{ user: string }>({
  join: (_topic, params, socket) => {
    socket.assign({ user: (params as { user: string }).user });
    send(self(), "after_join");
    return ok();
  },
  handleIn: {
    echo: (payload) => reply("ok", payload),
    burst: ({ count }: { count: number }, socket) => {
      for (let i = 1; i <= count; i++) {
        socket.broadcast("item", { user: socket.assigns.user, i });
        socket.push("own", { i });
      }
      return reply("ok", { count });
    },
  },
  handleInfo: async (_message, socket) => {
    await RoomPresence.track(socket, socket.assigns.user, { name: socket.assigns.user });
    socket.push("tracked", {});
  },
  terminate: (reason, socket) => {
    broadcast(socket.topic, "gone", { user: socket.assigns.user, reason });
  },
});

export const UserSocket = socket({
  connect: ({ id }) => ok(typeof id === "string" ? { id } : {}),
  channels: { "room:*": RoomChannel },
});

const websocket = {
  versions: [
    { vsn: "2.0.0", accepts: "~> 2.0.0" },
    { serializer: ThreadTeller, accepts: "~> 3.0" },
  ],
} as const;

export default application({
  sockets: { "/socket": { socket: UserSocket, websocket, longpoll: true } },
  children: [RoomPresence.child()],
});
