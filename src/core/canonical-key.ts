/**
 * The canonical form of a key: two keys have the same one exactly if they are structurally equal, on every thread and however
 * they got there. Keys are plain data: strings (the fast path: one character in front), numbers, bigints, booleans, `null`,
 * `undefined`, and arrays, plain objects, Maps, Sets, Dates and byte arrays of them. The order of an object's properties, of a
 * Map's entries and of a Set's members is no part of a key; 0 and -0 are one key, NaN is one.
 */
import { ErrorCode, RuntimeError } from "./errors.js";
import { toJson } from "./json.js";

/** Characters a canonical form may have. */
export const MAX_KEY_LENGTH = 4096;
/** Levels of arrays and objects in a key; what is deeper is taken for a cycle. */
const MAX_KEY_DEPTH = 16;

/** @throws RuntimeError `badArgument` for what is no plain data, is too long, or too deep. */
export function canonicalKey(key: unknown): string {
  const form = typeof key === "string" ? `'${key}` : encode(key, 0);
  if (form.length <= MAX_KEY_LENGTH) return form;
  throw new RuntimeError(
    ErrorCode.badArgument,
    `bad key ${form.slice(0, 40)}…: its canonical form has ${form.length} characters; allowed are ${MAX_KEY_LENGTH}`,
  );
}

function encode(value: unknown, depth: number): string {
  switch (typeof value) {
    case "string":
      return toJson(value);
    case "number":
      return String(value); // "0" for -0 too
    case "bigint":
      return `${value}n`;
    case "boolean":
    case "undefined":
      return String(value);
    case "object":
      return value === null ? "null" : encodeObject(value, depth + 1);
    default:
      return refuse(`a ${typeof value}`);
  }
}

function encodeObject(value: object, depth: number): string {
  if (depth > MAX_KEY_DEPTH) return refuse(`deeper than ${MAX_KEY_DEPTH} levels, or a cycle`);
  if (Array.isArray(value)) return `[${Array.from(value, (inner: unknown) => encode(inner, depth)).join(",")}]`;
  if (value instanceof Date) return `Date(${value.getTime()})`;
  if (value instanceof Uint8Array) return `Bytes(${value.join(",")})`;
  if (value instanceof Set)
    return `Set(${Array.from(value, (inner: unknown) => encode(inner, depth))
      .sort()
      .join(",")})`;
  if (value instanceof Map) return `Map(${pairs(value, (name) => encode(name, depth), depth)})`;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return refuse(`an instance of ${value.constructor?.name}`);
  return `{${pairs(Object.entries(value), toJson, depth)}}`;
}

function pairs<Name>(entries: Iterable<readonly [Name, unknown]>, name: (name: Name) => string, depth: number): string {
  return Array.from(entries, ([first, second]) => `${name(first)}:${encode(second, depth)}`)
    .sort()
    .join(",");
}

function refuse(what: string): never {
  throw new RuntimeError(
    ErrorCode.badArgument,
    `bad key, it is or holds ${what}; allowed is plain data: strings, numbers, arrays, plain objects …`,
  );
}
