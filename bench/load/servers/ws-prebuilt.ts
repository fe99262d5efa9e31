/** Plain `ws` for fan-out, as well as it goes: the frame is built once, and its bytes are written to every connection. */
import type { AddressInfo, Socket } from "node:net";
import { WebSocketServer } from "ws";
import { serverFrame } from "../frames.js";
import { announce } from "./announce.js";

const connections = new Set<Socket>();
const server = new WebSocketServer({ port: 0, host: "127.0.0.1" }, () => {
  announce((server.address() as AddressInfo).port, () => process.exit(0));
});
server.on("connection", (socket, request) => {
  connections.add(request.socket);
  socket.on("close", () => connections.delete(request.socket));
  socket.on("message", (data) => {
    const { id, event, payload } = JSON.parse(data.toString());
    if (event === "shout") {
      const frame = serverFrame(JSON.stringify({ event, payload }));
      for (const connection of connections) connection.write(frame);
    } else socket.send(JSON.stringify({ id, payload }));
  });
});
