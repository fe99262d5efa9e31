import assert from "node:assert/strict";
import { test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { canonicalKey } from "../../src/core/canonical-key.js";

/** Plain data of few different values, so that two of them are often equal. */
const key = fc.letrec<{ any: unknown }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.constantFrom(
      "",
      "a",
      '"',
      ",",
      "1",
      "null",
      'a","b',
      0,
      1,
      1.5,
      Number.NaN,
      1n,
      true,
      null,
      undefined,
      "[1]",
      "1n",
    ),
    fc.array(tie("any"), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom("a", "b", '"'), tie("any"), { maxKeys: 2 }),
    fc.constantFrom(new Date(1), new Uint8Array([1, 23]), new Uint8Array([12, 3])),
    fc.array(tie("any"), { maxLength: 2 }).map((members) => new Set(members)),
    fc.array(fc.tuple(fc.constantFrom("a", 1), tie("any")), { maxLength: 2 }).map((entries) => new Map(entries)),
  ),
})).any;

test("two keys have one canonical form exactly if they are structurally equal", () => {
  const equal = (a: unknown, b: unknown): boolean => isDeepStrictEqual(plain(a), plain(b));
  fc.assert(
    fc.property(key, key, (a, b) => (canonicalKey(a) === canonicalKey(b)) === equal(a, b)),
    { numRuns: 2000 },
  );
});

/** fast-check's dictionaries may have no prototype, which is no difference to a key. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Set) return new Set([...value].map(plain));
  if (value instanceof Map) return new Map([...value].map(([name, inner]) => [name, plain(inner)]));
  if (typeof value !== "object" || value === null || value instanceof Date || value instanceof Uint8Array) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner)]));
}

test("a copy of a key is the same key, and so is one whose properties came in another order", () => {
  fc.assert(fc.property(key, (value) => canonicalKey(structuredClone(value)) === canonicalKey(value)));
  assert.equal(canonicalKey({ a: 1, b: [2] }), canonicalKey({ b: [2], a: 1 }));
  assert.equal(canonicalKey(-0), canonicalKey(0));
});

test("what is no plain data, too deep or too long is refused", () => {
  const cycle: unknown[] = [];
  cycle.push(cycle);
  for (const bad of [() => {}, Symbol("s"), new (class Room {})(), [new Error("e")], cycle, "x".repeat(4096)]) {
    assert.throws(() => canonicalKey(bad), { code: "JOIST_BAD_ARGUMENT" });
  }
  assert.equal(canonicalKey("x".repeat(4095)).length, 4096);
});
