import assert from "node:assert/strict";
import { test } from "node:test";
import { receive, self, send } from "../../src/runtime/process.js";
import { inline } from "../support/inline.js";

test("a fault at the end of a turn is reported; other actions run, and so do the turns after it", async () => {
  const { scheduler, reports, run } = inline();
  await run(async () => {
    let ran = 0;
    scheduler.afterTurn(() => {
      throw new Error("a write failed");
    });
    scheduler.afterTurn(() => ran++);
    send(self(), "next turn");
    assert.equal(await receive(), "next turn");
    while (ran === 0) await receive(() => false, 1);
    assert.equal(ran, 1);
  });
  assert.deepEqual(
    reports.map((report) => report.tag === "notice" && report.message),
    ["at the end of a turn: Error: a write failed"],
  );
});
