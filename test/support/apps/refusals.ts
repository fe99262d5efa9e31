/** A socket that lets in whom its mount does, unless its client asks for something else. */
import { application, type ConnectParams, error, ok, socket } from "joist";

export const RefusingSocket = socket({
  channels: {},
  connect: ({ how }: ConnectParams) => {
    if (how === "crash") throw new Error("connect crashed on purpose");
    return how === "refuse" ? error() : ok();
  },
});

export default application({
  sockets: {
    "/socket": { socket: RefusingSocket, authToken: true, websocket: { subprotocols: ["known"] }, longpoll: true },
  },
});
