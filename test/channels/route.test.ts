import assert from "node:assert/strict";
import { test } from "node:test";
import { findRoute, resolveRoutes } from "../../src/channels/route.js";

const routes = resolveRoutes(
  [
    ...["ping", "ping:*", "room:*", "presence:*", "wild:a:*", "wild:*", "wild:exact", "first:exact", "first:*", "pre*"],
  ].map((pattern) => [pattern, `<${pattern}>`] as const),
);

const topics: readonly [unknown, string | undefined][] = [
  ["ping", "<ping>"],
  ["ping:a", "<ping:*>"],
  ["ping:a:b:c", "<ping:*>"],
  ["ping:*", "<ping:*>"],
  ["ping:", "<ping:*>"],
  ["Ping", undefined],
  ["pings", undefined],
  ["wild:a:1", "<wild:a:*>"],
  ["wild:a:", "<wild:a:*>"],
  ["wild:a", "<wild:*>"],
  ["wild:exact", "<wild:*>"],
  ["first:exact", "<first:exact>"],
  ["first:other", "<first:*>"],
  ["presence:rt", "<presence:*>"],
  ["pre", "<pre*>"],
  ["pretty", "<pre*>"],
  ["room:żółw🐢", "<room:*>"],
  ["phoenix", undefined],
  ["", undefined],
  [null, undefined],
  [7, undefined],
  [["ping"], undefined],
];
for (const [topic, target] of topics) {
  test(`the topic ${JSON.stringify(topic)} goes to ${target ?? "no channel"}`, () => {
    assert.equal(findRoute(routes, topic)?.target, target);
  });
}

test("a star alone matches every topic", () => {
  const all = resolveRoutes([["*", 1]]);
  assert.equal(findRoute(all, "")?.target, 1);
  assert.equal(findRoute(all, "a:b")?.target, 1);
});

test("a star that is not the last character is refused", () => {
  for (const pattern of ["*:a", "room:*:x", "**"]) {
    assert.throws(() => resolveRoutes([[pattern, 1]]), { code: "JOIST_BAD_OPTION", message: /not its last character/ });
  }
});
