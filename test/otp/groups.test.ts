import assert from "node:assert/strict";
import { test } from "node:test";
import { Groups } from "../../src/otp/groups.js";

test("a member is in a group as often as it joined, and leaves once at a time", () => {
  const groups = new Groups<string>();
  groups.join("g", "a");
  groups.join("g", "b");
  groups.join("g", "a");
  assert.deepEqual(groups.members("g"), ["a", "a", "b"]);
  assert.equal(groups.leave("g", "a"), true);
  assert.deepEqual(groups.members("g"), ["a", "b"]);
  assert.equal(groups.leave("g", "a"), true);
  assert.equal(groups.leave("g", "a"), false);
  assert.deepEqual(groups.members("g"), ["b"]);
});

test("a group is there while it has members", () => {
  const groups = new Groups<string>();
  assert.equal(groups.leave("g", "a"), false);
  assert.deepEqual(groups.members("__proto__"), []);
  groups.join("g", "a");
  groups.join("__proto__", "a");
  assert.deepEqual(groups.names(), ["g", "__proto__"]);
  groups.leave("g", "a");
  assert.deepEqual(groups.names(), ["__proto__"]);
  assert.equal(groups.has("a"), true);
  groups.leave("__proto__", "a");
  assert.equal(groups.has("a"), false);
  assert.deepEqual(groups.everyone(), []);
});

test("remove takes a member out of all its groups, the last joined first, and tells how often it was in each", () => {
  const groups = new Groups<string>();
  groups.join("g1", "a");
  groups.join("g1", "a");
  groups.join("g1", "b");
  groups.join("g2", "a");
  assert.deepEqual(groups.remove("a"), [
    ["g2", 1],
    ["g1", 2],
  ]);
  assert.deepEqual(groups.remove("a"), []);
  assert.deepEqual(groups.names(), ["g1"]);
  assert.deepEqual(groups.members("g1"), ["b"]);
});
