/**
 * Reads Erlang's external term format: `binary_to_term`, for plain data only. What could do something when it is used (a
 * function, a pid, a reference, a port) is refused as Plug.Crypto does, and everything is bounded: levels, bytes, and counts,
 * which may promise no more than the bytes that are there.
 */
import { inflateSync } from "node:zlib";
import { Atom, MAX_TERM_DEPTH, Tag, Tuple } from "./external-term.js";

/** Bytes a compressed term may unfold to. */
const MAX_INFLATED_BYTES = 1_048_576;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The term, or undefined if these are not the bytes of exactly one term that is allowed; `undefined` itself is no term. */
export function decodeTerm(bytes: Uint8Array): unknown {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  try {
    if (buffer[0] !== Tag.version) return undefined;
    const body = buffer[1] === Tag.compressed ? inflate(buffer) : buffer.subarray(1);
    const reader = new TermReader(body);
    const term = reader.read(0);
    return reader.isAtEnd ? term : undefined;
  } catch (error) {
    // Only three things can happen here: `Malformed`, a read beyond the end, and bad deflated data.
    if (error instanceof Malformed || error instanceof RangeError || isZlibError(error)) return undefined;
    throw error;
  }
}

class Malformed extends Error {}

function isZlibError(error: unknown): boolean {
  return String((error as { code?: unknown }).code).startsWith("Z_");
}

function inflate(buffer: Buffer): Buffer {
  const size = buffer.readUInt32BE(2);
  if (size > MAX_INFLATED_BYTES) throw new Malformed();
  const inflated = inflateSync(buffer.subarray(6), { maxOutputLength: Math.max(size, 1) });
  if (inflated.length !== size) throw new Malformed();
  return inflated;
}

class TermReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  read(depth: number): unknown {
    if (depth > MAX_TERM_DEPTH) throw new Malformed();
    const tag = this.#uint8();
    switch (tag) {
      case Tag.smallInteger:
        return this.#uint8();
      case Tag.integer:
        return this.#take(4).readInt32BE();
      case Tag.smallBig:
        return this.#big(this.#uint8());
      case Tag.largeBig:
        return this.#big(this.#uint32());
      case Tag.newFloat:
        return this.#float();
      case Tag.binary:
        return textOrBytes(this.#take(this.#uint32()));
      case Tag.string:
        return [...this.#take(this.#uint16())];
      case Tag.nil:
        return [];
      case Tag.list:
        return this.#list(this.#uint32(), depth);
      case Tag.smallTuple:
        return new Tuple(this.#terms(this.#uint8(), depth));
      case Tag.largeTuple:
        return new Tuple(this.#terms(this.#uint32(), depth));
      case Tag.map:
        return this.#map(this.#uint32(), depth);
      default:
        return toValue(this.#atomName(tag));
    }
  }

  #atomName(tag: number): string {
    switch (tag) {
      case Tag.smallAtomUtf8:
        return text(this.#take(this.#uint8()));
      case Tag.atomUtf8:
        return text(this.#take(this.#uint16()));
      case Tag.smallAtom:
        return this.#take(this.#uint8()).toString("latin1");
      case Tag.atom:
        return this.#take(this.#uint16()).toString("latin1");
      default:
        throw new Malformed();
    }
  }

  #list(count: number, depth: number): unknown[] {
    const list = this.#terms(count, depth);
    if (this.#uint8() !== Tag.nil) throw new Malformed(); // an improper list: nothing here is like it
    return list;
  }

  #terms(count: number, depth: number): unknown[] {
    // Each takes a byte at least, so no count makes us wait or allocate for what cannot be there.
    if (count > this.#bytes.length - this.#at) throw new Malformed();
    const terms: unknown[] = [];
    for (let i = 0; i < count; i++) terms.push(this.read(depth + 1));
    return terms;
  }

  #map(count: number, depth: number): unknown {
    const terms = this.#terms(count * 2, depth);
    const entries = Array.from({ length: count }, (_, i) => [terms[2 * i], terms[2 * i + 1]] as const);
    const names = entries.map(([key]) => keyName(key));
    const isObject = names.every((name) => name !== undefined) && new Set(names).size === count;
    // `fromEntries` defines: a key named "__proto__" is a key like any other.
    if (isObject) return Object.fromEntries(names.map((name, i) => [name, entries[i]?.[1]]));
    return new Map(entries);
  }

  #big(length: number): number | bigint {
    const sign = this.#uint8();
    const digits = Buffer.from(this.#take(length)).reverse().toString("hex");
    const size = BigInt(`0x${digits === "" ? "0" : digits}`);
    const value = sign === 0 ? size : -size;
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }

  #float(): number {
    const value = this.#take(8).readDoubleBE();
    if (!Number.isFinite(value)) throw new Malformed(); // Erlang has none
    return value;
  }

  #uint8(): number {
    return this.#take(1)[0] as number;
  }

  #uint16(): number {
    return this.#take(2).readUInt16BE();
  }

  #uint32(): number {
    return this.#take(4).readUInt32BE();
  }

  #take(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new Malformed();
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }
}

/** What a key is called in an object: Elixir's maps mostly have atoms or strings. */
function keyName(key: unknown): string | undefined {
  if (typeof key === "string") return key;
  return key instanceof Atom ? key.name : undefined;
}

function toValue(name: string): unknown {
  if (name === "nil") return null;
  if (name === "true" || name === "false") return name === "true";
  return new Atom(name);
}

function text(bytes: Buffer): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new Malformed();
  }
}

function textOrBytes(bytes: Buffer): string | Uint8Array {
  try {
    return utf8.decode(bytes);
  } catch {
    return new Uint8Array(bytes);
  }
}
