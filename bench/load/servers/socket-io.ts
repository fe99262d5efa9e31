/**
 * Socket.IO: answers are acknowledgements, to everybody is to a room. Its settings are the default ones, except that it takes a
 * megabyte and, like the others, compresses what is larger than 1 KB for those that ask for it.
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Server } from "socket.io";
import { announce } from "./announce.js";

const http = createServer();
const server = new Server(http, { maxHttpBufferSize: 2 ** 24, perMessageDeflate: true });
server.on("connection", (socket) => {
  socket.on("join", (room: number, answer: (reply: unknown) => void) => {
    void socket.join(`room-${room}`);
    answer({});
  });
  socket.on("echo", (payload: unknown, answer: (reply: unknown) => void) => answer(payload));
  socket.on("shout", (room: number, payload: unknown) => {
    server.to(`room-${room}`).emit("shout", payload);
  });
});
http.listen(0, "127.0.0.1", () => {
  announce((http.address() as AddressInfo).port, () => process.exit(0));
});
