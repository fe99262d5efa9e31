/**
 * The official `phoenix` client, unmodified, over the `ws` package's WebSocket or its own long poll. What is added stands beside it: a record of
 * every frame it was given, and promises for its callbacks.
 */
import "./browser-globals.js";
import { type Channel, LongPoll, type Push, Socket, type SocketConnectOption } from "phoenix";
import { LongPoll as LongPoll17, Socket as Socket17 } from "phoenix-1.7";
import { LongPoll as LongPoll1812, Socket as Socket1812 } from "phoenix-1.8.12";
import { WebSocket } from "ws";
import type { Frame } from "./raw-client.js";

/** The versions that are tested, with their `Socket` and their long poll. */
export const versions: readonly (readonly [string, typeof Socket, typeof LongPoll])[] = [
  ["1.8.16", Socket, LongPoll],
  ["1.8.12", Socket1812, LongPoll1812],
  ["1.7.23", Socket17, LongPoll17],
];

/** What its `onMessage` is given. */
interface Message {
  readonly join_ref?: unknown;
  readonly ref?: unknown;
  readonly topic: string;
  readonly event: string;
  readonly payload: unknown;
}

export interface Answer {
  readonly status: "ok" | "error" | "timeout";
  readonly response: unknown;
}

export interface StockClientOptions {
  readonly Socket?: typeof Socket;
  readonly params?: object | (() => object);
  readonly path?: string;
  /** @defaultValue 10; `null` leaves the client its own: a second for the first try */
  readonly rejoinMs?: number | null;
  /** Any others of the client's options. */
  readonly options?: Partial<SocketConnectOption>;
}

/** A promise for each of a series of events, in their order, whether asked for before or after they happen. */
export class Series<T> {
  readonly #happened: T[] = [];
  readonly #waiting: ((value: T) => void)[] = [];
  /** How many there were so far. */
  count = 0;

  add(value: T): void {
    this.count++;
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#happened.push(value);
    else waiting(value);
  }

  next(): Promise<T> {
    if (this.#happened.length > 0) return Promise.resolve(this.#happened.shift() as T);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

export class StockClient {
  readonly socket: Socket;
  /** Every frame, in the order of their arrival. */
  readonly frames: Frame[] = [];
  readonly opened: Series<void> = new Series();
  /** Close codes. */
  readonly closed: Series<number> = new Series();
  readonly errors: Series<unknown> = new Series();

  readonly #waiting = new Set<{
    readonly match: (frame: Frame) => boolean;
    readonly resolve: (frame: Frame) => void;
  }>();

  constructor(port: number | undefined, options: StockClientOptions = {}) {
    const { Socket: Client = Socket, params = {}, path = "/socket", rejoinMs = 10 } = options;
    this.socket = new Client(`ws://127.0.0.1:${port}${path}`, {
      transport: WebSocket,
      params,
      ...(rejoinMs === null ? {} : { rejoinAfterMs: () => rejoinMs }),
      ...options.options,
    });
    this.socket.onOpen(() => this.opened.add());
    this.socket.onClose((event) => this.closed.add(event.code));
    this.socket.onError((error) => this.errors.add(error));
    this.socket.onMessage((given) => this.#arrived(given as Message)); // typed as any object by @types/phoenix
  }

  async connect(): Promise<this> {
    this.socket.connect();
    await this.opened.next();
    return this;
  }

  /** A channel of this client. It is joined by `join`, as often as the client wants to. */
  channel(topic: string, params: object | (() => object) = {}): StockChannel {
    return new StockChannel(this, this.socket.channel(topic, params));
  }

  /** The first frame that matches, of those that came and those to come. */
  frame(match: (frame: Frame) => boolean): Promise<Frame> {
    const found = this.frames.find(match);
    if (found !== undefined) return Promise.resolve(found);
    return new Promise((resolve) => this.#waiting.add({ match, resolve }));
  }

  framesOf(topic: string, event: string): Frame[] {
    return this.frames.filter((frame) => frame[2] === topic && frame[3] === event);
  }

  /** Settles when all that the server had for us has come: with the answer to a heartbeat sent now. */
  settle(): Promise<void> {
    return new Promise((resolve) => this.socket.ping(() => resolve()));
  }

  /** Settles when the client has closed its connection. */
  disconnect(): Promise<void> {
    return new Promise((resolve) => this.socket.disconnect(() => resolve()));
  }

  #arrived({ join_ref, ref, topic, event, payload }: Message): void {
    const frame: Frame = [join_ref ?? null, ref ?? null, topic, event, payload];
    this.frames.push(frame);
    for (const waiting of this.#waiting) {
      if (!waiting.match(frame)) continue;
      this.#waiting.delete(waiting);
      waiting.resolve(frame);
    }
  }
}

export class StockChannel {
  readonly client: StockClient;
  readonly channel: Channel;
  /** The response to each join, the client's own rejoins among them. */
  readonly joined: Series<unknown> = new Series();
  readonly refused: Series<unknown> = new Series();
  /** Reasons given to `onError`. */
  readonly errors: Series<unknown> = new Series();
  readonly closed: Series<unknown> = new Series();

  constructor(client: StockClient, channel: Channel) {
    this.client = client;
    this.channel = channel;
    channel.onError((reason) => this.errors.add(reason));
    channel.onClose((reason) => this.closed.add(reason));
  }

  /** Joins, and waits for the first answer that lets it in. */
  async join(timeoutMs?: number): Promise<unknown> {
    this.channel
      .join(timeoutMs)
      .receive("ok", (response) => this.joined.add(response))
      .receive("error", (response) => this.refused.add(response));
    return await this.joined.next();
  }

  /** Pushes an event and waits for the answer, whatever its status. */
  ask(event: string, payload: object = {}, timeoutMs?: number): Promise<Answer> {
    return answer(this.channel.push(event, payload, timeoutMs));
  }

  /** Pushes an event that will not be answered; it is not waited for, so that no timer of it keeps the test running. */
  tell(event: string, payload: object = {}): void {
    this.channel.push(event, payload, 1);
  }

  /** Frames of this topic with that event. */
  frames(event: string): Frame[] {
    return this.client.framesOf(this.channel.topic, event);
  }
}

/** What a push is answered with. */
export function answer(push: Push): Promise<Answer> {
  return new Promise((resolve) => {
    for (const status of ["ok", "error", "timeout"] as const) {
      push.receive(status, (response) => resolve({ status, response }));
    }
  });
}
