import assert from "node:assert/strict";
import { test } from "node:test";
import { type Entry, equals } from "./scenario.js";

const [a, b] = [
  ["p#1", "note", 1],
  ["q#1", "note", 2],
];

test("without an order all events have to come as they are listed", () => {
  assert.ok(equals({ events: [a, b] }, { events: [a, b] }));
  assert.ok(!equals({ events: [a, b] }, { events: [b, a] }));
});

test("with an order only its pairs count, and the events in any case", () => {
  const free: Entry = { events: [a, b, a], order: [] };
  assert.ok(equals(free, { events: [a, a, b] }));
  assert.ok(!equals(free, { events: [a, b, b] }));
  assert.ok(!equals(free, { events: [a, b] }));
  // The second occurrence of `a` after `b`: which of the two it is depends on their order alone.
  const pair: Entry = { events: [a, b, a], order: [[1, 2]] };
  assert.ok(equals(pair, { events: [a, b, a] }));
  assert.ok(equals(pair, { events: [b, a, a] }));
  assert.ok(!equals(pair, { events: [a, a, b] }));
});

test("exits have no order, but have to be the same; keys have no order anywhere", () => {
  const want: Entry = { events: [{ set: [], pid: "p#1" }], exits: { "p#1": "normal", "q#1": ["shutdown", 1] } };
  const got: Entry = { events: [{ pid: "p#1", set: [] }], exits: { "q#1": ["shutdown", 1], "p#1": "normal" } };
  assert.ok(equals(want, got));
  assert.ok(!equals(want, { ...got, exits: { "p#1": "normal" } }));
  assert.ok(!equals({ events: [] }, { events: [], exits: { "p#1": "normal" } }));
});
