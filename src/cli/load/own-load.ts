/** How busy the generator itself is: where it is the limit, its numbers say nothing about the server. */
import { type EventLoopUtilization, type IntervalHistogram, monitorEventLoopDelay, performance } from "node:perf_hooks";

/** Part of its time that the event loop had something to do, or waited for a processor to do it on. */
const BUSY = 0.9;
/** One time in a hundred its event loop comes that late: more than timers do on a machine that has time for them. */
const LATE_MS = 25;
/** Part of the messages meant to be sent that it had no time to send. */
const BEHIND = 0.01;
/** What is shorter says nothing about it. */
const SHORTEST_MS = 100;
/** How often the event loop is looked at. Node.js counts this into each delay. */
const RESOLUTION_MS = 5;

export interface OwnLoad {
  /** Processors that the generator used, 1 being a whole one. */
  readonly processors: number;
  /** Part of the time that its event loop was not idle, 0 to 1. */
  readonly busy: number;
  /** How late its event loop was. */
  readonly lateP99Ms: number;
  readonly lateMaxMs: number;
  /** Messages that it was too slow to send in time, by the clock; they are in no other number. */
  readonly behind: number;
  /** It had no time left: rates and latencies are its own rather than the server's. */
  readonly wasLimit: boolean;
  /** It had time, but not when it was due, as on a machine that is busy with other things: latencies are partly its own. */
  readonly wasLate: boolean;
}

export class OwnLoadMeter {
  readonly #delay: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  readonly #startMs: number = performance.now();
  readonly #cpu: NodeJS.CpuUsage = process.cpuUsage();
  readonly #loop: EventLoopUtilization = performance.eventLoopUtilization();

  constructor() {
    this.#delay.enable();
  }

  /** Ends it. `meant` is how many messages it should have sent by the clock, `sent` how many it tried to. */
  read(meant: number, sent: number): OwnLoad {
    this.#delay.disable();
    const { user, system } = process.cpuUsage(this.#cpu);
    const busy = performance.eventLoopUtilization(this.#loop).utilization;
    const late = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS);
    const looked = this.#delay.count > 0;
    const lateP99Ms = looked ? late(this.#delay.percentile(99)) : 0;
    const lateMaxMs = looked ? late(this.#delay.max) : 0;
    const elapsedMs = performance.now() - this.#startMs;
    const processors = (user + system) / (elapsedMs * 1000);
    const behind = Math.max(0, Math.floor(meant) - sent);
    const wasLimit = elapsedMs >= SHORTEST_MS && (busy >= BUSY || behind > meant * BEHIND);
    const wasLate = elapsedMs >= SHORTEST_MS && lateP99Ms >= LATE_MS;
    return { ...{ processors, busy, lateP99Ms, lateMaxMs, behind }, wasLimit, wasLate };
  }
}
