/** Says which part of a message cannot be copied to another thread. */
import { ErrorCode, RuntimeError } from "../core/errors.js";
import type { Unsendable } from "./outbox.js";

const MAX_DEPTH = 8;

export function notSendable(what: Unsendable): RuntimeError {
  const place = find(what.payload, "message", 0) ?? "the message";
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
