/** The recorded Erlang scenarios, on one scheduler each. `npm run conformance -- otp --spread` plays them on threads. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultFolder, loadDifferences, playAll } from "./otp-runner/run.js";
import { loadScenarios } from "./otp-runner/scenario.js";
import { inlineStage } from "./otp-runner/stage.js";

/** Times are doubled: the tests of other files run at the same time. */
const FACTOR = 2;
const AT_ONCE = 48;

test("every scenario recorded on Erlang/OTP goes here as it went there, but for the listed differences", async () => {
  const { always } = loadDifferences();
  const outcomes = await playAll(inlineStage(FACTOR), loadScenarios(defaultFolder), always, AT_ONCE);
  assert.ok(outcomes.length > 300, `only ${outcomes.length} scenarios were found`);
  const failed = outcomes.flatMap((outcome) => (outcome.tag === "failed" ? `${outcome.name}\n${outcome.why}` : []));
  assert.equal(failed.length, 0, `${failed.length} failed:\n${failed.join("\n")}`);
  const different = outcomes.flatMap((outcome) => (outcome.tag === "different" ? outcome.name : []));
  assert.deepEqual(different.sort(), Object.keys(always).sort(), "a listed difference is none any more");
});
