/** The examples of docs/testing.md compile, and their tests pass: they are copied. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { findRoot } from "../architecture/imports.js";

const root = findRoot();
// Inside the package, so that `joist` resolves to it as it does for who has installed it.
const folder = join(root, "dist", "docs-testing");
const blocks = [
  ...readFileSync(join(root, "docs", "testing.md"), "utf8").matchAll(/^```ts\n\/\/ (\S+)\n([\s\S]*?)^```/gm),
];

after(() => rmSync(folder, { recursive: true, force: true }));

function run(args: readonly string[]): void {
  // Told that it is a test file of an outer run, an inner one would report to that.
  const { NODE_TEST_CONTEXT, ...env } = process.env;
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: "utf8", env });
  assert.equal(status, 0, stdout + stderr);
}

test("the examples of docs/testing.md compile, and their tests pass", () => {
  assert.equal(blocks.length, 2);
  mkdirSync(folder, { recursive: true });
  for (const [, name, text] of blocks) {
    // With the time that a busy machine needs.
    const patient = text?.replaceAll("startTest(url)", "startTest(url, { assertTimeoutMs: 2000 })");
    writeFileSync(join(folder, name as string), patient as string);
  }
  const files = blocks.map(([, name]) => join(folder, name as string));
  const flags = "--ignoreConfig --strict --module nodenext --target es2023 --types node --skipLibCheck";
  run([join(root, "node_modules", "typescript", "bin", "tsc"), ...flags.split(" "), ...files]);
  run(["--test", "--test-timeout=60000", join(folder, "app.test.js")]);
});
