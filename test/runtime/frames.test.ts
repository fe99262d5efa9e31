/** Frames on their way between OS processes, and the tables that are told of in them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { makePid } from "../../src/core/pid.js";
import { allocateShared } from "../../src/runtime/boot-scheduler.js";
import { fromBytes } from "../../src/runtime/links/bytes.js";
import { FrameReader, frameHead, Kind, readdress, valueFrame } from "../../src/runtime/links/frames.js";
import { Interest } from "../../src/runtime/shared/interest.js";
import { Keys } from "../../src/runtime/shared/keys.js";
import {
  addAll,
  addCleared,
  addSlot,
  applyWords,
  int32Bytes,
  slotFreed,
  Table,
  wordsOf,
} from "../../src/runtime/shared/mirror.js";
import { Names } from "../../src/runtime/shared/names.js";
import { Cells } from "../../src/runtime/shared/shared.js";

test("frames come out whole and in order, however the stream is cut", () => {
  const frames = fc.array(fc.record({ thread: fc.nat(70_000), value: fc.anything({ maxDepth: 2 }) }), { maxLength: 8 });
  fc.assert(
    fc.property(frames, fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (given, cuts) => {
      const stream = Buffer.concat(given.map(({ thread, value }) => valueFrame(Kind.batch, thread, value)));
      const got: unknown[] = [];
      const reader = new FrameReader((kind, thread, body, frame) => {
        assert.equal(kind, Kind.batch);
        assert.equal(frame.length, body.length + 12);
        got.push({ thread, value: fromBytes(body) });
      });
      for (let at = 0, cut = 0; at < stream.length; cut++) {
        const end = at + (cuts[cut % cuts.length] as number);
        reader.take(stream.subarray(at, end));
        at = end;
      }
      assert.deepEqual(
        got,
        given.map(({ thread, value }) => ({ thread, value: structuredClone(value) })),
      );
    }),
  );
});

test("a frame without a body is one, and one that is passed on keeps its own", () => {
  const got: unknown[] = [];
  const reader = new FrameReader((kind, thread, body) => got.push([kind, thread, body.length]));
  const passed = valueFrame(Kind.batch, 1, "x");
  readdress(passed, 9);
  reader.take(Buffer.concat([frameHead(0, Kind.welcome, 3), passed]));
  assert.deepEqual(got, [
    [Kind.welcome, 3, 0],
    [Kind.batch, 9, passed.length - 12],
  ]);
});

test("a copy that is filled later, and one that is told of each change, say the same as the tables", () => {
  const shared = allocateShared(3);
  const [early, late] = [allocateShared(3, 0, shared.seed), allocateShared(3, 0, shared.seed)];
  const changes: number[] = [];
  const written = (table: Table, index: number): void =>
    addSlot(changes, table, wordsOf(shared)[table] as Int32Array, index);
  const mirror = {
    authority: null,
    writes: () => {},
    written,
    freed: (table: Table, index: number) => written(table, slotFreed(table, index)),
    interested: (word: number) => written(Table.interest, word),
    cleared: (slot: number) => addCleared(changes, slot),
    loaded: () => {},
  };
  const cells = new Cells(shared, mirror);
  cells.setThread(0, 0);
  cells.setThread(1, 7);
  const keys = new Keys(shared, cells, 0, mirror);
  const names = new Names(shared, cells, keys, mirror);
  const interest = new Interest(shared, 2, mirror);
  const pid = makePid(7, 1, 0);
  for (let i = 0; i < 20_000; i++) keys.claim(pid, `key ${i}`, pid, i); // more than a call can have arguments
  keys.release(pid, "key 3", pid);
  names.claim("kept", pid);
  names.claim("given back", pid);
  names.release("given back", pid);
  interest.add("topic");
  interest.add("other");
  new Interest(shared, 1, mirror).add("topic");
  interest.clearSlot(1);

  applyWords(wordsOf(early), int32Bytes(changes));
  const all: number[] = [];
  addAll(all, wordsOf(shared));
  applyWords(wordsOf(late), int32Bytes(all));
  for (const copy of [early, late]) {
    assert.deepEqual(wordsOf(copy), wordsOf(shared));
    const copiedCells = new Cells(copy);
    const copied = new Names(copy, copiedCells, new Keys(copy, copiedCells, 7));
    assert.equal(copied.whereis("kept"), pid);
    assert.equal(copied.whereis("given back"), undefined);
    assert.equal(copied.keys.whereis(pid, "key 19999"), pid);
    assert.equal(copied.keys.dataOf(pid, "key 19999"), 19_999);
    assert.equal(copied.keys.whereis(pid, "key 3"), undefined);
    assert.equal(new Interest(copy, 0).slotsFor("topic"), 1 << 2);
  }
});
