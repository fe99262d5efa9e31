import assert from "node:assert/strict";
import { test } from "node:test";
import { Inbox, MAX_INBOX } from "../../src/testing/inbox.js";
import { matches } from "../../src/testing/pattern.js";

const matching: readonly (readonly [pattern: unknown, value: unknown])[] = [
  [undefined, { anything: 1 }],
  [{}, { a: 1 }],
  [{ a: 1 }, { a: 1, b: 2 }],
  [{ a: { b: [1, { c: null }] } }, { a: { b: [1, { c: null, d: 0 }], x: 1 } }],
  [{ gone: undefined }, { a: 1 }],
  [Number.NaN, Number.NaN],
  [/^a/, "abc"],
  [{ n: (n: unknown) => n === 3 }, { n: 3 }],
  [Uint8Array.of(1, 2), Uint8Array.of(1, 2)],
];

const others: readonly (readonly [pattern: unknown, value: unknown])[] = [
  [{ a: 1 }, { b: 1 }],
  [{ a: 1 }, { a: "1" }],
  [{}, null],
  [{}, []],
  [{}, Uint8Array.of()],
  [[1], [1, 2]],
  [[1, 2], [1]],
  [null, undefined],
  [{ gone: undefined }, { gone: 1 }],
  [{ constructor: Object }, {}],
  [/^a/, 1],
  [() => false, 1],
  [Uint8Array.of(1, 2), [1, 2]],
  [Uint8Array.of(1, 2), Uint8Array.of(1, 3)],
];

test("a pattern matches a value that has all it names, whatever else that has", () => {
  for (const [pattern, value] of matching)
    assert.equal(matches(pattern, value), true, JSON.stringify([pattern, value]));
});

test("a pattern does not match what lacks a part of it, or has another there", () => {
  for (const [pattern, value] of others) assert.equal(matches(pattern, value), false, JSON.stringify([pattern, value]));
});

test("a regular expression with a memory matches again", () => {
  const pattern = /a/g;
  assert.deepEqual([matches(pattern, "a"), matches(pattern, "a")], [true, true]);
});

test("a mailbox keeps the newest messages, and says how many it has dropped", () => {
  const inbox = new Inbox(() => []);
  for (let n = 0; n < MAX_INBOX + 2; n++) inbox.add(n);
  assert.deepEqual([inbox.messages.length, inbox.messages[0]], [MAX_INBOX, 2]);
  const { message } = inbox.failure("no such thing", { operator: "test", what: "", expected: undefined });
  assert.match(message, /holds 10000 messages, after 2 that were dropped/);
  assert.equal(inbox.flush().length, MAX_INBOX);
  assert.deepEqual(inbox.messages, []);
});
