/** What threads mark for the copies of the tables in other OS processes, at each instant that matters. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { makePid } from "../../src/core/pid.js";
import { allocateShared } from "../../src/runtime/boot-scheduler.js";
import { Interest } from "../../src/runtime/shared/interest.js";
import { Keys } from "../../src/runtime/shared/keys.js";
import { Marks } from "../../src/runtime/shared/marks.js";
import { addSlot, applyWords, int32Bytes, SLOT_WORDS, Table, wordsOf } from "../../src/runtime/shared/mirror.js";
import { Names } from "../../src/runtime/shared/names.js";
import { Cells, MAX_SLOTS, type SharedBuffers } from "../../src/runtime/shared/shared.js";

const taken = (marks: Marks): string[] => {
  const slots: string[] = [];
  marks.take((table, index) => slots.push(`${table} ${index}`));
  return slots;
};

const PID = makePid(7, 1, 0);

/** The tables of a thread that marks what it writes. */
function tables(shared: SharedBuffers, slot: number): { names: Names; keys: Keys; interest: Interest } {
  const mirror = new Marks(shared, slot);
  const cells = new Cells(shared);
  const keys = new Keys(shared, cells, 7, mirror);
  return { names: new Names(shared, cells, keys, mirror), keys, interest: new Interest(shared, slot, mirror) };
}

test("each slot is found once, whichever it is: the first and the last of each table, too", () => {
  const shared = allocateShared(2);
  const [thread, main] = [new Marks(shared, 1), new Marks(shared, 0)];
  const sizes = [Table.names, Table.keys, Table.interest].map((table) => [
    table,
    (wordsOf(shared)[table] as Int32Array).length / (SLOT_WORDS[table] as number),
  ]) as readonly (readonly [Table, number])[];
  const slot = fc
    .constantFrom(...sizes)
    .chain(([table, size]) =>
      fc.oneof(fc.constantFrom(0, size - 1), fc.nat(size - 1)).map((index) => [table, index] as const),
    );
  fc.assert(
    fc.property(fc.array(slot, { maxLength: 20 }), (slots) => {
      const expected = slots.map(([table, index]) => `${table} ${index * (SLOT_WORDS[table] as number)}`);
      for (const [table, index] of slots) thread.written(table, index * (SLOT_WORDS[table] as number));
      assert.deepEqual(taken(main).sort(), [...new Set(expected)].sort());
      assert.deepEqual(taken(main), []);
    }),
  );
});

test("a slot counts as written from before it is until it is marked", () => {
  const shared = allocateShared(2);
  const [thread, main] = [new Marks(shared, 1), new Marks(shared, 0)];
  thread.writes(Table.keys, 12);
  assert.deepEqual(taken(main), ["2 12"]);
  assert.deepEqual(taken(main), ["2 12"]);
  thread.written(Table.keys, 12);
  assert.deepEqual(taken(main), ["2 12"]);
  assert.deepEqual(taken(main), []);
});

test("what a thread was writing when it ended is told once more, and then no longer", () => {
  const shared = allocateShared(3);
  const main = new Marks(shared, 0);
  new Marks(shared, 2).writes(Table.names, 8);
  main.ended(1);
  assert.deepEqual(taken(main), ["1 8"]);
  main.ended(2);
  assert.deepEqual(taken(main), ["1 8"]);
  assert.deepEqual(taken(main), []);
});

test("threads of all slots can be writing at the same time", () => {
  const shared = allocateShared(MAX_SLOTS);
  const main = new Marks(shared, 0);
  for (let slot = 1; slot < MAX_SLOTS; slot++) new Marks(shared, slot).writes(Table.interest, slot);
  assert.equal(taken(main).length, MAX_SLOTS - 1);
});

test("a copy that is told what was marked says the same as the tables, after claims, ends and refusals", () => {
  const shared = allocateShared(3);
  const copy = allocateShared(3, 0, shared.seed);
  const cells = new Cells(shared);
  cells.setThread(1, 7);
  const main = new Marks(shared, 0);
  const threads = [tables(shared, 1), tables(shared, 2)];
  const deed = fc.record({
    thread: fc.constantFrom(...threads),
    what: fc.constantFrom("claim", "release", "claimKey", "releaseKey", "add", "remove"),
    name: fc.constantFrom("a", "b", "c", "d"),
    pid: fc.constantFrom(PID, makePid(7, 2, 0)),
  });
  const added = new Map<Interest, Set<string>>();
  fc.assert(
    fc.property(fc.array(deed), (deeds) => {
      for (const { thread, what, name, pid } of deeds) {
        const topics = added.get(thread.interest) ?? new Set();
        added.set(thread.interest, topics);
        if (what === "claim") thread.names.claim(name, pid);
        else if (what === "release") thread.names.release(name, pid);
        else if (what === "claimKey") thread.keys.claim(PID, name, pid);
        else if (what === "releaseKey") thread.keys.release(PID, name, pid);
        else if (what === "add" && !topics.has(name)) topics.add(name) && thread.interest.add(name);
        else if (what === "remove" && topics.delete(name)) thread.interest.remove(name);
      }
      const changes: number[] = [];
      main.take((table, index) => addSlot(changes, table, wordsOf(shared)[table] as Int32Array, index));
      applyWords(wordsOf(copy), int32Bytes(changes));
      for (const table of [Table.names, Table.keys, Table.interest]) {
        assert.ok(Buffer.compare(bytesOf(copy, table), bytesOf(shared, table)) === 0, `table ${table}`);
      }
    }),
    { numRuns: 50 },
  );
});

function bytesOf(shared: SharedBuffers, table: Table): Buffer {
  return Buffer.from((wordsOf(shared)[table] as Int32Array).buffer);
}
