/**
 * One run of `joist load`: connects and joins, warms up, measures, waits for what is late.
 *
 *     LoadRun ─┬─ Client, one a connection: joins, sends, reads        tells the run what it hears
 *              └─ Messages: which are under way, who sends next        tells the run when nobody is left
 *
 * It does not connect or join again: what is gone is counted, and the others carry on, by the clock with the whole rate.
 */
import { setTimeout as delay } from "node:timers/promises";
import { Client, type ClientHandler, type ClientSetup } from "./client.js";
import { FailureKind } from "./failures.js";
import { Latency } from "./latency.js";
import { Messages } from "./messages.js";
import type { LoadOptions } from "./options.js";
import { type OwnLoad, OwnLoadMeter } from "./own-load.js";
import { everySecond } from "./pace.js";
import type { LoadResult } from "./result.js";
import { markOf } from "./wire.js";

/** How often what takes too long is looked for. */
const SWEEP_MS = 50;
/** Each connection has a heartbeat as often as the stock client's. */
const HEARTBEAT_S = 30;
/** What the server has to answer our close frames. */
const CLOSE_MS = 1000;
/** How often the progress says where it is. */
const PROGRESS_MS = 5000;

export interface LoadHooks {
  /** Aborted: ends the run early, with what there is so far. */
  readonly signal?: AbortSignal;
  readonly progress?: (line: string) => void;
}

export async function runLoad(options: LoadOptions, hooks: LoadHooks = {}): Promise<LoadResult> {
  return await new LoadRun(options, hooks).run();
}

class LoadRun implements ClientHandler {
  readonly #options: LoadOptions;
  readonly #signal: AbortSignal | undefined;
  readonly #progress: (line: string) => void;
  readonly #setup: ClientSetup;
  readonly #clients: Client[] = [];
  readonly #messages: Messages;
  readonly #connectLatency = new Latency();
  readonly #joinLatency = new Latency();
  #opened = 0;
  #joined = 0;
  #settled = 0;
  #pushed = 0;
  /** Ends what is waited for: that all have joined, or a phase of the load. */
  #wake: () => void = () => {};

  constructor(options: LoadOptions, { signal, progress = () => {} }: LoadHooks) {
    this.#options = options;
    this.#signal = signal;
    this.#progress = progress;
    this.#setup = setupOf(options);
    this.#messages = new Messages(options, () => this.#wake());
  }

