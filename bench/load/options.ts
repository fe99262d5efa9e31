/** The options of `npm run bench:load`. */
import { SCENARIOS, type Scenario } from "./scenarios.js";

export interface LoadOptions {
  readonly scenarios: readonly Scenario[];
  readonly quick: boolean;
  /** How often each server is measured in each scenario. */
  readonly rounds: number;
  /** The folder the results go to. */
  readonly out: string;
  /** Whether the servers leave CPU profiles in it. */
  readonly profile: boolean;
  /** Measures how Joist's costs grow, instead of the scenarios. */
  readonly scale: boolean;
}

export const HELP = `npm run bench:load [-- OPTIONS]: Joist beside plain ws and Socket.IO, under load

  --quick       short windows, one round, and only the scenarios that matter most: less than five minutes
  --only NAME   only scenarios with that in their name; may be repeated
                ${namesOf(SCENARIOS)}
  --rounds N    how often each is measured, 1 to 20 (default 3; with --quick 1)
  --out DIR     where the JSON and the HTML report go (default bench/results)
  --cpu-prof    also leaves a CPU profile of each thread of each server there, and flame graphs in the report
  --scale       how Joist's costs grow with connections, topics, schedulers, I/O threads (from Node.js 22.12 on) and
                payloads, instead: the tables of docs/performance.md; one round unless --rounds says more
  --help        this text`;

/** In lines that fit, behind what they explain. */
function namesOf(scenarios: readonly Scenario[]): string {
  const half = Math.ceil(scenarios.length / 2);
  const lines = [scenarios.slice(0, half), scenarios.slice(half)].map((line) =>
    line.map(({ name }) => name).join(", "),
  );
  return `(${lines.join(",\n                ")})`;
}

const DEFAULT_ROUNDS = 3;
const MAX_ROUNDS = 20;
const DEFAULT_OUT = "bench/results";

/** What the arguments ask for; `"help"`; or, as `problem`, what is wrong with them. */
export function parseOptions(args: readonly string[]): LoadOptions | "help" | { readonly problem: string } {
  const only: string[] = [];
  let [quick, profile, scale, out] = [false, false, false, DEFAULT_OUT];
  let rounds: number | undefined;
  const wrong = (problem: string): { readonly problem: string } => ({
    problem: `${problem}; --help tells the options.`,
  });
  for (let i = 0; i < args.length; i++) {
    const [name = "", inline] = splitOnce(args[i] as string);
    if (inline === undefined && name === "--help") return "help";
    if (inline === undefined && name === "--quick") quick = true;
    else if (inline === undefined && name === "--cpu-prof") profile = true;
    else if (inline === undefined && name === "--scale") scale = true;
    else if (name === "--only" || name === "--rounds" || name === "--out") {
      const value = inline ?? args[++i];
      if (value === undefined || value === "" || value.startsWith("--")) return wrong(`${name} needs a value`);
      if (name === "--only") only.push(value);
      else if (name === "--out") out = value;
      else {
        rounds = /^\d+$/.test(value) ? Number(value) : 0;
        if (rounds < 1 || rounds > MAX_ROUNDS) return wrong(`--rounds takes 1 to ${MAX_ROUNDS}, not "${value}"`);
      }
    } else return wrong(`"${args[i]}" is no option`);
  }
  if (scale && (only.length > 0 || profile)) return wrong("--scale goes with neither --only nor --cpu-prof");
  const stranger = only.find((part) => !SCENARIOS.some(({ name }) => name.includes(part)));
  if (stranger !== undefined) return wrong(`no scenario has "${stranger}" in its name`);
  // A whole name means that one alone: "echo-1" is also the beginning of "echo-16".
  const scenarios = SCENARIOS.filter(
    ({ name, quick: isQuick = false }) =>
      (only.length === 0 && (isQuick || !quick)) ||
      only.some((part) => (isName(part) ? name === part : name.includes(part))),
  );
  return { scenarios, quick, rounds: rounds ?? (quick || scale ? 1 : DEFAULT_ROUNDS), out, profile, scale };
}

function isName(part: string): boolean {
  return SCENARIOS.some(({ name }) => name === part);
}

function splitOnce(argument: string): [string, string | undefined] {
  const at = argument.indexOf("=");
  return at === -1 ? [argument, undefined] : [argument.slice(0, at), argument.slice(at + 1)];
}
