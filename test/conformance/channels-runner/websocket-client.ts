/**
 * A WebSocket client that can send what a decent one would not, and hides nothing of what it gets: RFC 6455 over the socket
 * of an upgraded request. It answers pings and close frames, and reports all frames as events of the transcripts.
 */
import { randomBytes } from "node:crypto";
import { type IncomingMessage, request } from "node:http";
import type { Duplex } from "node:stream";
import { constants, inflateRawSync } from "node:zlib";
import type { Event, Json } from "./scenario.js";

/** Milliseconds the server has to cut the connection once close frames have gone both ways. */
const CLOSE_WAIT_MS = 1000;
/** How far back compressed data may refer: the window of permessage-deflate. */
const DEFLATE_WINDOW_BYTES = 32_768;

const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export interface ConnectOptions {
  readonly port: number;
  /** Path and query. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly protocols: readonly string[];
  readonly deflate: boolean;
}

/** A message whose last frame has not come yet. */
interface Fragments {
  readonly opcode: number;
  readonly compressed: boolean;
  readonly parts: Buffer[];
}

export class WebSocketClient {
  readonly #emit: (event: Event) => void;
  #socket: Duplex | null = null;
  #arrived: Buffer = Buffer.alloc(0);
  #fragments: Fragments | null = null;
  #window: Buffer = Buffer.alloc(0);
  #closeSent = false;
  #closed: { readonly code: number; readonly reason: string } = { code: 1006, reason: "" };

  constructor(emit: (event: Event) => void) {
    this.#emit = emit;
  }

  /** Settles when the socket is open or refused; either is an event. */
  connect({ port, target, headers, protocols, deflate }: ConnectOptions): Promise<void> {
    const key = randomBytes(16).toString("base64");
    const asked = request({
      ...{ host: "127.0.0.1", port, path: target, agent: false },
      headers: {
        ...{ connection: "Upgrade", upgrade: "websocket", "sec-websocket-version": "13", "sec-websocket-key": key },
        ...(protocols.length === 0 ? {} : { "sec-websocket-protocol": protocols.join(", ") }),
        ...(deflate ? { "sec-websocket-extensions": "permessage-deflate" } : {}),
        ...headers,
      },
    });
    asked.end();
    return new Promise((resolve) => {
      asked.on("upgrade", (response, socket, head) => {
        this.#opened(response, socket, head, deflate);
        resolve();
      });
      asked.on("response", (response) => {
        void bodyOf(response).then((body) => {
          this.#emit({ refused: { status: response.statusCode ?? 0, body } });
          resolve();
        });
      });
      asked.on("error", (error) => {
        this.#emit({ refused: { status: 0, body: error.message } });
        resolve();
      });
    });
  }

  /** Sends a frame of its own making, masked as clients must. */
  send(opcode: "text" | "binary" | "close" | "ping" | "pong" | "continuation", payload: Buffer, fin = true): void {
    if (opcode === "close") this.#closeSent = true;
    this.write(frame(opcodes[opcode], payload, fin));
  }

  /** Bytes as they are. */
  write(bytes: Buffer): void {
    if (this.#socket?.writable) this.#socket.write(bytes);
  }

  cork(): void {
    this.#socket?.cork();
  }

  uncork(): void {
    this.#socket?.uncork();
  }

  close(code: number | undefined, reason = ""): void {
    this.send("close", closePayload(code, reason));
  }

  /** Cuts the connection. */
  drop(): void {
    this.#socket?.destroy();
  }

  #opened(response: IncomingMessage, socket: Duplex, head: Buffer, deflate: boolean): void {
    this.#socket = socket;
    const { "sec-websocket-protocol": protocol = "", "sec-websocket-extensions": extensions = "" } = response.headers;
    this.#emit({ open: { protocol, ...(deflate ? { extensions } : {}) } });
    socket.on("error", () => {});
    socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    socket.on("end", () => socket.end());
    socket.on("close", () => this.#emit({ close: this.#closed }));
    if (head.length > 0) this.#receive(head);
  }

  #receive(chunk: Buffer): void {
    this.#arrived = this.#arrived.length === 0 ? chunk : Buffer.concat([this.#arrived, chunk]);
    for (;;) {
      const bytes = this.#arrived;
      if (bytes.length < 2) return;
      const [first = 0, second = 0] = bytes;
      const short = second & 0x7f;
      const dataAt = short === 127 ? 10 : short === 126 ? 4 : 2;
      if (bytes.length < dataAt) return;
      const length = short === 127 ? Number(bytes.readBigUInt64BE(2)) : short === 126 ? bytes.readUInt16BE(2) : short;
      if (bytes.length < dataAt + length) return;
      this.#arrived = bytes.subarray(dataAt + length);
      this.#frame(first, second >= 0x80, bytes.subarray(dataAt, dataAt + length));
    }
  }

  #frame(first: number, masked: boolean, payload: Buffer): void {
    const opcode = first & 0x0f;
    if (masked) this.#emit({ text: "a frame of the server was masked" });
    switch (opcode) {
      case opcodes.ping:
        this.#emit({ ping: payload.toString() });
        return this.send("pong", payload);
      case opcodes.pong:
        return this.#emit({ pong: payload.toString() });
      case opcodes.close:
        return this.#closing(payload);
      default: {
        this.#fragments ??= { opcode, compressed: (first & 0x40) !== 0, parts: [] };
        this.#fragments.parts.push(payload);
        if ((first & 0x80) !== 0) this.#message();
      }
    }
  }

  #message(): void {
    const { opcode, compressed, parts } = this.#fragments as Fragments; // its last just came
    this.#fragments = null;
    const joined = parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
    const data = compressed ? this.#inflate(joined) : joined;
    if (opcode === opcodes.binary) return this.#emit({ hex: data.toString("hex") });
    const text = data.toString();
    let json: Json;
    try {
      json = JSON.parse(text) as Json;
    } catch {
      return this.#emit({ text });
    }
    this.#emit({ json });
  }

  #inflate(data: Buffer): Buffer {
    const inflated = inflateRawSync(Buffer.concat([data, Buffer.from([0, 0, 0xff, 0xff])]), {
      finishFlush: constants.Z_SYNC_FLUSH,
      ...(this.#window.length === 0 ? {} : { dictionary: this.#window }),
    });
    this.#window = Buffer.concat([this.#window, inflated]).subarray(-DEFLATE_WINDOW_BYTES);
    return inflated;
  }

  #closing(payload: Buffer): void {
    const code = payload.length < 2 ? 1005 : payload.readUInt16BE(0);
    this.#closed = { code, reason: payload.subarray(2).toString() };
    if (!this.#closeSent) this.send("close", payload.subarray(0, 2));
    const socket = this.#socket;
    setTimeout(() => socket?.destroy(), CLOSE_WAIT_MS).unref();
  }
}

/** A whole body as text. */
export async function bodyOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

function closePayload(code: number | undefined, reason: string): Buffer {
  if (code === undefined) return Buffer.alloc(0);
  const payload = Buffer.alloc(2 + Buffer.byteLength(reason));
  payload.writeUInt16BE(code);
  payload.write(reason, 2);
  return payload;
}

function frame(opcode: number, payload: Buffer, fin: boolean): Buffer {
  const { length } = payload;
  const header = Buffer.alloc(length <= 125 ? 2 : length <= 0xffff ? 4 : 10);
  header[0] = opcode | (fin ? 0x80 : 0);
  header[1] = 0x80 | (length <= 125 ? length : length <= 0xffff ? 126 : 127);
  if (header.length === 4) header.writeUInt16BE(length, 2);
  if (header.length === 10) header.writeBigUInt64BE(BigInt(length), 2);
  const mask = randomBytes(4);
  const masked = Buffer.allocUnsafe(length);
  for (let i = 0; i < length; i++) masked[i] = (payload[i] as number) ^ (mask[i & 3] as number);
  return Buffer.concat([header, mask, masked]);
}
