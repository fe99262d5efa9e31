/**
 * WebSocket connections: `ws` does the handshake and reads frames (masks, fragments, UTF-8, close handshake); writing is
 * ours, because it is where a server of many small messages spends its time. All that a connection gets in one turn is one
 * buffer and one write; a broadcast is framed once and the same bytes go to every socket. `ws` writes whole control frames
 * to the same socket, so the two never mix inside a frame.
 */
import type { IncomingMessage } from "node:http";
import type { Socket as NetSocket } from "node:net";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import type { ConnectionDriver, SharedMessage, Transport } from "../channels/transport.js";
import { gather } from "./websocket-frame.js";

export interface WebSocketOptions {
  /** Milliseconds without anything received after which a connection is closed. @defaultValue 60000 */
  readonly timeoutMs?: number;
  /** Bytes of the largest message a client may send; a larger one closes the connection with 1009. @defaultValue 10000000 */
  readonly maxFrameBytes?: number;
  /** Bytes that may wait for a client that doesn't read; beyond that it is closed with 1013. @defaultValue 16777216 */
  readonly maxBufferedBytes?: number;
}

export const DEFAULT_TIMEOUT_MS = 60_000;
export const DEFAULT_MAX_FRAME_BYTES = 10_000_000;
export const DEFAULT_MAX_BUFFERED_BYTES = 16_777_216;

/** Milliseconds a client has to answer a close frame. */
const CLOSE_WAIT_MS = 2000;

/** What a transport needs of its thread. */
export type AfterTurn = (action: () => void) => void;

/** Opens the WebSockets of one mounted socket. */
export class WebSocketMount {
  readonly #server: WebSocketServer;
  readonly #options: Required<WebSocketOptions>;
  readonly #afterTurn: AfterTurn;
  readonly #open = new Set<WebSocketTransport>();
  readonly #sweep: NodeJS.Timeout;
  /** Sweeps so far: a connection notes when it last heard something by this count, which costs no clock. */
  #sweeps = 0;

  constructor(options: WebSocketOptions, afterTurn: AfterTurn) {
    this.#options = {
      timeoutMs: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
      maxFrameBytes: options.maxFrameBytes ?? DEFAULT_MAX_FRAME_BYTES,
      maxBufferedBytes: options.maxBufferedBytes ?? DEFAULT_MAX_BUFFERED_BYTES,
    };
    this.#afterTurn = afterTurn;
    this.#server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      handleProtocols: () => false, // `ws` would echo the first one offered; Phoenix echoes none it was not told of
      maxPayload: this.#options.maxFrameBytes,
    });
    this.#sweep = setInterval(this.#closeIdle, this.#options.timeoutMs / SWEEPS_PER_TIMEOUT);
    this.#sweep.unref();
  }

  /** Open connections. */
  get size(): number {
    return this.#open.size;
  }

  /** Completes the handshake and drives `open`'s connection until it ends. Bad handshakes are answered by `ws` (400). */
  upgrade(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    open: (transport: Transport) => ConnectionDriver,
  ): void {
    this.#server.handleUpgrade(request, socket, head, (client) => {
      // The server made this stream for an upgrade: with HTTP/1.1 it is the TCP (or TLS) socket.
      const transport = new WebSocketTransport(
        client,
        socket as NetSocket,
        this.#options,
        this.#afterTurn,
        () => this.#sweeps,
      );
      this.#open.add(transport);
      const driver = open(transport);
      client.on("message", (data: Buffer, isBinary) => {
        transport.heardAt = this.#sweeps;
        driver.receive(isBinary ? data : data.toString());
      });
      client.on("ping", () => {
        transport.heardAt = this.#sweeps;
      });
      client.on("pong", () => {
        transport.heardAt = this.#sweeps;
      });
      // A protocol error: `ws` has sent the close code it calls for, and close follows.
      client.on("error", () => {});
      client.on("close", () => {
        this.#open.delete(transport);
        driver.closed(["shutdown", "closed"]);
      });
    });
  }

  /** Closes all connections with a close code, and no longer watches them. */
  closeAll(code: number): void {
    clearInterval(this.#sweep);
    for (const transport of this.#open) transport.close(code, "");
  }

  readonly #closeIdle = (): void => {
    this.#sweeps++;
    for (const transport of this.#open) {
      if (this.#sweeps - transport.heardAt > SWEEPS_PER_TIMEOUT) transport.close(1000, "");
    }
  };
}

/** How finely the idle timeout is measured: it strikes after 1 to 1.25 times its length. */
const SWEEPS_PER_TIMEOUT = 4;

class WebSocketTransport implements Transport {
  readonly name = "websocket";
  heardAt: number;

  readonly #client: WebSocket;
  readonly #socket: NetSocket;
  readonly #options: Required<WebSocketOptions>;
  readonly #afterTurn: AfterTurn;
  /** What this turn has for the client: messages, and frames that others made. */
  #pending: (string | Uint8Array | SharedMessage)[] = [];
  #closing = false;

  constructor(
    client: WebSocket,
    socket: NetSocket,
    options: Required<WebSocketOptions>,
    afterTurn: AfterTurn,
    now: () => number,
  ) {
    this.#client = client;
    this.#socket = socket;
    this.#options = options;
    this.#afterTurn = afterTurn;
    this.heardAt = now();
  }

  send(message: string | Uint8Array): void {
    this.#queue(message);
  }

  sendShared(shared: SharedMessage): void {
    this.#queue(shared);
  }

  close(code: number, reason: string): void {
    if (this.#closing) return;
    this.#flush(); // what was sent before the close arrives before it
    this.#closing = true;
    this.#client.close(code, reason);
    const client = this.#client;
    setTimeout(() => client.terminate(), CLOSE_WAIT_MS).unref();
  }

  #queue(message: string | Uint8Array | SharedMessage): void {
    if (this.#closing) return;
    if (this.#pending.push(message) === 1) this.#afterTurn(this.#flush);
  }

  readonly #flush = (): void => {
    const pending = this.#pending;
    if (pending.length === 0) return;
    this.#pending = [];
    if (this.#closing || this.#socket.destroyed) return;
    if (this.#socket.writableLength > this.#options.maxBufferedBytes) return this.close(1013, "too slow");
    if (pending.length === 1) this.#socket.write(framed(pending[0] as string | Uint8Array | SharedMessage));
    else this.#socket.write(gatherAll(pending));
  };
}

function framed(message: string | Uint8Array | SharedMessage): Uint8Array {
  if (typeof message === "string" || message instanceof Uint8Array) return gather([message]);
  message.framed ??= gather([message.message]);
  return message.framed;
}

/** One buffer for all, in order; runs of own messages are framed together, shared frames are copied as they are. */
function gatherAll(pending: readonly (string | Uint8Array | SharedMessage)[]): Uint8Array {
  const parts: Uint8Array[] = [];
  let run: (string | Uint8Array)[] = [];
  for (const message of pending) {
    if (typeof message === "string" || message instanceof Uint8Array) {
      run.push(message);
      continue;
    }
    if (run.length > 0) parts.push(gather(run));
    run = [];
    parts.push(framed(message));
  }
  if (run.length > 0) parts.push(gather(run));
  return parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts);
}
