/**
 * One run of `joist load`: connects and joins, warms up, measures, waits for what is late.
 *
 *     connect rate ─► clients ─► joined ─┬─ by the clock: the next client in turn sends     (open loop)
 *                                        └─ an answer: its client sends the next one        (closed loop)
 *
 * It does not connect or join again: what is gone is counted, and the others carry on, by the clock with the whole rate.
 */
import { setTimeout as delay } from "node:timers/promises";
import { Client, type ClientHandler, type ClientSetup } from "./client.js";
import { FailureKind, Failures } from "./failures.js";
import { Latency } from "./latency.js";
import type { LoadOptions } from "./options.js";
import { NONE, Outstanding } from "./outstanding.js";
import { OwnLoadMeter } from "./own-load.js";
import { everySecond } from "./pace.js";
import type { LoadResult } from "./result.js";

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
  /** Clients with a channel, which take turns, and where each of them is in that list. */
  readonly #ready: Client[] = [];
  readonly #places = new Map<Client, number>();
  readonly #outstanding: Outstanding;
  /** Messages that wait for the network, also those whose answers are waited for no longer. */
  #unwritten = 0;
  readonly #failures = new Failures();
  readonly #warmUpFailures = new Failures();
  readonly #connectLatency = new Latency();
  readonly #joinLatency = new Latency();
  readonly #latency = new Latency();
  #opened = 0;
  #joined = 0;
  #settled = 0;
  #sent = 0;
  #answered = 0;
  #answeredInWindow = 0;
  #pushed = 0;
  #turn = 0;
  /** Of the clock, in the measurement. */
  #ticks = 0;
  #sending = false;
  #measuring = false;
  #over = false;
  /** Ends the phase that is waited for: {@link #pass}. */
  #wake: () => void = () => {};

  constructor(options: LoadOptions, { signal, progress = () => {} }: LoadHooks) {
    this.#options = options;
    this.#signal = signal;
    this.#progress = progress;
    this.#setup = setupOf(options);
    const { connections, channels, rate, inFlight, replyTimeoutMs, maxOutstanding } = options;
    // By the clock, what is sent within the time limit may be under way, and a second's worth for what is sent late.
    const wanted = inFlight > 0 ? connections * inFlight : Math.ceil(rate * (1 + replyTimeoutMs / 1000));
    this.#outstanding = new Outstanding(Math.min(wanted, maxOutstanding), connections, channels + 1);
  }

  async run(): Promise<LoadResult> {
    const { warmUpMs, durationMs, rate } = this.#options;
    const sweeping = setInterval(() => this.#sweep(), SWEEP_MS);
    let beat = 0;
    const beating = setInterval(() => this.#beat(beat++ % HEARTBEAT_S), 1000);
    const telling = setInterval(() => this.#tell(), PROGRESS_MS);
    const wake = (): void => this.#wake();
    this.#signal?.addEventListener("abort", wake);
    const { connections, channels, url } = this.#options;
    const startMs = performance.now();
    this.#progress(`connecting ${connections} to ${url.origin}${url.pathname}`);
    await this.#connect();
    const connectSeconds = (performance.now() - startMs) / 1000;
    this.#progress(`${this.#opened} connected, ${this.#joined} channels joined`);
    let clock = warmUpMs > 0 ? this.#begin() : undefined;
    await this.#pass(warmUpMs);
    const meter = new OwnLoadMeter();
    const before = this.#bytes();
    const windowMs = performance.now();
    this.#measuring = true;
    // Without a warm-up: what is sent first is measured, too.
    if (!this.#sending) clock = this.#begin();
    await this.#pass(durationMs);
    this.#measuring = false;
    this.#sending = false;
    clearInterval(clock);
    const seconds = (performance.now() - windowMs) / 1000;
    const after = this.#bytes();
    const generator = meter.read(rate * seconds, this.#ticks);
    const openAtEnd = this.#clients.filter((client) => client.isOpen).length;
    const ended = this.#signal?.aborted
      ? "interrupted"
      : this.#ready.length > 0
        ? "in time"
        : "nothing left to send to";
    // The sweep takes those that are not answered in time, so this ends.
    while (this.#outstanding.size > 0) await delay(SWEEP_MS / 5);
    this.#over = true;
    for (const timer of [sweeping, beating, telling]) clearInterval(timer);
    this.#signal?.removeEventListener("abort", wake);
    this.#end();
    const [sent, answered] = [this.#sent, this.#answered];
    const perSecond = (count: number): number => (seconds > 0 ? count / seconds : 0);
    return {
      ...{ url: url.href, ended },
      connections: {
        ...{ wanted: connections, opened: this.#opened, openAtEnd, seconds: connectSeconds },
        connectMs: this.#connectLatency.percentiles(),
      },
      channels: { wanted: connections * channels, joined: this.#joined, joinMs: this.#joinLatency.percentiles() },
      messages: {
        ...{ sent, answered, failed: sent - answered, unsent: this.#failures.count(FailureKind.unsent) },
        ...{ pushed: this.#pushed, seconds, sentPerSecond: perSecond(sent) },
        answeredPerSecond: perSecond(this.#answeredInWindow),
      },
      latencyMs: this.#latency.percentiles(),
      bytes: { in: after.in - before.in, out: after.out - before.out },
      failures: this.#failures.list(),
      ...{ warmUpFailures: this.#warmUpFailures.list(), generator },
    };
  }

  get #isOver(): boolean {
    return this.#signal?.aborted === true || this.#ready.length === 0;
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

  /** That long, or until it is interrupted or no channel is left. */
  async #pass(ms: number): Promise<void> {
    if (this.#isOver || ms === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Sends the first messages, or starts the clock. */
  #begin(): NodeJS.Timeout | undefined {
    const { rate } = this.#options;
    this.#sending = true;
    if (this.#isOver) return undefined;
    if (rate > 0) return everySecond(rate, (meantMs) => this.#byTheClock(meantMs));
    this.#fill();
    return undefined;
  }

  #byTheClock(meantMs: number): void {
    const { length } = this.#ready;
    if (length === 0) return;
    if (this.#measuring) this.#ticks += 1;
    this.#turn = (this.#turn + 1) % length;
    this.#send(this.#ready[this.#turn] as Client, meantMs);
  }

  #fill(): void {
    for (const client of this.#ready) {
      for (let i = 0; i < this.#options.inFlight; i++) this.#send(client, performance.now());
    }
  }

  #send(client: Client, meantMs: number): void {
    if (this.#outstanding.isFull || this.#unwritten >= this.#options.maxOutstanding) {
      return this.#fail(FailureKind.unsent, `${this.#outstanding.size} were under way`, this.#measuring);
    }
    const channel = client.nextChannel();
    const ref = this.#outstanding.add(client.index, channel, meantMs, performance.now(), this.#measuring);
    if (this.#measuring) this.#sent += 1;
    this.#unwritten += 1;
    client.push(channel, ref);
  }

  /** Closed loop: the next one, after one that is no longer under way. */
  #next(client: Client): void {
    if (this.#sending && this.#options.rate === 0 && client.canSend) this.#send(client, performance.now());
  }

  #fail(kind: FailureKind, example: string, counts: boolean): void {
    (counts ? this.#failures : this.#warmUpFailures).add(kind, example);
  }

  // What the clients tell.

  connected(_: Client, meantMs: number): void {
    this.#opened += 1;
    this.#connectLatency.record(performance.now() - meantMs);
  }

  notConnected(_: Client, example: string): void {
    if (!this.#over) this.#failures.add(FailureKind.notConnected, example);
  }

  joined(client: Client, sentMs: number): void {
    this.#joined += 1;
    this.#joinLatency.record(performance.now() - sentMs);
    if (this.#places.has(client)) return;
    this.#places.set(client, this.#ready.length);
    this.#ready.push(client);
  }

  notJoined(_: Client, timedOut: boolean, example: string): void {
    this.#failures.add(timedOut ? FailureKind.joinTimeout : FailureKind.joinRefused, example);
  }

  settled(): void {
    this.#settled += 1;
    if (this.#settled === this.#options.connections) this.#wake();
  }

  answered(client: Client, ref: number, problem: string | null): void {
    const slot = this.#outstanding.take(client.index, ref);
    if (slot === NONE) return; // too late: it has failed
    if (this.#measuring) this.#answeredInWindow += 1;
    const counts = this.#outstanding.counts[slot] === 1;
    if (problem !== null) this.#fail(FailureKind.errorReply, problem, counts);
    else if (counts) {
      this.#answered += 1;
      this.#latency.record(performance.now() - (this.#outstanding.meantMs[slot] as number));
    }
    this.#next(client);
  }

  pushed(): void {
    if (this.#measuring) this.#pushed += 1;
  }

  unreadable(example: string): void {
    this.#failures.add(FailureKind.unreadable, example);
  }

  channelGone(client: Client, channel: number, example: string): void {
    this.#failures.add(FailureKind.channelLost, example);
    this.#lose(client, channel);
  }

  gone(client: Client, example: string): void {
    this.#failures.add(FailureKind.connectionLost, example);
    this.#lose(client, null);
  }

  written(): void {
    this.#unwritten -= 1;
  }

  /** What waits for an answer from there gets none. `null`: from any channel. */
  #lose(client: Client, channel: number | null): void {
    if (!client.canSend) this.#leave(client);
    const outstanding = this.#outstanding;
    for (let slot = outstanding.oldest(client.index); slot !== NONE; ) {
      const following = outstanding.after(slot);
      if (channel === null || outstanding.channel[slot] === channel) {
        outstanding.release(slot);
        this.#fail(
          FailureKind.lost,
          channel === null ? "its connection" : "its channel",
          outstanding.counts[slot] === 1,
        );
        this.#next(client);
      }
      slot = following;
    }
  }

  /** The last one takes its place. */
  #leave(client: Client): void {
    const place = this.#places.get(client);
    if (place === undefined) return;
    this.#places.delete(client);
    const last = this.#ready.pop() as Client; // the client is in it
    if (last !== client) {
      this.#ready[place] = last;
      this.#places.set(last, place);
    }
    if (this.#ready.length === 0 && this.#sending) this.#wake();
  }

  #sweep(): void {
    const nowMs = performance.now();
    const { replyTimeoutMs } = this.#options;
    const outstanding = this.#outstanding;
    for (const client of this.#clients) {
      client.checkJoin(nowMs);
      for (;;) {
        const slot = outstanding.oldest(client.index);
        if (slot === NONE || nowMs - (outstanding.sentMs[slot] as number) <= replyTimeoutMs) break;
        outstanding.release(slot);
        this.#fail(FailureKind.timeout, `after ${replyTimeoutMs} ms`, outstanding.counts[slot] === 1);
        this.#next(client);
      }
    }
  }

  #beat(turn: number): void {
    for (let i = turn; i < this.#clients.length; i += HEARTBEAT_S) this.#clients[i]?.beat();
  }

  #bytes(): { readonly in: number; readonly out: number } {
    const sum = { in: 0, out: 0 };
    for (const client of this.#clients) {
      sum.in += client.bytesIn;
      sum.out += client.bytesOut;
    }
    return sum;
  }

  #tell(): void {
    const { connections } = this.#options;
    if (!this.#sending && this.#settled < connections) this.#progress(`${this.#opened} of ${connections} connections`);
    else if (this.#measuring) this.#progress(`${this.#sent} sent, ${this.#answered} answered`);
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

function setupOf({
  url,
  params,
  topic,
  joinParams,
  payload,
  headers,
  channels,
  event,
  replyTimeoutMs,
}: LoadOptions): ClientSetup {
  return {
    ...{ headers, channels, event: JSON.stringify(event), replyTimeoutMs },
    urlOf: (connection) => {
      const own = new URL(url);
      const values = JSON.parse(params.at(connection, 0)) as Record<string, string | number | boolean>; // the options say so
      for (const [name, value] of Object.entries(values)) own.searchParams.set(name, `${value}`);
      return own;
    },
    topicOf: (connection, channel) => topic.at(connection, channel),
    joinParamsOf: (connection, channel) => joinParams.at(connection, channel),
    payloadOf: (connection, channel) => payload.at(connection, channel),
  };
}
