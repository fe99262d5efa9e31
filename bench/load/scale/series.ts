/** What `--scale` measures: series of scenarios in which one number grows, and how each becomes a table. Joist alone. */
import type { Row } from "../results.js";
import { type EchoScenario, type FanOutScenario, type Scenario, ServerName } from "../scenarios.js";

export interface Series {
  readonly title: string;
  /** What is in the first column. */
  readonly of: string;
  readonly steps: readonly Step[];
  readonly columns: readonly Column[];
}

export interface Step {
  readonly label: string;
  readonly scenarios: readonly Scenario[];
}

export interface Column {
  readonly head: string;
  /** The place of its row among those of the step. */
  readonly row: number;
  readonly cell: (row: Row) => string;
}

const servers = [ServerName.joist];
const echo = { kind: "echo", unit: "answer", inFlight: 1, payloadBytes: 64, servers } as const;
const fanOut = { kind: "fan-out", unit: "delivery", perSecond: 0, payloadBytes: 64, topics: 1, servers } as const;

const echoOf = (name: string, more: Partial<EchoScenario> & { readonly connections: number }): Scenario => ({
  ...{ ...echo, name, title: name, ...more },
});
const fanOutOf = (name: string, more: Partial<FanOutScenario> & { readonly connections: number }): Scenario => ({
  ...{ ...fanOut, name, title: name, ...more },
});

/** Requests a second, of all connections together: little enough for one processor, with any number of them. */
const RATE = 4000;
const number = (value: number): string => value.toLocaleString("en");

const cpu = (head: string, row: number): Column => ({
  head,
  row,
  cell: ({ cpuMicros }) => cpuMicros?.toFixed(1) ?? "",
});
const rate = (head: string, row: number): Column => ({
  ...{ head, row, cell: ({ perSecond }) => (perSecond === null ? "" : number(Math.round(perSecond))) },
});
const latency = (percentile: "50" | "99", row: number): Column => ({
  ...{ head: `p${percentile} ms`, row },
  cell: (row) => ((row.latency?.[percentile] ?? 0) / 1000).toFixed(1),
});
const each: Column = { head: "KiB each", row: 0, cell: ({ bytesEach }) => ((bytesEach ?? 0) / 1024).toFixed(1) };
const whole: Column = { head: "MiB in all", row: 0, cell: ({ pssBytes }) => (pssBytes / 2 ** 20).toFixed(0) };

export const CONNECTIONS: Series = {
  title: `Connections, one channel each, ten on a topic; ${number(RATE)} requests a second of them all, and broadcasts to one topic of all`,
  of: "connections",
  steps: [1000, 5000, 10_000, 15_000].map((connections) => ({
    label: number(connections),
    scenarios: [
      echoOf(`connections-${connections}`, {
        ...{ connections, perSecond: RATE, memoryEach: true, topics: connections / 10 },
      }),
      fanOutOf(`connections-fan-out-${connections}`, { connections }),
    ],
  })),
  columns: [each, whole, cpu("CPU µs a request", 0), latency("50", 0), latency("99", 0), cpu("CPU µs a delivery", 1)],
};

export const TOPICS: Series = {
  title: "Topics, 10,000 connections on one each, broadcasts on all topics, on each one after the other",
  of: "topics",
  steps: [1, 100, 10_000].map((topics) => ({
    label: number(topics),
    scenarios: [fanOutOf(`topics-${topics}`, { connections: 10_000, topics, memoryEach: true })],
  })),
  columns: [each, whole, cpu("CPU µs a delivery", 0), rate("deliveries/s", 0)],
};

export const SCHEDULERS: Series = {
  title: "Schedulers: 100 connections with 1 and with 16 requests in flight, and fan-out to 1,000",
  of: "schedulers",
  steps: [1, 2, 3].map((schedulers) => ({
    label: number(schedulers),
    scenarios: [
      echoOf(`schedulers-${schedulers}-echo-1`, { connections: 100, schedulers }),
      echoOf(`schedulers-${schedulers}-echo-16`, { connections: 100, schedulers, inFlight: 16 }),
      fanOutOf(`schedulers-${schedulers}-fan-out`, { connections: 1000, schedulers }),
    ],
  })),
  columns: [
    ...[cpu("CPU µs, 1 in flight", 0), rate("answers/s", 0), cpu("CPU µs, 16 in flight", 1), rate("answers/s", 1)],
    ...[cpu("CPU µs a delivery", 2), rate("deliveries/s", 2), { ...whole, row: 2 }],
  ],
};

