/**
 * What channels and sockets tell about themselves to whoever measures: events of `node:diagnostics_channel`, with the
 * measurements and metadata of Phoenix's telemetry and the phases of `telemetry:span/3`. One channel a phase:
 * `joist.channel.join:start`, `…:stop`, `…:exception`. Not the names of Node.js's TracingChannel: its five channels tell how
 * a function went on (callback, promise), these tell how it ended.
 *
 * Events are published by the process they are about, on its thread; each thread has its own subscribers. While there are none
 * an event is a look at three properties: nothing is made. docs/telemetry.md lists the events; a test holds it against
 * {@link telemetryFields}.
 *
 * @see https://hexdocs.pm/phoenix/telemetry.html, https://hexdocs.pm/telemetry/telemetry.html#span/3
 */
import { channel, type Channel as Diagnostics } from "node:diagnostics_channel";
import { monotonicClock } from "../core/clock.js";
import { type ExitReason, toExitReason } from "../core/exit-reason.js";
import type { Pid } from "../core/pid.js";
import { isThenable } from "../core/thenable.js";
import type { Json } from "./protocol.js";
import type { Socket } from "./socket.js";

/** In every metadata: why it failed, in `exception` events only. */
interface Failing {
  reason?: ExitReason;
}

/** A client asks to be let in; the process is the short one that runs `connect`. Phoenix's `socket_connected`. */
export interface ConnectMetadata {
  readonly pid: Pid;
  /** The socket's place in the application module's exports. */
  readonly userSocket: string;
  readonly transport: string;
  /** Of the serializer. */
  readonly vsn: string;
  readonly params: unknown;
  readonly connectInfo: unknown;
  /** In `stop` events: `"error"` is a refusal. */
  result?: "ok" | "error";
}

/** A batch of connections is closed, on the I/O thread. Phoenix's `socket_drain`. */
export interface DrainMetadata {
  readonly intervalMs: number;
}

/** A limit slowed a client down, refused it or what it sent, dropped what it was sent, or closed it; on the I/O thread. */
export interface LimitMetadata {
  /** As in `app.counts()`: docs/channels/limits.md lists them. */
  readonly code: string;
  readonly transport: string;
  /** The socket's id; `null` if it has none, or none yet. */
  readonly id: string | null;
  readonly topic: string | null;
}

interface ChannelMetadata {
  readonly pid: Pid;
  readonly topic: string;
  readonly joinRef: Json;
  readonly transport: string;
  /** The channel's own: look at its assigns, don't change them. */
  readonly socket: Socket;
}

/** Phoenix's `channel_joined`. */
export interface JoinMetadata extends ChannelMetadata {
  readonly params: unknown;
  /** In `stop` events: `"error"` is a refusal. */
  result?: "ok" | "error";
}

/** Phoenix's `channel_handled_in`. */
export interface HandleInMetadata extends ChannelMetadata {
  readonly event: string;
  readonly params: unknown;
  readonly ref: Json;
  /** In `stop` events: what the handler returned, and the status of its reply. */
  result?: "noreply" | "reply" | "stop";
  status?: string;
}

/** `handleOut`; and a push: `push` is over when the frame is on its way to the I/O thread. */
export interface EventMetadata extends ChannelMetadata {
  readonly event: string;
  readonly payload: unknown;
}

export interface HandleInfoMetadata extends ChannelMetadata {
  readonly message: unknown;
}

export interface TerminateMetadata extends ChannelMetadata {
  /** Why the channel ends; if `terminate` throws, what it threw takes this place. */
  reason?: ExitReason;
}

/** A broadcast by any process; over when it is on its way to the threads with subscribers. */
export interface BroadcastMetadata {
  readonly pid: Pid;
  readonly topic: string;
  readonly event: string;
  readonly payload: unknown;
}

export interface TelemetryMetadata {
  "joist.socket.connect": ConnectMetadata;
  "joist.socket.drain": DrainMetadata;
  "joist.socket.limit": LimitMetadata;
  "joist.channel.join": JoinMetadata;
  "joist.channel.handle_in": HandleInMetadata;
  "joist.channel.handle_out": EventMetadata;
  "joist.channel.handle_info": HandleInfoMetadata;
  "joist.channel.terminate": TerminateMetadata;
  "joist.channel.push": EventMetadata;
  "joist.channel.broadcast": BroadcastMetadata;
}

export type TelemetryName = keyof TelemetryMetadata;
export type TelemetryPhase = "start" | "stop" | "exception";
export type TelemetryEventName = `${TelemetryName}:${TelemetryPhase}`;

export interface TelemetryMeasurements {
  /** In `start` events: milliseconds since 1970. */
  readonly systemTimeMs?: number;
  /** In `stop` and `exception` events: milliseconds it took, what was awaited included. */
  readonly durationMs?: number;
  /**
   * Milliseconds that what is handled had waited: a join or connect since the I/O thread handed it to the threads, a message of
   * the client since it was in the channel's mailbox. Not there where it isn't known.
   */
  readonly queueMs?: number;
  /**
   * Of `joist.socket.limit`: how often, `count` alone; more than once for messages that were dropped while a connection was held up.
   * Of `joist.socket.drain`: connections in this batch, connections in all, number of this batch from 1, batches in all. */
  readonly count?: number;
  readonly total?: number;
  readonly index?: number;
  readonly rounds?: number;
}

/** What subscribers get. `metadata` is the same object in all phases of one run: a key for what they remember of it. */
export type TelemetryEvent<N extends TelemetryName = TelemetryName> = {
  [Name in N]: {
    readonly name: Name;
    readonly phase: TelemetryPhase;
    readonly measurements: TelemetryMeasurements;
    readonly metadata: TelemetryMetadata[Name] & Failing;
  };
}[N];

