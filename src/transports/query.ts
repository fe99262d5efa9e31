/**
 * Query strings, decoded as Plug does (`Plug.Conn.Query`), since that is what the stock client encodes for:
 *
 * - `a=1&a=2` is `{a: "2"}`, the last one wins; `a` is `{a: ""}`; empty parameters (`a=1&`) do not count;
 * - `a[b]=1&a[c]=2` is `{a: {b: "1", c: "2"}}`; `a[]=1&a[]=2` is `{a: ["1", "2"]}`;
 * - `a[][x]=1&a[][y]=2` is one entry, `{a: [{x: "1", y: "2"}]}`, as Plug has it;
 * - where a key is used both as a list and as an object, the last use decides and the others are dropped;
 * - a `%` that is not followed by two hexadecimal digits stands for itself.
 *
 * Departure: keys named `__proto__` are dropped, as they turn into a prototype in too many ways to copy an object.
 */

/** Decoded parameters: plain data, fit to be sent to another thread. */
export interface Params {
  [key: string]: Param;
}
export type Param = string | Param[] | Params;

export interface QueryLimits {
  /** How many parameters there may be. @defaultValue 1000 */
  readonly maxParams?: number;
  /** How deep they may be nested: `a[b][c]` is 3. @defaultValue 32 */
  readonly maxDepth?: number;
}

/**
 * @param query - Without its question mark, as Node.js hands it on: one character a byte.
 * @returns Undefined if it is not UTF-8 or beyond the limits; the answer is then 400.
 */
export function decodeQuery(query: string, limits: QueryLimits = {}): Params | undefined {
  const { maxParams = 1000, maxDepth = 32 } = limits;
  const root = newLevel();
  let count = 0;
  for (const part of query.split("&")) {
    if (part === "") continue;
    const equals = part.indexOf("=");
    const key = decodePart(equals === -1 ? part : part.slice(0, equals));
    const value = decodePart(equals === -1 ? "" : part.slice(equals + 1));
    if (key === undefined || value === undefined) return undefined;
    const path = keyPath(key);
    count += 1;
    if (count > maxParams || path.length > maxDepth) return undefined;
    insert(root, path, value);
  }
  return toObject(root);
}

/**
 * All that was given below one key, in order. What it becomes, list or object, is known at the end only. The key of a
 * list's entry (`[]`) is empty, as is the key of `=1` at the root, which never is a list.
 */
interface Level {
  readonly entries: { readonly key: string; readonly value: string | Level }[];
  readonly levels: Map<string, Level>;
}

function newLevel(): Level {
  return { entries: [], levels: new Map() };
}

/** `users[name][]` is `users`, `name` and an empty key. Brackets only count if the key ends in one. */
function keyPath(key: string): readonly string[] {
  const open = key.indexOf("[");
  if (open <= 0 || !key.endsWith("]")) return [key];
  return [key.slice(0, open), ...key.slice(open + 1, -1).split("][")];
}

function insert(root: Level, path: readonly string[], value: string): void {
  if (path.includes("__proto__")) return;
  let level = root;
  for (const key of path.slice(0, -1)) {
    let next = level.levels.get(key);
    if (next === undefined) {
      next = newLevel();
      level.levels.set(key, next);
      level.entries.push({ key, value: next });
    }
    level = next;
  }
  level.entries.push({ key: path.at(-1) as string, value });
}

function toObject(level: Level): Params {
  const params: Params = {};
  for (const { key, value } of level.entries) params[key] = toParam(value);
  return params;
}

function toParam(value: string | Level): Param {
  if (typeof value === "string") return value;
  if (value.entries.at(-1)?.key === "") {
    return value.entries.filter(({ key }) => key === "").map((entry) => toParam(entry.value));
  }
  return toObject({ ...value, entries: value.entries.filter(({ key }) => key !== "") });
}

function decodePart(text: string): string | undefined {
  if (!/[%+\x80-\uffff]/.test(text)) return text;
  const spaced = text.replaceAll("+", " ");
  const bytes = Buffer.from(spaced, "latin1");
  let length = 0;
  for (let at = 0; at < bytes.length; at++) {
    const escaped = /^%[\dA-Fa-f]{2}$/.test(spaced.slice(at, at + 3));
    bytes[length++] = escaped ? Number.parseInt(spaced.slice(at + 1, at + 3), 16) : (bytes[at] as number);
    if (escaped) at += 2;
  }
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes.subarray(0, length));
  } catch {
    return undefined;
  }
}
