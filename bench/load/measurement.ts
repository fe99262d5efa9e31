/**
 * One measurement: a warm-up nobody counts, then a window in which messages and their latencies are counted, and at both
 * ends of which the processor time of the server and our own is read.
 */
import { setTimeout as delay } from "node:timers/promises";
import { build, encodeIntoCompressedBase64, type Histogram } from "hdr-histogram-js";
import { readBusyMicros, readCpuMicros, readPssBytes, tickMicros } from "./os-process.js";

export interface Times {
  readonly warmUpMs: number;
  readonly windowMs: number;
  /** How long what was sent within the window may come late. @defaultValue 5000 */
  readonly lateMs?: number;
  /**
   * Messages that the warm-up and the window have at least: where there are fewer, each goes on for up to {@link STRETCH} times its
   * length, as on a machine that has little time left for the server. @defaultValue 0
   */
  readonly minMessages?: number;
}

/** How many times longer a measurement may take that wants a number of messages. */
export const STRETCH = 4;

/** A moment of the window, for plots over time. */
export interface Sample {
  /** Since the window began. */
  readonly ms: number;
  /** Messages since then. */
  readonly messages: number;
  /** The server's memory. */
  readonly pssBytes: number;
}

/** A stretch of the system's monotonic clock, in microseconds. */
export interface Stretch {
  readonly from: number;
  readonly to: number;
}

/** What the generator tells the runner. */
export interface Measured {
  /** Messages in the window. */
  readonly messages: number;
  readonly windowMs: number;
  /** When it was, by the system's monotonic clock, as CPU profiles have it. */
  readonly windowMicros: Stretch;
  readonly serverCpuMicros: number;
  readonly generatorCpuMicros: number;
  /** Of the rest of the machine: what disturbed the measurement. */
  readonly othersCpuMicros: number;
  /** The server's memory at the end of the window. */
  readonly pssBytes: number;
  /** Microseconds, as hdr-histogram-js's `encodeIntoCompressedBase64` writes them. */
  readonly latency: string;
  readonly samples: readonly Sample[];
  /** Bytes of the server's memory for each of what the scenario has many of: connections, channels. */
  readonly bytesEach?: number;
  /** Channels that crashed and were joined again, in the window. */
  readonly crashes?: number;
  /** What should have come and did not, or came and should not have. */
  readonly failures: number;
}

export const HISTOGRAM = { lowestDiscernibleValue: 1, highestTrackableValue: 120_000_000 } as const;
/** Milliseconds between two samples: reading memory costs the kernel a millisecond or two. */
const SAMPLE_MS = 500;
const DEFAULT_LATE_MS = 5000;

export class Measurement {
  readonly latency: Histogram = build({ ...HISTOGRAM, numberOfSignificantValueDigits: 3 });
  /** Of the window; what happens outside of it is not counted. */
  messages = 0;
  /** Of the whole run. */
  failures = 0;
  measuring = false;
  /** Messages of the whole run. */
  #seen = 0;
  readonly #server: number;
  readonly #microsPerTick: number = tickMicros();
  #startMs = Number.POSITIVE_INFINITY;
  #endMs = Number.POSITIVE_INFINITY;
  #expected = 0;
  #arrived = 0;

  constructor(server: number) {
    this.#server = server;
  }

  /** Closed loops: counts one message, if it falls into the window. */
  count(sinceMs: number): void {
    this.#seen += 1;
    if (!this.measuring) return;
    this.messages += 1;
    this.#record(sinceMs);
  }

  /** Open loops: so many messages will come for what was meant to be sent then. */
  expect(meantMs: number, messages: number): void {
    if (this.#inWindow(meantMs)) this.#expected += messages;
  }

  /**
   * Open loops: one of them came. Those that come within the window are what its processor time was spent on; latency is that of
   * what was meant for the window, also of what comes after it.
   */
  arrive(meantMs: number): void {
    this.#seen += 1;
    if (this.measuring) this.messages += 1;
    if (!this.#inWindow(meantMs)) return;
    this.#arrived += 1;
    this.#record(meantMs);
  }

  pssBytes(): number {
    return readPssBytes(this.#server);
  }

  /** Warms up, measures, waits for what is late, and says what there was. */
  async window({ warmUpMs, windowMs, lateMs = DEFAULT_LATE_MS, minMessages = 0 }: Times): Promise<Measured> {
    await this.#pass(warmUpMs, minMessages);
    const own = process.cpuUsage();
    const server = readCpuMicros(this.#server, this.#microsPerTick);
    const machine = readBusyMicros(this.#microsPerTick);
    const from = monotonicMicros();
    this.#startMs = performance.now();
    const samples: Sample[] = [];
    const sample = (): void => {
      const { messages } = this;
      samples.push({ ms: performance.now() - this.#startMs, messages, pssBytes: this.pssBytes() });
    };
    sample();
    const sampling = setInterval(sample, SAMPLE_MS);
    this.measuring = true;
    await this.#pass(windowMs, minMessages);
    this.measuring = false;
    this.#endMs = performance.now();
    const windowMicros = { from, to: monotonicMicros() };
    const serverCpuMicros = readCpuMicros(this.#server, this.#microsPerTick) - server;
    const machineMicros = readBusyMicros(this.#microsPerTick) - machine;
    const { user, system } = process.cpuUsage(own);
    const generatorCpuMicros = user + system;
    clearInterval(sampling);
    sample();
    // Ticks are coarse, and what is read one after the other is not of one moment: never below nothing.
    const othersCpuMicros = Math.max(0, machineMicros - serverCpuMicros - generatorCpuMicros);
    const cpu = { serverCpuMicros, generatorCpuMicros, othersCpuMicros };
    const times = { windowMs: this.#endMs - this.#startMs, windowMicros, ...cpu };
    const pssBytes = this.pssBytes();
    for (let waitedMs = 0; this.#arrived < this.#expected && waitedMs < lateMs; waitedMs += 50) await delay(50);
    this.failures += this.#expected - this.#arrived;
    const { messages, failures } = this;
    return { ...times, messages, failures, pssBytes, samples, latency: encodeIntoCompressedBase64(this.latency) };
  }

  async #pass(ms: number, minMessages: number): Promise<void> {
    const until = this.#seen + minMessages;
    const latestMs = performance.now() + ms * STRETCH;
    await delay(ms);
    while (this.#seen < until && performance.now() < latestMs) await delay(50);
  }

  #inWindow(meantMs: number): boolean {
    return meantMs >= this.#startMs && meantMs < this.#endMs;
  }

  #record(sinceMs: number): void {
    this.latency.recordValue(Math.max(1, Math.round((performance.now() - sinceMs) * 1000)));
  }
}

function monotonicMicros(): number {
  return Number(process.hrtime.bigint() / 1000n);
}
