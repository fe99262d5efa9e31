/** The application under load: a channel that answers what it got, and one event that goes to everybody. */
import { application, channel, ok, reply, socket } from "joist";

export const Room = channel({
  join: () => ok(),
  handleIn: {
    echo: (payload) => reply("ok", payload),
    shout: (payload, socket) => {
      socket.broadcast("shout", payload);
    },
    crash: () => {
      throw new Error("asked to");
    },
  },
});

export const UserSocket = socket({ connect: () => ok(), channels: { "room:*": Room } });

export default application({
  sockets: { "/socket": UserSocket, "/compressed": { socket: UserSocket, websocket: { compress: true } } },
});
