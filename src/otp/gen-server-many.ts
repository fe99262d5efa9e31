/**
 * Calls and casts to many servers at once: OTP's `gen_server:multi_call` and `abcast`. There they go to one name on many nodes;
 * here a name is one process of the whole runtime, so they go to many pids and names.
 */
import { ErrorCode, RuntimeError } from "../core/errors.js";
import type { Destination } from "../core/via.js";
import { call, cast, DEFAULT_CALL_TIMEOUT_MS } from "./gen-server-calls.js";

export interface MultiCallResult<To extends Destination = Destination, R = unknown> {
  /** Who replied, and what, in the order of the targets. */
  readonly replies: readonly (readonly [target: To, reply: R])[];
  /** Those who were not there, ended before they replied, or were too slow. */
  readonly bad: readonly To[];
}

/**
 * Calls all `targets` at once and waits for each. One that is bad or slow never fails the others; the caller itself is bad.
 *
 * @param timeoutMs - Milliseconds for all together; what comes later is dropped. @defaultValue 5000 (OTP: `Infinity`)
 * @throws RuntimeError `badArgument` for a `timeoutMs` that is none.
 * @see https://www.erlang.org/doc/apps/stdlib/gen_server.html#multi_call/4
 */
export async function multiCall<To extends Destination>(
  targets: readonly To[],
  event: string,
  arg?: unknown,
  timeoutMs: number = DEFAULT_CALL_TIMEOUT_MS,
): Promise<MultiCallResult<To>> {
  const answers = await Promise.all(targets.map((target) => answerOf(target, event, arg, timeoutMs)));
  const replies: (readonly [To, unknown])[] = [];
  const bad: To[] = [];
  for (const [index, answer] of answers.entries()) {
    const target = targets[index] as To; // there are as many answers
    if (answer === undefined) bad.push(target);
    else replies.push([target, answer[0]]);
  }
  return { replies, bad };
}

/** The reply in a list; `undefined` if there will be none. */
async function answerOf(
  to: Destination,
  event: string,
  arg: unknown,
  timeoutMs: number,
): Promise<readonly [unknown] | undefined> {
  try {
    return [await call(to, event, arg, timeoutMs)];
  } catch (error) {
    if (
      error instanceof RuntimeError &&
      (error.code === ErrorCode.callFailed || error.code === ErrorCode.callTimeout)
    ) {
      return undefined;
    }
    throw error;
  }
}

/** Casts to all `targets`; to those who are not there nothing happens. OTP's `gen_server:abcast`. */
export function abcast(targets: readonly Destination[], event: string, arg?: unknown): void {
  for (const target of targets) cast(target, event, arg);
}
