/**
 * The course: what its pages show is the programs' own text, and what the programs print is what the pages say. A page and its
 * program have the same name: `docs/otp/NN-name.md`, `examples/otp/NN-name/`.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { findRoot } from "../architecture/imports.js";

const root = findRoot();
const programs = readdirSync(join(root, "examples", "otp"), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name)
  .sort();
const pages = readdirSync(join(root, "docs", "otp")).filter((file) => file !== "README.md");

/** The texts of a page's blocks in one language, in their order. */
function blocks(page: string, language: string): string[] {
  const text = readFileSync(join(root, "docs", "otp", `${page}.md`), "utf8");
  const fenced = new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, "gm");
  return [...text.matchAll(fenced)].map((match) => (match[1] as string).trim());
}

/** `app.ts`, then the other files, by name. */
function source(program: string): string {
  const folder = join(root, "examples", "otp", program);
  const files = readdirSync(folder).sort((a, b) => Number(b === "app.ts") - Number(a === "app.ts") || (a < b ? -1 : 1));
  return files.map((file) => readFileSync(join(folder, file), "utf8").trim()).join("\n\n");
}

test("every program of the course has a page, every page a program, and the index names them in order", () => {
  assert.ok(programs.length > 0);
  assert.deepEqual(
    pages.sort(),
    programs.map((program) => `${program}.md`),
  );
  const index = readFileSync(join(root, "docs", "otp", "README.md"), "utf8");
  const linked = [...index.matchAll(/\]\((\d\d-[\w-]+\.md)\)/g)].map((match) => match[1]);
  assert.deepEqual(linked, pages);
});

for (const program of programs) {
  test(`the page ${program} shows its program as it is, from the first line to the last`, () => {
    assert.equal(blocks(program, "ts").join("\n\n"), source(program));
  });

  test(`the program ${program} prints what its page says`, () => {
    const [expected] = blocks(program, "text");
    assert.ok(expected !== undefined, "the page has no ```text block");
    const runner = join(root, "dist", "examples", "otp", "run.js");
    const { status, stdout, stderr } = spawnSync(process.execPath, [runner, program], {
      encoding: "utf8",
      timeout: 60_000,
    });
    assert.equal(status, 0, stderr);
    assert.equal(stdout.trim(), expected);
  });
}
