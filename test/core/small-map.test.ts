import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { SmallMap } from "../../src/core/small-map.js";

test("property: a small map does what a Map does, in the same order", () => {
  const operation = fc.tuple(fc.constantFrom("set", "delete", "get"), fc.integer({ min: 0, max: 4 }), fc.integer());
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 40 }), (operations) => {
      const small = new SmallMap<number, number>();
      const model = new Map<number, number>();
      for (const [what, key, value] of operations) {
        if (what === "get") assert.equal(small.get(key), model.get(key));
        else if (what === "delete") assert.equal(small.delete(key), model.delete(key));
        else {
          small.set(key, value);
          model.set(key, value);
        }
        assert.equal(small.size, model.size);
        assert.deepEqual(small.entries(), [...model]);
        assert.deepEqual(small.values(), [...model.values()]);
      }
    }),
  );
});

test("entries may be deleted while they are gone through", () => {
  const map = new SmallMap<string, number>();
  for (const key of ["a", "b", "c"]) map.set(key, 1);
  for (const [key] of map.entries()) map.delete(key);
  assert.equal(map.size, 0);
});

test("a map that is cleared is empty, and takes entries again", () => {
  const map = new SmallMap<string, number>();
  for (const key of ["a", "b", "c"]) map.set(key, 1);
  map.clear();
  assert.deepEqual(map.entries(), []);
  map.set("b", 2);
  assert.deepEqual(map.entries(), [["b", 2]]);
});
