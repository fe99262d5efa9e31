/** Which definitions threads die of: the decision, as tables. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Blames, blame } from "../../src/runtime/hosts/quarantine.js";

const limits = { quarantineAfter: 3, quarantineWindowMs: 1000 };

/** What each death of `[definition, at]` brings: how many count, with an exclamation mark if it is enough. */
function counts(deaths: readonly (readonly [definition: string, atMs: number])[], with_ = limits): string[] {
  let blames: Blames = new Map();
  return deaths.map(([definition, atMs]) => {
    const [next, { isEnough, count }] = blame(blames, definition, atMs, with_);
    blames = next;
    return `${count}${isEnough ? "!" : ""}`;
  });
}

for (const [name, deaths, expected] of [
  [
    "the third death within the window is enough",
    [
      ["a", 0],
      ["a", 500],
      ["a", 1000],
    ],
    ["1", "2", "3!"],
  ],
  [
    "a death counts for as long as the window, and no longer",
    [
      ["a", 0],
      ["a", 500],
      ["a", 1001],
      ["a", 1501],
    ],
    ["1", "2", "2", "2"],
  ],
  [
    "each definition has its own count",
    [
      ["a", 0],
      ["b", 0],
      ["a", 1],
      ["b", 1],
      ["a", 2],
    ],
    ["1", "1", "2", "2", "3!"],
  ],
  [
    "after it was enough, the count begins anew",
    [
      ["a", 0],
      ["a", 1],
      ["a", 2],
      ["a", 3],
    ],
    ["1", "2", "3!", "1"],
  ],
] as const) {
  test(name, () => assert.deepEqual(counts(deaths), expected));
}

test("with quarantineAfter 1 the first one is enough; with 0 none ever is", () => {
  assert.deepEqual(counts([["a", 0]], { ...limits, quarantineAfter: 1 }), ["1!"]);
  const many = Array.from({ length: 5 }, () => ["a", 0] as const);
  assert.deepEqual(counts(many, { ...limits, quarantineAfter: 0 }), ["1", "2", "3", "4", "5"]);
});

test("what is too long ago is forgotten, whoever it was", () => {
  const [first] = blame(new Map(), "a", 0, limits);
  const [second] = blame(first, "b", 2000, limits);
  assert.deepEqual([...second.keys()], ["b"]);
});
