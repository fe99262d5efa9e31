/** The queue of mailboxes and of the run queue, against an array. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Ring } from "../../src/core/ring.js";

const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ tag: fc.constant("push" as const), times: fc.integer({ min: 1, max: 20 }) }) },
  {
    weight: 3,
    arbitrary: fc.record({ tag: fc.constantFrom("shift", "take"), times: fc.integer({ min: 1, max: 20 }) }),
  },
  { weight: 2, arbitrary: fc.record({ tag: fc.constant("takeAt" as const), times: fc.nat(30) }) },
  { weight: 1, arbitrary: fc.record({ tag: fc.constantFrom("forget", "clear", "flood"), times: fc.constant(1) }) },
);

test("property: items come out in order, whichever way they are taken, and what was taken last is seen or nothing is", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const ring = new Ring<number>();
      let model: number[] = [];
      let next = 0;
      let taken: number | undefined;
      const push = (times: number): void => {
        for (let i = 0; i < times; i++) {
          ring.push(next);
          model.push(next++);
        }
      };
      for (const { tag, times } of steps) {
        if (tag === "push") push(times);
        else if (tag === "flood") push(1100);
        else if (tag === "clear") {
          ring.clear();
          model = [];
        } else if (tag === "forget") ring.forget();
        else if (tag === "takeAt") {
          if (times >= model.length) continue;
          assert.equal(ring.takeAt(times), model.splice(times, 1)[0]);
        } else {
          for (let i = 0; i < times; i++) {
            const expected = model.shift();
            assert.equal(tag === "take" ? ring.take() : ring.shift(), expected);
            if (expected === undefined) break;
            taken = tag === "take" ? expected : undefined;
            assert.equal(ring.taken, taken);
          }
        }
        if (tag === "forget" || tag === "clear" || tag === "takeAt") taken = undefined;
        if (ring.taken !== undefined) assert.equal(ring.taken, taken);
        assert.equal(ring.size, model.length);
        for (const index of [0, Math.max(0, model.length - 1), model.length])
          assert.equal(ring.at(index), model[index]);
      }
    }),
    { numRuns: 1000 },
  );
});

test("what was taken is seen while more comes, and is let go when it is told to", () => {
  const ring = new Ring<string>();
  ring.push("a");
  assert.equal(ring.take(), "a");
  for (const item of ["b", "c", "d"]) ring.push(item);
  assert.equal(ring.taken, "a");
  ring.forget();
  assert.equal(ring.taken, undefined);
  assert.equal(ring.take(), "b");
  assert.equal(ring.taken, "b");
});
