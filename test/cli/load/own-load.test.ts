import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { OwnLoadMeter } from "../../../src/cli/load/own-load.js";

test("a generator without time for what was due was the limit", async () => {
  const meter = new OwnLoadMeter();
  await delay(150);
  const { behind, wasLimit } = meter.read(1000.9, 980);
  assert.deepEqual([behind, wasLimit], [20, true]);
});

test("a generator that was busy all the time was the limit, and late", async () => {
  const meter = new OwnLoadMeter();
  // The event loop has to turn to be seen late.
  for (let i = 0; i < 3; i++) {
    const untilMs = performance.now() + 100;
    while (performance.now() < untilMs);
    await delay(0);
  }
  const { busy, lateMaxMs, processors, behind, wasLimit, wasLate } = meter.read(0, 0);
  assert.ok(busy > 0.9 && lateMaxMs > 50, `${busy} ${lateMaxMs}`);
  assert.deepEqual([behind, wasLimit, wasLate], [0, true, true]);
  assert.ok(processors > 0);
});
