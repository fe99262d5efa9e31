/**
 * The files of scenarios and their equality. What a scenario means is specified in `test/conformance/otp/README.md`, whose
 * section numbers the comments of this folder name.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
/** `[operation, arguments..]` (5). */
export type Action = readonly [string, ...Json[]];

export interface Step {
  readonly do: readonly Action[];
  readonly settle?: number;
}

/** What one step made happen (9). */
export interface Entry {
  readonly events: readonly Json[];
  readonly order?: readonly (readonly [number, number])[];
  readonly exits?: { readonly [label: string]: Json };
}

export interface Scenario {
  /** `AREA/NAME`. */
  readonly name: string;
  readonly steps: readonly Step[];
  readonly trace: readonly Entry[];
}

/** All scenarios of a folder, in the order of its files. */
export function loadScenarios(folder: string): readonly Scenario[] {
  const files = readdirSync(folder).filter((file) => file.endsWith(".json"));
  return files.sort().flatMap((file) => {
    const area = JSON.parse(readFileSync(join(folder, file), "utf8")) as {
      readonly format: string;
      readonly area: string;
      readonly scenarios: readonly Scenario[];
    };
    if (area.format !== "otp-trace-1") throw new Error(`${file} has the format "${area.format}", not "otp-trace-1"`);
    return area.scenarios.map((scenario) => ({ ...scenario, name: `${area.area}/${scenario.name}` }));
  });
}

/** Whether a run of a step equals its trace entry (9). */
export function equals(want: Entry, got: Entry): boolean {
  const [wanted, found] = [occurrences(want.events), occurrences(got.events)];
  const at = new Map(found.map((key, index) => [key, index]));
  if (wanted.length !== found.length || wanted.some((key) => !at.has(key))) return false;
  const pairs = want.order ?? wanted.slice(1).map((_, index) => [index, index + 1] as const);
  const place = (index: number): number => at.get(wanted[index] as string) as number; // both have the same keys
  return (
    pairs.every(([first, second]) => place(first) < place(second)) &&
    canonical(want.exits ?? {}) === canonical(got.exits ?? {})
  );
}

/** The k-th occurrence of an event is matched with the k-th in the other list. */
function occurrences(events: readonly Json[]): readonly string[] {
  const counts = new Map<string, number>();
  return events.map((event) => {
    const text = canonical(event);
    const count = (counts.get(text) ?? 0) + 1;
    counts.set(text, count);
    return `${text}@${count}`;
  });
}

/** The compact JSON text with the keys of objects in order. */
export function canonical(value: Json): string {
  return JSON.stringify(value, (_key, inner: Json) =>
    inner !== null && typeof inner === "object" && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
