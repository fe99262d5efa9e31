/**
 * Erlang's external term format, for plain data: what `term_to_binary` writes. Tokens hold their data in it, so that those
 * of an Elixir application can be read here, and the other way round. Reading is in `external-term-reader.ts`.
 *
 * | here                                     | there                                                         |
 * | ---------------------------------------- | ------------------------------------------------------------- |
 * | string, `Uint8Array`                     | binary; read as a string if it is UTF-8, else as bytes         |
 * | number, bigint                           | integer, or float if it has a fraction or is no safe integer   |
 * | `null`, `true`, `false`                  | the atoms `nil`, `true`, `false`                               |
 * | array                                    | list                                                          |
 * | plain object                             | map with binaries as keys; read with atoms as keys, too        |
 * | `Map`                                    | map with any keys                                             |
 * | {@link atom}, {@link tuple}              | any other atom, tuple                                         |
 *
 * @see https://www.erlang.org/doc/apps/erts/erl_ext_dist.html
 */
import { ErrorCode, RuntimeError } from "../core/errors.js";

/** An Erlang atom that is none of `nil`, `true`, `false`. Made by {@link atom}. */
export class Atom {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

/** An Erlang tuple. Made by {@link tuple}. */
export class Tuple {
  readonly elements: readonly unknown[];

