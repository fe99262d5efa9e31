import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { onRefused, rateOf, TokenBucket, Verdict } from "../../src/channels/token-bucket.js";

const { pass, refuse, close } = Verdict;

/** What a new bucket answers to messages at these milliseconds. */
function verdicts(limit: { perSecond: number; burst?: number }, throttleMs: number, atMs: readonly number[]): number[] {
  const rate = rateOf(limit, throttleMs);
  const bucket = new TokenBucket(rate, 0);
  return atMs.map((ms) => bucket.take(rate, ms));
}

const tables: readonly (readonly [string, Parameters<typeof verdicts>, readonly number[]])[] = [
  ["a burst passes, and no more than it", [{ perSecond: 10, burst: 2 }, 0, [0, 0, 0, 0]], [pass, pass, refuse, refuse]],
  ["what is refused takes no token", [{ perSecond: 10, burst: 1 }, 0, [0, 50, 99, 100]], [pass, refuse, refuse, pass]],
  ["a burst left out is a second's worth", [{ perSecond: 2 }, 0, [0, 0, 0]], [pass, pass, refuse]],
  ["tokens beyond a burst are lost", [{ perSecond: 10, burst: 1 }, 0, [90_000, 90_000]], [pass, refuse]],
  [
    "on credit, each message says how long it takes to pay all",
    [{ perSecond: 10, burst: 1 }, 300, [0, 0, 0, 0, 0]],
    [pass, 100, 200, 300, refuse],
  ],
  ["time pays a debt", [{ perSecond: 10, burst: 1 }, 300, [0, 0, 0, 150, 250]], [pass, 100, 200, 150, 150]],
  ["one a second at a million a second", [{ perSecond: 1_000_000 }, 0, [0, 1000, 2000]], [pass, pass, pass]],
];
for (const [name, given, expected] of tables) {
  test(name, () => assert.deepEqual(verdicts(...given), expected));
}

test("whatever comes when, no more pass than the burst, the credit and what flowed in", () => {
  const limits = fc.record({ perSecond: fc.integer({ min: 1, max: 1000 }), burst: fc.integer({ min: 1, max: 1000 }) });
  const gaps = fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 300 });
  fc.assert(
    fc.property(limits, fc.integer({ min: 0, max: 500 }), gaps, (limit, throttleMs, between) => {
      let nowMs = 0;
      const atMs = between.map((gap) => (nowMs += gap));
      const passed = verdicts(limit, throttleMs, atMs).filter((verdict) => verdict !== refuse).length;
      assert.ok(passed <= limit.burst + (limit.perSecond * (nowMs + throttleMs)) / 1000);
      // And no fewer than could: a client within its limit never notices it.
      const slow = between.map((_, i) => i * Math.ceil(1000 / limit.perSecond));
      assert.ok(verdicts(limit, throttleMs, slow).every((verdict) => verdict === pass));
    }),
  );
});

test("a client is closed when it was refused too often, and never without such a limit", () => {
  const rate = rateOf({ perSecond: 1, burst: 2 });
  const refusals = new TokenBucket(rate, 0);
  const at = (nowMs: number): number => onRefused(refusals, rate, nowMs);
  assert.deepEqual([at(0), at(0), at(0), at(1000)], [refuse, refuse, close, refuse]);
  assert.equal(onRefused(null, null, 0), refuse);
});
