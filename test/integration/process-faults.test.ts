/**
 * Channels that end the OS process they run in, with `isolation: "process"`: faults, and heaps that V8 aborts at, as no watchdog is
 * there to see them grow. On threads each of these would end everything. In an OS process for each, as in `watchdog.test.ts`.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Deed } from "../support/apps/hostile.js";
import type { Outcome } from "../support/hostile.js";

const program = fileURLToPath(new URL("../support/hostile.js", import.meta.url));

function outcomeOf(deed: Deed): Promise<Outcome> {
  const args = ["--max-old-space-size=96", program, deed, "unwatched"];
  const options = { timeout: 120_000, env: { ...process.env, JOIST_ISOLATION: "process" } };
  return new Promise((resolve, reject) => {
    execFile(process.execPath, args, options, (error, stdout, stderr) => {
      if (error === null) resolve(JSON.parse(stdout) as Outcome);
      else reject(new Error(`${deed}: ${error.signal ?? error.code}\n${stderr.slice(-2000)}`));
    });
  });
}

const cases: readonly (readonly [deed: Deed, signal: string, culprit: Outcome["culprit"]])[] = [
  // It happens at once: who it was could not be told any more.
  ["abort", "SIGABRT", "none"],
  ["segmentation_fault", "SIGSEGV", "none"],
  ["killed", "SIGKILL", "none"],
  // It takes a while, in which who runs is told several times.
  ["growing_map", "SIGABRT", "likely"],
  ["growing_array", "SIGABRT", "likely"],
];

for (const [deed, signal, culprit] of cases) {
  const title = `${deed}: the OS process is replaced, its channels are told once and come back, all others never notice`;
  test(title, { skip: process.platform === "win32" }, async (t) => {
    const outcome = await outcomeOf(deed);
    t.diagnostic(JSON.stringify(outcome));
    assert.deepEqual([outcome.cause, outcome.reason], ["exit", `its OS process was ended by ${signal}`]);
    assert.equal(outcome.culprit, culprit);
    assert.deepEqual([outcome.surplus, outcome.threadsDown, outcome.zombies], [0, 1, 0]);
    assert.ok(outcome.lost > 0 && outcome.unharmed > 0);
  });
}
