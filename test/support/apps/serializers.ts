/** An application whose clients speak JSON, MessagePack, or a format of its own. */
import { application, channel, noreply, ok, proc, reply, type SocketRef, socket, socketReply, spawn } from "joist";
import Backwards from "./backwards.js";

export const Answerer = proc(async (to: SocketRef, response: unknown) => {
  socketReply(to, "ok", response);
});

export const RoomChannel = channel({
  join: (_topic, params) => ok({ params }),
  handleIn: {
    echo: (payload) => reply("ok", payload),
    bytes: () => reply("ok", Uint8Array.of(1, 2, 3)),
    push: (payload, socket) => socket.push("pushed", payload),
    shout: (payload, socket) => {
      socket.broadcast("shout", payload);
      return reply("ok");
    },
    whisper: (payload, socket) => {
      socket.broadcast("whisper", payload);
      return noreply();
    },
    unencodable: (_, socket) => {
      socket.broadcast("unencodable", {});
      return reply("ok");
    },
    later: (payload, socket) => {
      spawn(Answerer, [socket.socketRef(), payload], { scheduler: "least_loaded" });
    },
    crash: () => {
      throw new Error("boom");
    },
  },
  handleOut: {
    whisper: (payload, socket) => {
      socket.push("whispered", payload);
    },
  },
});

export const UserSocket = socket({ channels: { "room:*": RoomChannel } });

export default application({
  sockets: {
    "/socket": {
      socket: UserSocket,
      websocket: {
        versions: [
          { vsn: "2.0.0", accepts: "~> 2.0.0" },
          { vsn: "2.0.0+msgpack", accepts: "~> 2.0.0+msgpack" },
          { serializer: Backwards, accepts: "~> 3.0" },
        ],
      },
    },
  },
});
