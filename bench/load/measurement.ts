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
}

/** What the generator tells the runner. */
export interface Measured {
  /** Messages in the window. */
  readonly messages: number;
  readonly windowMs: number;
  readonly serverCpuMicros: number;
  readonly generatorCpuMicros: number;
  /** Of the rest of the machine: what disturbed the measurement. */
  readonly othersCpuMicros: number;
  /** The server's memory at the end of the window. */
  readonly pssBytes: number;
  /** Microseconds, as hdr-histogram-js's `encodeIntoCompressedBase64` writes them. */
  readonly latency: string;
  /** Bytes of the server's memory a connection; idle scenarios only. */
  readonly bytesPerConnection?: number;
  /** What should have come and did not, or came and should not have. */
  readonly failures: number;
}

export const HISTOGRAM = { lowestDiscernibleValue: 1, highestTrackableValue: 120_000_000 } as const;

export class Measurement {
  readonly latency: Histogram = build({ ...HISTOGRAM, numberOfSignificantValueDigits: 3 });
  /** Of the window; what happens outside of it is not counted. */
  messages = 0;
  /** Of the whole run. */
  failures = 0;
  measuring = false;
  readonly #server: number;
  readonly #microsPerTick: number = tickMicros();

  constructor(server: number) {
    this.#server = server;
  }

  /** Counts one message, if it falls into the window. */
  count(sinceMs: number): void {
    if (!this.measuring) return;
    this.messages += 1;
    this.latency.recordValue(Math.max(1, Math.round((performance.now() - sinceMs) * 1000)));
  }

  pssBytes(): number {
    return readPssBytes(this.#server);
  }

  /** Warms up, measures, and says what there was. */
  async window({ warmUpMs, windowMs }: Times): Promise<Measured> {
    await delay(warmUpMs);
    const own = process.cpuUsage();
    const server = readCpuMicros(this.#server, this.#microsPerTick);
    const machine = readBusyMicros(this.#microsPerTick);
    const startMs = performance.now();
    this.measuring = true;
    await delay(windowMs);
    this.measuring = false;
    const endMs = performance.now();
    const serverCpuMicros = readCpuMicros(this.#server, this.#microsPerTick) - server;
    const machineMicros = readBusyMicros(this.#microsPerTick) - machine;
    const { user, system } = process.cpuUsage(own);
    const generatorCpuMicros = user + system;
    // Ticks are coarse, and what is read one after the other is not of one moment: never below nothing.
    const othersCpuMicros = Math.max(0, machineMicros - serverCpuMicros - generatorCpuMicros);
    const { messages, failures } = this;
    const times = { windowMs: endMs - startMs, serverCpuMicros, generatorCpuMicros, othersCpuMicros };
    return { ...times, messages, failures, pssBytes: this.pssBytes(), latency: this.encoded() };
  }

  encoded(): string {
    return encodeIntoCompressedBase64(this.latency);
  }
}
