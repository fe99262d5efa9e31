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
}

/** Every connection keeps `inFlight` requests unanswered. */
export interface EchoScenario extends Base {
  readonly kind: "echo";
  readonly inFlight: number;
  readonly payloadBytes: number;
}

/** One connection says something, all get it: `perSecond` times by the clock, or (0) when all have got the last. */
export interface FanOutScenario extends Base {
  readonly kind: "fan-out";
  readonly perSecond: number;
  readonly payloadBytes: number;
}

/** Connections that join and do nothing. */
export interface IdleScenario extends Base {
  readonly kind: "idle";
}

/** Connect, join, go away, and again; so many at a time. */
export interface ConnectScenario extends Base {
  readonly kind: "connect";
}

export type Scenario = EchoScenario | FanOutScenario | IdleScenario | ConnectScenario;

const { joist, ws, wsPrebuilt, socketIo } = ServerName;
const echo = { kind: "echo", unit: "answer", payloadBytes: 64, servers: [joist, ws, socketIo] } as const;
const fanOut = {
  kind: "fan-out",
  unit: "delivery",
  payloadBytes: 64,
  servers: [joist, ws, wsPrebuilt, socketIo],
} as const;

export const SCENARIOS: readonly Scenario[] = [
  { ...echo, name: "echo-1", title: "echo, 100 connections, 1 in flight", connections: 100, inFlight: 1 },
  { ...echo, name: "echo-16", title: "echo, 100 connections, 16 in flight", connections: 100, inFlight: 16 },
  { ...fanOut, name: "fan-out", title: "fan-out to 1,000, one after the other", connections: 1000, perSecond: 0 },
  { ...fanOut, name: "fan-out-50", title: "fan-out to 1,000, 50 a second", connections: 1000, perSecond: 50 },
  {
    ...{ kind: "idle", name: "idle", title: "2,000 idle connections, one channel each", unit: "connection" },
    ...{ connections: 2000, servers: [joist, ws, socketIo] },
  },
  {
    ...{ kind: "connect", name: "connect", title: "connect and join, 32 at a time", unit: "connection" },
    ...{ connections: 32, servers: [joist, ws, socketIo] },
  },
  {
    ...{ ...echo, name: "echo-64k", title: "echo of 64 KB, 20 connections, 1 in flight" },
    ...{ connections: 20, inFlight: 1, payloadBytes: 65_536 },
  },
];

/** A payload of so many bytes of JSON; `n` is found again in what comes back. */
export function payloadOf(bytes: number, n: number): string {
  const head = `{"n":${n},"text":"`;
  return `${head}${"x".repeat(Math.max(0, bytes - head.length - 2))}"}`;
}
