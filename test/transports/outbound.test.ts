import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  type Added,
  type OutboundPolicy,
  OutboundQueue,
  PLACE_BYTES,
  resolveOutbound,
} from "../../src/transports/outbound.js";

/** Room for so many messages of 100 bytes. */
const room = (messages: number): number => messages * (100 + PLACE_BYTES);

/** What is sent to a client for which three messages may wait: those in upper case must arrive, the others may be dropped. */
const table: readonly [name: string, OutboundPolicy, sent: string, added: readonly Added[], left: string][] = [
  ["what fits is kept, in order", "drop_oldest", "aBc", ["kept", "kept", "kept"], "aBc"],
  ["drop_newest drops what comes", "drop_newest", "abcd", ["kept", "kept", "kept", "dropped"], "abc"],
  ["drop_oldest drops what waits longest", "drop_oldest", "abcd", ["kept", "kept", "kept", "kept"], "bcd"],
  ["drop_oldest leaves out what must arrive", "drop_oldest", "Abcd", ["kept", "kept", "kept", "kept"], "Acd"],
  [
    "drop_oldest drops what comes if all else must arrive",
    "drop_oldest",
    "ABCd",
    ["kept", "kept", "kept", "dropped"],
    "ABC",
  ],
  [
    "what must arrive takes the place of the oldest that need not",
    "drop_newest",
    "aBcD",
    ["kept", "kept", "kept", "kept"],
    "BcD",
  ],
  ["only when all must arrive it is full", "drop_newest", "aBCDE", ["kept", "kept", "kept", "kept", "full"], "BCD"],
  ["disconnect drops nothing", "disconnect", "abcd", ["kept", "kept", "kept", "full"], "abc"],
];
for (const [name, policy, sent, added, left] of table) {
  test(`of an outbound queue: ${name}`, () => {
    const queue = new OutboundQueue<string>(policy);
    const answers = [...sent].map((message) => queue.add(message, 100, message === message.toLowerCase(), room(3)));
    assert.deepEqual(answers, added);
    assert.equal(queue.take(Number.POSITIVE_INFINITY).join(""), left);
    assert.equal(queue.bytes, 0);
  });
}

test("an outbound queue is taken piece by piece, and one that is larger than a piece alone", () => {
  const queue = new OutboundQueue<string>("disconnect");
  for (const message of "abcde") queue.add(message, message === "d" ? 1000 : 100, false, 1_000_000);
  assert.deepEqual(queue.take(room(2)), ["a", "b"]);
  assert.deepEqual(queue.take(room(2)), ["c"]);
  assert.deepEqual(queue.take(room(2)), ["d"]);
  assert.equal(queue.isEmpty, false);
  assert.deepEqual(queue.take(room(2)), ["e"]);
  assert.equal(queue.isEmpty, true);
});

test("one that is larger than all the room drops itself, and no other", () => {
  const queue = new OutboundQueue<string>("drop_oldest");
  for (const message of "ab") queue.add(message, 100, true, room(3));
  assert.equal(queue.add("x", 10_000, true, room(3)), "dropped");
  assert.equal(queue.takeEvicted(), 0);
  assert.deepEqual(queue.take(Number.POSITIVE_INFINITY), ["a", "b"]);
});

interface Kept {
  readonly id: number;
  readonly bytes: number;
  readonly mayDrop: boolean;
}

const steps = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: fc.record({ bytes: fc.integer({ min: 0, max: 600 }), mayDrop: fc.boolean() }) },
    { weight: 1, arbitrary: fc.record({ take: fc.integer({ min: 1, max: 1500 }) }) },
  ),
  { maxLength: 60 },
);

test("whatever is sent and taken: an outbound queue does what a plain array would, and stays within its room", () => {
  fc.assert(
    fc.property(steps, fc.constantFrom<OutboundPolicy>("disconnect", "drop_newest", "drop_oldest"), (all, policy) => {
      const limit = 2000;
      const queue = new OutboundQueue<number>(policy);
      let model: Kept[] = [];
      const size = (): number => model.reduce((sum, { bytes }) => sum + bytes, 0);
      for (const [id, step] of all.entries()) {
        if ("take" in step) {
          const taken = queue.take(step.take);
          assert.deepEqual(
            taken,
            model.slice(0, taken.length).map((kept) => kept.id),
          );
          model = model.slice(taken.length);
        } else {
          const mayDrop = step.mayDrop && policy !== "disconnect";
          const one = { id, bytes: step.bytes + PLACE_BYTES, mayDrop };
          let left = model;
          const makesRoom = !mayDrop || policy === "drop_oldest";
          while (makesRoom && left.reduce((sum, { bytes }) => sum + bytes, one.bytes) > limit) {
            const oldest = left.findIndex((kept) => kept.mayDrop);
            if (oldest === -1) break;
            left = left.filter((_, at) => at !== oldest);
          }
          const fits = left.reduce((sum, { bytes }) => sum + bytes, one.bytes) <= limit;
          model = fits ? [...left, one] : left;
          assert.equal(queue.add(id, step.bytes, step.mayDrop, limit), fits ? "kept" : mayDrop ? "dropped" : "full");
        }
        assert.equal(queue.bytes, size());
        assert.ok(queue.bytes <= limit);
      }
      assert.deepEqual(
        queue.take(Number.POSITIVE_INFINITY),
        model.map(({ id }) => id),
      );
    }),
  );
});

test("a policy that is none is refused, with those there are", () => {
  assert.throws(() => resolveOutbound({ policy: "latest" as OutboundPolicy }), {
    code: "JOIST_BAD_OPTION",
    message: "bad outbound.policy latest: allowed are disconnect, drop_newest, drop_oldest",
  });
  assert.throws(() => resolveOutbound({ highWaterBytes: 0 }), { code: "JOIST_BAD_OPTION" });
});
