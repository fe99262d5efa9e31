/**
 * MessagePack for payloads: JSON's values and bytes, anywhere. Written is what `JSON.stringify` would write (`toJSON` is
 * called, `undefined` is left out, `NaN` is null), and bytes as bytes. Read is the same and nothing else: no extensions, keys
 * are strings, text is UTF-8, numbers are finite. So what a client sends is a JSON value with bytes, whatever it tries.
 *
 * No dependency and nothing of Node.js: servers and browsers share this file.
 *
 * @see https://github.com/msgpack/msgpack/blob/master/spec.md
 */
import { ErrorCode, RuntimeError } from "../core/errors.js";

/** Levels of arrays and maps within each other. */
export const MAX_MSGPACK_DEPTH = 256;

/** Longer texts go through the platform's own codec; for shorter ones the call costs more than it saves. */
const SHORT_TEXT = 32;

const textDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const textEncoder = new TextEncoder();

/**
 * Reads values one after the other.
 *
 * Each method throws RuntimeError `badPayload` where the bytes are not what is allowed.
 */
export class MsgpackReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** How many elements the array has that begins here; they come next. */
  arrayLength(): number {
    const tag = this.#uint(1);
    if (tag >= 0x90 && tag <= 0x9f) return tag & 0x0f;
    if (tag === 0xdc || tag === 0xdd) return this.#uint(tag === 0xdc ? 2 : 4);
    throw malformed("an array was expected");
  }

  read(depth = 0): unknown {
    const tag = this.#uint(1);
    if (tag <= 0x7f) return tag;
    if (tag <= 0x8f) return this.#map(tag & 0x0f, depth);
    if (tag <= 0x9f) return this.#array(tag & 0x0f, depth);
    if (tag <= 0xbf) return this.#text(tag & 0x1f);
    if (tag >= 0xe0) return tag - 0x100;
    switch (tag) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4:
      case 0xc5:
      case 0xc6:
        // A copy: what a payload is kept for must not keep the whole frame.
        return this.#take(this.#uint(1 << (tag - 0xc4))).slice();
      case 0xca:
        return finite(this.#view.getFloat32(this.#skip(4)));
      case 0xcb:
        return finite(this.#view.getFloat64(this.#skip(8)));
      case 0xcc:
      case 0xcd:
      case 0xce:
        return this.#uint(1 << (tag - 0xcc));
      // Numbers are JavaScript's, as in JSON: the nearest one.
      case 0xcf:
        return Number(this.#view.getBigUint64(this.#skip(8)));
      case 0xd0:
        return this.#view.getInt8(this.#skip(1));
      case 0xd1:
        return this.#view.getInt16(this.#skip(2));
      case 0xd2:
        return this.#view.getInt32(this.#skip(4));
      case 0xd3:
        return Number(this.#view.getBigInt64(this.#skip(8)));
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.#text(this.#uint(1 << (tag - 0xd9)));
      case 0xdc:
      case 0xdd:
        return this.#array(this.#uint(tag === 0xdc ? 2 : 4), depth);
      case 0xde:
      case 0xdf:
        return this.#map(this.#uint(tag === 0xde ? 2 : 4), depth);
      default:
        throw malformed(`type 0x${tag.toString(16)} is not among JSON's values and bytes`);
    }
  }

  #array(length: number, depth: number): unknown[] {
    this.#checkCount(length, depth);
    const array: unknown[] = [];
    for (let i = 0; i < length; i++) array.push(this.read(depth + 1));
    return array;
  }

  #map(length: number, depth: number): Record<string, unknown> {
    this.#checkCount(length * 2, depth);
    const map: Record<string, unknown> = {};
    for (let i = 0; i < length; i++) {
      const key = this.#key();
      const value = this.read(depth + 1);
      // Assigned to, this one would be the prototype; as JSON.parse does it, it is a key like any other.
      if (key === "__proto__") Object.defineProperty(map, key, { value, ...ordinary });
      else map[key] = value;
    }
    return map;
  }

  #key(): string {
    const tag = this.#uint(1);
    if (tag >= 0xa0 && tag <= 0xbf) return this.#text(tag & 0x1f);
    if (tag >= 0xd9 && tag <= 0xdb) return this.#text(this.#uint(1 << (tag - 0xd9)));
    throw malformed("the key of a map is no string");
  }

  /** Each value takes a byte at least: no count makes us wait or allocate for what cannot be there. */
  #checkCount(count: number, depth: number): void {
    if (depth >= MAX_MSGPACK_DEPTH) throw malformed(`it is nested deeper than ${MAX_MSGPACK_DEPTH} levels`);
    if (count > this.#bytes.length - this.#at) throw malformed("it ends too early");
  }

  #text(length: number): string {
    const bytes = this.#take(length);
    if (length <= SHORT_TEXT) {
      let text = "";
      for (let i = 0; i < length; i++) {
        const byte = bytes[i] as number;
        if (byte > 0x7f) return utf8(bytes);
        text += String.fromCharCode(byte);
      }
      return text;
    }
    return utf8(bytes);
  }

  #uint(bytes: number): number {
    const at = this.#skip(bytes);
    if (bytes === 1) return this.#bytes[at] as number;
    return bytes === 2 ? this.#view.getUint16(at) : this.#view.getUint32(at);
  }

  #take(length: number): Uint8Array {
    const at = this.#skip(length);
    // Not the `subarray` of a subclass such as Buffer: what a payload holds is a Uint8Array.
    return new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset + at, length);
  }

  #skip(length: number): number {
    const at = this.#at;
    if (length > this.#bytes.length - at) throw malformed("it ends too early");
    this.#at = at + length;
    return at;
  }
}

