/** What the recordings of a real Phoenix server (test/conformance/channels) hold for tests of the pure layers. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { findRoot } from "../architecture/imports.js";

export interface Step {
  readonly do: string;
  readonly client?: string;
  readonly path?: string;
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly frames?: readonly { readonly json?: unknown; readonly text?: string; readonly hex?: string }[];
  readonly expect?: Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>>;
}
export interface Scenario {
  readonly name: string;
  readonly optional?: boolean;
  readonly steps: readonly Step[];
}

const folder = join(findRoot(), "test/conformance/channels");

export function scenariosOf(area: string): readonly Scenario[] {
  const text = readFileSync(join(folder, `${area}.json`), "utf8");
  const { scenarios } = JSON.parse(text) as { readonly scenarios: readonly Scenario[] };
  return scenarios;
}

export function allScenarios(): readonly Scenario[] {
  const areas = readdirSync(folder).filter((name) => name.endsWith(".json"));
  return areas.flatMap((name) => scenariosOf(name.slice(0, -".json".length)));
}

/** The text frames that clients send, `${fill:N}` written out. */
export function sentTexts(): readonly string[] {
  const frames = allScenarios().flatMap(({ steps }) => steps.flatMap((step) => step.frames ?? []));
  return frames.flatMap((frame) => {
    if (frame.text !== undefined) return [fill(frame.text)];
    return frame.json === undefined ? [] : [fill(JSON.stringify(frame.json))];
  });
}

/** The binary frames that clients send, without the very large one. */
export function sentBytes(): readonly Uint8Array[] {
  const frames = allScenarios().flatMap(({ steps }) => steps.flatMap((step) => step.frames ?? []));
  return frames.flatMap(({ hex }) => (hex === undefined || hex.includes("$") ? [] : [Buffer.from(hex, "hex")]));
}

/** How the server answered the first step, a connect. */
export function outcome(scenario: Scenario): "open" | "refused" {
  const [step] = scenario.steps;
  const [event] = step?.expect?.[step.client ?? ""] ?? [];
  return event !== undefined && "open" in event ? "open" : "refused";
}

function fill(text: string): string {
  return text.replace(/\$\{fill:(\d+)\}/g, (_, count) => "a".repeat(Number(count)));
}
