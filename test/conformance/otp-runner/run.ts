/** Plays many scenarios at a time and sorts the outcomes. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Failure } from "./play.js";
import type { Scenario } from "./scenario.js";
import type { Stage } from "./stage.js";

/** Name of a scenario → why it cannot go here as it goes in Erlang. */
export interface Differences {
  /** In any placement. */
  readonly always: Readonly<Record<string, string>>;
  /** Only when its processes are spread over threads. */
  readonly spread: Readonly<Record<string, string>>;
}

export type Outcome =
  | { readonly tag: "passed"; readonly name: string; readonly again: boolean }
  | { readonly tag: "different"; readonly name: string; readonly reason: string }
  | { readonly tag: "failed"; readonly name: string; readonly why: string };

/** A scenario that takes longer hangs. */
const LIMIT_MS = 60_000;
/** How much slower a scenario is played again. */
const SLOWER = 4;

/** The repository's root, seen from the compiled file. */
const root = new URL("../../../../", import.meta.url);
export const defaultFolder: string = fileURLToPath(new URL("test/conformance/otp", root));

export function loadDifferences(): Differences {
  return JSON.parse(readFileSync(new URL("test/conformance/otp-differences.json", root), "utf8")) as Differences;
}

/**
 * Plays all `scenarios`, `atOnce` at a time. The outcomes come in the order of the scenarios.
 *
 * What happens in which step is a matter of milliseconds, and on a machine with other work they pass without us. So what
 * failed is played once more at the end, alone and four times slower: what is wrong fails again.
 */
export async function playAll(
  stage: Stage,
  scenarios: readonly Scenario[],
  differences: Readonly<Record<string, string>>,
  atOnce: number,
): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  let next = 0;
  const player = async (): Promise<void> => {
    while (next < scenarios.length) {
      const index = next++;
      const scenario = scenarios[index] as Scenario;
      outcomes[index] = outcomeOf(scenario, await playOne(stage, scenario, 1), differences[scenario.name]);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, player));
  for (const [index, scenario] of scenarios.entries()) {
    if (outcomes[index]?.tag !== "failed") continue;
    const outcome = outcomeOf(scenario, await playOne(stage, scenario, SLOWER), differences[scenario.name]);
    outcomes[index] = outcome.tag === "passed" ? { ...outcome, again: true } : outcome;
  }
  return outcomes;
}

async function playOne(stage: Stage, scenario: Scenario, slower: number): Promise<readonly Failure[] | string> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(resolve, LIMIT_MS, `it has not ended within ${LIMIT_MS} ms`);
  });
  try {
    return await Promise.race([stage.play(scenario, slower), late]);
  } catch (error) {
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  } finally {
    clearTimeout(timer);
  }
}

function outcomeOf(scenario: Scenario, result: readonly Failure[] | string, difference: string | undefined): Outcome {
  const { name } = scenario;
  if (difference !== undefined && result.length > 0) return { tag: "different", name, reason: difference };
  if (result.length === 0) return { tag: "passed", name, again: false };
  return {
    tag: "failed",
    name,
    why: typeof result === "string" ? result : result.map(showFailure(scenario)).join("\n"),
  };
}

const showFailure =
  ({ steps }: Scenario) =>
  ({ step, want, got }: Failure): string =>
    [
      `step ${step}: ${JSON.stringify(steps[step]?.do)}`,
      `  expected ${JSON.stringify(want.events)}`,
      ...(want.order === undefined ? [] : [`  order    ${JSON.stringify(want.order)}`]),
      `  got      ${JSON.stringify(got.events)}`,
      `  exits expected ${JSON.stringify(want.exits ?? {})}`,
      `  exits got      ${JSON.stringify(got.exits ?? {})}`,
    ].join("\n");
