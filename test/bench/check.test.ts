import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import {
  type Baseline,
  CHECKS,
  type Check,
  isDisturbed,
  MIN_MARGIN,
  marginOf,
  ratioOf,
  recorded,
  SHORT_FACTOR,
  shortVerdict,
  verdict,
} from "../../bench/check/checks.js";
import { parseCheckOptions } from "../../bench/check/options.js";
import type { Measured } from "../../bench/load/measurement.js";
import { SCENARIOS } from "../../bench/load/scenarios.js";
import { findRoot } from "../architecture/imports.js";

const measured = (values: Partial<Measured>): Measured => ({
  ...{
    messages: 1000,
    windowMs: 1000,
    windowMicros: { from: 0, to: 0 },
    serverCpuMicros: 1000,
    generatorCpuMicros: 0,
    othersCpuMicros: 0,
  },
  ...{ pssBytes: 1, latency: "", samples: [], failures: 0, ...values },
});
const cpu: Check = { name: "echo-1", what: "cpu", against: "ws", minMessages: 1 };

test("every check is a scenario that has both servers, and is recorded with a margin", () => {
  const baseline = JSON.parse(readFileSync(join(findRoot(), "bench/check/baseline.json"), "utf8")) as Baseline;
  for (const { name, against } of CHECKS) {
    const scenario = SCENARIOS.find((one) => one.name === name);
    assert.ok(scenario?.servers.includes("joist") && scenario.servers.includes(against), name);
    const known = baseline.checks[name];
    assert.ok(known !== undefined && known.ratio > 0 && known.short > 0 && known.margin >= MIN_MARGIN, name);
    assert.ok(1 + known.margin < SHORT_FACTOR, `${name}: the short form would be stricter than the long one`);
  }
});

test("a cost is a multiple of the peer's, a message or a connection", () => {
  const dear = measured({ serverCpuMicros: 6000, messages: 2000, bytesEach: 500 });
  const cheap = measured({ serverCpuMicros: 1000, messages: 1000, bytesEach: 200 });
  assert.equal(ratioOf(cpu, dear, cheap), 3);
  assert.equal(ratioOf({ ...cpu, what: "memory" }, dear, cheap), 2.5);
});

test("without a message there is no ratio, but an error", () => {
  assert.throws(() => ratioOf(cpu, measured({ messages: 0 }), measured({})), /nothing came/);
  assert.throws(() => ratioOf(cpu, measured({}), measured({ messages: 0, serverCpuMicros: 0 })), /nothing came/);
});

test("the median of the rounds may be above the recorded one by its margin, and no more", () => {
  const known = { ratio: 2, margin: 0.2, rounds: [], short: 9 };
  assert.equal(verdict([9, 2.39, 2.3, 9, 2], known).tag, "same");
  assert.equal(verdict([2.41, 2, 9, 9, 2], known).tag, "worse");
  assert.equal(verdict([1.6], known).tag, "better");
  assert.equal(verdict([1.7], known).tag, "same");
});

test("in the short form the best try decides", () => {
  const known = { ratio: 9, margin: 0.2, rounds: [], short: 1 };
  assert.equal(shortVerdict([5, SHORT_FACTOR - 0.01], known).tag, "same");
  assert.equal(shortVerdict([5, SHORT_FACTOR + 0.01], known).tag, "worse");
  assert.equal(shortVerdict([], known).tag, "worse");
});

test("a round in which other programs took more than half of the processors is disturbed", () => {
  const [calm, busy] = [999_000, 1_001_000].map((othersCpuMicros) => measured({ othersCpuMicros })) as [
    Measured,
    Measured,
  ];
  assert.equal(isDisturbed([calm, calm], 2), false);
  assert.equal(isDisturbed([calm, busy], 2), true);
  assert.equal(isDisturbed([busy], 4), false);
});

test("a margin grows with the spread of the rounds, from a least one", () => {
  assert.equal(marginOf(Array.from({ length: 20 }, () => 2)), MIN_MARGIN);
  assert.equal(marginOf([...Array.from({ length: 18 }, () => 2), 3, 3]), 0.5);
  assert.deepEqual(recorded([3, 1, 2], [4, 5, 9]), { ratio: 2, margin: 0.5, rounds: [1, 2, 3], short: 5 });
});

test("the options of a check are understood, and a bad one is refused in one line that names it", () => {
  const all = CHECKS.map(({ name }) => name);
  assert.deepEqual(parseCheckOptions([]), { mode: "check", rounds: 5, only: all });
  assert.deepEqual(parseCheckOptions(["--record"]), { mode: "record", rounds: 15, only: all });
  assert.deepEqual(parseCheckOptions(["--short", "--only", "idle"]), { mode: "short", rounds: 4, only: ["idle"] });
  assert.equal(parseCheckOptions(["--help"]), "help");
  for (const args of [["--fast"], ["--rounds", "0"], ["--only", "echo"], ["--short", "--record"]]) {
    const parsed = parseCheckOptions(args);
    assert.ok(typeof parsed === "object" && "problem" in parsed);
    assert.ok(parsed.problem.includes(args.at(-1) as string) && !parsed.problem.includes("\n"), parsed.problem);
  }
});
