/** The scenarios: what is asked of which servers. Plain data, so that it can be sent to the generator. */

export const ServerName = {
  joist: "joist",
  ws: "ws",
  wsPrebuilt: "ws-prebuilt",
  socketIo: "socket-io",
} as const;
export type ServerName = (typeof ServerName)[keyof typeof ServerName];

interface Base {
  readonly name: string;
  readonly title: string;
  /** What one message is. */
  readonly unit: string;
  readonly connections: number;
  readonly servers: readonly ServerName[];
  /** Whether `--quick` has it, too. */
  readonly quick?: boolean;
  /** Scheduler threads of Joist. @defaultValue its default */
  readonly schedulers?: number;
  /** I/O threads of Joist. @defaultValue 1 */
  readonly ioThreads?: number;
  /** Whether memory is measured, too, when all are there and nothing has been asked yet: of each channel. */
  readonly memoryEach?: boolean;
}

/**
 * Requests that are answered. Every connection keeps `inFlight` of them unanswered; or, with `perSecond`, so many go out by the
 * clock, from one connection after the other, whatever came of the ones before.
 */
export interface EchoScenario extends Base {
  readonly kind: "echo";
  readonly inFlight: number;
  readonly perSecond?: number;
  readonly payloadBytes: number;
  /** What each connection joins, and its requests go to in turns. @defaultValue one for all */
  readonly topicsEach?: number;
  /** Without `topicsEach`: the topics that connections are spread over. @defaultValue 1 */
  readonly topics?: number;
  /** Messages are compressed, in both directions. */
  readonly compress?: boolean;
  /** So many channels throw, of connections of their own, and are joined again. */
  readonly crashesPerSecond?: number;
}

/**
 * One connection of each topic says something, all on the topic get it: `perSecond` times by the clock, or (0) when all have got
 * the last. Each connection is on one of the topics.
 */
export interface FanOutScenario extends Base {
  readonly kind: "fan-out";
  readonly topics: number;
  readonly perSecond: number;
  readonly payloadBytes: number;
}

/** Connections that join and do nothing. */
export interface IdleScenario extends Base {
  readonly kind: "idle";
  /** Topics they are spread over. */
  readonly topics: number;
}

/** Connect, join, go away, and again; so many at a time. */
export interface ConnectScenario extends Base {
  readonly kind: "connect";
}

export type Scenario = EchoScenario | FanOutScenario | IdleScenario | ConnectScenario;

const { joist, ws, wsPrebuilt, socketIo } = ServerName;
const [quick, kibibyte] = [true, 1024];
const echo = { kind: "echo", unit: "answer", payloadBytes: 64, inFlight: 1, servers: [joist, ws, socketIo] } as const;
const everywhere = [joist, ws, wsPrebuilt, socketIo] as const;
const fanOut = { kind: "fan-out", unit: "delivery", payloadBytes: 64, topics: 1, servers: everywhere } as const;

export const SCENARIOS: readonly Scenario[] = [
  { ...echo, quick, name: "echo-1", title: "echo, 100 connections, 1 in flight", connections: 100 },
  { ...echo, quick, name: "echo-16", title: "echo, 100 connections, 16 in flight", connections: 100, inFlight: 16 },
  {
    ...fanOut,
    quick,
    name: "fan-out",
    title: "fan-out to 1,000, one after the other",
    connections: 1000,
    perSecond: 0,
  },
  { ...fanOut, quick, name: "fan-out-50", title: "fan-out to 1,000, 50 a second", connections: 1000, perSecond: 50 },
  {
    ...{ kind: "idle", quick, name: "idle", title: "2,000 idle connections, one channel each", unit: "connection" },
    ...{ connections: 2000, topics: 1, servers: [joist, ws, socketIo] },
  },
  {
    ...{ kind: "connect", quick, name: "connect", title: "connect and join, 32 at a time", unit: "connection" },
    ...{ connections: 32, servers: [joist, ws, socketIo] },
  },
  { ...echo, name: "rate-2k", title: "echo, 2,000 requests a second by the clock", connections: 100, perSecond: 2000 },
  {
    ...echo,
    name: "rate-12k",
    title: "echo, 12,000 requests a second by the clock",
    connections: 100,
    perSecond: 12_000,
  },
  {
    ...{
      ...fanOut,
      name: "fan-out-topics",
      title: "fan-out on 100 topics of 10 connections, each one after the other",
    },
    ...{ connections: 1000, topics: 100, perSecond: 0 },
  },
  {
    ...{ ...echo, name: "channels", title: "echo, 100 connections of 100 channels each, 1 in flight" },
    ...{ connections: 100, topicsEach: 100, memoryEach: true },
  },
  {
    ...{
      ...echo,
      name: "crash-storm",
      title: "2,000 requests a second by the clock beside 1,000 crashing channels a second",
    },
    ...{ connections: 100, perSecond: 2000, crashesPerSecond: 1000, servers: [joist] },
  },
  { ...echo, name: "echo-64k", title: "echo of 64 KB, 20 connections", connections: 20, payloadBytes: 64 * kibibyte },
  { ...echo, name: "echo-1m", title: "echo of 1 MB, 4 connections", connections: 4, payloadBytes: 1024 * kibibyte },
  {
    ...{ ...echo, name: "compress", title: "echo of 4 KB, compressed, 20 connections" },
    ...{ connections: 20, payloadBytes: 4 * kibibyte, compress: true },
  },
];

const WORDS = "a channel joins its topic and answers with what it knows of the one who asked".split(" ");

/** A payload of so many bytes of words and numbers, which compresses about as what applications send: to a quarter. */
export function payloadOfWords(bytes: number, n: number): string {
  let text = "";
  for (let i = 0; text.length < bytes; i++) {
    // Multiplied by a large odd number and cut, the same each time and yet without an order.
    const mixed = Math.imul(i + 1, 0x9e3779b1) >>> 0;
    text += `${WORDS[mixed % WORDS.length]} ${mixed >>> 12} `;
  }
  const head = `{"n":${n},"text":"`;
  return `${head}${text.slice(0, Math.max(0, bytes - head.length - 2))}"}`;
}
