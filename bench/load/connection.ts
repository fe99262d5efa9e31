/** One connection of the load generator: a WebSocket client on a plain TCP socket, that makes nothing per message. */
import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import { clientFrame, compressedFrame, decompressed, frameSize, Opcode, readFrames } from "./frames.js";

export interface ConnectionHandler {
  /** A text message: the bytes of `data` from `start` to `end`, which are gone after the call. */
  message(connection: Connection, data: Buffer, start: number, end: number): void;
  /** The other side closed it, or it failed. */
  closed(connection: Connection, reason: string): void;
}

/** What is offered to a server that shall compress: no window is kept from one message to the next, on neither side. */
const OFFER = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

export class Connection {
  readonly index: number;
  readonly #socket: Socket;
  readonly #compress: boolean;
  #handler: ConnectionHandler;
  /** Chunks of a message that is not whole yet, their bytes, and those it takes to go on reading. */
  #rest: Buffer[] = [];
  #restBytes = 0;
  #neededBytes = 0;
  #reading = false;
  #queued: Buffer[] = [];
  #over = false;

  private constructor(index: number, socket: Socket, handler: ConnectionHandler, compress: boolean) {
    this.index = index;
    this.#socket = socket;
    this.#compress = compress;
    this.#handler = handler;
  }

  /** Connects and upgrades. Rejects with the server's answer if that is not 101, or it will not compress what shall be. */
  static open(url: URL, index: number, handler: ConnectionHandler, compress = false): Promise<Connection> {
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
        if (compress && !/^sec-websocket-extensions: *permessage-deflate/im.test(head.toString("latin1", 0, end))) {
          socket.destroy();
          reject(new Error(`${url.href} does not compress`));
          return;
        }
        const connection = new Connection(index, socket, handler, compress);
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
          `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n${compress ? `Sec-WebSocket-Extensions: ${OFFER}\r\n` : ""}\r\n`,
      );
    });
  }

  /** From now on its messages go there. */
  handle(handler: ConnectionHandler): void {
    this.#handler = handler;
  }

  /** Sends a text; what is sent while a chunk of messages is read leaves in one write at its end. */
  send(text: string): void {
    const frame = this.#compress ? compressedFrame(text) : clientFrame(text);
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
    let data = chunk;
    if (this.#restBytes > 0) {
      this.#rest.push(chunk);
      this.#restBytes += chunk.length;
      // Put together once, when it is whole: a message of a megabyte comes in sixteen chunks or more.
      if (this.#restBytes < this.#neededBytes) return;
      data = Buffer.concat(this.#rest, this.#restBytes);
      this.#rest = [];
    }
    this.#reading = true;
    const end = readFrames(data, (opcode, start, end, compressed) => {
      if (opcode === Opcode.text) {
        if (!compressed) this.#handler.message(this, data, start, end);
        else {
          const text = decompressed(data.subarray(start, end));
          this.#handler.message(this, text, 0, text.length);
        }
      } else if (opcode === Opcode.ping) this.#queued.push(clientFrame(data.toString("utf8", start, end), Opcode.pong));
      else if (opcode === Opcode.close)
        this.#gone(`the server closed with ${end > start ? data.readUInt16BE(start) : 1005}`);
    });
    this.#reading = false;
    this.#restBytes = data.length - end;
    if (this.#restBytes > 0) {
      this.#rest.push(data.subarray(end));
      this.#neededBytes = frameSize(data, end);
    }
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
