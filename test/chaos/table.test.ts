/** The table of docs/isolation.md: what is run anew is written anew, all else stays. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { findRoot } from "../architecture/imports.js";
import type { Cell } from "./cell.js";
import { withCells } from "./table.js";

const cell: Cell = {
  ...{ row: "endless_loop", isolation: "thread", cause: "stuck", culprit: "certain", problems: [] },
  ...{ cost: { of: "thread", threads: 1, siblings: 450 }, errorMs: 1066, rejoinMs: 1146, othersMs: 76 },
  ...{ peakRssMib: 142, zombies: 0 },
};
const page = "before\n<!-- matrix: written by `npm run chaos -- matrix --write` -->\n<!-- end of matrix -->\nafter\n";

const rowOf = (text: string, name: string): string =>
  text.split("\n").find((line) => line.includes(`\`${name}\``)) ?? "";

test("a cell is written between the markers, and nothing else of the page is touched", () => {
  const written = withCells(page, [cell], "a machine");
  assert.ok(written.startsWith("before\n<!-- matrix"));
  assert.ok(written.endsWith("<!-- end of matrix -->\nafter\n"));
  assert.equal(
    rowOf(written, "endless_loop"),
    "| `endless_loop` | its thread, 450 channels, culprit certain | 1066 ms, 1146 ms; others 76 ms |  |  |",
  );
});

test("cells of one isolation leave those of the other, and of other rows, as they were", () => {
  const first = withCells(page, [cell, { ...cell, row: "growing_map" }], "a machine");
  const second = withCells(
    first,
    [{ ...cell, isolation: "process", cost: { of: "all", end: "SIGSEGV" } }],
    "a machine",
  );
  assert.equal(rowOf(second, "growing_map"), rowOf(first, "growing_map"));
  assert.match(
    rowOf(second, "endless_loop"),
    /certain \| 1066 ms, 1146 ms; others 76 ms \| \*\*everything\*\*: SIGSEGV \| – \|$/,
  );
});

test("what must not be is said in the cell", () => {
  const written = withCells(page, [{ ...cell, cost: { of: "others" }, problems: ["3 connections lost"] }], "a machine");
  assert.match(rowOf(written, "endless_loop"), /\*\*others\*\* \(3 connections lost\)/);
});

test("docs/isolation.md has a place for the table", () => {
  const text = readFileSync(`${findRoot()}/docs/isolation.md`, "utf8");
  assert.doesNotThrow(() => withCells(text, [], "a machine"));
});