  async run(): Promise<LoadResult> {
    const { connections, channels, url } = this.#options;
    let beat = 0;
    const timers = [
      setInterval(() => this.#sweep(), SWEEP_MS),
      setInterval(() => this.#beat(beat++ % HEARTBEAT_S), 1000),
      setInterval(() => this.#tell(), PROGRESS_MS),
    ];
    const wake = (): void => this.#wake();
    this.#signal?.addEventListener("abort", wake);
    this.#progress(`connecting ${connections} to ${url.origin}${url.pathname}`);
    const startMs = performance.now();
    await this.#connect();
    const seconds = (performance.now() - startMs) / 1000;
    this.#progress(`${this.#opened} connected, ${this.#joined} channels joined`);
    const measured = await this.#load();
    // The sweep takes those that are not answered in time, so this ends.
    while (this.#messages.underWay > 0) await delay(SWEEP_MS / 5);
    for (const timer of timers) clearInterval(timer);
    this.#signal?.removeEventListener("abort", wake);
    this.#end();
    const { openAtEnd, ended, bytes, generator } = measured;
    const connectMs = this.#connectLatency.percentiles();
    const joinMs = this.#joinLatency.percentiles();
    return {
      ...{ url: `${url.origin}${url.pathname}`, ended },
      connections: { wanted: connections, opened: this.#opened, openAtEnd, seconds, connectMs },
      channels: { wanted: connections * channels, joined: this.#joined, joinMs },
      messages: this.#sums(measured.seconds),
      latencyMs: this.#messages.latency.percentiles(),
      ...{ bytes, failures: this.#messages.failures.list() },
      ...{ warmUpFailures: this.#messages.warmUpFailures.list(), generator },
    };
  }

  /** Opens the connections by the clock. Resolves when each has joined or failed. */
  async #connect(): Promise<void> {
    const { connections, connectRate } = this.#options;
    if (this.#signal?.aborted) return;
    const clock = everySecond(connectRate, (meantMs) => {
      const index = this.#clients.length;
      if (index < connections) this.#clients.push(new Client(index, this.#setup, this, meantMs));
      else clearInterval(clock);
    });
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    clearInterval(clock);
  }

  /** Warms up and measures. */
  async #load(): Promise<Measured> {
    const { warmUpMs, durationMs, rate } = this.#options;
    const messages = this.#messages;
    if (warmUpMs > 0) await this.#pass(warmUpMs);
    const meter = new OwnLoadMeter();
    const before = this.#bytes();
    const startMs = performance.now();
    messages.measuring = true;
    await this.#pass(durationMs);
    messages.measuring = false;
    messages.end();
    const seconds = (performance.now() - startMs) / 1000;
    const after = this.#bytes();
    return {
      ...{ seconds, bytes: { in: after.in - before.in, out: after.out - before.out } },
      openAtEnd: this.#clients.filter((client) => client.isOpen).length,
      ended: this.#signal?.aborted ? "interrupted" : messages.hasSenders ? "in time" : "nothing left to send to",
      generator: meter.read(rate * seconds, messages.ticks),
    };
  }

  /** Sends for that long, or until it is interrupted or no channel is left. */
  async #pass(ms: number): Promise<void> {
    if (this.#signal?.aborted || !this.#messages.hasSenders) return;
    if (!this.#messages.isSending) this.#messages.begin();
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  // What the clients tell.

  connected(_: Client, meantMs: number): void {
    this.#opened += 1;
    this.#connectLatency.record(performance.now() - meantMs);
  }

  notConnected(_: Client, example: string): void {
    this.#messages.failures.add(FailureKind.notConnected, example);
  }

  joined(client: Client, sentMs: number): void {
    this.#joined += 1;
    this.#joinLatency.record(performance.now() - sentMs);
    this.#messages.join(client);
  }

  notJoined(_: Client, timedOut: boolean, example: string): void {
    this.#messages.failures.add(timedOut ? FailureKind.joinTimeout : FailureKind.joinRefused, example);
  }

  settled(): void {
    this.#settled += 1;
    if (this.#settled === this.#options.connections) this.#wake();
  }

  answered(client: Client, ref: number, problem: string | null): boolean {
    return this.#messages.answer(client, ref, problem);
  }

  pushed(): void {
    if (this.#messages.measuring) this.#pushed += 1;
  }

  unreadable(example: string): void {
    this.#messages.failures.add(FailureKind.unreadable, example);
  }

  channelGone(client: Client, channel: number, example: string): void {
    this.#messages.failures.add(FailureKind.channelLost, example);
    this.#messages.lose(client, channel);
  }

  gone(client: Client, example: string): void {
    this.#messages.failures.add(FailureKind.connectionLost, example);
    this.#messages.lose(client, null);
  }

  written(): void {
    this.#messages.written();
  }

  #sweep(): void {
    const nowMs = performance.now();
    for (const client of this.#clients) {
      client.checkJoin(nowMs);
      this.#messages.expire(client, nowMs);
    }
  }

  #beat(turn: number): void {
    for (let i = turn; i < this.#clients.length; i += HEARTBEAT_S) this.#clients[i]?.beat();
  }

  #bytes(): LoadResult["bytes"] {
    const sum = { in: 0, out: 0 };
    for (const client of this.#clients) {
      sum.in += client.bytesIn;
      sum.out += client.bytesOut;
    }
    return sum;
  }

  #sums(seconds: number): LoadResult["messages"] {
    const { sent, answered, answeredInWindow, failures } = this.#messages;
    const perSecond = (count: number): number => (seconds > 0 ? count / seconds : 0);
    return {
      ...{ sent, answered, failed: sent - answered, unsent: failures.count(FailureKind.unsent), pushed: this.#pushed },
      ...{ seconds, sentPerSecond: perSecond(sent), answeredPerSecond: perSecond(answeredInWindow) },
    };
  }

  #tell(): void {
    const { connections } = this.#options;
    const { measuring, sent, answered } = this.#messages;
    if (this.#settled < connections) this.#progress(`${this.#opened} of ${connections} connected`);
    else if (measuring) this.#progress(`${sent} sent, ${answered} answered`);
  }

  /** Says goodbye to all, and waits for no one. */
  #end(): void {
    for (const client of this.#clients) client.end();
    const dropping = setTimeout(() => {
      for (const client of this.#clients) client.drop();
    }, CLOSE_MS);
    dropping.unref();
  }
}

/** What only the measurement itself can know. */
interface Measured {
  readonly seconds: number;
  readonly bytes: LoadResult["bytes"];
  readonly openAtEnd: number;
  readonly ended: LoadResult["ended"];
  readonly generator: OwnLoad;
}

function setupOf(options: LoadOptions): ClientSetup {
  const { url, params, topic, joinParams, payload, event, headers, channels, replyTimeoutMs, awaitsBroadcast } =
    options;
  return {
    ...{ headers, channels, event: JSON.stringify(event), replyTimeoutMs, awaitsBroadcast },
    urlOf: (connection) => {
      const own = new URL(url);
      const values = JSON.parse(params.at(connection, 0)) as Record<string, string | number | boolean>; // the options say so
      for (const [name, value] of Object.entries(values)) own.searchParams.set(name, `${value}`);
      return own;
    },
    topicOf: (connection, channel) => topic.at(connection, channel),
    joinParamsOf: (connection, channel) => joinParams.at(connection, channel),
    payloadOf: payload.differsByMessage
      ? (connection, channel, ref) => payload.at(connection, channel, markOf(ref))
      : (connection, channel) => payload.at(connection, channel),
  };
}
