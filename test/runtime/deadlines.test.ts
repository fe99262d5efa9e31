import assert from "node:assert/strict";
import { test } from "node:test";
import { monotonicClock } from "../../src/core/clock.js";
import { Deadlines } from "../../src/runtime/deadlines.js";

/** A deadline that tells when it is reached. */
function deadline(reached: (name: string) => void, name: string) {
  return { dueMs: 0, onTimeout: () => reached(name) };
}

test("deadlines are reached in their order, whatever order they were set in, and never early", async () => {
  const deadlines = new Deadlines(monotonicClock);
  const began = monotonicClock.now();
  const reached: string[] = [];
  await new Promise<void>((done) => {
    const note = (name: string): void => {
      reached.push(name);
      assert.ok(monotonicClock.now() - began >= Number(name));
      if (reached.length === 3) done();
    };
    deadlines.add(deadline(note, "30"), 30);
    deadlines.add(deadline(note, "5"), 5);
    deadlines.add(deadline(note, "15"), 15);
  });
  assert.deepEqual(reached, ["5", "15", "30"]);
});

test("what is over is not reached, and the next one still is", async () => {
  const deadlines = new Deadlines(monotonicClock);
  await new Promise<void>((done) => {
    const over = deadline(() => assert.fail("it was over"), "over");
    deadlines.add(over, 1);
    deadlines.delete(over);
    deadlines.delete(over);
    // The timer that was left behind, for nobody, serves this one.
    deadlines.add(
      deadline(() => done(), "next"),
      3,
    );
  });
});
