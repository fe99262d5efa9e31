/** Many measurements of one server in one scenario made into one row: the medians of the rounds, their latencies together. */
import { build, decodeFromCompressedBase64, type Histogram } from "hdr-histogram-js";
import { HISTOGRAM, type Measured, type Sample } from "./measurement.js";
import type { Scenario, ServerName } from "./scenarios.js";

/** The generator was the limit from here on: this part of its one processor was in use. */
const GENERATOR_BUSY = 0.9;
/** Percentiles that are kept for the plots. */
export const PERCENTILES = [1, 10, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 99.99, 100] as const;

export interface Row {
  readonly scenario: string;
  readonly server: ServerName;
  readonly rounds: number;
  readonly messages: number;
  /** Microseconds of the server's processor time a message, all its threads together; `null` where nothing is sent. */
  readonly cpuMicros: number | null;
  /** Lowest and highest of the rounds. */
  readonly cpuRange: readonly [number, number] | null;
  readonly perSecond: number | null;
  /** Processors the server kept busy. */
  readonly serverProcessors: number;
  readonly generatorProcessors: number;
  /** Processors that other programs kept busy meanwhile. */
  readonly othersProcessors: number;
  /** The rate and the latency of this row are the generator's, not the server's. */
  readonly generatorBound: boolean;
  /** Latency in microseconds by percentile. */
  readonly latency: Readonly<Record<string, number>> | null;
  readonly pssBytes: number;
  /** Memory of each of what the scenario has many of: connections, channels. */
  readonly bytesEach: number | null;
  readonly crashesPerSecond: number | null;
  /** Of the last round. */
  readonly samples: readonly Sample[];
  readonly failures: number;
  /** Why there are fewer rounds than asked for. */
  readonly problems: readonly string[];
  /** `cpuMicros` and `perSecond` as multiples of those of plain `ws` in the same scenario. */
  readonly toWs: { readonly cpu: number | null; readonly rate: number | null; readonly memory: number | null } | null;
}

export interface Outcome {
  readonly scenario: Scenario;
  readonly server: ServerName;
  readonly measured: readonly Measured[];
  readonly problems: readonly string[];
}

/** Rows in the order of the outcomes, with their ratios to `ws`. */
export function toRows(outcomes: readonly Outcome[]): Row[] {
  const rows = outcomes.map(toRow);
  return rows.map((row) => {
    const ws = rows.find(({ scenario, server }) => scenario === row.scenario && server === "ws");
    if (ws === undefined || ws === row) return row;
    const memory = ratio(row.bytesEach, ws.bytesEach);
    return {
      ...row,
      toWs: { cpu: ratio(row.cpuMicros, ws.cpuMicros), rate: ratio(row.perSecond, ws.perSecond), memory },
    };
  });
}

function toRow({ scenario, server, measured, problems }: Outcome): Row {
  const each = (read: (one: Measured) => number): number[] => measured.map(read);
  const messages = each((one) => one.messages).reduce((sum, count) => sum + count, 0);
  const cpu = each((one) => one.serverCpuMicros / one.messages);
  const generatorProcessors = median(each((one) => one.generatorCpuMicros / (one.windowMs * 1000)));
  const nothing = messages === 0;
  return {
    ...{
      scenario: scenario.name,
      server,
      rounds: measured.length,
      messages,
      problems,
      generatorProcessors,
      toWs: null,
    },
    cpuMicros: nothing ? null : median(cpu),
    cpuRange: nothing ? null : [Math.min(...cpu), Math.max(...cpu)],
    perSecond: nothing ? null : median(each((one) => (one.messages * 1000) / one.windowMs)),
    serverProcessors: median(each((one) => one.serverCpuMicros / (one.windowMs * 1000))),
    othersProcessors: median(each((one) => one.othersCpuMicros / (one.windowMs * 1000))),
    generatorBound: generatorProcessors >= GENERATOR_BUSY,
    latency: nothing ? null : percentiles(measured),
    pssBytes: median(each((one) => one.pssBytes)),
    bytesEach: medianOrNull(measured.map(({ bytesEach }) => bytesEach)),
    crashesPerSecond: medianOrNull(
      measured.map(({ crashes, windowMs }) => (crashes === undefined ? undefined : (crashes * 1000) / windowMs)),
    ),
    samples: measured.at(-1)?.samples ?? [],
    failures: each((one) => one.failures).reduce((sum, count) => sum + count, 0),
  };
}

function percentiles(measured: readonly Measured[]): Record<string, number> {
  const all = build({ ...HISTOGRAM, numberOfSignificantValueDigits: 3 });
  for (const { latency } of measured) all.add(decodeFromCompressedBase64(latency) as Histogram);
  return Object.fromEntries(PERCENTILES.map((percentile) => [percentile, all.getValueAtPercentile(percentile)]));
}

/** The middle one, or the mean of the two in the middle; 0 of none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return 0;
  if (sorted.length % 2 === 1) return sorted[middle] as number;
  return ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

/** `null` if there are none. */
function medianOrNull(values: readonly (number | undefined)[]): number | null {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? null : median(known);
}

function ratio(value: number | null, base: number | null): number | null {
  return value === null || base === null || base === 0 ? null : value / base;
}
