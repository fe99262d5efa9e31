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
import { type Server, WebSocket, WebSocketServer } from "ws";
import type { ConnectionDriver, Drainable, SharedMessage, Transport } from "../channels/transport.js";
import { Counts } from "../core/counts.js";
import type { ExitReason } from "../core/exit-reason.js";
import type { LimitCode } from "../core/limit-codes.js";
import type { Pid } from "../core/pid.js";
import { HeldUp, type OutboundLimits, type Outgoing } from "./held-up.js";
import { DEFAULT_MAX_TOTAL_BUFFERED_BYTES, OutboundBudget } from "./outbound-budget.js";
import { gather } from "./websocket-frame.js";
import { type ResolvedWebSocketOptions, resolveWebSocketOptions, type WebSocketOptions } from "./websocket-options.js";

/** Milliseconds a client has to answer a close frame. */
const CLOSE_WAIT_MS = 2000;

class Client extends WebSocket {
  /** Whom it tells what happens; set as soon as it is open. */
  transport: WebSocketTransport | null = null;

  /** What `ws` has to say, to the one who wants to hear it: listeners would be a table and a closure each per connection. */
  override emit(event: string | symbol, data?: unknown, isBinary?: unknown): boolean {
    // The types are what `ws` says of its events.
    if (event === "message") this.transport?.onMessage(data as Buffer, isBinary as boolean);
    else if (event === "ping" || event === "pong") this.transport?.onHeard();
    else if (event === "close") this.transport?.onClose();
    return true; // a protocol error, too, is heard: `ws` has sent the close code it calls for, and close follows
  }

  /** Echoes the code of a client's close frame, but not its reason. `ws` calls this for the echo. */
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

/** Opens the WebSockets of one mounted socket. */
export class WebSocketMount {
  readonly #server: Server<typeof Client>;
  readonly #options: ResolvedWebSocketOptions;
  readonly #afterTurn: AfterTurn;
  readonly #clients: Clients;
  readonly #sweep: NodeJS.Timeout;
  readonly #sweepMs: number;

  /**
   * @param counts - Of the endpoint: what its limits have done.
   * @param budget - Of the endpoint: what its clients may keep waiting together.
   */
  constructor(
    options: WebSocketOptions,
    afterTurn: AfterTurn,
    counts: Counts = new Counts(),
    budget: OutboundBudget = new OutboundBudget(DEFAULT_MAX_TOTAL_BUFFERED_BYTES, afterTurn),
  ) {
    this.#options = resolveWebSocketOptions(options);
    const { outbound, maxBufferedBytes } = this.#options;
    this.#clients = { ...outbound, maxBufferedBytes, counts, budget, open: new Set(), sweeps: 0 };
    this.#afterTurn = afterTurn;
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
    return this.#clients.open;
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
      const transport = new WebSocketTransport(client, socket as NetSocket, this.#afterTurn, this.#clients);
      transport.driver = open(transport);
      client.transport = transport;
    });
  }

  /** No longer watches for idle connections. */
  stop(): void {
    clearInterval(this.#sweep);
  }

  readonly #closeIdle = (): void => {
    const sweeps = ++this.#clients.sweeps;
    const { timeoutMs, pingIntervalMs, pongTimeoutMs } = this.#options;
    const idle = timeoutMs / this.#sweepMs;
    const pings = pingIntervalMs === 0 ? Number.POSITIVE_INFINITY : pingIntervalMs / this.#sweepMs;
    const pongs = pongTimeoutMs / this.#sweepMs;
    for (const transport of this.#clients.open) {
      const { heardAt, pingedAt } = transport;
      const isLate = pingedAt > heardAt && sweeps - pingedAt > pongs;
      if (isLate || sweeps - heardAt > idle) transport.end(1000, "", ["shutdown", "closed"]);
      else if (pingedAt <= heardAt && sweeps - heardAt > pings) transport.ping(sweeps);
    }
  };
}

/** How finely the idle timeout is measured: it strikes after 1 to 1.25 times its length, as the others do. */
const SWEEPS_PER_TIMEOUT = 4;

/** What the connections of a mount have in common. */
interface Clients extends OutboundLimits {
  readonly open: Set<WebSocketTransport>;
  /** Sweeps so far: a connection notes when it last heard something by this count, which costs no clock. */
  sweeps: number;
}

class WebSocketTransport implements Transport, Drainable {
  readonly name = "websocket";
  heardAt: number;
  /** When it was pinged last, in sweeps; no earlier than it was heard if the answer is still to come. */
  pingedAt = -1;
  driver: ConnectionDriver | null = null;

