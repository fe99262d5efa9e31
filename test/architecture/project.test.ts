/** What must stay true of the repository as a whole, and no compiler or linter looks at. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { findRoot, mask, readSources } from "./imports.js";

const root = findRoot();
const read = (file: string): string => readFileSync(join(root, file), "utf8");

test("the changelog has an Unreleased heading above every release", () => {
  const headings = read("CHANGELOG.md").match(/^## .*$/gm) ?? [];
  assert.equal(headings[0], "## [Unreleased]");
});

test("every file that package.json exports exists after a build", () => {
  const manifest = JSON.parse(read("package.json")) as { exports: Record<string, string | Record<string, string>> };
  const targets = Object.values(manifest.exports).flatMap((target) =>
    typeof target === "string" ? [target] : Object.values(target),
  );
  assert.ok(targets.length > 0);
  assert.deepEqual(
    targets.filter((target) => !existsSync(join(root, target))),
    [],
  );
});

test("every link between the pages of the repository leads to a file", () => {
  const { stdout } = spawnSync("git", ["ls-files", "-z", "*.md"], { cwd: root, encoding: "utf8" });
  const pages = stdout.split("\0").filter((page) => page !== "");
  // Without git there is still the first page.
  const dead = (pages.length > 0 ? pages : ["README.md"]).flatMap((page) =>
    [...read(page).matchAll(/\]\((?!https?:)([^)#\s]+)(?:#[^)\s]*)?\)/g)]
      .map((match) => join(dirname(page), match[1] as string))
      .filter((target) => !existsSync(join(root, target)))
      .map((target) => `${page} → ${target}`),
  );
  assert.deepEqual(dead, []);
});

test("no file under version control holds a path of somebody's machine", (context) => {
  const listed = spawnSync("git", ["ls-files", "-z"], { cwd: root, encoding: "utf8" });
  if (listed.status !== 0) return context.skip("not a git checkout");
  const files = listed.stdout.split("\0").filter((file) => file !== "" && existsSync(join(root, file)));
  assert.deepEqual(
    files.filter((file) => machinePath.test(read(file))),
    [],
  );
});

test("a path of somebody's machine is recognised, and a part of a longer path or address is not", () => {
  for (const parent of ["home", "work", "Users"]) {
    assert.match(`in "/${parent}/someone/x"`, machinePath);
    assert.match(`file:///${parent}/someone`, machinePath);
    assert.doesNotMatch(`https://example.com/${parent}/page and ./${parent}/x`, machinePath);
  }
});

test("no module of src or workers has a top-level variable that can be reassigned", () => {
  const sources = readSources(root, ["src", "workers"]);
  assert.ok(sources.size > 0, "no sources were found");
  assert.deepEqual(
    [...sources].flatMap(([file, text]) => mutableVariables(text).map((line) => `${file}: ${line}`)),
    [],
  );
});

test("a reassignable top-level variable is recognised, a local one or one in a comment is not", () => {
  const text = "let a = 1;\nexport let b;\nvar c;\nconst d = () => {\n  let e;\n};\n/*\nlet f;\n*/\n";
  assert.deepEqual(mutableVariables(text), ["let a = 1;", "export let b;", "var c;"]);
});

/** An absolute path below a folder in which people, or machines that build, keep their files. */
const machinePath = /(?<![\w.~*-])\/(?:work|home|Users)\/[\w.-]+/;

/** Formatted sources have their top-level statements, and nothing else, in the first column. */
function mutableVariables(text: string): readonly string[] {
  return mask(text).code.match(/^(?:export\s+)?(?:let|var)\s.*$/gm) ?? [];
}
