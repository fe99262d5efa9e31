/** What `npm run bench:check` holds: what Joist costs as a multiple of a peer in the same run. Pure; nothing is measured here. */
import type { Measured } from "../load/measurement.js";
import { median } from "../load/results.js";
import { ServerName } from "../load/scenarios.js";

export interface Check {
  /** The scenario, and the name of the check. */
  readonly name: string;
  /** What is compared: processor time a message, or memory a connection. Neither depends much on what else a machine does. */
  readonly what: "cpu" | "memory";
  readonly against: ServerName;
  /** Messages a warm-up and a window have at least: less, and it would be the compiler that is measured. */
  readonly minMessages: number;
}

const { ws, wsPrebuilt } = ServerName;

export const CHECKS: readonly Check[] = [
  { name: "echo-1", what: "cpu", against: ws, minMessages: 15_000 },
  { name: "echo-16", what: "cpu", against: ws, minMessages: 50_000 },
  { name: "fan-out", what: "cpu", against: wsPrebuilt, minMessages: 20_000 },
  { name: "connect", what: "cpu", against: ws, minMessages: 1000 },
  { name: "idle", what: "memory", against: ws, minMessages: 0 },
];

/** What was recorded of one check. */
export interface Recorded {
  /** The median of the rounds. */
  readonly ratio: number;
  /** The part of `ratio` by which the median of {@link ROUNDS} rounds may be higher by mere noise; see {@link marginOf}. */
  readonly margin: number;
  /** The ratio of each round, lowest first. */
  readonly rounds: readonly number[];
  /**
   * The median of rounds as short as those of the short form: there the compiler is still at work, and has more to do for Joist's
   * three threads than for one.
   */
  readonly short: number;
}

export interface Baseline {
  readonly machine: string;
  readonly checks: Readonly<Record<string, Recorded>>;
}

/** Rounds of a check; their median is held against the baseline. */
export const ROUNDS = 5;
/** Rounds of a recording. */
export const RECORD_ROUNDS = 15;
/** Rounds of a recording that are as short as those of the short form. */
export const SHORT_RECORD_ROUNDS = 7;
/**
 * The least margin. On a machine whose two processors had 5 to 9 programs to run, the medians of five rounds were, of five checks
 * and in five runs, mostly within 15 % of the median of all 25 rounds; docs/performance.md has the numbers.
 */
export const MIN_MARGIN = 0.15;
/** The most; a recording that asks for more was made on too busy a machine. */
export const MAX_MARGIN = 0.5;
/** What the short form allows: no noise ever seen comes near, in all of its tries together. */
export const SHORT_FACTOR = 1.6;
/**
 * The part of the processors' time that other programs may take: in the short form, a try with more is none, unless it is good
 * enough. A server that gets a tenth of a processor is woken for each message, and its compiler never gets done.
 */
export const MOST_DISTURBED = 0.5;
/** Tries of the short form; one that is good enough will do. */
export const SHORT_TRIES = 4;

/** What Joist costs as a multiple of the peer. */
export function ratioOf({ what }: Check, joist: Measured, peer: Measured): number {
  return costOf(what, joist) / costOf(what, peer);
}

function costOf(what: Check["what"], measured: Measured): number {
  const cost = what === "cpu" ? measured.serverCpuMicros / measured.messages : (measured.bytesEach ?? 0);
  if (!(cost > 0 && Number.isFinite(cost))) throw new Error("nothing came, so there is nothing to compare");
  return cost;
}

/** What is recorded of the ratios of many rounds. */
export function recorded(ratios: readonly number[], short: readonly number[]): Recorded {
  const ratio = median(ratios);
  const rounds = [...ratios].sort((a, b) => a - b).map(rounded);
  return { ratio: rounded(ratio), margin: marginOf(ratios), rounds, short: rounded(median(short)) };
}

/**
 * How far the 95th percentile of single rounds is above their median, between {@link MIN_MARGIN} and {@link MAX_MARGIN}. Three of five rounds are
 * above that percentile by chance once in 900 times, and only then the median of five is.
 */
export function marginOf(ratios: readonly number[]): number {
  const sorted = [...ratios].sort((a, b) => a - b);
  const high = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * 0.95))] ?? 0;
  return Math.min(MAX_MARGIN, Math.max(MIN_MARGIN, Math.ceil((high / median(sorted) - 1) * 100) / 100));
}

export interface Verdict {
  readonly ratio: number;
  readonly limit: number;
  /** `better`: by so much that a new baseline should be recorded, or the next loss goes unnoticed. */
  readonly tag: "same" | "worse" | "better";
}

/** Holds the median of the rounds against what was recorded. */
export function verdict(ratios: readonly number[], { ratio: recordedRatio, margin }: Recorded): Verdict {
  const ratio = median(ratios);
  const limit = recordedRatio * (1 + margin);
  return { ratio, limit, tag: ratio > limit ? "worse" : ratio < recordedRatio / (1 + margin) ? "better" : "same" };
}

/** Whether other programs took too much of the processors meanwhile for the short form to fail because of it. */
export function isDisturbed(measured: readonly Measured[], processors: number): boolean {
  return measured.some(
    ({ othersCpuMicros, windowMs }) => othersCpuMicros / (windowMs * 1000 * processors) > MOST_DISTURBED,
  );
}

/** Holds the best of some tries against a limit that only a real loss passes. */
export function shortVerdict(ratios: readonly number[], { short }: Recorded): Verdict {
  const ratio = Math.min(...ratios);
  const limit = short * SHORT_FACTOR;
  return { ratio, limit, tag: ratio > limit ? "worse" : "same" };
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
