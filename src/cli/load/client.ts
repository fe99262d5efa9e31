/** One connection of the load generator: opens, joins its channels one after the other, then sends what it is told to. */
import type { Socket } from "node:net";
import { WebSocket } from "ws";
import { ControlEvent } from "../../channels/protocol.js";
import {
  frame,
  HEARTBEAT_FRAME,
  isBroadcast,
  joinFrame,
  markedRef,
  NO_REF,
  okRef,
  readBinary,
  readMessage,
  type Said,
} from "./wire.js";

/** What all clients of a run have in common. */
export interface ClientSetup {
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly channels: number;
  /** JSON. */
  readonly event: string;
  readonly replyTimeoutMs: number;
  /** The answer is a broadcast with the mark of the message, rather than a reply. */
  readonly awaitsBroadcast: boolean;
  readonly urlOf: (connection: number) => URL;
  /** JSON. */
  readonly topicOf: (connection: number, channel: number) => string;
  readonly joinParamsOf: (connection: number, channel: number) => string;
  readonly payloadOf: (connection: number, channel: number, ref: number) => string;
}

/** Whom it tells. `example` is what the server said, or the error. */
export interface ClientHandler {
  connected(client: Client, meantMs: number): void;
  notConnected(client: Client, example: string): void;
  joined(client: Client, sentMs: number): void;
  notJoined(client: Client, timedOut: boolean, example: string): void;
  /** It has done with connecting and joining, whatever came of it. */
  settled(client: Client): void;
  /** `problem` is what the server said, if that was not "ok". @returns Whether it was an answer to a message of this client. */
  answered(client: Client, ref: number, problem: string | null): boolean;
  /** A push or a broadcast. */
  pushed(): void;
  /** The server sent what is not of the protocol. */
  unreadable(example: string): void;
  channelGone(client: Client, channel: number, example: string): void;
  gone(client: Client, example: string): void;
  /** A message has left for the network, or never will. */
  written(): void;
}

/** No more than this of what a server says is shown. */
const MAX_EXAMPLE = 200;
const MAX_MESSAGE_BYTES = 64 * 2 ** 20;

export class Client {
  readonly index: number;
  readonly #setup: ClientSetup;
  readonly #handler: ClientHandler;
  readonly #webSocket: WebSocket;
  readonly #written: () => void;
  /** The one below the WebSocket, once it is open. */
  #socket: Socket | null = null;
  #state: "connecting" | "joining" | "joined" | "gone" = "connecting";
  #corked = false;
  #error: string | null = null;
  /** The channel that is being joined, and since when. */
  #joining = -1;
  #joinSentMs = 0;
  /** Channels that are joined; messages take turns. */
  readonly #live: number[] = [];
  #turn = 0;

