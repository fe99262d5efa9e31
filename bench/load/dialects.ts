/** What the generator says to each kind of server, and the little it has to understand of the answers. */

export interface Dialect {
  readonly url: URL;
  /** Joins what there is to join: called with `null` once connected, then with each message until it says `true`. */
  greet(message: string | null): string | true | null;
  /** Asks for an answer. `ref` is 2 or more. */
  request(ref: number, payload: string): string;
  /** Says something to everybody. */
  publish(ref: number, payload: string): string;
  /** The ref a message answers, {@link BROADCAST}, {@link KEEP_ALIVE} or, for what nobody expected, {@link OTHER}. */
  refOf(data: Buffer, start: number, end: number): number;
  /** What a {@link KEEP_ALIVE} is answered with. */
  readonly keepAlive?: string;
}

export const BROADCAST = -1;
export const KEEP_ALIVE = -2;
export const OTHER = -3;

export interface PhoenixOptions {
  /** Where the socket is mounted, `/websocket` included. @defaultValue `"/socket/websocket"` */
  readonly path?: string;
  /** Parameters of `connect`. */
  readonly params?: Readonly<Record<string, string>>;
  /** @defaultValue `"room:load"` */
  readonly topic?: string;
  /** The event that is answered. @defaultValue `"echo"` */
  readonly event?: string;
  /** The event that goes to everybody. @defaultValue `"shout"` */
  readonly broadcastEvent?: string;
}

/** Phoenix's protocol, version 2: any server that speaks it. The join ref is "1" on every connection. */
export function phoenix(origin: string, options: PhoenixOptions = {}): Dialect {
  const { path = "/socket/websocket", params = {}, topic = "room:load", event = "echo" } = options;
  const { broadcastEvent = "shout" } = options;
  const url = new URL(path, origin);
  url.search = new URLSearchParams({ ...params, vsn: "2.0.0" }).toString();
  const name = JSON.stringify(topic);
  const tail = `",${name},${JSON.stringify(event)},`;
  const publishTail = `",${name},${JSON.stringify(broadcastEvent)},`;
  return {
    url,
    greet: (message) => {
      if (message === null) return `["1","1",${name},"phx_join",{}]`;
      const [, ref, , , payload] = JSON.parse(message) as [unknown, unknown, unknown, unknown, { status?: unknown }];
      if (ref !== "1") return null;
      if (payload.status !== "ok") throw new Error(`the join of ${name} was refused: ${message}`);
      return true;
    },
    request: (ref, payload) => `["1","${ref}${tail}${payload}]`,
    publish: (ref, payload) => `["1","${ref}${publishTail}${payload}]`,
    // `["1","17",…` is an answer, `[null,null,…` a broadcast; "1" itself is the join's, so it tells of phx_error.
    refOf: (data, start) => {
      if (data[start + 1] === 0x6e) return BROADCAST;
      return digits(data, start + 6);
    },
  };
}

/** What the plain `ws` servers speak: `{"id":2,"event":"echo","payload":…}`, answered with `{"id":2,"payload":…}`. */
export function plain(origin: string): Dialect {
  return {
    url: new URL("/", origin),
    greet: (message) => (message === null ? `{"id":1,"event":"join","payload":{}}` : true),
    request: (ref, payload) => `{"id":${ref},"event":"echo","payload":${payload}}`,
    publish: (ref, payload) => `{"id":${ref},"event":"shout","payload":${payload}}`,
    refOf: (data, start) => (data[start + 2] === 0x69 ? digits(data, start + 6) : BROADCAST),
  };
}

/** Socket.IO's protocol 5 on Engine.IO's 4, WebSocket from the start: `422["echo",…]` is answered with `432[…]`. */
export function socketIo(origin: string): Dialect {
  return {
    url: new URL("/socket.io/?EIO=4&transport=websocket", origin),
    greet: (message) => {
      if (message === null) return null;
      if (message.startsWith("0")) return "40";
      if (message.startsWith("40")) return `421["join",{}]`;
      return message.startsWith("431") ? true : null;
    },
    request: (ref, payload) => `42${ref}["echo",${payload}]`,
    publish: (_, payload) => `42["shout",${payload}]`,
    refOf: (data, start, end) => {
      if (end - start === 1) return data[start] === 0x32 ? KEEP_ALIVE : OTHER;
      return data[start + 1] === 0x33 ? digits(data, start + 2) : BROADCAST;
    },
    keepAlive: "3",
  };
}

/** The number that stands there in decimal digits; {@link OTHER} if none does. */
export function digits(data: Buffer, at: number): number {
  let value = 0;
  let place = at;
  for (;;) {
    const digit = (data[place] ?? 0) - 0x30;
    if (digit < 0 || digit > 9) return place === at ? OTHER : value;
    value = value * 10 + digit;
    place += 1;
  }
}
