/** What do spawning, sending, calling and waiting cost on one thread and across two, and what on the BEAM? (µs an operation) */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { start } from "../src/index.js";
import type { Measured } from "./processes/app.js";

/** Rounds, ours and the BEAM's in turn: what disturbs the machine for a while disturbs both. */
const ROUNDS = 3;

/** "one thread: call" → µs. */
type Results = Map<string, number>;

async function joist(): Promise<Results> {
  const app = await start(new URL("./processes/app.js", import.meta.url), { schedulers: 2 });
  const results: Results = new Map();
  for (const [scheduler, where] of [
    [1, "one"],
    [2, "two"],
  ] as const) {
    const measured = (await app.call("runner", "measure", scheduler, Number.POSITIVE_INFINITY)) as Measured[];
    for (const { name, micros } of measured) results.set(`${where}\t${name}`, micros);
  }
  results.set("idle\tbytes", (await app.call("runner", "idleBytes", undefined, Number.POSITIVE_INFINITY)) as number);
  await app.stop();
  return results;
}

/** The same program in Erlang; `undefined` where that is not installed. */
function beam(folder: string): Results | undefined {
  const source = fileURLToPath(new URL("../../bench/processes/processes.erl", import.meta.url));
  if (spawnSync("erlc", ["-o", folder, source], { stdio: ["ignore", "ignore", "inherit"] }).status !== 0)
    return undefined;
  const flags = ["+S", "2:2", "-noshell", "-pa", folder, "-run", "processes", "main"];
  const { status, stdout } = spawnSync("erl", flags, { encoding: "utf8", timeout: 120_000 });
  if (status !== 0) throw new Error(`erl ended with ${status}: ${stdout}`);
  const lines = stdout.trim().split("\n");
  return new Map(
    lines.map((line) => {
      const [where, name, value] = line.split("\t");
      return [`${where}\t${name}`, Number(value)];
    }),
  );
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

const folder = mkdtempSync(join(tmpdir(), "joist-bench-"));
try {
  const ours: Results[] = [];
  const theirs: Results[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    ours.push(await joist());
    const results = beam(folder);
    if (results !== undefined) theirs.push(results);
  }
  console.log(`${cpus()[0]?.model} x ${cpus().length}, Node.js ${process.version}, medians of ${ROUNDS} rounds`);
  if (theirs.length === 0) console.log("Erlang is not installed: no column for the BEAM");
  const rows = [...(ours[0] as Results).keys()].map((key) => {
    const [where, name] = key.split("\t");
    const mine = median(ours.map((results) => results.get(key) as number));
    const beams = theirs.length === 0 ? Number.NaN : median(theirs.map((results) => results.get(key) as number));
    const digits = where === "idle" ? 0 : 3;
    const operation =
      where === "idle" ? "an idle genServer, bytes" : `${name}, ${where === "one" ? "one thread" : "two threads"}`;
    if (theirs.length === 0) return { operation, Joist: mine.toFixed(digits) };
    return { operation, Joist: mine.toFixed(digits), BEAM: beams.toFixed(digits), ratio: (mine / beams).toFixed(2) };
  });
  console.table(rows);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
