/**
 * `npm run conformance -- otp [DIR]`: plays recorded Erlang scenarios on the runtime.
 *
 *   --spread       the processes of a scenario run on three threads in turn, instead of all on one scheduler
 *   --isolation=process   spread, and the schedulers are OS processes of their own
 *   --only=TEXT    scenarios with that in their AREA/NAME
 *   --factor=N     multiplies all times; for a slow machine
 */
import { parseArgs } from "node:util";
import { defaultFolder, loadDifferences, playAll } from "./run.js";
import { loadScenarios } from "./scenario.js";
import { inlineStage, spreadStage } from "./stage.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    spread: { type: "boolean", default: false },
    isolation: { type: "string", default: "thread" },
    only: { type: "string", default: "" },
    factor: { type: "string" },
  },
});
const { only } = values;
const isolation = values.isolation as "thread" | "process"; // anything else is refused at the start
const spread = values.spread || isolation !== "thread";
const factor = Number(values.factor ?? (spread ? 2 : 1));
if (!(Number.isInteger(factor) && factor > 0)) throw new Error(`--factor is a whole number, not ${values.factor}`);

const scenarios = loadScenarios(positionals[0] ?? defaultFolder).filter(({ name }) => name.includes(only));
const { always, spread: whenSpread } = loadDifferences();
const stage = spread ? await spreadStage(factor, isolation) : inlineStage(factor);
const outcomes = await playAll(stage, scenarios, spread ? { ...always, ...whenSpread } : always, 24);
await stage.close();

const areas = new Map<string, { passed: number; failed: number; different: number }>();
for (const outcome of outcomes) {
  const area = outcome.name.split("/")[0] as string; // names are AREA/NAME
  const counts = areas.get(area) ?? { passed: 0, failed: 0, different: 0 };
  counts[outcome.tag]++;
  areas.set(area, counts);
  if (outcome.tag === "failed") console.log(`FAILED ${outcome.name}\n${outcome.why}\n`);
}
for (const outcome of outcomes)
  if (outcome.tag === "different") console.log(`differs: ${outcome.name}: ${outcome.reason}`);
for (const [area, { passed, failed, different }] of areas) {
  console.log(`${area}: ${passed} passed, ${failed} failed${different === 0 ? "" : `, ${different} different`}`);
}
for (const outcome of outcomes) {
  if (outcome.tag === "passed" && outcome.again) console.log(`passed only when played again, slower: ${outcome.name}`);
}
const count = (tag: string): number => outcomes.filter((outcome) => outcome.tag === tag).length;
if (count("different") > 0) console.log(`${count("different")} known differences`);
console.log(`${count("passed")} passed, ${count("failed")} failed`);
process.exitCode = count("failed") === 0 ? 0 : 1;
