/** Plain `ws`, as one writes it first: parse, answer; to everybody in a room: `send` to one after the other. */
import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";
import { announce } from "./announce.js";
import { Rooms } from "./rooms.js";

const rooms = new Rooms<WebSocket>();
// Compresses for those that ask for it; only one scenario does.
const server = new WebSocketServer({ port: 0, host: "127.0.0.1", perMessageDeflate: true }, () => {
  announce((server.address() as AddressInfo).port, () => process.exit(0));
});
server.on("connection", (socket) => {
  const joined: number[] = [];
  socket.on("close", () => rooms.leave(joined, socket));
  socket.on("message", (data) => {
    const { id, event, room, payload } = JSON.parse(data.toString());
    if (event === "shout") {
      const text = JSON.stringify({ event, payload });
      for (const member of rooms.members(room)) member.send(text);
      return;
    }
    if (event === "join") {
      joined.push(room);
      rooms.join(room, socket);
    }
    socket.send(JSON.stringify({ id, payload }));
  });
});
