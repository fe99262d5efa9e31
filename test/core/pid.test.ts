import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isPid, makePid, pidParts, threadOf } from "../../src/core/pid.js";

test("property: a pid gives back the parts it was made of", () => {
  const part = fc.nat({ max: 2 ** 31 - 1 });
  fc.assert(
    fc.property(part, part, part, (thread, serial, creator) => {
      for (const by of [creator, thread]) {
        const pid = makePid(thread, serial, by);
        assert.ok(isPid(pid));
        assert.equal(threadOf(pid), thread);
        assert.deepEqual(pidParts(pid), { thread, serial, creator: by });
      }
    }),
  );
});
