/** Says which part of a message cannot be copied to another thread. */
import { ErrorCode, RuntimeError } from "../core/errors.js";
import type { Unsendable } from "./links/outbox.js";

const MAX_DEPTH = 8;

/** @param what - Its payload is a list of values, of which one cannot be sent. @param called - What those are called. */
export function notSendable(what: Pick<Unsendable, "payload" | "cause">, called = "message"): RuntimeError {
  const place = find(what.payload, called, 0) ?? `the ${called}`;
  return new RuntimeError(
    ErrorCode.notSendable,
    `${place} cannot be sent to another thread (allowed is what structured clone copies: plain data, Map, Set, Date, bytes)`,
    { cause: what.cause },
  );
}

function find(value: unknown, path: string, depth: number): string | undefined {
  if (typeof value === "function") return `the function at ${path}`;
  if (typeof value === "symbol") return `the symbol at ${path}`;
  if (typeof value !== "object" || value === null || depth > MAX_DEPTH) return undefined;
  if (value instanceof Promise) return `the promise at ${path}`;
  for (const [key, inner] of Object.entries(value)) {
    const found = find(
      inner,
      Array.isArray(value) ? (depth === 0 ? path : `${path}[${key}]`) : `${path}.${key}`,
      depth + 1,
    );
    if (found !== undefined) return found;
  }
  return undefined;
}