const ordinary = { writable: true, enumerable: true, configurable: true } as const;

function utf8(bytes: Uint8Array): string {
  try {
    return textDecoder.decode(bytes);
  } catch {
    throw malformed("a string is not UTF-8");
  }
}

function finite(value: number): number {
  if (Number.isFinite(value)) return value;
  throw malformed(`${value} is not among JSON's values`);
}

function malformed(problem: string): RuntimeError {
  return new RuntimeError(ErrorCode.badPayload, `malformed MessagePack: ${problem}`);
}

/** Writes values one after the other into a buffer that grows. */
export class MsgpackWriter {
  #bytes = new Uint8Array(256);
  #view = new DataView(this.#bytes.buffer);
  #at = 0;

  /** How many bytes were written so far. */
  get length(): number {
    return this.#at;
  }

  /** What was written, in a buffer of its own and of its size: a frame that crosses threads takes its whole buffer along. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#at);
  }

  byteAt(at: number): number {
    return this.#bytes[at] as number;
  }

  arrayLength(length: number): void {
    this.#header(length, 0x90, 15, 0xdc);
  }

  /** @throws RuntimeError `badPayload`, with what is wrong about the value. */
  write(value: unknown, depth = 0): void {
    switch (typeof value) {
      case "string":
        return this.#text(value);
      case "number":
        return this.#number(value);
      case "boolean":
        return this.#byte(value ? 0xc3 : 0xc2);
      case "object":
        return value === null ? this.#byte(0xc0) : this.#object(value, depth);
      case "bigint":
        throw unwritable("has a bigint in it");
      default:
        // `undefined`, functions and symbols, where JSON has null for them: in arrays. Of objects they are left out.
        if (depth > 0) return this.#byte(0xc0);
        throw unwritable(`is ${value === undefined ? "undefined" : `a ${typeof value}`}`);
    }
  }

