import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { limitCodes } from "../../src/core/limit-codes.js";
import { findRoot } from "./imports.js";

test("docs/channels/limits.md has every code that limits are counted by, and no other", () => {
  const page = readFileSync(join(findRoot(), "docs", "channels", "limits.md"), "utf8");
  const found = [...page.matchAll(/`((?:refused|paused|closed|dropped)\.[a-z_.]+)`/g)].map(
    ([, code]) => code as string,
  );
  assert.deepEqual([...new Set(found)].toSorted(), limitCodes.toSorted());
});
