/** `npm run bench:load -- --scale`: how Joist's costs grow; prints the tables of docs/performance.md. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Measured, Times } from "../measurement.js";
import { type Outcome, type Row, toRows } from "../results.js";
import { partProcessors, type RunSetup, run } from "../run.js";
import { type Scenario, ServerName } from "../scenarios.js";
import { ALL_SERIES, modelLines, seriesTable } from "./series.js";

export interface ScaleOptions {
  readonly rounds: number;
  readonly times: Times;
  readonly out: string;
  /** What the numbers are of. */
  readonly machine: string;
}

/** Measures and prints all series. @returns The exit code. */
export async function scale({ rounds, times, out, machine }: ScaleOptions): Promise<number> {
  const setup: RunSetup = { processors: partProcessors(), times, profiles: null };
  const scenarios = ALL_SERIES.flatMap(({ steps }) => steps.flatMap((step) => step.scenarios));
  const outcomes = new Map(scenarios.map((scenario) => [scenario.name, emptyOutcome(scenario)]));
  for (let round = 0; round < rounds; round++) {
    for (const scenario of scenarios) {
      process.stderr.write(`round ${round + 1}/${rounds}  ${scenario.name}\n`);
      const { measured, problems } = outcomes.get(scenario.name) as Gathering;
      try {
        measured.push(await run(scenario, ServerName.joist, setup));
      } catch (error) {
        problems.push(error instanceof Error ? error.message : String(error));
      }
    }
  }
  const rows: Row[] = toRows([...outcomes.values()]);
  mkdirSync(out, { recursive: true });
  writeFileSync(join(out, "scale.json"), `${JSON.stringify({ machine, rows }, null, 2)}\n`);
  console.log(`${machine}\n`);
  for (const series of ALL_SERIES) console.log(`${seriesTable(series, rows)}\n`);
  console.log(`${modelLines(rows).join("\n")}\n`);
  const problems = rows.flatMap(({ scenario, problems }) => problems.map((problem) => `${scenario}: ${problem}`));
  for (const problem of problems) console.error(`joist: ${problem}`);
  return problems.length > 0 ? 1 : 0;
}

interface Gathering extends Outcome {
  readonly measured: Measured[];
  readonly problems: string[];
}

function emptyOutcome(scenario: Scenario): Gathering {
  return { scenario, server: ServerName.joist, measured: [], problems: [] };
}
