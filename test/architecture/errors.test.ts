/** What can go wrong, in the source and on the page that explains it. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ErrorCode } from "joist";
import { findRoot } from "./imports.js";

const root = findRoot();
const page = readFileSync(join(root, "docs", "errors.md"), "utf8");

/** Close codes that `ws` sends by itself, when it finds frames broken, no UTF-8, or too large. */
const codesOfWs = ["1002", "1007", "1009"];

/** What the pattern's first group matched in the source of these folders, once each, in order. */
function inSource(folders: readonly string[], pattern: RegExp): string[] {
  const files = folders.flatMap((folder) =>
    readdirSync(join(root, "src", folder), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts"))
      .map((file) => join(root, "src", folder, file)),
  );
  return ordered(files.flatMap((file) => groups(readFileSync(file, "utf8"), pattern)));
}

function onPage(pattern: RegExp): string[] {
  const found = groups(page, pattern);
  assert.deepEqual(found.toSorted(), ordered(found), "a row is there twice");
  return ordered(found);
}

function groups(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map((match) => match[1] as string);
}

function ordered(found: readonly string[]): string[] {
  return [...new Set(found)].toSorted();
}

test("docs/errors.md explains every error code, and no other", () => {
  assert.deepEqual(onPage(/^\| `(JOIST_[A-Z_]+)` \|/gm), Object.values(ErrorCode).toSorted());
});

test("docs/errors.md explains every close code, and no other", () => {
  const ours = inSource(["channels", "endpoint", "transports"], /(?:lose|end|closeWith)\(\s*(1\d{3})\b/g);
  assert.deepEqual(onPage(/^\| close (\d+) \|/gm), ordered([...ours, ...codesOfWs]));
});

test("docs/errors.md explains every status that an upgrade is refused with, and no other", () => {
  const atUpgrade = inSource(["endpoint"], /(?:refuse|turnAway)\([^\n]*?\b([45]\d\d)\b/g);
  assert.deepEqual(onPage(/^\| HTTP (\d+) \|/gm), atUpgrade);
});

test("docs/errors.md explains every status of a long poll, and no other", () => {
  assert.deepEqual(
    onPage(/^\| long poll, HTTP (\d+) \|/gm),
    inSource(["endpoint", "transports"], /answerHttp\(\w+, ([45]\d\d)\b/g),
  );
  const inBodies = ordered(groups(page, /\{"status":(\d+)\}/g));
  assert.deepEqual(inBodies, inSource(["transports"], /^ {2}\w+: (\d{3}),$/gm));
});

test("docs/errors.md explains every reason the library itself gives a client, and no other", () => {
  const reasons = inSource(["channels"], /\{ reason: "([^"]+)" \}/g);
  assert.deepEqual(onPage(/^\| (?:reply error|`phx_error`) `([^`]+)` \|/gm), reasons);
});
