/** One connection of the load generator: a WebSocket client on a plain TCP socket, that makes nothing per message. */
import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import { clientFrame, Opcode, readFrames } from "./frames.js";

export interface ConnectionHandler {
  /** A text message: the bytes of `data` from `start` to `end`, which are gone after the call. */
  message(connection: Connection, data: Buffer, start: number, end: number): void;
  /** The other side closed it, or it failed. */
  closed(connection: Connection, reason: string): void;
}

export class Connection {
  readonly index: number;
  readonly #socket: Socket;
  #handler: ConnectionHandler;
  #rest: Buffer | null = null;
  #reading = false;
  #queued: Buffer[] = [];
  #over = false;

  private constructor(index: number, socket: Socket, handler: ConnectionHandler) {
    this.index = index;
    this.#socket = socket;
    this.#handler = handler;
  }

  /** Connects and upgrades. Rejects with the server's answer if that is not 101. */
  static open(url: URL, index: number, handler: ConnectionHandler): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: url.hostname, port: Number(url.port || 80), noDelay: true });
      let head = Buffer.alloc(0);
      const onHead = (data: Buffer): void => {
        head = Buffer.concat([head, data]);
        const end = head.indexOf("\r\n\r\n");
        if (end === -1) return;
        socket.off("data", onHead);
        const status = head.toString("latin1", 0, head.indexOf("\r\n"));
        if (!status.startsWith("HTTP/1.1 101 ")) {
          socket.destroy();
          reject(new Error(`${url.href} answered ${status}`));
          return;
        }
        const connection = new Connection(index, socket, handler);
        socket.on("data", (chunk: Buffer) => connection.#take(chunk));
        socket.on("close", () => connection.#gone("the connection was closed"));
        resolve(connection);
        const early = head.subarray(end + 4);
        // After whoever waits for the connection has it.
        if (early.length > 0) setImmediate(() => connection.#take(early));
      };
      socket.on("data", onHead);
      socket.on("error", reject);
      const key = randomBytes(16).toString("base64");
      socket.write(
        `GET ${url.pathname}${url.search} HTTP/1.1\r\nHost: ${url.host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
          `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
      );
    });
  }

  /** From now on its messages go there. */
  handle(handler: ConnectionHandler): void {
    this.#handler = handler;
  }

  /** Sends a text; what is sent while a chunk of messages is read leaves in one write at its end. */
  send(text: string): void {
    const frame = clientFrame(text);
    if (this.#reading) this.#queued.push(frame);
    else this.#socket.write(frame);
  }

  /** Reads nothing more until {@link resume}. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Goes away without a word. */
  drop(): void {
    this.#over = true;
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    const data = this.#rest === null ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#reading = true;
    const end = readFrames(data, (opcode, start, end) => {
      if (opcode === Opcode.text) this.#handler.message(this, data, start, end);
      else if (opcode === Opcode.ping) this.#queued.push(clientFrame(data.toString("utf8", start, end), Opcode.pong));
      else if (opcode === Opcode.close)
        this.#gone(`the server closed with ${end > start ? data.readUInt16BE(start) : 1005}`);
    });
    this.#reading = false;
    this.#rest = end === data.length ? null : data.subarray(end);
    const [first] = this.#queued;
    if (first === undefined || this.#over) return;
    this.#socket.write(this.#queued.length === 1 ? first : Buffer.concat(this.#queued));
    this.#queued = [];
  }

  #gone(reason: string): void {
    if (this.#over) return;
    this.drop();
    this.#handler.closed(this, reason);
  }
}
