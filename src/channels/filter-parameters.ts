/**
 * Keeps secrets out of logs: what clients sent, with the values of some keys replaced. `Phoenix.Logger.filter_values`. Pure.
 *
 * @see https://hexdocs.pm/phoenix/Phoenix.Logger.html#module-parameter-filtering
 */
import { ErrorCode, RuntimeError } from "../core/errors.js";
import { toPlain } from "../core/plain.js";

/**
 * A list: values are left out whose key contains one of its terms (case matters), and strings with a term and `=` in them.
 * `{ keep }`: all values are left out but those under exactly these keys. Plain data.
 */
export type FilterParameters = readonly string[] | { readonly keep: readonly string[] };

/** Phoenix's. */
export const DEFAULT_FILTER_PARAMETERS: FilterParameters = ["password", "token"];

const FILTERED = "[FILTERED]";
/** What is logged of one message: long values are cut, see `core/plain.ts`. */
const LIMITS = { maxDepth: 8, maxEntries: 50, maxStringLength: 200, maxValues: 200 };

/** @throws RuntimeError `badOption` */
export function checkFilterParameters(filter: FilterParameters): FilterParameters {
  const terms: unknown = Array.isArray(filter) ? filter : (filter as { keep?: unknown } | null)?.keep;
  if (Array.isArray(terms) && terms.every((term) => typeof term === "string" && term !== "")) return filter;
  const allowed = "a list of non-empty strings, or { keep: such a list }";
  throw new RuntimeError(ErrorCode.badOption, `bad filterParameters ${JSON.stringify(filter)}: allowed is ${allowed}`);
}

/** What of `params` may be logged: plain data of a bounded size, filtered at any depth. */
export function filterParameters(params: unknown, filter: FilterParameters): unknown {
  const plain = toPlain(params, LIMITS);
  return "keep" in filter ? keep(plain, filter.keep) : discard(plain, filter);
}

function discard(value: unknown, terms: readonly string[]): unknown {
  if (typeof value === "string") return terms.some((term) => value.includes(`${term}=`)) ? FILTERED : value;
  return inside(value, (key, inner) => (terms.some((term) => key.includes(term)) ? FILTERED : discard(inner, terms)));
}

function keep(value: unknown, keys: readonly string[]): unknown {
  if (typeof value !== "object" || value === null) return FILTERED;
  return inside(value, (key, inner) => (keys.includes(key) ? inner : keep(inner, keys)));
}

/** The same object or list with `change` applied to its values; those of a list have an empty key. */
function inside(value: unknown, change: (key: string, inner: unknown) => unknown): unknown {
  if (Array.isArray(value)) return value.map((inner) => change("", inner));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([key, inner]) => [key, change(key, inner)] as const);
  return Object.fromEntries(entries); // defines, so that a key named __proto__ is data like any other
}
