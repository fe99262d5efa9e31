/**
 * WebSocket connections: `ws` does the handshake and reads frames (masks, fragments, UTF-8, close handshake); writing is
 * ours, because it is where a server of many small messages spends its time. All that a connection gets in one turn is one
 * buffer and one write; a broadcast is framed once and the same bytes go to every socket. `ws` writes whole control frames
 * to the same socket, so the two never mix inside a frame. Only where a client and its mount agreed on compression `ws`
 * writes everything.
 */
import type { IncomingMessage } from "node:http";
import type { Socket as NetSocket } from "node:net";
import type { Duplex } from "node:stream";
import { type RawData, type Server, WebSocket, WebSocketServer } from "ws";
import type { ConnectionDriver, Drainable, SharedMessage, Transport } from "../channels/transport.js";
import { checkInteger } from "../core/check-integer.js";
import { Counts } from "../core/counts.js";
import type { ExitReason } from "../core/exit-reason.js";
import type { Pid } from "../core/pid.js";
import { gather } from "./websocket-frame.js";

export interface WebSocketOptions {
  /** Milliseconds without anything received after which a connection is closed. @defaultValue 60000 */
  readonly timeoutMs?: number;
  /**
   * Milliseconds of silence after which a client is pinged; its answer counts as something received, so that a client without
   * heartbeats stays. 0: never, as in Phoenix. @defaultValue 0
   */
  readonly pingIntervalMs?: number;
  /** Milliseconds a pinged client may stay silent; then its connection is closed with 1000. @defaultValue 15000 */
  readonly pongTimeoutMs?: number;
  /** Bytes of the largest message a client may send; a larger one closes the connection with 1009. @defaultValue 10000000 */
  readonly maxFrameBytes?: number;
  /**
   * Whether messages of 1 KB and more are compressed for clients that want that (permessage-deflate). Costs memory and time
   * for each connection; broadcasts are then no longer framed once for all. @defaultValue `false`
   */
  readonly compress?: boolean;
  /** Bytes that may wait for a client that doesn't read; beyond that it is closed with 1013. @defaultValue 16777216 */
  readonly maxBufferedBytes?: number;
}

export const DEFAULT_TIMEOUT_MS = 60_000;
export const DEFAULT_PING_INTERVAL_MS = 0;
export const DEFAULT_PONG_TIMEOUT_MS = 15_000;
export const DEFAULT_MAX_FRAME_BYTES = 10_000_000;
export const DEFAULT_MAX_BUFFERED_BYTES = 16_777_216;

/** The longest delay Node.js timers take, and more bytes than a process has. */
const MAX_TIMEOUT_MS = 2_147_483_647;
const MAX_BYTES = Number.MAX_SAFE_INTEGER;

/** Milliseconds a client has to answer a close frame. */
const CLOSE_WAIT_MS = 2000;

/** Echoes the code of a client's close frame, but not its reason. `ws` calls `close` for the echo. */
class Client extends WebSocket {
  /** Its connection, until it is closed. Here the listeners find it, which all clients share: closures would be their own. */
  transport: WebSocketTransport | null = null;

  override close(code?: number): void {
    super.close(code);
  }

  /** Closes it of this side's own accord. */
  closeWith(code: number, reason: string): void {
    super.close(code, reason);
  }
}

/** What a transport needs of its thread. */
export type AfterTurn = (action: () => void) => void;

/** What the connections of one mount have in common. */
interface Mounted {
  readonly options: Required<WebSocketOptions>;
  readonly afterTurn: AfterTurn;
  readonly open: Set<WebSocketTransport>;
  /** Sweeps so far: a connection notes when it last heard something by this count, which costs no clock. */
  sweeps: number;
}

/** Opens the WebSockets of one mounted socket. */
export class WebSocketMount {
  readonly #server: Server<typeof Client>;
  readonly #options: Required<WebSocketOptions>;
  readonly #mounted: Mounted;
  readonly #sweep: NodeJS.Timeout;
  readonly #sweepMs: number;

  /** Of the endpoint: what its limits have done. */
  readonly counts: Counts;

