/** What the generator says to each kind of server, and the little it has to understand of the answers. */
import { digits, frame, joinFrame, NO_REF, readMessage, readRef } from "../../src/cli/load/wire.js";

export interface Dialect {
  readonly url: URL;
  /** Opens a session, if there is such a thing: called with `null` once connected, then with each message until it says `true`. */
  greet(message: string | null): string | true | null;
  /** What is said to the topic of that number. */
  on(topic: number): TopicDialect;
  /** The ref a message answers, {@link BROADCAST}, {@link KEEP_ALIVE} or, for what nobody expected, {@link OTHER}. */
  refOf(data: Buffer, start: number, end: number): number;
  /** What an answer to a join says against it; `null` if nothing. */
  refusal(answer: string): string | null;
  /** Whether a message tells that a channel crashed. */
  isCrash(message: string): boolean;
  /** What a {@link KEEP_ALIVE} is answered with. */
  readonly keepAlive?: string;
}

/** The refs of a connection are its own; the first ones are those of joins. */
export interface TopicDialect {
  /** Joins; `ref` is also the join ref, where there are such. */
  join(ref: number): string;
  /** Asks for an answer. */
  request(ref: number, payload: string): string;
  /** Says something to everybody on the topic. */
  publish(ref: number, payload: string): string;
  /** Makes the channel that joined with that ref throw. */
  crash(ref: number, joinRef: number): string;
}

export const BROADCAST = -1;
export const KEEP_ALIVE = -2;
export const OTHER = -3;
/** The ref of joins that are done once. */
export const JOIN_REF = 1;

export interface PhoenixOptions {
  /** Where the socket is mounted, `/websocket` included. @defaultValue `"/socket/websocket"` */
  readonly path?: string;
  /** Parameters of `connect`. */
  readonly params?: Readonly<Record<string, string>>;
  /** The first topic; the others have a number behind it, as in `"room:load-1"`. @defaultValue `"room:load"` */
  readonly topic?: string;
  /** The event that is answered. @defaultValue `"echo"` */
  readonly event?: string;
  /** The event that goes to everybody. @defaultValue `"shout"` */
  readonly broadcastEvent?: string;
  /** The event a channel dies of. @defaultValue `"crash"` */
  readonly crashEvent?: string;
}

/** Phoenix's protocol, version 2: any server that speaks it. */
export function phoenix(origin: string, options: PhoenixOptions = {}): Dialect {
  const { path = "/socket/websocket", params = {}, topic = "room:load", event = "echo" } = options;
  const { broadcastEvent = "shout", crashEvent = "crash" } = options;
  const url = new URL(path, origin);
  url.search = new URLSearchParams({ ...params, vsn: "2.0.0" }).toString();
  return {
    url,
    greet: () => true,
    on: (number) => {
      const name = JSON.stringify(number === 0 ? topic : `${topic}-${number}`);
      const [asks, publishes, crashes] = [event, broadcastEvent, crashEvent].map((of) => JSON.stringify(of));
      return {
        join: (ref) => joinFrame(ref, name, "{}"),
        request: (ref, payload) => frame(JOIN_REF, ref, name, asks as string, payload),
        publish: (ref, payload) => frame(JOIN_REF, ref, name, publishes as string, payload),
        crash: (ref, joinRef) => frame(joinRef, ref, name, crashes as string, "{}"),
      };
    },
    // `["1","17",…` is an answer, `[null,null,…` a broadcast, `["1",null,…` a push.
    refOf: (data, start) => (data[start + 1] === 0x6e ? BROADCAST : refOr(readRef(data, start))),
    refusal: (answer) => (readMessage(answer)?.status === "ok" ? null : answer),
    isCrash: (message) => message.includes('"phx_error"'),
  };
}

/** What the plain `ws` servers speak: `{"id":2,"event":"echo","payload":…}`, answered with `{"id":2,"payload":…}`. */
export function plain(origin: string): Dialect {
  return {
    url: new URL("/", origin),
    greet: () => true,
    on: (number) => ({
      join: (ref) => `{"id":${ref},"event":"join","room":${number},"payload":{}}`,
      request: (ref, payload) => `{"id":${ref},"event":"echo","payload":${payload}}`,
      publish: (ref, payload) => `{"id":${ref},"event":"shout","room":${number},"payload":${payload}}`,
      crash: noCrash,
    }),
    refOf: (data, start) => (data[start + 2] === 0x69 ? refOr(digits(data, start + 6)) : BROADCAST),
    refusal: () => null,
    isCrash: () => false,
  };
}

/** Socket.IO's protocol 5 on Engine.IO's 4, WebSocket from the start: `422["echo",…]` is answered with `432[…]`. */
export function socketIo(origin: string): Dialect {
  return {
    url: new URL("/socket.io/?EIO=4&transport=websocket", origin),
    greet: (message) => {
      if (message === null) return null;
      if (message.startsWith("0")) return "40";
      return message.startsWith("40") ? true : null;
    },
    on: (number) => ({
      join: (ref) => `42${ref}["join",${number}]`,
      request: (ref, payload) => `42${ref}["echo",${payload}]`,
      publish: (_, payload) => `42["shout",${number},${payload}]`,
      crash: noCrash,
    }),
    refOf: (data, start, end) => {
      if (end - start === 1) return data[start] === 0x32 ? KEEP_ALIVE : OTHER;
      return data[start + 1] === 0x33 ? refOr(digits(data, start + 2)) : BROADCAST;
    },
    refusal: () => null,
    isCrash: () => false,
    keepAlive: "3",
  };
}

function noCrash(): never {
  throw new Error("this server has no channels that could crash");
}

function refOr(ref: number): number {
  return ref === NO_REF ? OTHER : ref;
}
