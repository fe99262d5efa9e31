import assert from "node:assert/strict";
import { test } from "node:test";
import { monotonicClock } from "../../src/core/clock.js";
import { Deadline, Deadlines } from "../../src/runtime/deadlines.js";

/** A deadline that tells when it is reached. */
class Telling extends Deadline {
  readonly #reached: () => void;

  constructor(reached: () => void) {
    super();
    this.#reached = reached;
  }

  override onTimeout(): void {
    this.#reached();
  }
}

/** Deadlines whose turn ends with what the event loop does now, as a scheduler's would. */
function begin(clock: { now(): number } = monotonicClock): Deadlines {
  const deadlines: Deadlines = new Deadlines(clock, () => setImmediate(() => deadlines.settle()));
  return deadlines;
}

test("deadlines are reached in their order, whatever order they were set in, and never early", async () => {
  const deadlines = begin();
  const began = monotonicClock.now();
  const reached: number[] = [];
  await new Promise<void>((done) => {
    for (const ms of [30, 5, 15]) {
      const note = (): void => {
        reached.push(ms);
        assert.ok(monotonicClock.now() - began >= ms);
        if (reached.length === 3) done();
      };
      deadlines.add(new Telling(note), ms);
    }
  });
  assert.deepEqual(reached, [5, 15, 30]);
});

test("after a turn that took long all that were due meanwhile are reached in their order, but for what one of them ends", async () => {
  let nowMs = 0;
  const deadlines = begin({ now: () => nowMs });
  const reached: number[] = [];
  await new Promise<void>((done) => {
    const over = new Telling(() => assert.fail("it was over"));
    for (const ms of [30, 5, 15]) {
      const note = (): void => {
        reached.push(ms);
        if (ms === 5) deadlines.delete(over);
        if (ms === 30) done();
      };
      deadlines.add(new Telling(note), ms);
    }
    deadlines.add(over, 10);
    deadlines.settle();
    nowMs = 100;
  });
  assert.deepEqual(reached, [5, 15, 30]);
  deadlines.stop();
});

test("what is over is not reached, and the next one still is", async () => {
  const deadlines = begin();
  await new Promise<void>((done) => {
    const over = new Telling(() => assert.fail("it was over"));
    deadlines.add(over, 1);
    deadlines.delete(over);
    deadlines.delete(over);
    const overLater = new Telling(() => assert.fail("it was over"));
    deadlines.add(overLater, 1);
    setImmediate(() => deadlines.delete(overLater)); // after the end of the turn: the timer is left behind, for nobody
    deadlines.add(new Telling(done), 3);
  });
});

test("what is over by the end of its turn costs no look at the clock", async () => {
  let looks = 0;
  const deadlines = begin({ now: () => ++looks });
  for (let i = 0; i < 10; i++) {
    const call = new Telling(() => assert.fail("it was over"));
    deadlines.add(call, 1);
    deadlines.delete(call);
  }
  deadlines.settle();
  assert.equal(looks, 0);
  deadlines.stop();
});
