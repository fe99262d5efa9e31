/**
 * Any value as plain data of a bounded size: what reports, traces and logs hold of messages and states. It can be copied to
 * another thread, is JSON but for `undefined`, and does not change when the value does. What has no such form is described:
 *
 * ```
 *   function, symbol, bigint     "[Function add]", "Symbol(x)", "12n"
 *   Map, Set                     { "[Map]": [[key, value], …] }, { "[Set]": [value, …] }
 *   bytes                        "[Uint8Array of 1024: 00ff12…]"
 *   an object of a class         its fields, with the class under "[class]"
 *   a cycle, too deep, too many  "[Circular]", "[Object]", "… 970 more"
 * ```
 */

export interface PlainLimits {
  /** Containers inside each other. @defaultValue 5 */
  readonly maxDepth: number;
  /** Entries of one container. @defaultValue 50 */
  readonly maxEntries: number;
  /** Characters of one string. @defaultValue 1000 */
  readonly maxStringLength: number;
  /** Values in all: what bounds the time this takes. @defaultValue 500 */
  readonly maxValues: number;
}

export const DEFAULT_PLAIN_LIMITS: PlainLimits = {
  maxDepth: 5,
  maxEntries: 50,
  maxStringLength: 1000,
  maxValues: 500,
};

/** Bytes that are shown of binary data. */
const SHOWN_BYTES = 16;

/** Under this key stands what was left out of an object. */
const MORE = "…";

export function toPlain(value: unknown, limits: PlainLimits = DEFAULT_PLAIN_LIMITS): unknown {
  return new Copy(limits).of(value, 0);
}

class Copy {
  readonly #limits: PlainLimits;
  readonly #above = new Set<object>();
  #values = 0;

  constructor(limits: PlainLimits) {
    this.#limits = limits;
  }

  of(value: unknown, depth: number): unknown {
    this.#values++;
    switch (typeof value) {
      case "string":
        return this.#string(value);
      case "bigint":
        return `${value}n`;
      case "symbol":
        return String(value);
      case "function":
        return `[Function ${value.name || "(anonymous)"}]`;
      case "object":
        if (value === null) return null;
        try {
          return this.#object(value, depth);
        } catch (error) {
          return `[${error instanceof Error ? error.message : "not readable"}]`; // a getter or a proxy of the user's
        }
      default:
        return value;
    }
  }

  #string(text: string): string {
    const { maxStringLength } = this.#limits;
    return text.length <= maxStringLength ? text : `${text.slice(0, maxStringLength)}… (${text.length} characters)`;
  }

  #object(value: object, depth: number): unknown {
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString();
    if (value instanceof RegExp) return String(value);
    if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return bytes(value);
    if (this.#above.has(value)) return "[Circular]";
    if (depth >= this.#limits.maxDepth || this.#values > this.#limits.maxValues) return placeholder(value);
    this.#above.add(value);
    try {
      return this.#container(value, depth + 1);
    } finally {
      this.#above.delete(value);
    }
  }

  #container(value: object, depth: number): unknown {
    if (Array.isArray(value)) return this.#list(value, value.length, depth);
    if (value instanceof Map) return { "[Map]": this.#list(value, value.size, depth) };
    if (value instanceof Set) return { "[Set]": this.#list(value, value.size, depth) };
    if (value instanceof Error) {
      const { name, message, stack } = value;
      return {
        tag: "error",
        name: this.#string(name),
        message: this.#string(message),
        stack: this.#string(stack ?? ""),
      };
    }
    const plain: Record<string, unknown> = {};
    const className = classOf(value);
    if (className !== "Object") plain["[class]"] = className;
    let taken = 0;
    const keys = Object.keys(value);
    for (const key of keys) {
      if (this.#isFull(taken)) {
        plain[MORE] = `${keys.length - taken} more`;
        break;
      }
      taken++;
      // Defined, not assigned: a key named __proto__ is data like any other.
      const entry = this.of((value as Readonly<Record<string, unknown>>)[key], depth);
      Object.defineProperty(plain, key, { value: entry, enumerable: true, configurable: true, writable: true });
    }
    return plain;
  }

  #list(items: Iterable<unknown>, size: number, depth: number): unknown[] {
    const list: unknown[] = [];
    for (const item of items) {
      if (this.#isFull(list.length)) {
        list.push(`${MORE} ${size - list.length} more`);
        break;
      }
      list.push(this.of(item, depth));
    }
    return list;
  }

  #isFull(taken: number): boolean {
    return taken >= this.#limits.maxEntries || this.#values >= this.#limits.maxValues;
  }
}

function classOf(value: object): string {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === null || prototype === Object.prototype) return "Object";
  const name = (prototype as { constructor?: { name?: unknown } }).constructor?.name;
  return typeof name === "string" && name !== "" ? name : "Object";
}

function placeholder(value: object): string {
  if (Array.isArray(value)) return `[Array of ${value.length}]`;
  if (value instanceof Map || value instanceof Set) return `[${classOf(value)} of ${value.size}]`;
  return `[${classOf(value)}]`;
}

function bytes(value: ArrayBuffer | ArrayBufferView): string {
  const view = ArrayBuffer.isView(value)
    ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
    : new Uint8Array(value);
  const shown = Array.from(view.subarray(0, SHOWN_BYTES), (byte) => byte.toString(16).padStart(2, "0")).join("");
  return `[${classOf(value)} of ${view.length}: ${shown}${view.length > SHOWN_BYTES ? MORE : ""}]`;
}
