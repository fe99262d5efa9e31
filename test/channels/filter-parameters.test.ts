import assert from "node:assert/strict";
import { test } from "node:test";
import { application } from "joist";
import {
  checkFilterParameters,
  DEFAULT_FILTER_PARAMETERS,
  type FilterParameters,
  filterParameters,
} from "../../src/channels/filter-parameters.js";

const gone = "[FILTERED]";
const list = DEFAULT_FILTER_PARAMETERS;
const keepId: FilterParameters = { keep: ["id"] };
const cases: readonly (readonly [what: string, filter: FilterParameters, params: unknown, logged: unknown])[] = [
  ["a key that is a term", list, { password: "x", a: 1 }, { password: gone, a: 1 }],
  [
    "a key that contains a term",
    list,
    { user_password_1: "x", authToken: "x" },
    { user_password_1: gone, authToken: "x" },
  ],
  ["case matters", list, { Password: "x", tokens: 1 }, { Password: "x", tokens: gone }],
  ["nested keys", list, { a: [{ b: { token: "x", c: null } }] }, { a: [{ b: { token: gone, c: null } }] }],
  ["a whole tree below a key", list, { token: { id: [1, { deep: 2 }] } }, { token: gone }],
  ["a string with a term and =", list, { url: "/a?token=1", s: "token 1" }, { url: gone, s: "token 1" }],
  ["such a string in a list, and alone", list, ["password=1", ["b"]], [gone, ["b"]]],
  ["no object at all", list, "password=1", gone],
  ["null and numbers", list, { a: null, b: 1.5, c: false }, { a: null, b: 1.5, c: false }],
  ["no terms: nothing", [], { password: "x" }, { password: "x" }],
  [
    "a key named __proto__",
    list,
    JSON.parse('{"__proto__":{"token":1}}'),
    JSON.parse('{"__proto__":{"token":"[FILTERED]"}}'),
  ],
  ["keep: all leaves but those keys", keepId, { id: 7, name: "x", n: null }, { id: 7, name: gone, n: gone }],
  ["keep: exactly those keys", keepId, { user_id: 7, a: { id: { b: 1 } } }, { user_id: gone, a: { id: { b: 1 } } }],
  ["keep: lists are walked", keepId, [{ id: 1 }, "x", 2], [{ id: 1 }, gone, gone]],
  ["keep: nothing", { keep: [] }, { a: [1, "b"] }, { a: [gone, gone] }],
  ["long strings are cut", list, { a: "x".repeat(300) }, { a: `${"x".repeat(200)}… (300 characters)` }],
  ["bytes are described", list, new Uint8Array(3), "[Uint8Array of 3: 000000]"],
];

for (const [what, filter, params, logged] of cases) {
  test(`the log filter: ${what}`, () => {
    const before = structuredClone(params);
    assert.deepEqual(filterParameters(params, filter), logged);
    assert.deepEqual(params, before, "what is handled must not change for what is logged");
  });
}

test("long lists are cut, and what is too deep is not shown", () => {
  const logged = filterParameters({ list: Array(1000).fill(1), deep: nested(100) }, list) as Record<string, unknown>;
  assert.equal((logged.list as unknown[]).length, 51);
  assert.ok(JSON.stringify(logged.deep).length < 100);
});

function nested(depth: number): unknown {
  return depth === 0 ? { token: "x" } : { a: nested(depth - 1) };
}

test("a bad filter is refused with the value and what is allowed", () => {
  for (const bad of ["password", [1], [""], { keep: "id" }, {}, null, { keep: [null] }]) {
    assert.throws(() => checkFilterParameters(bad as never), { code: "JOIST_BAD_OPTION" });
  }
  const message = 'bad filterParameters "password": allowed is a list of non-empty strings, or { keep: such a list }';
  assert.throws(() => application({ filterParameters: "password" as never }), { code: "JOIST_BAD_OPTION", message });
});
