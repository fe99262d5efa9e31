/**
 * What an assertion says of a value: a partial deep match, as an Elixir pattern, or a predicate. Pure.
 *
 * - An object matches if each of its keys matches there; what else the value has does not matter.
 * - An array matches an array of the same length, entry by entry; bytes match the same bytes; a `RegExp` matches a string.
 * - A function is a predicate, wherever it stands; `undefined` as a whole matches everything.
 * - Anything else matches what is the same by `Object.is`.
 */

/** Declared as a method, so that it may name a narrower type for the value; nothing has checked that. */
export type Predicate = { predicate(value: unknown): boolean }["predicate"];

/** What {@link matches} takes. */
export type Pattern =
  | string
  | number
  | boolean
  | null
  | undefined
  | RegExp
  | Uint8Array
  | Predicate
  | readonly Pattern[]
  | { readonly [key: string]: Pattern };

/** What is known of a value that matched: a type guard says it, other predicates by what they take. */
// The first line also ends the recursion: a pattern of any kind says nothing.
export type Matched<P> = [Pattern] extends [P]
  ? unknown
  : P extends undefined
    ? unknown
    : P extends (value: unknown) => value is infer T
      ? T
      : P extends (value: infer T) => boolean
        ? T
        : P extends RegExp
          ? string
          : P extends Uint8Array
            ? Uint8Array
            : P extends object
              ? { readonly [K in keyof P]: Matched<P[K]> }
              : P;

export function matches(pattern: unknown, value: unknown): boolean {
  return pattern === undefined || matchesHere(pattern, value);
}

function matchesHere(pattern: unknown, value: unknown): boolean {
  if (typeof pattern === "function") return (pattern as (value: unknown) => unknown)(value) === true; // Pattern says so
  if (typeof pattern !== "object" || pattern === null) return Object.is(pattern, value);
  if (pattern instanceof RegExp) return typeof value === "string" && value.search(pattern) !== -1;
  if (typeof value !== "object" || value === null) return false;
  if (pattern instanceof Uint8Array) return value instanceof Uint8Array && Buffer.compare(pattern, value) === 0;
  if (Array.isArray(pattern)) {
    return (
      Array.isArray(value) &&
      value.length === pattern.length &&
      pattern.every((entry, index) => matchesHere(entry, value[index]))
    );
  }
  if (Array.isArray(value) || value instanceof Uint8Array) return false;
  return Object.entries(pattern).every(
    // A key that says undefined wants that, or nothing, there.
    ([key, inner]) =>
      matchesHere(inner, Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : undefined),
  );
}