  readonly #client: Client;
  readonly #socket: NetSocket;
  readonly #afterTurn: AfterTurn;
  readonly #clients: Clients;
  /** Whether its frames are compressed. Asked once: `ws` makes a text of its extensions each time. */
  readonly #compressing: boolean;
  /** What this turn has for the client: one message as a rule, which then costs no array, and those behind it. */
  #first: Outgoing | null = null;
  #more: Outgoing[] | null = null;
  #closing = false;
  /** While the client does not take what it is sent. */
  #heldUp: HeldUp | null = null;

  constructor(client: Client, socket: NetSocket, afterTurn: AfterTurn, clients: Clients) {
    this.#client = client;
    this.#socket = socket;
    this.#afterTurn = afterTurn;
    this.#compressing = client.extensions !== "";
    this.#clients = clients;
    this.heardAt = clients.sweeps;
    clients.open.add(this);
  }

  onMessage(data: Buffer, isBinary: boolean): void {
    this.heardAt = this.#clients.sweeps;
    // Bytes get a buffer of their own: what crosses threads takes its whole buffer along, here all that was read at once.
    this.driver?.receive(isBinary ? new Uint8Array(data) : data.toString());
  }

  /** The client lives, but said nothing. */
  onHeard(): void {
    this.heardAt = this.#clients.sweeps;
  }

  onClose(): void {
    this.#clients.open.delete(this);
    this.gone();
    this.driver?.closed(["shutdown", "closed"]);
  }

  send(message: string | Uint8Array): void {
    this.#queue(message, false);
  }

  sendShared(shared: SharedMessage): void {
    this.#queue(shared, shared.mayDrop);
  }

  get isHeldUp(): boolean {
    return this.#heldUp !== null;
  }

  sendDroppable(message: string | Uint8Array, slot: string | null): void {
    if (this.#heldUp === null || this.#closing) this.#queue(message, true);
    else this.#heldUp.add(message, true, slot);
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
    const waiting = this.gone();
    if (waiting.length > 0 && !this.#socket.destroyed) this.write(waiting);
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

  #queue(message: Outgoing, mayDrop: boolean): void {
    if (this.#closing) return;
    if (this.#heldUp !== null) {
      this.#heldUp.add(message, mayDrop);
      return;
    }
    if (this.#first !== null) {
      this.#more ??= [];
      this.#more.push(message);
    } else {
      this.#first = message;
      this.#afterTurn(this.#flush);
    }
  }

  readonly #flush = (): void => {
    const first = this.#first;
    if (first === null) return;
    const more = this.#more;
    this.#first = null;
    this.#more = null;
    if (this.#closing || this.#socket.destroyed) return;
    if (this.#compressing) this.#compress(more === null ? [first] : [first, ...more]);
    else this.#socket.write(more === null ? framed(first) : gatherAll([first, ...more]));
    const waiting = this.waitingBytes();
    if (waiting <= this.#clients.highWaterBytes || waiting <= this.highWaterBytes) return;
    this.#heldUp = new HeldUp(this);
    if (!this.#compressing) this.#socket.on("drain", this.#goOn);
  };

  get limits(): OutboundLimits {
    return this.#clients;
  }

  /** Below its own mark a socket does not say when it is empty. */
  get highWaterBytes(): number {
    return Math.max(this.#clients.highWaterBytes, this.#socket.writableHighWaterMark);
  }

  waitingBytes(): number {
    return this.#compressing ? this.#client.bufferedAmount : this.#socket.writableLength;
  }

  write(messages: readonly Outgoing[]): boolean {
    if (!this.#compressing) return this.#socket.write(gatherAll(messages));
    this.#compress(messages);
    return false;
  }

  /** Compressed frames depend on each other and are made one after the other: `ws` does that, and all of the writing. */
  #compress(messages: readonly Outgoing[]): void {
    for (let i = 0; i < messages.length - 1; i++) this.#client.send(bare(messages[i] as Outgoing));
    this.#client.send(bare(messages.at(-1) as Outgoing), this.#goOn); // called when it is out
  }

  readonly #goOn = (): void => {
    const heldUp = this.#heldUp;
    if (heldUp === null) return;
    const isOpen = this.#client.readyState === WebSocket.OPEN; // else nobody reads on
    if (!isOpen || heldUp.goOn()) this.gone();
  };

  /** Nothing waits any more, or nobody waits for it: answers what that was. */
  gone(): readonly Outgoing[] {
    const heldUp = this.#heldUp;
    if (heldUp === null) return [];
    this.#heldUp = null;
    this.#socket.off("drain", this.#goOn);
    return heldUp.over();
  }

  limited(code: LimitCode, count: number): void {
    this.driver?.limited(code, count);
  }

  /** Not at once: it may be in the middle of a broadcast. */
  closeTooSlow(): void {
    this.#afterTurn(() => this.end(1013, "too slow", ["shutdown", "closed"]));
  }
}

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
