/** The runner judges by this, so it is held against what it must not let pass. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { matchStep } from "./match.js";
import type { Event, Expected } from "./scenario.js";

const json = (value: string | number): Event => ({ json: value });

function matches(expected: readonly Expected[], actual: readonly Event[]): boolean {
  return matchStep({ a: expected }, new Map([["a", actual]]), [], new Map()) !== undefined;
}

test("events must be the expected ones, in order, no more and no less", () => {
  assert.ok(matches([json(1), json(2)], [json(1), json(2)]));
  assert.ok(!matches([json(1), json(2)], [json(2), json(1)]));
  assert.ok(!matches([json(1)], []));
  assert.ok(!matches([json(1)], [json(1), json(1)]));
  assert.ok(!matches([json(1)], [json("1")]));
  assert.ok(!matches([], [json(1)]));
});

test("unordered events may come in any order, but all of them, and before what follows", () => {
  const expected = [{ unordered: [json(1), json(2)] }, json(3)];
  assert.ok(matches(expected, [json(2), json(1), json(3)]));
  assert.ok(!matches(expected, [json(2), json(3), json(1)]));
  assert.ok(!matches(expected, [json(2), json(2), json(3)]));
});

test("a maybe comes at any place, once, or not at all", () => {
  const expected = [json(1), json(2), { maybe: json(9) }];
  assert.ok(matches(expected, [json(1), json(2)]));
  assert.ok(matches(expected, [json(9), json(1), json(2)]));
  assert.ok(matches(expected, [json(1), json(9), json(2)]));
  assert.ok(!matches(expected, [json(9), json(1), json(9), json(2)]));
});

test("a name stands for one string, and two names for two", () => {
  const names = (...texts: string[]) => [{ unordered: [json("<x#1>"), json("<x#2>")] }, ...texts.map(json)];
  assert.ok(matches(names("<x#1>"), [json("p"), json("q"), json("q")]));
  assert.ok(!matches(names("<x#1>"), [json("p"), json("q"), json("r")]));
  assert.ok(!matches(names(), [json("p"), json("p")]));
});

test("names are the same for all clients of a step, whoever is looked at first", () => {
  const expected = { a: [{ unordered: [json("<x#1>"), json("<x#2>")] }], b: [json("<x#2>")] };
  const actual = (b: string) => new Map([["a", [json("p"), json("q")]], ["b", [json(b)]]]); // biome-ignore format: a table
  assert.equal(matchStep(expected, actual("p"), [], new Map())?.get("<x#2>"), "p");
  assert.equal(matchStep(expected, actual("z"), [], new Map()), undefined);
});

test("objects have the expected keys and no others; fillings are written out", () => {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: that is how the transcripts write it
  const expected = [{ json: { a: null, b: "x${fill:3}", c: "<any-string>" } }];
  assert.ok(matches(expected, [{ json: { c: "", b: "xaaa", a: null } }]));
  assert.ok(!matches(expected, [{ json: { b: "xaaa", c: "" } }]));
  assert.ok(!matches(expected, [{ json: { a: null, b: "xaaa", c: "", d: 1 } }]));
});