  constructor(index: number, setup: ClientSetup, handler: ClientHandler, meantMs: number) {
    this.index = index;
    this.#setup = setup;
    this.#handler = handler;
    this.#written = () => handler.written();
    const { headers, replyTimeoutMs } = setup;
    const webSocket = new WebSocket(setup.urlOf(index), {
      ...{ headers, handshakeTimeout: replyTimeoutMs, maxPayload: MAX_MESSAGE_BYTES },
      // What is measured is the server, and not how fast this process inflates.
      ...{ perMessageDeflate: false, skipUTF8Validation: true },
    });
    this.#webSocket = webSocket;
    webSocket.on("upgrade", (response) => {
      this.#socket = response.socket;
    });
    webSocket.on("open", () => {
      if (this.#state !== "connecting") return;
      this.#state = "joining";
      handler.connected(this, meantMs);
      this.#joinNext();
    });
    webSocket.on("message", (data, isBinary) => this.#take(data as Buffer, isBinary)); // no other binaryType is set
    webSocket.on("error", (error) => {
      this.#error = describe(error);
    });
    webSocket.on("close", (code, reason) => this.#closed(code, String(reason)));
  }

  get canSend(): boolean {
    return this.#live.length > 0 && this.#state !== "gone";
  }

  get isOpen(): boolean {
    return this.#state === "joining" || this.#state === "joined";
  }

  get bytesIn(): number {
    return this.#socket?.bytesRead ?? 0;
  }

  get bytesOut(): number {
    return this.#socket?.bytesWritten ?? 0;
  }

  /** The channel whose turn it is; there must be one. */
  nextChannel(): number {
    this.#turn = (this.#turn + 1) % this.#live.length;
    return this.#live[this.#turn] as number;
  }

  push(channel: number, ref: number): void {
    const { topicOf, payloadOf, event } = this.#setup;
    const topic = topicOf(this.index, channel);
    this.#send(frame(channel + 1, ref, topic, event, payloadOf(this.index, channel, ref)), this.#written);
  }

  beat(): void {
    if (this.isOpen) this.#send(HEARTBEAT_FRAME);
  }

  /** Gives up a join that takes too long, and those after it: with each the run would wait as long again. */
  checkJoin(nowMs: number): void {
    const { replyTimeoutMs } = this.#setup;
    if (this.#state !== "joining" || nowMs - this.#joinSentMs <= replyTimeoutMs) return;
    this.#handler.notJoined(this, true, `${this.#topic()} after ${replyTimeoutMs} ms`);
    this.#state = "joined";
    this.#handler.settled(this);
  }

  /** Closes it without telling the handler. */
  end(): void {
    this.#state = "gone";
    this.#webSocket.close(1000);
  }

  /** Takes it away without a word, if it is still there. */
  drop(): void {
    this.#state = "gone";
    this.#webSocket.terminate();
  }

  #send(text: string, written?: () => void): void {
    // What is sent in one go, as the messages after the answers of one chunk are, leaves in one write: with 16 in flight a
    // message and its answer cost the generator 4 µs, against 9.5 with a write for each.
    if (!this.#corked && this.#socket !== null) {
      this.#corked = true;
      this.#socket.cork();
      process.nextTick(uncork, this);
    }
    this.#webSocket.send(text, written);
  }

  /** Only for {@link uncork}, which is no method so that it costs no closure. */
  flush(): void {
    this.#corked = false;
    this.#socket?.uncork();
  }

  #joinNext(): void {
    this.#joining += 1;
    const [channel, { channels, topicOf, joinParamsOf }] = [this.#joining, this.#setup];
    if (channel === channels) {
      this.#state = "joined";
      this.#handler.settled(this);
      return;
    }
    this.#joinSentMs = performance.now();
    this.#send(joinFrame(channel + 1, topicOf(this.index, channel), joinParamsOf(this.index, channel)));
  }

  #take(data: Buffer, isBinary: boolean): void {
    if (this.#state === "gone") return;
    const ref = isBinary ? NO_REF : okRef(data);
    const { channels, awaitsBroadcast } = this.#setup;
    if (ref > channels) {
      if (!awaitsBroadcast) this.#handler.answered(this, ref, null);
      return;
    }
    if (!isBinary && isBroadcast(data)) return this.#pushed(data);
    const said = isBinary ? readBinary(data) : readMessage(data.toString());
    if (said === null) this.#handler.unreadable(shortened(data));
    else this.#hear(said, data);
  }

  #hear({ ref, joinRef, event, status }: Said, data: Buffer): void {
    if (event === ControlEvent.error || event === ControlEvent.close) return this.#ended(joinRef - 1, data);
    if (event !== ControlEvent.reply) return this.#pushed(data);
    const { channels, awaitsBroadcast } = this.#setup;
    if (ref > channels) {
      if (status !== "ok") this.#handler.answered(this, ref, shortened(data));
      else if (!awaitsBroadcast) this.#handler.answered(this, ref, null);
      return;
    }
    // Of the heartbeat, or of a join that took too long.
    if (this.#state !== "joining" || ref !== this.#joining + 1) return;
    if (status === "ok") {
      this.#live.push(this.#joining);
      this.#handler.joined(this, this.#joinSentMs);
    } else this.#handler.notJoined(this, false, shortened(data));
    if (this.isOpen) this.#joinNext();
  }

  /** A broadcast or a push: one of somebody else, or what came of a message of ours. */
  #pushed(data: Buffer): void {
    const isAnswer = this.#setup.awaitsBroadcast && this.#handler.answered(this, markedRef(data), null);
    if (!isAnswer) this.#handler.pushed();
  }

  /** The server ended a channel. One that is being joined has crashed there, and gets no other answer. */
  #ended(channel: number, data: Buffer): void {
    const place = this.#live.indexOf(channel);
    if (place !== -1) {
      this.#live.splice(place, 1);
      this.#handler.channelGone(this, channel, shortened(data));
    } else if (this.#state === "joining" && channel === this.#joining) {
      this.#handler.notJoined(this, false, shortened(data));
      this.#joinNext();
    }
  }

  #closed(code: number, reason: string): void {
    const state = this.#state;
    if (state === "gone") return;
    this.#state = "gone";
    const why = this.#error ?? (reason === "" ? `close ${code}` : `close ${code}, ${reason}`);
    if (state === "connecting") this.#handler.notConnected(this, why);
    else this.#handler.gone(this, why);
    if (state !== "joined") this.#handler.settled(this);
  }

  #topic(): string {
    return this.#setup.topicOf(this.index, this.#joining);
  }
}

function uncork(client: Client): void {
  client.flush();
}

function shortened(data: Buffer): string {
  const text = data.toString("utf8", 0, MAX_EXAMPLE);
  return data.length > MAX_EXAMPLE ? `${text}…` : text;
}

/** An error of several addresses tried has no message of its own, only a code. */
function describe(error: Error & { readonly code?: string }): string {
  return error.message === "" ? (error.code ?? error.name) : error.message;
}
