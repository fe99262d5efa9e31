/**
 * `npm run bench:load`: Joist and its peers under the same load, one after the other. Interleaved: each round goes through
 * all scenarios, and in each through all servers, beginning with another one each time, so that a machine that gets slower
 * meanwhile is no one's advantage.
 */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join, resolve } from "node:path";
import type { Measured, Times } from "./measurement.js";
import { HELP, type LoadOptions, parseOptions } from "./options.js";
import { htmlReport, type ServerProfiles } from "./report/page.js";
import { readProfiles } from "./report/profile.js";
import { type Outcome, toRows } from "./results.js";
import { type Processors, partProcessors, run } from "./run.js";
import { scale } from "./scale/scale.js";
import type { ServerName } from "./scenarios.js";
import { table } from "./table.js";

const QUICK: Times = { warmUpMs: 1500, windowMs: 3000 };
const FULL: Times = { warmUpMs: 3000, windowMs: 10_000 };

interface Gathering {
  readonly measured: Measured[];
  readonly problems: string[];
}

/** Measures what the arguments ask for. @returns The exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const options = parseOptions(args);
  if (options === "help") {
    console.log(HELP);
    return 0;
  }
  if ("problem" in options) {
    console.error(`joist: ${options.problem}`);
    return 2;
  }
  if (process.platform !== "linux") {
    console.error("joist: bench:load reads the servers' time and memory from /proc, so it needs Linux.");
    return 2;
  }
  return await measure(options);
}

async function measure(options: LoadOptions): Promise<number> {
  const out = resolve(options.out);
  mkdirSync(out, { recursive: true });
  const processors = partProcessors();
  const times = options.quick ? QUICK : FULL;
  const machine = describeMachine(processors, times, options.rounds);
  if (options.scale) return await scale({ rounds: options.rounds, times, out, machine });
  const profiles = options.profile ? join(out, "profiles") : null;
  const gathered = new Map<string, Gathering>();
  for (let round = 0; round < options.rounds; round++) {
    for (const scenario of options.scenarios) {
      for (const server of rotated(scenario.servers, round)) {
        const { measured, problems } = gathering(gathered, scenario.name, server);
        process.stderr.write(`round ${round + 1}/${options.rounds}  ${scenario.title}: ${server}\n`);
        const folder = profiles === null ? null : profileFolder(profiles, scenario.name, server);
        // Those of the last round are what the report shows.
        if (folder !== null) rmSync(folder, { recursive: true, force: true });
        try {
          measured.push(await run(scenario, server, { processors, times, profiles: folder }));
        } catch (error) {
          problems.push(error instanceof Error ? error.message : String(error));
        }
      }
    }
  }
  const outcomes: Outcome[] = options.scenarios.flatMap((scenario) =>
    scenario.servers.map((server) => ({ scenario, server, ...gathering(gathered, scenario.name, server) })),
  );
  const rows = toRows(outcomes);
  const [json, html] = [join(out, "load.json"), join(out, "load.html")];
  writeFileSync(json, `${JSON.stringify({ machine, scenarios: options.scenarios, rows }, null, 2)}\n`);
  const flames = profiles === null ? [] : outcomes.map((outcome) => profilesOf(outcome, profiles));
  writeFileSync(html, htmlReport({ rows, scenarios: options.scenarios, machine, profiles: flames }));
  console.log(`${machine}\n\n${table(rows)}\n\n${json}\n${html}`);
  return rows.some(({ problems }) => problems.length > 0) ? 1 : 0;
}

function describeMachine(processors: Processors | null, times: Times, rounds: number): string {
  const parted =
    processors === null
      ? "servers and load generator share the processors"
      : `servers on processor ${processors.servers}, load generator on ${processors.generator}`;
  return `${cpus()[0]?.model} x ${cpus().length}, Node.js ${process.version}; ${parted}; ${rounds} x ${times.windowMs / 1000} s each`;
}

/** The profiles of the last round, cut to its window. */
function profilesOf({ scenario, server, measured }: Outcome, profiles: string): ServerProfiles {
  const window = measured.at(-1)?.windowMicros;
  const mainTitle = server === "joist" ? "I/O thread" : "main thread";
  const folder = profileFolder(profiles, scenario.name, server);
  return {
    scenario: scenario.name,
    server,
    threads: window === undefined ? [] : readProfiles(folder, mainTitle, window),
  };
}

function profileFolder(profiles: string, scenario: string, server: ServerName): string {
  return join(profiles, `${scenario}-${server}`);
}

function gathering(all: Map<string, Gathering>, scenario: string, server: ServerName): Gathering {
  const key = `${scenario} ${server}`;
  const found = all.get(key) ?? { measured: [], problems: [] };
  all.set(key, found);
  return found;
}

/** Begins with another one each round. */
export function rotated<T>(items: readonly T[], by: number): T[] {
  const start = by % items.length;
  return [...items.slice(start), ...items.slice(0, start)];
}