  constructor(elements: readonly unknown[]) {
    this.elements = elements;
  }
}

/** Characters an atom may have, as in Erlang. */
const MAX_ATOM_CHARACTERS = 255;
/** Levels of lists, tuples and maps within each other. */
export const MAX_TERM_DEPTH = 64;

/** The atom of that name, for the data of a token: Elixir's `:admin` is `atom("admin")`. */
export function atom(name: string): Atom {
  if (typeof name === "string" && [...name].length <= MAX_ATOM_CHARACTERS) return new Atom(name);
  throw new RuntimeError(
    ErrorCode.badArgument,
    `bad atom ${String(name)}: an atom is a string of at most ${MAX_ATOM_CHARACTERS} characters`,
  );
}

/** A tuple, for the data of a token: Elixir's `{:user, 1}` is `tuple(atom("user"), 1)`. */
export function tuple(...elements: readonly unknown[]): Tuple {
  return new Tuple(elements);
}

/** Their bytes, and what says how to read them. */
export const Tag = {
  version: 131,
  compressed: 80,
  newFloat: 70,
  smallInteger: 97,
  integer: 98,
  atom: 100,
  smallTuple: 104,
  largeTuple: 105,
  nil: 106,
  string: 107,
  list: 108,
  binary: 109,
  smallBig: 110,
  largeBig: 111,
  smallAtom: 115,
  map: 116,
  atomUtf8: 118,
  smallAtomUtf8: 119,
} as const;

/**
 * The bytes of a term.
 *
 * @throws RuntimeError `badArgument` for what has no counterpart: `undefined`, a function, `NaN`, an instance of a class.
 */
export function encodeTerm(term: unknown): Buffer {
  const parts: Buffer[] = [Buffer.of(Tag.version)];
  write(parts, term, "the data", 0);
  return Buffer.concat(parts);
}

function write(parts: Buffer[], term: unknown, path: string, depth: number): void {
  if (depth > MAX_TERM_DEPTH) throw refuse(path, `is nested deeper than ${MAX_TERM_DEPTH} levels`);
  switch (typeof term) {
    case "string":
      // A lone surrogate has no UTF-8: it would come back as another character.
      if (/\p{Surrogate}/u.test(term)) throw refuse(path, "is a string with half a character in it (a lone surrogate)");
      return writeBinary(parts, Buffer.from(term));
    case "number":
      return writeNumber(parts, term, path);
    case "bigint":
      return writeInteger(parts, term);
    case "boolean":
      return writeAtom(parts, String(term));
    case "object":
      return writeObject(parts, term, path, depth);
    default:
      throw refuse(path, `is ${term === undefined ? "undefined" : `a ${typeof term}`}`);
  }
}

function writeObject(parts: Buffer[], term: object | null, path: string, depth: number): void {
  if (term === null) return writeAtom(parts, "nil");
  if (Array.isArray(term)) return writeList(parts, term, path, depth);
  if (term instanceof Uint8Array) return writeBinary(parts, term);
  if (term instanceof Atom) return writeAtom(parts, term.name);
  if (term instanceof Tuple) {
    const { length } = term.elements;
    parts.push(length <= 255 ? Buffer.of(Tag.smallTuple, length) : uint32(Tag.largeTuple, length));
    for (let i = 0; i < length; i++) write(parts, term.elements[i], `${path}.elements[${i}]`, depth + 1);
    return;
  }
  if (term instanceof Map) {
    parts.push(uint32(Tag.map, term.size));
    for (const [key, value] of term) {
      write(parts, key, `a key of ${path}`, depth + 1);
      write(parts, value, `a value of ${path}`, depth + 1);
    }
    return;
  }
  const prototype: unknown = Object.getPrototypeOf(term);
  if (prototype !== Object.prototype && prototype !== null) {
    throw refuse(path, `is a ${(term as { constructor?: { name?: string } }).constructor?.name ?? "class instance"}`);
  }
  writeMap(parts, term as Readonly<Record<string, unknown>>, path, depth);
}

/** In the order of their bytes, as Erlang has the keys of a map of up to 32; those of larger ones are in no order there. */
function writeMap(parts: Buffer[], map: Readonly<Record<string, unknown>>, path: string, depth: number): void {
  const keys = Object.keys(map).map((key) => [key, Buffer.from(key)] as const);
  keys.sort(([, a], [, b]) => Buffer.compare(a, b));
  parts.push(uint32(Tag.map, keys.length));
  for (const [key] of keys) {
    write(parts, key, `a key of ${path}`, depth + 1);
    write(parts, map[key], `${path}.${key}`, depth + 1);
  }
}

function writeList(parts: Buffer[], list: readonly unknown[], path: string, depth: number): void {
  if (list.length === 0) return void parts.push(Buffer.of(Tag.nil));
  if (list.length <= 0xffff && list.every(isByte)) {
    // To Erlang a list of bytes is a string, and has a short form. Elixir's charlists are such lists.
    parts.push(Buffer.of(Tag.string, list.length >> 8, list.length & 0xff), Buffer.from(list));
    return;
  }
  parts.push(uint32(Tag.list, list.length));
  for (let i = 0; i < list.length; i++) write(parts, list[i], `${path}[${i}]`, depth + 1);
  parts.push(Buffer.of(Tag.nil));
}

function isByte(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 255;
}

function writeNumber(parts: Buffer[], value: number, path: string): void {
  if (!Number.isFinite(value)) throw refuse(path, `is ${value}`);
  if (Number.isSafeInteger(value)) return writeInteger(parts, BigInt(value));
  const bytes = Buffer.alloc(9, Tag.newFloat);
  bytes.writeDoubleBE(value, 1);
  parts.push(bytes);
}

function writeInteger(parts: Buffer[], value: bigint): void {
  if (value >= 0n && value <= 255n) return void parts.push(Buffer.of(Tag.smallInteger, Number(value)));
  if (value === BigInt.asIntN(32, value)) {
    const bytes = Buffer.alloc(5, Tag.integer);
    bytes.writeInt32BE(Number(value), 1);
    parts.push(bytes);
    return;
  }
  const hex = (value < 0n ? -value : value).toString(16);
  const digits = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex").reverse();
  const { length } = digits;
  parts.push(length <= 255 ? Buffer.of(Tag.smallBig, length) : uint32(Tag.largeBig, length));
  parts.push(Buffer.of(value < 0n ? 1 : 0), digits);
}

function writeAtom(parts: Buffer[], name: string): void {
  const bytes = Buffer.from(name);
  const { length } = bytes;
  parts.push(
    length <= 255 ? Buffer.of(Tag.smallAtomUtf8, length) : Buffer.of(Tag.atomUtf8, length >> 8, length & 0xff),
    bytes,
  );
}

function writeBinary(parts: Buffer[], bytes: Uint8Array): void {
  parts.push(uint32(Tag.binary, bytes.length), Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
}

function uint32(tag: number, value: number): Buffer {
  const bytes = Buffer.alloc(5, tag);
  bytes.writeUInt32BE(value, 1);
  return bytes;
}

function refuse(path: string, problem: string): RuntimeError {
  const allowed =
    "strings, numbers, bigints, booleans, null, bytes, arrays, plain objects, Maps, atom(name), tuple(...)";
  return new RuntimeError(ErrorCode.badArgument, `${path} ${problem}; a token can hold ${allowed}`);
}
