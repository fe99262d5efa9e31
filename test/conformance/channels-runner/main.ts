/**
 * `npm run conformance -- channels [DIR] [--schedulers N] [--isolation process] [--concurrency N] [--only TEXT]`: starts the fixture application
 * and plays the scenarios in DIR against it. Ends with the line `N passed, M failed`.
 */
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { findRoot } from "../../architecture/imports.js";
import { startFixture } from "../fixture/server.js";
import { readScenarios } from "./scenario.js";
import { count, type Played, playAll, readExceptions } from "./suite.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    schedulers: { type: "string", default: "2" },
    isolation: { type: "string", default: "thread" },
    concurrency: { type: "string" },
    only: { type: "string" },
  },
});
const conformance = resolve(findRoot(), "test/conformance");
const folder = resolve(positionals[0] ?? resolve(conformance, "channels"));
const all = readScenarios(folder);
const { only } = values;
const scenarios = only === undefined ? all : all.filter(({ name }) => name.includes(only));

const app = await startFixture({
  port: 0,
  schedulers: Number(values.schedulers),
  isolation: values.isolation as "thread" | "process", // anything else is refused
});
let played: readonly Played[];
try {
  const concurrency = values.concurrency === undefined ? undefined : Number(values.concurrency);
  played = await playAll(scenarios, app.port as number, readExceptions(conformance), concurrency);
} finally {
  await app.stop();
}

for (const { scenario, outcome, detail, again } of played) {
  if (again) console.log(`passed only when played again, alone: ${scenario.area}/${scenario.name}\n`);
  if (outcome === "passed") continue;
  console.log(`${outcome} ${scenario.area}/${scenario.name}: ${scenario.shows}`);
  console.log(`  ${detail.replaceAll("\n", "\n  ")}\n`);
}
const areas = [...new Set(scenarios.map(({ area }) => area))];
for (const area of areas) {
  const counts = count(played.filter(({ scenario }) => scenario.area === area));
  const shown = Object.entries(counts).filter(([, number]) => number > 0);
  console.log(`${area.padEnd(12)} ${shown.map(([outcome, number]) => `${number} ${outcome}`).join(", ")}`);
}
const { passed, failed, different, pending, optional } = count(played);
console.log(`counted apart: ${different} different on purpose, ${pending} pending, ${optional} optional`);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && played.length > 0 ? 0 : 1;
