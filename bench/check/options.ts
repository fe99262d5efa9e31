/** The options of `npm run bench:check`. */
import { CHECKS, RECORD_ROUNDS, ROUNDS, SHORT_FACTOR, SHORT_TRIES } from "./checks.js";

export interface CheckOptions {
  readonly mode: "check" | "short" | "record";
  readonly rounds: number;
  readonly only: readonly string[];
}

export const HELP = `npm run bench:check [-- OPTIONS]: has Joist become dearer than the baseline in bench/check/baseline.json says?

  --short       for every change: less than a minute; each check is tried up to ${SHORT_TRIES} times, and one try within
                ${SHORT_FACTOR} times what was recorded will do
  --record      measures the baseline anew and writes it
  --only NAME   only this check; may be repeated (${CHECKS.map(({ name }) => name).join(", ")})
  --rounds N    1 to 50 (default ${ROUNDS}; with --record ${RECORD_ROUNDS})
  --help        this text

Exit codes: 0 as cheap as the baseline, within its margin; 1 dearer, or it could not be measured; 2 bad options.`;

const MAX_ROUNDS = 50;

/** What the arguments ask for; `"help"`; or, as `problem`, what is wrong with them. */
export function parseCheckOptions(args: readonly string[]): CheckOptions | "help" | { readonly problem: string } {
  let mode: CheckOptions["mode"] = "check";
  let rounds: number | undefined;
  const only: string[] = [];
  const wrong = (problem: string): { readonly problem: string } => ({
    problem: `${problem}; --help tells the options.`,
  });
  for (let i = 0; i < args.length; i++) {
    const argument = args[i] as string;
    if (argument === "--help") return "help";
    if (argument === "--short" || argument === "--record") {
      if (mode !== "check") return wrong("--short and --record exclude each other");
      mode = argument === "--short" ? "short" : "record";
    } else if (argument === "--rounds") {
      const value = args[++i] ?? "";
      rounds = /^\d+$/.test(value) ? Number(value) : 0;
      if (rounds < 1 || rounds > MAX_ROUNDS) return wrong(`--rounds takes 1 to ${MAX_ROUNDS}, not "${value}"`);
    } else if (argument === "--only") {
      const value = args[++i] ?? "";
      if (!CHECKS.some(({ name }) => name === value)) return wrong(`there is no check "${value}"`);
      only.push(value);
    } else return wrong(`"${argument}" is no option`);
  }
  const defaults = { check: ROUNDS, short: SHORT_TRIES, record: RECORD_ROUNDS };
  return { mode, rounds: rounds ?? defaults[mode], only: only.length > 0 ? only : CHECKS.map(({ name }) => name) };
}
