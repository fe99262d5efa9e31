/** Latencies, in a histogram of three digits: Node.js has one (HdrHistogram), so this needs no package. */
import { createHistogram, type RecordableHistogram } from "node:perf_hooks";

/** Microseconds. Beyond it, it counts as that much: the most is what `--reply-timeout` may be, and some more. */
const HIGHEST = 600_000_000;

/** Milliseconds, by percentile. */
export interface Percentiles {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly "p99.9": number;
  readonly max: number;
}

export class Latency {
  readonly #histogram: RecordableHistogram = createHistogram({ lowest: 1, highest: HIGHEST, figures: 3 });

  record(ms: number): void {
    this.#histogram.record(Math.min(HIGHEST, Math.max(1, Math.round(ms * 1000))));
  }

  /** `null` where there was nothing to measure. */
  percentiles(): Percentiles | null {
    const histogram = this.#histogram;
    if (histogram.count === 0) return null;
    const at = (percentile: number): number => histogram.percentile(percentile) / 1000;
    return { p50: at(50), p90: at(90), p99: at(99), "p99.9": at(99.9), max: at(100) };
  }
}
