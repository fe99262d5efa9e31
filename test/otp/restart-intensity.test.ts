import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { countRestart, NO_RESTARTS, type RestartLog } from "../../src/otp/restart-intensity.js";

/** Counts restarts at these milliseconds; for each, whether the limit held. */
function within(maxRestarts: number, maxSeconds: number, timesMs: readonly number[]): boolean[] {
  let log: RestartLog = NO_RESTARTS;
  return timesMs.map((nowMs) => {
    const [next, holds] = countRestart(log, { maxRestarts, maxSeconds }, nowMs);
    log = next;
    return holds;
  });
}

test("an intensity of N allows N restarts, and the next one is too many", () => {
  for (const allowed of [0, 1, 3, 10]) {
    const times = Array.from({ length: allowed + 1 }, (_, i) => i);
    assert.deepEqual(within(allowed, 5, times), [...times.slice(1).map(() => true), false]);
  }
});

test("a restart counts while now <= then + period, in whole seconds", () => {
  assert.deepEqual(within(1, 1, [0, 1999]), [true, false]);
  assert.deepEqual(within(1, 1, [999, 1999]), [true, false]);
  assert.deepEqual(within(1, 1, [999, 2000]), [true, true]);
  assert.deepEqual(within(1, 5, [0, 5999]), [true, false]);
  assert.deepEqual(within(1, 5, [0, 6000]), [true, true]);
});

test("the log holds at most one entry for each second of the period", () => {
  let log: RestartLog = NO_RESTARTS;
  for (let ms = 0; ms < 60_000; ms += 10) [log] = countRestart(log, { maxRestarts: 1e9, maxSeconds: 5 }, ms);
  assert.equal(log.length, 6);
});

test("property: the limit holds exactly as long as the restarts that still count are no more than allowed", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 5 }),
      fc.integer({ min: 1, max: 5 }),
      fc.array(fc.integer({ min: 0, max: 3000 }), { maxLength: 40 }),
      (maxRestarts, maxSeconds, gapsMs) => {
        let nowMs = 0;
        const times = gapsMs.map((gap) => {
          nowMs += gap;
          return nowMs;
        });
        const seconds = times.map((ms) => Math.floor(ms / 1000));
        const expected = seconds.map(
          (now, i) => seconds.slice(0, i + 1).filter((then) => now <= then + maxSeconds).length <= maxRestarts,
        );
        assert.deepEqual(within(maxRestarts, maxSeconds, times), expected);
      },
    ),
  );
});
