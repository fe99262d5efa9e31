/** Socket.IO with its default settings: answers are acknowledgements, to everybody is to a room. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Server } from "socket.io";
import { announce } from "./announce.js";

const http = createServer();
const server = new Server(http);
server.on("connection", (socket) => {
  socket.on("join", (_payload: unknown, answer: (reply: unknown) => void) => {
    void socket.join("room");
    answer({});
  });
  socket.on("echo", (payload: unknown, answer: (reply: unknown) => void) => answer(payload));
  socket.on("shout", (payload: unknown) => {
    server.to("room").emit("shout", payload);
  });
});
http.listen(0, "127.0.0.1", () => {
  announce((http.address() as AddressInfo).port, () => process.exit(0));
});
