/**
 * Channels that loop for ever, swell, or sit in a call that does not return, in an OS process for each: if that aborts, it is a
 * failed test. What came of it as a table: `npm run chaos`.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Deed } from "../support/apps/hostile.js";
import type { Outcome } from "../support/hostile.js";

const program = fileURLToPath(new URL("../support/hostile.js", import.meta.url));

function outcomeOf(deed: Deed): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [program, deed], { timeout: 120_000 }, (error, stdout, stderr) => {
      if (error === null) resolve(JSON.parse(stdout) as Outcome);
      else reject(new Error(`${deed}: ${error.signal ?? error.code}\n${stderr.slice(-2000)}`));
    });
  });
}

const STUCK = /^it stood still for \d+ ms \(maxBlockMs is 1000\)$/;
const SWOLLEN = /^it holds \d+ MiB, more than maxHeapBytes \(96 MiB\)$/;

const cases: readonly (readonly [deed: Deed, cause: "stuck" | "swollen", culprit: Outcome["culprit"]])[] = [
  ["endless_loop", "stuck", "certain"],
  ["microtask_loop", "stuck", "likely"],
  ["loop_after_await", "stuck", "likely"],
  ["catastrophic_regex", "stuck", "certain"],
  ["json_parse_loop", "stuck", "certain"],
  ["native_call", "stuck", "certain"],
  ["growing_map", "swollen", "certain"],
  ["growing_array", "swollen", "certain"],
  ["small_objects", "swollen", "certain"],
  ["doubling_string", "swollen", "certain"],
  ["huge_arrays", "swollen", "certain"],
  ["buffers", "swollen", "certain"],
  ["array_buffers", "swollen", "certain"],
  ["leak_in_turns", "swollen", "likely"],
];

/** How the black box is taken, where that is certain. */
const boxes: Partial<Record<Deed, Outcome["box"]>> = {
  endless_loop: "interrupted",
  microtask_loop: "interrupted",
  loop_after_await: "interrupted",
  catastrophic_regex: "interrupted",
  native_call: "memory",
  growing_map: "memory",
  huge_arrays: "memory",
};

for (const [deed, cause, culprit] of cases) {
  test(`${deed}: the thread is replaced as ${cause}, its channels are told once, all others never notice`, async (t) => {
    const outcome = await outcomeOf(deed);
    t.diagnostic(JSON.stringify(outcome));
    assert.equal(outcome.cause, cause);
    assert.match(outcome.reason, cause === "stuck" ? STUCK : SWOLLEN);
    assert.deepEqual([outcome.culprit, outcome.label], [culprit, "channel room:a"]);
    assert.deepEqual([outcome.surplus, outcome.threadsDown], [0, 1]);
    assert.ok(outcome.lost > 0 && outcome.unharmed > 0);
    assert.ok(outcome.zombies <= 1);
    if (boxes[deed] !== undefined) assert.equal(outcome.box, boxes[deed]);
    assert.ok(outcome.boxIsRight, "its black box is of the channel, with its message and without secrets");
  });
}
