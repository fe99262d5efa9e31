/** Plain `ws` for fan-out, as well as it goes: the frame is built once, and its bytes are written to every connection. */
import type { AddressInfo, Socket } from "node:net";
import { WebSocketServer } from "ws";
import { serverFrame } from "../frames.js";
import { announce } from "./announce.js";
import { Rooms } from "./rooms.js";

const rooms = new Rooms<Socket>();
const server = new WebSocketServer({ port: 0, host: "127.0.0.1" }, () => {
  announce((server.address() as AddressInfo).port, () => process.exit(0));
});
server.on("connection", (socket, request) => {
  const joined: number[] = [];
  socket.on("close", () => rooms.leave(joined, request.socket));
  socket.on("message", (data) => {
    const { id, event, room, payload } = JSON.parse(data.toString());
    if (event === "shout") {
      const frame = serverFrame(JSON.stringify({ event, payload }));
      for (const member of rooms.members(room)) member.write(frame);
      return;
    }
    if (event === "join") {
      joined.push(room);
      rooms.join(room, request.socket);
    }
    socket.send(JSON.stringify({ id, payload }));
  });
});
