import assert from "node:assert/strict";
import { test } from "node:test";
import type { Row } from "../../bench/load/results.js";
import {
  ALL_SERIES,
  CONNECTIONS,
  fit,
  modelLines,
  PAYLOADS,
  SCHEDULERS,
  seriesTable,
} from "../../bench/load/scale/series.js";

const rowOf = (scenario: string, more: Partial<Row>): Row => ({
  ...{ scenario, server: "joist", rounds: 1, messages: 10, cpuMicros: 5, cpuRange: [5, 5], perSecond: 1234.4 },
  ...{ serverProcessors: 1, generatorProcessors: 0, othersProcessors: 0, generatorBound: false, failures: 0 },
  ...{ latency: { "50": 1500, "99": 9000 }, pssBytes: 2 ** 27, bytesEach: 2048, crashesPerSecond: null },
  ...{ samples: [], problems: [], toWs: null, ...more },
});

test("every scenario of the series has a name of its own", () => {
  const names = ALL_SERIES.flatMap(({ steps }) => steps.flatMap(({ scenarios }) => scenarios.map(({ name }) => name)));
  assert.equal(new Set(names).size, names.length);
});

test("a series is a table with a line a step, and what disturbed it", () => {
  const rows = [
    rowOf("connections-1000", { othersProcessors: 0.31 }),
    rowOf("connections-fan-out-1000", { cpuMicros: 7, failures: 3 }),
    rowOf("connections-5000", { rounds: 0 }),
  ];
  const lines = seriesTable(CONNECTIONS, rows).split("\n").slice(2);
  assert.equal(lines[0]?.split("|").length, CONNECTIONS.columns.length + 5);
  assert.equal(lines[2], "| 1,000 | 2.0 | 128 | 5.0 | 1.5 | 9.0 | 7.0 | 0.3 | 3 |");
  assert.equal(lines[3], "| 5,000 | failed | failed | failed | failed | failed | failed | 0.0 | 0 |");
  assert.equal(lines.length, 2 + CONNECTIONS.steps.length);
});

test("a straight line is found among its points", () => {
  const points = [0, 2, 4].map((x) => [x, 3 + 2 * x] as const);
  assert.deepEqual(fit(points), { at0: 3, slope: 2 });
});

test("the model tells what a request, a delivery and a KiB cost, as far as they were measured", () => {
  const payloads = PAYLOADS.steps.flatMap(({ scenarios }) => scenarios);
  const rows = payloads.map((scenario) =>
    rowOf(scenario.name, { cpuMicros: scenario.kind === "echo" ? 20 + (scenario.payloadBytes / 1024) * 5 : 0 }),
  );
  assert.deepEqual(modelLines(rows), ["- each KiB of a request and its answer: 5.0 µs"]);
  const alone = SCHEDULERS.steps[1]?.scenarios[0]?.name ?? "";
  assert.deepEqual(modelLines([rowOf(alone, { cpuMicros: 30 })]), [
    "- a request and its answer that are alone: 30.0 µs",
  ]);
});
