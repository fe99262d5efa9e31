/** The vital signs of a thread, written and read. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { makePid } from "../../src/core/pid.js";
import { ProcessRecord } from "../../src/runtime/process-record.js";
import { allocateVitals, readLastSlices, readVitals, VitalSigns } from "../../src/runtime/vitals.js";
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
  const last = { pid: "<0.4.7.2>", label: "cart" };
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
    { pid: "<0.4.2>", label: "b", mailboxLength: 1 },
    { pid: "<0.4.1>", label: "a", mailboxLength: 0 },
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
  assert.deepEqual(readVitals(buffer, 4).last, { pid: "<0.4.1>", label: "x".repeat(64) });
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
