/**
 * `npm run chaos`: lets a channel of an application with connections do everything a thread can suffer from, each in an OS process
 * of its own, and prints what came of it as the table of `docs/isolation.md`. `npm run chaos -- map regex`: those with that in
 * their names.
 */
import { execFile } from "node:child_process";
import { cpus } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ensureBuilt, root, splitArguments } from "./setup.mjs";

const { filters } = splitArguments(process.argv.slice(2));
ensureBuilt();
const support = join(root, "dist", "test", "support");
const { deeds } = await import(pathToFileURL(join(support, "apps", "hostile.js")).href);
const chosen = Object.keys(deeds).filter((deed) => filters.length === 0 || filters.some((part) => deed.includes(part)));

const HEADS = [
  "What a channel does",
  "Replaced as",
  "Culprit",
  "phx_error after",
  "Rejoined after",
  "Others' slowest answer",
  "Peak RSS",
  "Harm beyond the thread",
];
console.log(`Node.js ${process.version}, ${cpus().length} cores, ${cpus()[0]?.model.trim()}\n`);
console.log(row(HEADS));
console.log(row(HEADS.map(() => "---")));
for (const deed of chosen) console.log(row(await cells(deed)));

function row(texts) {
  return `| ${texts.join(" | ")} |`;
}

/** One after the other, so that none disturbs another. */
async function cells(deed) {
  const outcome = await run(deed);
  if ("died" in outcome) return [deed, outcome.died, ...HEADS.slice(3).map(() => "–"), "**all of it**"];
  const { cause, culprit, errorMs, rejoinMs, slowestMs, peakRssMib, surplus, threadsDown } = outcome;
  const harm = surplus === 0 && threadsDown === 1 ? "none" : `${surplus} frames, ${threadsDown} threads`;
  return [deed, cause, culprit, `${errorMs} ms`, `${rejoinMs} ms`, `${slowestMs} ms`, `${peakRssMib} MiB`, harm];
}

function run(deed) {
  return new Promise((resolve) => {
    execFile(process.execPath, [join(support, "hostile.js"), deed], { timeout: 120_000 }, (error, stdout) => {
      resolve(error === null ? JSON.parse(stdout) : { died: `**${error.signal ?? `exit ${error.code}`}**` });
    });
  });
}