  constructor(options: WebSocketOptions, afterTurn: AfterTurn, counts: Counts = new Counts()) {
    this.counts = counts;
    this.#options = {
      timeoutMs: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
      pingIntervalMs: options.pingIntervalMs ?? DEFAULT_PING_INTERVAL_MS,
      pongTimeoutMs: options.pongTimeoutMs ?? DEFAULT_PONG_TIMEOUT_MS,
      maxFrameBytes: options.maxFrameBytes ?? DEFAULT_MAX_FRAME_BYTES,
      compress: options.compress ?? false,
      maxBufferedBytes: options.maxBufferedBytes ?? DEFAULT_MAX_BUFFERED_BYTES,
    };
    checkInteger("timeoutMs", this.#options.timeoutMs, 1, MAX_TIMEOUT_MS);
    checkInteger("pingIntervalMs", this.#options.pingIntervalMs, 0, MAX_TIMEOUT_MS);
    checkInteger("pongTimeoutMs", this.#options.pongTimeoutMs, 1, MAX_TIMEOUT_MS);
    checkInteger("maxFrameBytes", this.#options.maxFrameBytes, 1, MAX_BYTES);
    checkInteger("maxBufferedBytes", this.#options.maxBufferedBytes, 1, MAX_BYTES);
    this.#mounted = { options: this.#options, afterTurn, open: new Set(), sweeps: 0 };
    this.#server = new WebSocketServer({
      noServer: true,
      WebSocket: Client,
      clientTracking: false,
      perMessageDeflate: this.#options.compress,
      maxPayload: this.#options.maxFrameBytes,
    });
    const { timeoutMs, pingIntervalMs, pongTimeoutMs } = this.#options;
    const shortestMs = pingIntervalMs === 0 ? timeoutMs : Math.min(timeoutMs, pingIntervalMs, pongTimeoutMs);
    this.#sweepMs = shortestMs / SWEEPS_PER_TIMEOUT;
    this.#sweep = setInterval(this.#closeIdle, this.#sweepMs);
    this.#sweep.unref();
  }

  /** Open connections. */
  get connections(): ReadonlySet<Drainable> {
    return this.#mounted.open;
  }

  /** Completes a handshake that was found to be fine, and drives `open`'s connection until it ends. */
  upgrade(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    protocol: string | null,
    open: (transport: Transport) => ConnectionDriver,
  ): void {
    // `ws` echoes the first one offered. It is not shown the others: it would refuse a token with base64's padding in it.
    if (protocol === null) delete request.headers["sec-websocket-protocol"];
    else request.headers["sec-websocket-protocol"] = protocol;
    this.#server.handleUpgrade(request, socket, head, (client) => {
      // The server made this stream for an upgrade: with HTTP/1.1 it is the TCP (or TLS) socket.
      const transport = new WebSocketTransport(client, socket as NetSocket, this.#mounted);
      client.transport = transport;
      transport.driver = open(transport);
      client.on("message", onMessage);
      client.on("ping", onSign);
      client.on("pong", onSign);
      client.on("error", onError);
      client.on("close", onClose);
    });
  }

  /** No longer watches for idle connections. */
  stop(): void {
    clearInterval(this.#sweep);
  }

  readonly #closeIdle = (): void => {
    const { open } = this.#mounted;
    const sweeps = ++this.#mounted.sweeps;
    const { timeoutMs, pingIntervalMs, pongTimeoutMs } = this.#options;
    const idle = timeoutMs / this.#sweepMs;
    const pings = pingIntervalMs === 0 ? Number.POSITIVE_INFINITY : pingIntervalMs / this.#sweepMs;
    const pongs = pongTimeoutMs / this.#sweepMs;
    for (const transport of open) {
      const { heardAt, pingedAt } = transport;
      const isLate = pingedAt > heardAt && sweeps - pingedAt > pongs;
      if (isLate || sweeps - heardAt > idle) transport.end(1000, "", ["shutdown", "closed"]);
      else if (pingedAt <= heardAt && sweeps - heardAt > pings) transport.ping(sweeps);
    }
  };
}

/** How finely the idle timeout is measured: it strikes after 1 to 1.25 times its length, as the others do. */
const SWEEPS_PER_TIMEOUT = 4;

function onMessage(this: WebSocket, data: RawData, isBinary: boolean): void {
  (this as Client).transport?.received(data as Buffer, isBinary); // the default of its `binaryType`
}

function onSign(this: WebSocket): void {
  (this as Client).transport?.heard();
}

/** A protocol error: `ws` has sent the close code it calls for, and close follows. */
function onError(): void {}

/** Node.js keeps a closed socket until its next large collection, and with it all that can be reached from there. */
function onClose(this: WebSocket): void {
  const client = this as Client; // these listen to nothing else
  client.transport?.gone();
  client.transport = null;
}

class WebSocketTransport implements Transport, Drainable {
  heardAt: number;
  /** When it was pinged last, in sweeps; no earlier than it was heard if the answer is still to come. */
  pingedAt = -1;
  driver: ConnectionDriver | null = null;

