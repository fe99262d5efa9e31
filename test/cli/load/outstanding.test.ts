import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { NONE, Outstanding } from "../../../src/cli/load/outstanding.js";

const CAPACITY = 5;
const CONNECTIONS = 3;
const FIRST_REF = 8;

/** The same with plain lists: refs of each connection in the order they were sent. */
type Model = number[][];

function listOf(outstanding: Outstanding, connection: number): number[] {
  const sent: number[] = [];
  for (let slot = outstanding.oldest(connection); slot !== NONE; slot = outstanding.after(slot)) {
    sent.push(outstanding.sentMs[slot] as number);
  }
  return sent;
}

test("whatever is sent, answered, late and lost, each connection has what it waits for, the oldest first", () => {
  const connection = fc.nat(CONNECTIONS - 1);
  const step = fc.oneof(
    fc.record({ kind: fc.constant("send" as const), connection }),
    fc.record({ kind: fc.constant("answer" as const), connection, place: fc.nat(CAPACITY) }),
    fc.record({ kind: fc.constant("expire" as const), connection }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const outstanding = new Outstanding(CAPACITY, CONNECTIONS, FIRST_REF);
      const model: Model = Array.from({ length: CONNECTIONS }, () => []);
      const past: [number, number][] = [];
      const sentMs = new Map<number, number>();
      steps.forEach((given, now) => {
        const waiting = model[given.connection] as number[];
        if (given.kind === "send" && !outstanding.isFull) {
          const ref = outstanding.add(given.connection, 0, 0, now, true);
          assert.ok(ref >= FIRST_REF && !sentMs.has(ref), "a ref is used once");
          sentMs.set(ref, now);
          waiting.push(ref);
        } else if (given.kind === "answer") {
          const ref = waiting[given.place];
          if (ref === undefined) return;
          assert.equal(outstanding.take((given.connection + 1) % CONNECTIONS, ref), NONE, "not its connection's");
          assert.notEqual(outstanding.take(given.connection, ref), NONE);
          waiting.splice(given.place, 1);
          past.push([given.connection, ref]);
        } else if (given.kind === "expire" && waiting.length > 0) {
          outstanding.release(outstanding.oldest(given.connection));
          past.push([given.connection, waiting.shift() as number]);
        }
        for (const [connection, ref] of past) assert.equal(outstanding.take(connection, ref), NONE, "it is over");
        model.forEach((refs, connection) => {
          assert.deepEqual(
            listOf(outstanding, connection),
            refs.map((ref) => sentMs.get(ref)),
          );
        });
        assert.equal(outstanding.size, model.flat().length);
      });
    }),
  );
});

test("a ref below the first one, or from beyond any that was given, is nobody's", () => {
  const outstanding = new Outstanding(CAPACITY, CONNECTIONS, FIRST_REF);
  const ref = outstanding.add(0, 0, 0, 0, true);
  for (const other of [0, FIRST_REF - 1, ref + CAPACITY, ref + 1, 2 ** 52])
    assert.equal(outstanding.take(0, other), NONE);
  assert.notEqual(outstanding.take(0, ref), NONE);
});
