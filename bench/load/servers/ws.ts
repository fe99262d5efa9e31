/** Plain `ws`, as one writes it first: parse, answer; to everybody: `send` to one after the other. */
import type { AddressInfo } from "node:net";
import { WebSocketServer } from "ws";
import { announce } from "./announce.js";

const server = new WebSocketServer({ port: 0, host: "127.0.0.1" }, () => {
  announce((server.address() as AddressInfo).port, () => process.exit(0));
});
server.on("connection", (socket) => {
  socket.on("message", (data) => {
    const { id, event, payload } = JSON.parse(data.toString());
    if (event === "shout") {
      const text = JSON.stringify({ event, payload });
      for (const client of server.clients) client.send(text);
    } else socket.send(JSON.stringify({ id, payload }));
  });
});
