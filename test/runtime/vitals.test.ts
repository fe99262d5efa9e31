/** The vital signs of a thread, written and read. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { makePid } from "../../src/core/pid.js";
import { ProcessRecord } from "../../src/runtime/process-record.js";
import { allocateVitals, readLastSlices, readVitals, VitalSigns } from "../../src/runtime/watchdog/vitals.js";
import { inline } from "../support/inline.js";

const { scheduler } = inline();

function process_(serial: number, creator: number, label: string): ProcessRecord {
  const definition = { kind: "worker", boot: () => ({ handle: () => {} }) };
  return new ProcessRecord(scheduler, makePid(4, serial, creator), null, definition, null, label);
}

test("a slice shows its process while it runs, and after it as the last one", () => {
  const buffer = allocateVitals();
  const vitals = new VitalSigns(buffer);
  assert.equal(readVitals(buffer, 4).last, null);
  vitals.begin(process_(7, 2, "cart"));
  const last = { pid: "<0.4.7.2>", label: "cart", definition: 0 };
  assert.deepEqual({ ...readVitals(buffer, 4) }, { beat: 0, heapBytes: 0, isFull: false, isRunning: true, last });
  vitals.end();
  assert.equal(readVitals(buffer, 4).isRunning, false);
  assert.deepEqual(readVitals(buffer, 4).last, last);
});

test("the processes of the last slices are shown, the newest first, each once in a row, with what waited for them", () => {
  const buffer = allocateVitals();
  const vitals = new VitalSigns(buffer);
  assert.deepEqual(readLastSlices(buffer, 4), []);
  const [a, b] = [process_(1, 4, "a"), process_(2, 4, "b")];
  b.mailbox.push("waiting");
  for (const record of [a, a, b, b]) vitals.begin(record);
  assert.deepEqual(readLastSlices(buffer, 4), [
    { pid: "<0.4.2>", label: "b", definition: 0, mailboxLength: 1 },
    { pid: "<0.4.1>", label: "a", definition: 0, mailboxLength: 0 },
  ]);
  for (let i = 3; i <= 20; i++) vitals.begin(process_(i, 4, "many"));
  assert.deepEqual(
    readLastSlices(buffer, 4).map(({ pid }) => pid),
    [20, 19, 18, 17, 16, 15, 14, 13].map((serial) => `<0.4.${serial}>`),
  );
});

test("a changed label is shown; a long one is cut", () => {
  const buffer = allocateVitals();
  const vitals = new VitalSigns(buffer);
  const record = process_(1, 4, "x".repeat(100));
  vitals.begin(record);
  assert.deepEqual(readVitals(buffer, 4).last, { pid: "<0.4.1>", label: "x".repeat(64), definition: 0 });
  record.label = "other";
  vitals.introduce(record);
  vitals.begin(record);
  assert.equal(readVitals(buffer, 4).last?.label, "other");
});

test("of more labels than there is room for, later processes show their kind", () => {
  const buffer = allocateVitals();
  const vitals = new VitalSigns(buffer);
  for (let i = 1; i <= 1000; i++) vitals.begin(process_(i, 4, `room:${i}`));
  assert.equal(readVitals(buffer, 4).last?.label, "worker");
  vitals.begin(process_(1001, 4, "room:3"));
  assert.equal(readVitals(buffer, 4).last?.label, "room:3");
});

test("the definition of a process is shown by its number, unless it runs here although it is kept elsewhere", () => {
  const { scheduler } = inline();
  const define = (kind: string) => ({ kind, boot: () => ({ handle: () => {} }) });
  const [first, second] = [define("first"), define("second")];
  scheduler.definitions.collect({ first, second });
  const buffer = allocateVitals();
  const vitals = new VitalSigns(buffer);
  const shown = (definition: ReturnType<typeof define>, label: string): unknown => {
    const record = new ProcessRecord(scheduler, makePid(4, 1, 4), null, definition, null, label);
    vitals.begin(record);
    const before = readVitals(buffer, 4).last;
    record.label = "renamed";
    vitals.introduce(record);
    vitals.begin(record);
    assert.deepEqual(readVitals(buffer, 4).last, { ...before, label: "renamed" });
    return before?.definition;
  };
  assert.deepEqual([shown(second, "b"), shown(first, "a"), shown(define("third"), "c")], [2, 1, 0]);
  scheduler.placements.place(["second"], 3);
  assert.deepEqual([shown(second, "b"), shown(first, "a")], [0, 1]);
});

test("a process that lived before its definition was kept elsewhere keeps its number, under each new label", () => {
  const { scheduler } = inline();
  const definition = { kind: "worker", boot: () => ({ handle: () => {} }) };
  scheduler.definitions.collect({ definition });
  const buffer = allocateVitals();
  const vitals = new VitalSigns(buffer);
  const record = new ProcessRecord(scheduler, makePid(4, 1, 4), null, definition, null, "old");
  vitals.begin(record);
  scheduler.placements.place(["definition"], 3);
  record.label = "new";
  vitals.introduce(record);
  vitals.begin(record);
  assert.deepEqual(readVitals(buffer, 4).last, { pid: "<0.4.1>", label: "new", definition: 1 });
});