/** What an event is made of besides `systemTimeMs`, `durationMs` and `reason`, which each has. */
interface Fields<N extends TelemetryName> {
  readonly measurements: readonly (keyof TelemetryMeasurements)[];
  readonly metadata: readonly (keyof TelemetryMetadata[N])[];
}

const ofChannel = ["pid", "topic", "joinRef", "transport", "socket"] as const;

/** Every event with its fields, as docs/telemetry.md has them. */
export const telemetryFields: { readonly [N in TelemetryName]: Fields<N> } = {
  "joist.socket.connect": {
    measurements: ["queueMs"],
    metadata: ["pid", "userSocket", "transport", "vsn", "params", "connectInfo", "result"],
  },
  "joist.socket.drain": { measurements: ["count", "total", "index", "rounds"], metadata: ["intervalMs"] },
  "joist.socket.limit": { measurements: ["count"], metadata: ["code", "transport", "id", "topic"] },
  "joist.channel.join": { measurements: ["queueMs"], metadata: [...ofChannel, "params", "result"] },
  "joist.channel.handle_in": {
    measurements: ["queueMs"],
    metadata: [...ofChannel, "event", "params", "ref", "result", "status"],
  },
  "joist.channel.handle_out": { measurements: [], metadata: [...ofChannel, "event", "payload"] },
  "joist.channel.handle_info": { measurements: [], metadata: [...ofChannel, "message"] },
  "joist.channel.terminate": { measurements: [], metadata: [...ofChannel, "reason"] },
  "joist.channel.push": { measurements: [], metadata: [...ofChannel, "event", "payload"] },
  "joist.channel.broadcast": { measurements: [], metadata: ["pid", "topic", "event", "payload"] },
};

/** Something that takes time, and tells of it. */
export class Span<N extends TelemetryName> {
  readonly name: N;
  readonly #start: Diagnostics;
  readonly #stop: Diagnostics;
  readonly #exception: Diagnostics;

  constructor(name: N) {
    this.name = name;
    this.#start = channel(`${name}:start`);
    this.#stop = channel(`${name}:stop`);
    this.#exception = channel(`${name}:exception`);
  }

  /** Whether anybody on this thread listens. Ask before making anything. */
  get isWatched(): boolean {
    return this.#start.hasSubscribers || this.#stop.hasSubscribers || this.#exception.hasSubscribers;
  }

  /**
   * Runs `work`, tells of its start and its end, and hands on what it returns or throws.
   *
   * @param measured - What is known before it runs.
   * @param after - Runs before `stop` is told, to complete the metadata.
   */
  run<T>(
    metadata: TelemetryMetadata[N] & Failing,
    measured: TelemetryMeasurements,
    work: () => T,
    after?: (result: Awaited<T>, durationMs: number) => void,
  ): T {
    const beganMs = monotonicClock.now();
    this.#publish(this.#start, "start", { systemTimeMs: Date.now(), ...measured }, metadata);
    const done = (result: Awaited<T>): Awaited<T> => {
      const durationMs = monotonicClock.now() - beganMs;
      after?.(result, durationMs);
      this.#publish(this.#stop, "stop", { durationMs, ...measured }, metadata);
      return result;
    };
    const failed = (thrown: unknown): never => {
      if (this.#exception.hasSubscribers) {
        metadata.reason = toExitReason(thrown);
        const durationMs = monotonicClock.now() - beganMs;
        this.#publish(this.#exception, "exception", { durationMs, ...measured }, metadata);
      }
      throw thrown;
    };
    let result: T;
    try {
      result = work();
    } catch (error) {
      return failed(error);
    }
    // As promised as it came: the promise of a T is what stands in for it.
    if (isThenable(result)) return Promise.resolve(result).then(done as (value: unknown) => unknown, failed) as T;
    return done(result as Awaited<T>) as T;
  }

  #publish(
    to: Diagnostics,
    phase: TelemetryPhase,
    measurements: TelemetryMeasurements,
    metadata: TelemetryMetadata[N] & Failing,
  ): void {
    if (to.hasSubscribers) to.publish({ name: this.name, phase, measurements, metadata });
  }
}

/** This thread's. They hold nothing but Node.js's channels, of which each thread has its own. */
export const spans: {
  readonly connect: Span<"joist.socket.connect">;
  readonly drain: Span<"joist.socket.drain">;
  readonly limit: Span<"joist.socket.limit">;
  readonly join: Span<"joist.channel.join">;
  readonly handleIn: Span<"joist.channel.handle_in">;
  readonly handleOut: Span<"joist.channel.handle_out">;
  readonly handleInfo: Span<"joist.channel.handle_info">;
  readonly terminate: Span<"joist.channel.terminate">;
  readonly push: Span<"joist.channel.push">;
  readonly broadcast: Span<"joist.channel.broadcast">;
} = {
  connect: new Span("joist.socket.connect"),
  drain: new Span("joist.socket.drain"),
  limit: new Span("joist.socket.limit"),
  join: new Span("joist.channel.join"),
  handleIn: new Span("joist.channel.handle_in"),
  handleOut: new Span("joist.channel.handle_out"),
  handleInfo: new Span("joist.channel.handle_info"),
  terminate: new Span("joist.channel.terminate"),
  push: new Span("joist.channel.push"),
  broadcast: new Span("joist.channel.broadcast"),
};

/** Milliseconds that can be compared between the threads of one OS process, other than those of `performance.now()`. */
export function sharedNowMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
}
