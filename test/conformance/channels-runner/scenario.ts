/** The format of the transcripts, as `test/conformance/channels/README.md` describes it, and how their files are read. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

export interface Frame {
  readonly json?: Json;
  readonly text?: string;
  /** `false`: a fragment that the next frame goes on with. */
  readonly fin?: boolean;
  readonly hex?: string;
  readonly ping?: string;
  readonly pong?: string;
  readonly raw_hex?: string;
  readonly pause_ms?: number;
}

export type HttpBody = string | { readonly json: Json } | { readonly lines: readonly Json[] };

export interface Step {
  readonly do: "connect" | "send" | "close" | "drop" | "wait" | "http";
  readonly client?: string;
  readonly path?: string;
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly protocols?: readonly string[];
  readonly deflate?: boolean;
  readonly frames?: readonly Frame[];
  readonly cork?: boolean;
  readonly code?: number;
  readonly reason?: string;
  readonly ms?: number;
  readonly method?: string;
  readonly body?: HttpBody;
  readonly await?: boolean;
  readonly show_headers?: readonly string[];
  readonly any_body?: boolean;
  readonly settle?: number;
  readonly ignore?: readonly string[];
  readonly expect?: Expectations;
}

/** What a client gets, in the words of the transcripts: `{ json: … }`, `{ close: … }`, `{ http: … }`. */
export type Event = { readonly [kind: string]: Json };

/** What a client should get: events, `{ unordered: [event, …] }`, `{ maybe: event }`. */
export type Expected = Event;
export type Expectations = Readonly<Record<string, readonly Expected[]>>;

export interface Scenario {
  readonly area: string;
  readonly name: string;
  readonly shows: string;
  /** Shows an accident of the original; counted apart. */
  readonly optional?: boolean;
  readonly steps: readonly Step[];
}

const format = 1;

/** All scenarios of all files in a folder, in the order of the files' names. */
export function readScenarios(folder: string): readonly Scenario[] {
  const files = readdirSync(folder).filter((name) => name.endsWith(".json"));
  return files.sort().flatMap((name) => {
    const file = JSON.parse(readFileSync(join(folder, name), "utf8")) as {
      readonly format: number;
      readonly area: string;
      readonly scenarios: readonly Omit<Scenario, "area">[];
    };
    if (file.format !== format) throw new Error(`${name} has format ${file.format}; this runner reads ${format}`);
    return file.scenarios.map((scenario) => ({ ...scenario, area: file.area }));
  });
}
