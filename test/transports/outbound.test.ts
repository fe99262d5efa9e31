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

/** The same with slots: a letter's own, of either case. What is left, and what was dropped: newest, oldest, for a later one. */
const slots: readonly [name: string, OutboundPolicy, sent: string, left: string, drops: readonly number[] | null][] = [
  ["one slot each changes nothing", "disconnect", "abc", "abc", null],
  [
    "a later one of the same slot takes the place of the one that waits, at the end",
    "disconnect",
    "abA",
    "bA",
    [0, 0, 1],
  ],
  ["so it may be for ever without its being full", "disconnect", "abcabcabcA", "bcA", [0, 0, 7]],
  ["with a slot of its own, one too many is too many", "disconnect", "abcd", "abc", null],
  ["drop_newest keeps the newest of a slot that waits", "drop_newest", "abcda", "bca", [1, 0, 1]],
  ["drop_oldest begins with what has not come again", "drop_oldest", "abcabd", "abd", [0, 1, 2]],
];
for (const [name, policy, sent, left, drops] of slots) {
  test(`of slots in an outbound queue: ${name}`, () => {
    const queue = new OutboundQueue<string>(policy);
    for (const message of sent) {
      const mayDrop = message === message.toLowerCase();
      queue.add(message, 99, mayDrop, room(3), message.toLowerCase()); // with its slot's letter it has 100
    }
    const dropped = queue.takeDrops();
    assert.deepEqual(dropped === null ? null : [dropped.newest, dropped.oldest, dropped.latest], drops);
    assert.equal(queue.take(Number.POSITIVE_INFINITY).join(""), left);
    assert.equal(queue.bytes, 0);
  });
}

test("what has been taken from an outbound queue is not replaced any more", () => {
  const queue = new OutboundQueue<string>("disconnect");
  for (const message of "ab") queue.add(message, 99, true, room(3), message);
  assert.deepEqual(queue.take(1), ["a"]);
  queue.add("a", 99, true, room(3), "a");
  assert.deepEqual(queue.take(Number.POSITIVE_INFINITY), ["b", "a"]);
  assert.equal(queue.takeDrops(), null);
});

test("a later one too large for drop_newest is dropped, and the one that waits stays", () => {
  const queue = new OutboundQueue<string>("drop_newest");
  for (const message of "abc") queue.add(message, 99, true, room(3), message);
  assert.equal(queue.add("A", 100, true, room(3), "a"), "dropped");
  assert.deepEqual(queue.takeDrops(), { newest: 1, oldest: 0, latest: 0 });
  assert.deepEqual(queue.take(Number.POSITIVE_INFINITY), ["a", "b", "c"]);
});

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
  assert.deepEqual(queue.takeDrops(), { newest: 0, oldest: 1, latest: 0 });
  assert.equal(queue.takeDrops(), null);
  assert.deepEqual(queue.take(Number.POSITIVE_INFINITY), ["a", "b"]);
});

interface Kept {
  readonly id: number;
  readonly bytes: number;
  readonly mayDrop: boolean;
  readonly slot: string | null;
}

const steps = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        bytes: fc.integer({ min: 0, max: 600 }),
        mayDrop: fc.boolean(),
        slot: fc.option(fc.constantFrom("x", "y", "z")),
      }),
    },
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
          const { slot } = step;
          const one = { id, bytes: step.bytes + PLACE_BYTES + (slot?.length ?? 0), mayDrop, slot };
          const others = model.filter((kept) => slot === null || kept.slot !== slot);
          const stays = policy === "drop_newest" || one.bytes > limit; // then nothing goes for one that has no room
          const hasNoRoom = others.reduce((sum, { bytes }) => sum + bytes, one.bytes) > limit;
          let left = mayDrop && stays && hasNoRoom ? model : others;
          const makesRoom = !mayDrop || policy === "drop_oldest";
          while (makesRoom && left.reduce((sum, { bytes }) => sum + bytes, one.bytes) > limit) {
            const oldest = left.findIndex((kept) => kept.mayDrop);
            if (oldest === -1) break;
            left = left.filter((_, at) => at !== oldest);
          }
          const fits = left.reduce((sum, { bytes }) => sum + bytes, one.bytes) <= limit;
          model = fits ? [...left, one] : left;
          assert.equal(
            queue.add(id, step.bytes, step.mayDrop, limit, slot),
            fits ? "kept" : mayDrop ? "dropped" : "full",
          );
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
