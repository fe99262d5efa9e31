/**
 * Whether a message can go to other threads and nodes, found out before it goes anywhere: else it would depend on who
 * listens where whether a publisher's code works, and some would have got what others never get.
 */
import { ErrorCode, RuntimeError } from "../core/errors.js";

/** Levels looked at here; what is deeper, or has a cycle, is tried by copying it. */
const MAX_DEPTH = 32;

/** @throws RuntimeError `notSendable` for a message that structured clone cannot copy. */
export function checkSendable(topic: string, message: unknown): void {
  if (typeof message === "string" || typeof message === "number" || isSendable(message, 0)) return;
  try {
    structuredClone(message);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new RuntimeError(
      ErrorCode.notSendable,
      `a message for topic "${topic}" cannot be sent to other threads: ${why}; allowed is what structured clone copies`,
      { cause },
    );
  }
}

/** Plain data is said yes to without a copy; `false` is not no, but: try it. */
function isSendable(value: unknown, depth: number): boolean {
  if (typeof value === "function" || typeof value === "symbol") return false;
  if (typeof value !== "object" || value === null) return true;
  if (depth === MAX_DEPTH) return false;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) if (!isSendable(value[i], depth + 1)) return false;
    return true;
  }
  if (value instanceof Uint8Array) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return false;
  for (const key in value) if (!isSendable((value as Record<string, unknown>)[key], depth + 1)) return false;
  return true;
}
