/**
 * `npm run bench:check`: the guard against losses of speed. Compares ratios, not times: Joist and a peer are measured one after the
 * other, in turns, on the same machine, so that what the machine is and does cancels out as far as it can.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";
import type { Times } from "../load/measurement.js";
import { partProcessors, type RunSetup, run } from "../load/run.js";
import { SCENARIOS, type Scenario, ServerName } from "../load/scenarios.js";
import {
  type Baseline,
  CHECKS,
  type Check,
  isDisturbed,
  type Recorded,
  ratioOf,
  recorded,
  SHORT_RECORD_ROUNDS,
  shortVerdict,
  verdict,
} from "./checks.js";
import { type CheckOptions, HELP, parseCheckOptions } from "./options.js";

const TIMES: Times = { warmUpMs: 1500, windowMs: 3000 };
const SHORT_TIMES: Times = { warmUpMs: 1500, windowMs: 1000 };
/** Memory is read before the window. */
const MEMORY_TIMES: Times = { warmUpMs: 0, windowMs: 100 };

type Ratios = ReadonlyMap<Check, number[]>;

/** Checks, or records, what the arguments ask for. @returns The exit code. */
export async function main(args: readonly string[], baselineFile: string): Promise<number> {
  const options = parseCheckOptions(args);
  if (options === "help") {
    console.log(HELP);
    return 0;
  }
  if ("problem" in options) {
    console.error(`joist: ${options.problem}`);
    return 2;
  }
  if (process.platform !== "linux") {
    // Not a failure: what runs everywhere calls this, too.
    console.log(
      "joist: bench:check reads the servers' time and memory from /proc, so it needs Linux; nothing was checked.",
    );
    return 0;
  }
  const baseline = existsSync(baselineFile) ? (JSON.parse(readFileSync(baselineFile, "utf8")) as Baseline) : undefined;
  if (options.mode === "record") return await record(options, baseline, baselineFile);
  if (baseline === undefined) {
    console.error("joist: there is no baseline yet; --record makes one.");
    return 2;
  }
  return options.mode === "short" ? await short(options, baseline) : await check(options, baseline);
}

async function record(options: CheckOptions, old: Baseline | undefined, file: string): Promise<number> {
  const ratios = await inTurns(options);
  const shorts = ratios === null ? null : await inTurns({ ...options, rounds: SHORT_RECORD_ROUNDS }, SHORT_TIMES);
  if (ratios === null || shorts === null) return 1;
  // Checks that were not asked for keep what they have.
  const checks: Record<string, Recorded> = { ...old?.checks };
  for (const [one, values] of ratios) checks[one.name] = recorded(values, shorts.get(one) ?? []);
  writeFileSync(file, `${JSON.stringify({ machine: machine(), checks }, null, 2)}\n`);
  for (const { name } of ratios.keys()) {
    const { ratio, margin, rounds, short } = checks[name] as Recorded;
    console.log(
      `${name}: ${ratio.toFixed(2)}, ${rounds[0]} to ${rounds.at(-1)}; margin ${Math.round(margin * 100)} %; short ${short.toFixed(2)}`,
    );
  }
  return 0;
}

async function check(options: CheckOptions, baseline: Baseline): Promise<number> {
  const ratios = await inTurns(options);
  if (ratios === null) return 1;
  let code = 0;
  for (const [one, values] of ratios) {
    const known = baseline.checks[one.name];
    if (known === undefined) {
      console.log(`${title(one)}: there is nothing recorded of it`);
      code = 1;
      continue;
    }
    const { ratio, limit, tag } = verdict(values, known);
    const said = { same: "", worse: "  DEARER THAN THE MARGIN ALLOWS", better: "  cheaper: record it (--record)" }[tag];
    console.log(
      `${title(one)}: ${ratio.toFixed(2)} (recorded ${known.ratio.toFixed(2)}, limit ${limit.toFixed(2)})${said}`,
    );
    if (tag === "worse") code = 1;
  }
  return code;
}

/** Goes on to the next check as soon as a try is good enough. */
async function short(options: CheckOptions, baseline: Baseline): Promise<number> {
  let code = 0;
  const setup: RunSetup = { processors: partProcessors(), times: SHORT_TIMES, profiles: null };
  for (const one of chosen(options)) {
    const known = baseline.checks[one.name];
    if (known === undefined) throw new Error(`there is nothing recorded of ${one.name}`);
    const tries: Round[] = [];
    const problems: string[] = [];
    for (let i = 0; i < options.rounds; i++) {
      try {
        const tried = await round(one, i, setup);
        tries.push(tried);
        if (shortVerdict([tried.ratio], known).tag === "same") break;
      } catch (error) {
        problems.push(messageOf(error));
      }
    }
    const { ratio, limit, tag } = shortVerdict(
      tries.map(({ ratio }) => ratio),
      known,
    );
    const of = tries.length === 1 ? "" : `, best of ${tries.length}`;
    console.log(
      `${title(one)}: ${ratio.toFixed(2)} (recorded ${known.short.toFixed(2)}, limit ${limit.toFixed(2)}${of})`,
    );
    for (const problem of problems) console.log(`  ${problem}`);
    if (tag !== "worse") continue;
    if (tries.length > 0 && tries.every(({ disturbed }) => disturbed)) {
      console.log("  the machine was too busy with other programs to tell");
    } else code = 1;
  }
  if (code !== 0) console.log("joist: dearer than mere noise; npm run bench:check tells more.");
  return code;
}

/** All rounds of all checks; `null`, and it has been said why, if one could not be measured. */
async function inTurns(options: CheckOptions, times = TIMES): Promise<Ratios | null> {
  const setup: RunSetup = { processors: partProcessors(), times, profiles: null };
  const ratios = new Map<Check, number[]>(chosen(options).map((one) => [one, []]));
  for (let i = 0; i < options.rounds; i++) {
    for (const [one, values] of ratios) {
      try {
        const { ratio } = await round(one, i, setup);
        values.push(ratio);
        process.stderr.write(`round ${i + 1}/${options.rounds}  ${one.name}: ${ratio.toFixed(3)}\n`);
      } catch (error) {
        console.error(`joist: ${one.name}: ${messageOf(error)}`);
        return null;
      }
    }
  }
  return ratios;
}

interface Round {
  readonly ratio: number;
  /** Other programs took so much of the processors that it proves little. */
  readonly disturbed: boolean;
}

/** Measures both, every other time the peer first. */
async function round(one: Check, index: number, given: RunSetup): Promise<Round> {
  const times = one.what === "memory" ? MEMORY_TIMES : { ...given.times, minMessages: one.minMessages };
  const setup = { ...given, times };
  const scenario = SCENARIOS.find(({ name }) => name === one.name) as Scenario;
  const early = index % 2 === 0 ? await run(scenario, ServerName.joist, setup) : undefined;
  const peer = await run(scenario, one.against, setup);
  const joist = early ?? (await run(scenario, ServerName.joist, setup));
  return { ratio: ratioOf(one, joist, peer), disturbed: isDisturbed([joist, peer], availableParallelism()) };
}

function chosen({ only }: CheckOptions): readonly Check[] {
  return CHECKS.filter(({ name }) => only.includes(name));
}

function title({ name, what, against }: Check): string {
  return `${name}, ${what === "cpu" ? "processor time a message" : "memory a connection"} to ${against}`;
}

function machine(): string {
  return `${cpus()[0]?.model.trim()} x ${cpus().length}, Node.js ${process.version}`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