  #object(value: object, depth: number): void {
    if (value instanceof Uint8Array) return this.#bin(value);
    if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) {
      throw unwritable(`has a ${value.constructor.name} in it: bytes are a Uint8Array`);
    }
    if (depth >= MAX_MSGPACK_DEPTH)
      throw unwritable(`is nested deeper than ${MAX_MSGPACK_DEPTH} levels, or has a cycle`);
    const { toJSON } = value as { toJSON?: unknown };
    if (typeof toJSON === "function") return this.write(toJSON.call(value), depth + 1);
    if (Array.isArray(value)) {
      this.arrayLength(value.length);
      for (let i = 0; i < value.length; i++) this.write(value[i], depth + 1);
      return;
    }
    const map = value as Readonly<Record<string, unknown>>;
    const keys = Object.keys(map).filter((key) => isWritten(map[key]));
    this.#header(keys.length, 0x80, 15, 0xde);
    for (const key of keys) {
      this.#text(key);
      this.write(map[key], depth + 1);
    }
  }

  #number(value: number): void {
    this.#reserve(9);
    if (!Number.isFinite(value)) return this.#byte(0xc0);
    if (!Number.isSafeInteger(value)) return this.#view.setFloat64(this.#tagged(0xcb, 8), value);
    if (value >= 0) {
      if (value <= 0x7f) return this.#byte(value);
      if (value <= 0xff) return this.#view.setUint8(this.#tagged(0xcc, 1), value);
      if (value <= 0xffff) return this.#view.setUint16(this.#tagged(0xcd, 2), value);
      if (value <= 0xffffffff) return this.#view.setUint32(this.#tagged(0xce, 4), value);
      return this.#view.setBigUint64(this.#tagged(0xcf, 8), BigInt(value));
    }
    if (value >= -0x20) return this.#byte(0x100 + value);
    if (value >= -0x80) return this.#view.setInt8(this.#tagged(0xd0, 1), value);
    if (value >= -0x8000) return this.#view.setInt16(this.#tagged(0xd1, 2), value);
    if (value >= -0x80000000) return this.#view.setInt32(this.#tagged(0xd2, 4), value);
    this.#view.setBigInt64(this.#tagged(0xd3, 8), BigInt(value));
  }

  #text(text: string): void {
    const { length } = text;
    if (length < 32 && this.#shortAscii(text)) return;
    // The header for as many bytes as there are units; where it takes more, the text is moved behind a longer one.
    this.#reserve(5 + length * 3);
    const guess = textHeader(length);
    const { written } = textEncoder.encodeInto(text, this.#bytes.subarray(this.#at + guess));
    const header = textHeader(written);
    if (header !== guess) this.#bytes.copyWithin(this.#at + header, this.#at + guess, this.#at + guess + written);
    if (header === 1) this.#byte(0xa0 | written);
    else if (header === 2) this.#view.setUint8(this.#tagged(0xd9, 1), written);
    else if (header === 3) this.#view.setUint16(this.#tagged(0xda, 2), written);
    else this.#view.setUint32(this.#tagged(0xdb, 4), written);
    this.#at += written;
  }

  #shortAscii(text: string): boolean {
    const { length } = text;
    this.#reserve(1 + length);
    for (let i = 0; i < length; i++) {
      const unit = text.charCodeAt(i);
      if (unit > 0x7f) return false;
      this.#bytes[this.#at + 1 + i] = unit;
    }
    this.#bytes[this.#at] = 0xa0 | length;
    this.#at += 1 + length;
    return true;
  }

  #bin(bytes: Uint8Array): void {
    const { length } = bytes;
    this.#reserve(5 + length);
    if (length <= 0xff) this.#view.setUint8(this.#tagged(0xc4, 1), length);
    else if (length <= 0xffff) this.#view.setUint16(this.#tagged(0xc5, 2), length);
    else this.#view.setUint32(this.#tagged(0xc6, 4), length);
    this.#bytes.set(bytes, this.#at);
    this.#at += length;
  }

  #header(length: number, short: number, most: number, long: number): void {
    this.#reserve(5);
    if (length <= most) this.#byte(short | length);
    else if (length <= 0xffff) this.#view.setUint16(this.#tagged(long, 2), length);
    else this.#view.setUint32(this.#tagged(long + 1, 4), length);
  }

  #byte(byte: number): void {
    this.#reserve(1);
    this.#bytes[this.#at++] = byte;
  }

  /**
   * Writes a tag and says where the so many bytes behind it begin. Room has been made: growing replaces the view, which
   * whoever calls this has in hand already.
   */
  #tagged(tag: number, bytes: number): number {
    this.#bytes[this.#at] = tag;
    const at = this.#at + 1;
    this.#at = at + bytes;
    return at;
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#at + bytes));
    grown.set(this.#bytes);
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }
}

function textHeader(bytes: number): number {
  if (bytes < 32) return 1;
  if (bytes <= 0xff) return 2;
  return bytes <= 0xffff ? 3 : 5;
}

function isWritten(value: unknown): boolean {
  return value !== undefined && typeof value !== "function" && typeof value !== "symbol";
}

function unwritable(problem: string): RuntimeError {
  return new RuntimeError(ErrorCode.badPayload, problem);
}
