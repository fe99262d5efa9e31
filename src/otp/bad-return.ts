/** A callback returned what it may not: the process exits as in OTP, and the report lists what was allowed. */
import { inspect } from "node:util";
import { ErrorCode, RuntimeError } from "../core/errors.js";
import { notice } from "../runtime/process.js";

/**
 * Ends the calling process with the exit reason `[tag, value]`; what was expected goes to the report.
 *
 * @param tag - OTP's atom for it: `"bad_return_value"` in a genServer.
 */
export function badReturn(tag: string, callback: string, value: unknown, allowed: string): never {
  const message = `${callback} returned ${show(value)}; allowed: ${allowed}`;
  notice(message);
  throw new RuntimeError(ErrorCode.badReturn, message, { exitReason: [tag, plain(value)] });
}

/** A value as it can be in an exit reason, which is plain data: what cannot be copied is described. */
function plain(value: unknown): unknown {
  try {
    return structuredClone(value);
  } catch {
    return show(value);
  }
}

/** A value in one line for people. */
export function show(value: unknown): string {
  return inspect(value, { depth: 3, breakLength: Number.POSITIVE_INFINITY });
}
