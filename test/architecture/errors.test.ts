import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ErrorCode } from "joist";
import { findRoot } from "./imports.js";

test("docs/errors.md explains every error code, and no other", () => {
  const page = readFileSync(join(findRoot(), "docs", "errors.md"), "utf8");
  const explained = [...page.matchAll(/^\| `(JOIST_[A-Z_]+)` \|/gm)].map((match) => match[1]);
  assert.deepEqual(explained.toSorted(), Object.values(ErrorCode).toSorted());
});