/** Node.js can share a port between threads from 22.12 on. */
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
const canShare = major > 22 || (major === 22 && minor >= 12);

export const IO_THREADS: Series = {
  title: "I/O threads: 100 connections with 1 and with 16 requests in flight, and fan-out to 1,000",
  of: "I/O threads",
  steps: (canShare ? [1, 2, 3] : [1]).map((ioThreads) => ({
    label: number(ioThreads),
    scenarios: [
      echoOf(`io-threads-${ioThreads}-echo-1`, { connections: 100, schedulers: 2, ioThreads }),
      echoOf(`io-threads-${ioThreads}-echo-16`, { connections: 100, schedulers: 2, ioThreads, inFlight: 16 }),
      fanOutOf(`io-threads-${ioThreads}-fan-out`, { connections: 1000, schedulers: 2, ioThreads }),
    ],
  })),
  columns: SCHEDULERS.columns,
};

/** Kibibytes of payload. */
const SIZES = [0.0625, 1, 4, 16, 64] as const;

export const PAYLOADS: Series = {
  title: "Payloads: 20 connections, 1 request in flight",
  of: "KiB of payload",
  steps: SIZES.map((size) => ({
    label: `${size}`,
    scenarios: [echoOf(`payload-${size}`, { connections: 20, payloadBytes: size * 1024 })],
  })),
  columns: [cpu("CPU µs a request", 0), rate("answers/s", 0), latency("50", 0), whole],
};

export const ALL_SERIES: readonly Series[] = [CONNECTIONS, TOPICS, SCHEDULERS, IO_THREADS, PAYLOADS];

/** The table of a series in Markdown, with what disturbed it. `rows` are those of all its scenarios. */
export function seriesTable(series: Series, rows: readonly Row[]): string {
  const lines = series.steps.map(({ label, scenarios }) => {
    const own = scenarios.map(({ name }) => rows.find(({ scenario }) => scenario === name));
    const cells = series.columns.map(({ row, cell }) => {
      const found = own[row];
      return found === undefined || found.rounds === 0 ? "failed" : cell(found);
    });
    const others = Math.max(...own.map((row) => row?.othersProcessors ?? 0));
    const failures = own.reduce((sum, row) => sum + (row?.failures ?? 0), 0);
    return [label, ...cells, others.toFixed(1), `${failures}`];
  });
  const head = [series.of, ...series.columns.map(({ head }) => head), "others' processors", "failures"];
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [`**${series.title}.**`, "", line(head), line(head.map(() => "---:")), ...lines.map(line)].join("\n");
}

/** The straight line through the points that is nearest to all of them. */
export function fit(points: readonly (readonly [x: number, y: number])[]): {
  readonly at0: number;
  readonly slope: number;
} {
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [x, y] = [mean(points.map(([x]) => x)), mean(points.map(([, y]) => y))];
  const over = points.reduce((sum, [px, py]) => sum + (px - x) * (py - y), 0);
  const slope = over / points.reduce((sum, [px]) => sum + (px - x) ** 2, 0);
  return { at0: y - slope * x, slope };
}

/** What the model of docs/performance.md is made of, in lines. */
export function modelLines(rows: readonly Row[]): string[] {
  const cpuOf = (name: string): number | null => rows.find(({ scenario }) => scenario === name)?.cpuMicros ?? null;
  const points = SIZES.flatMap((size) => {
    const micros = cpuOf(`payload-${size}`);
    return micros === null ? [] : [[size, micros] as const];
  });
  const said = (what: string, micros: number | null): string[] =>
    micros === null ? [] : [`- ${what}: ${micros.toFixed(1)} µs`];
  return [
    ...said("a request and its answer that are alone", cpuOf("schedulers-2-echo-1")),
    ...said("the same, many at a time", cpuOf("schedulers-2-echo-16")),
    ...said("a delivery of a broadcast", cpuOf("schedulers-2-fan-out")),
    ...said("each KiB of a request and its answer", points.length < 2 ? null : fit(points).slope),
  ];
}