  readonly #client: Client;
  readonly #socket: NetSocket;
  readonly #mounted: Mounted;
  /** Whether its frames are compressed. Asked once: `ws` makes a text of its extensions each time. */
  readonly #compressing: boolean;
  /** What this turn has for the client: one message as a rule, which then costs no array, and those behind it. */
  #first: Outgoing | null = null;
  #more: Outgoing[] | null = null;
  #closing = false;

  constructor(client: Client, socket: NetSocket, mounted: Mounted) {
    this.#client = client;
    this.#socket = socket;
    this.#mounted = mounted;
    this.#compressing = client.extensions !== "";
    this.heardAt = mounted.sweeps;
    mounted.open.add(this);
  }

  get name(): string {
    return "websocket";
  }

  received(data: Buffer, isBinary: boolean): void {
    this.heardAt = this.#mounted.sweeps;
    // Bytes get a buffer of their own: what crosses threads takes its whole buffer along, here all that was read at once.
    this.driver?.receive(isBinary ? new Uint8Array(data) : data.toString());
  }

  heard(): void {
    this.heardAt = this.#mounted.sweeps;
  }

  /** The socket is closed. */
  gone(): void {
    this.#mounted.open.delete(this);
    this.driver?.closed(["shutdown", "closed"]);
    this.driver = null;
  }

  send(message: string | Uint8Array): void {
    this.#queue(message);
  }

  sendShared(shared: SharedMessage): void {
    this.#queue(shared);
  }

  /** What `ws` has read already still comes: one chunk, 64 KiB. Not heard of, the client is idle after a while, as any other. */
  pause(): void {
    if (!this.#closing) this.#client.pause();
  }

  resume(): void {
    this.#client.resume();
  }

  close(code: number, reason: string): void {
    if (this.#closing) return;
    this.#flush(); // what was sent before the close arrives before it
    this.#closing = true;
    this.#client.closeWith(code, reason);
    this.#client.resume(); // or its answer to that would not be read
    const client = this.#client;
    setTimeout(() => client.terminate(), CLOSE_WAIT_MS).unref();
  }

  /** Asks whether the client is there. */
  ping(now: number): void {
    if (this.#closing) return;
    this.pingedAt = now;
    this.#client.ping();
  }

  /** Closes it of its own accord: the connection learns why. */
  end(code: number, reason: string, exit: ExitReason): void {
    this.close(code, reason);
    this.driver?.closed(exit);
  }

  drain(): readonly Pid[] {
    const channels = this.driver?.channels ?? [];
    this.end(1012, "", ["shutdown", "draining"]);
    return channels;
  }

  #queue(message: Outgoing): void {
    if (this.#closing) return;
    if (this.#first !== null) {
      this.#more ??= [];
      this.#more.push(message);
    } else {
      this.#first = message;
      this.#mounted.afterTurn(this.#flush);
    }
  }

  readonly #flush = (): void => {
    const first = this.#first;
    if (first === null) return;
    const more = this.#more;
    this.#first = null;
    this.#more = null;
    if (this.#closing || this.#socket.destroyed) return;
    const waiting = this.#compressing ? this.#client.bufferedAmount : this.#socket.writableLength;
    if (waiting > this.#mounted.options.maxBufferedBytes) {
      return this.end(1013, "too slow", ["shutdown", "closed"]);
    }
    // Compressed frames depend on each other and are made one after the other: `ws` does that, and all of the writing.
    if (this.#compressing) for (const message of [first, ...(more ?? [])]) this.#client.send(bare(message));
    else this.#socket.write(more === null ? framed(first) : gatherAll([first, ...more]));
  };
}

/** A message, or a frame that others made. */
type Outgoing = string | Uint8Array | SharedMessage;

function bare(message: Outgoing): string | Uint8Array {
  return typeof message === "string" || message instanceof Uint8Array ? message : message.message;
}

function framed(message: Outgoing): Uint8Array {
  if (typeof message === "string" || message instanceof Uint8Array) return gather([message]);
  message.framed ??= gather([message.message]);
  return message.framed;
}

/** One buffer for all, in order; runs of own messages are framed together, shared frames are copied as they are. */
function gatherAll(pending: readonly Outgoing[]): Uint8Array {
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
