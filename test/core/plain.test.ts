import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_PLAIN_LIMITS, toPlain } from "../../src/core/plain.js";

class Account {
  readonly id = 7;
  readonly #secret = "hidden";

  get secret(): string {
    return this.#secret;
  }
}

const cyclic: Record<string, unknown> = { name: "a" };
cyclic.self = cyclic;

const cases: readonly (readonly [what: string, value: unknown, plain: unknown])[] = [
  ["plain data stays as it is", { a: [1, "x", true, null, undefined] }, { a: [1, "x", true, null, undefined] }],
  ["functions, symbols and bigints", [function add() {}, Symbol("s"), 12n], ["[Function add]", "Symbol(s)", "12n"]],
  ["maps", new Map([["k", new Map()]]), { "[Map]": [["k", { "[Map]": [] }]] }],
  ["sets", new Set([1]), { "[Set]": [1] }],
  ["dates and patterns", [new Date(0), /x/g], ["1970-01-01T00:00:00.000Z", "/x/g"]],
  ["bytes", [new Uint8Array([0, 255]), new ArrayBuffer(1)], ["[Uint8Array of 2: 00ff]", "[ArrayBuffer of 1: 00]"]],
  ["many bytes", new Uint8Array(1000), `[Uint8Array of 1000: ${"00".repeat(16)}…]`],
  ["objects of a class, without what is private", new Account(), { "[class]": "Account", id: 7 }],
  ["objects without a prototype", Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
  ["cycles", cyclic, { name: "a", self: "[Circular]" }],
  ["the same object twice is no cycle", [cyclic.name, [1], [1]], ["a", [1], [1]]],
  [
    "a getter that throws",
    {
      get bad(): never {
        throw new Error("not now");
      },
    },
    "[not now]",
  ],
];

for (const [what, value, plain] of cases) {
  test(`as plain data: ${what}`, () => {
    assert.deepEqual(toPlain(value), plain);
    structuredClone(toPlain(value));
  });
}

test("an error keeps its name, message and stack", () => {
  const plain = toPlain(new RangeError("too much")) as { readonly stack: string };
  assert.deepEqual({ ...plain, stack: "" }, { tag: "error", name: "RangeError", message: "too much", stack: "" });
  assert.match(plain.stack, /plain\.test/);
});

test("a key named __proto__ is data and changes no prototype", () => {
  const plain = toPlain(JSON.parse('{"__proto__":{"admin":true}}')) as Record<string, unknown>;
  assert.equal(Object.getPrototypeOf(plain), Object.prototype);
  assert.deepEqual(Object.keys(plain), ["__proto__"]);
});

test("depth, entries and lengths are cut, and it says by how much", () => {
  const limits = { ...DEFAULT_PLAIN_LIMITS, maxDepth: 2, maxEntries: 3, maxStringLength: 4 };
  assert.deepEqual(toPlain({ a: { b: { c: 1 } }, l: { m: [1] } }, limits), {
    a: { b: "[Object]" },
    l: { m: "[Array of 1]" },
  });
  assert.deepEqual(toPlain([1, 2, 3, 4, 5], limits), [1, 2, 3, "… 2 more"]);
  assert.deepEqual(toPlain({ a: 1, b: 2, c: 3, d: 4 }, limits), { a: 1, b: 2, c: 3, "…": "1 more" });
  assert.equal(toPlain("abcdef", limits), "abcd… (6 characters)");
});

test("what is described is bounded in all, however wide and deep a value is", () => {
  const wide = (depth: number): unknown => (depth === 0 ? 1 : Array.from({ length: 30 }, () => wide(depth - 1)));
  let count = 0;
  const visit = (value: unknown): void => {
    count++;
    if (Array.isArray(value)) value.forEach(visit);
  };
  visit(toPlain(wide(4))); // 838,000 values
  assert.ok(count <= DEFAULT_PLAIN_LIMITS.maxValues * 1.1 + 10, `${count} values`);
});
