/** Values in the transcripts: what stands for something else in them, and when two of them are the same. */
import type { Json } from "./scenario.js";

/** What names like `<phx_ref#1>` stand for, as far as they have been met. Never changed: a longer one is a new one. */
export type Bindings = ReadonlyMap<string, string>;

const namePattern = /<[a-z_]+#\d+>/g;
const wholeName = /^<[a-z_]+#\d+>$/;

/** `${fill:3}` is `aaa`. */
export function fill(text: string): string {
  return text.replace(/\$\{fill:(\d+)\}/g, (_, count) => "a".repeat(Number(count)));
}

/** `${fillhex:01:3}` is `010101`; blanks do not count. */
export function hexBytes(text: string): Buffer {
  const filled = text.replace(/\$\{fillhex:([\da-f]+):(\d+)\}/gi, (_, byte, count) => byte.repeat(Number(count)));
  return Buffer.from(filled.replaceAll(/\s/g, ""), "hex");
}

/** A text that is sent: with the server's port, fillings, and what names stand for. */
export function sentText(text: string, port: number, bindings: Bindings): string {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: that is how the transcripts write it
  return fill(text.replaceAll("${port}", String(port))).replace(namePattern, (name) => bindings.get(name) ?? name);
}

/** A value that is sent: {@link sentText} in all its strings. */
export function sentValue(value: Json, port: number, bindings: Bindings): Json {
  if (typeof value === "string") return sentText(value, port, bindings);
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((item: Json) => sentValue(item, port, bindings));
  const entries = Object.entries(value as { readonly [key: string]: Json });
  return Object.fromEntries(entries.map(([key, item]) => [key, sentValue(item, port, bindings)]));
}

/** The bindings under which `actual` is what was expected: the same ones or more; undefined if there are none. */
export function matchValue(expected: Json, actual: Json | undefined, bindings: Bindings): Bindings | undefined {
  if (typeof expected === "string") return matchText(expected, actual, bindings);
  if (typeof expected !== "object" || expected === null) return expected === actual ? bindings : undefined;
  if (typeof actual !== "object" || actual === null || Array.isArray(actual) !== Array.isArray(expected))
    return undefined;
  const wanted = Object.entries(expected as { readonly [key: string]: Json });
  if (wanted.length !== Object.keys(actual).length) return undefined;
  let found: Bindings | undefined = bindings;
  for (const [key, value] of wanted) {
    if (!Object.hasOwn(actual, key)) return undefined;
    found = matchValue(value, (actual as { readonly [key: string]: Json })[key], found);
    if (found === undefined) return undefined;
  }
  return found;
}

function matchText(expected: string, actual: Json | undefined, bindings: Bindings): Bindings | undefined {
  if (typeof actual !== "string") return undefined;
  if (expected === "<any-string>") return bindings;
  if (!wholeName.test(expected)) return fill(expected) === actual ? bindings : undefined;
  const bound = bindings.get(expected);
  if (bound !== undefined) return bound === actual ? bindings : undefined;
  // Two names never stand for the same string.
  for (const taken of bindings.values()) if (taken === actual) return undefined;
  return new Map(bindings).set(expected, actual);
}
