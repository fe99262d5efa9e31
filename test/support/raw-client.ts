/** A client that sends and receives frames as they are, over a WebSocket. */
import { once } from "node:events";
import type { Socket } from "node:net";
import { WebSocket } from "ws";
import { FrameClient } from "./frame-client.js";

export type { Frame } from "./frame-client.js";

export class RawClient extends FrameClient {
  readonly #socket: WebSocket;
  /** Settles with the close code. */
  override readonly closed: Promise<number>;

  private constructor(socket: WebSocket) {
    super();
    this.#socket = socket;
    this.closed = new Promise((resolve) => socket.on("close", (code) => resolve(code)));
    socket.on("message", (data) => this.arrived(String(data)));
  }

  static async connect(port: number | undefined, query = "vsn=2.0.0", path = "/socket/websocket"): Promise<RawClient> {
    const socket = new WebSocket(`ws://127.0.0.1:${port}${path}?${query}`);
    const client = new RawClient(socket);
    await once(socket, "open");
    return client;
  }

  /** The HTTP status a connection is refused with. */
  static async refused(port: number | undefined, query: string, path = "/socket/websocket"): Promise<number> {
    const socket = new WebSocket(`ws://127.0.0.1:${port}${path}?${query}`);
    socket.on("error", () => {});
    const [, response] = await once(socket, "unexpected-response");
    socket.terminate();
    return response.statusCode;
  }

  override sendText(text: string): void {
    this.#socket.send(text);
  }

  /** The TCP connection below, for who writes frames himself. */
  get raw(): Socket {
    return (this.#socket as unknown as { readonly _socket: Socket })._socket; // it is open, so it has one
  }

  sendBytes(bytes: Uint8Array): void {
    this.#socket.send(bytes);
  }

  close(): void {
    this.#socket.close();
  }

  override drop(): void {
    this.#socket.terminate();
  }
}
