/**
 * The client's side of a genServer. Requests are flat arrays, the cheapest thing to make and to copy between threads:
 *
 * ```
 *   ["$call", pid, ref, event, arg]      ["$cast", event, arg]      ["$stop", reason]
 * ```
 */
import { isDeepStrictEqual } from "node:util";
import { ErrorCode, RuntimeError } from "../core/errors.js";
import { type ExitReason, formatReason } from "../core/exit-reason.js";
import type { Pid } from "../core/pid.js";
import type { Ref } from "../core/ref.js";
import { type Destination, showDestination } from "../core/via.js";
import { ask, awaitReply, isPid, openRequest, self, send, whereis } from "../runtime/process.js";

export const CALL = "$call";
export const CAST = "$cast";
export const STOP = "$stop";
export type CallMessage = readonly [typeof CALL, Pid, Ref, string, unknown];
export type CastMessage = readonly [typeof CAST, string, unknown];
export type StopMessage = readonly [typeof STOP, ExitReason];

/** Milliseconds a call waits. OTP's default. */
export const DEFAULT_CALL_TIMEOUT_MS = 5000;

/**
 * Sends a request and waits for the reply, as OTP's `gen_server:call/3`.
 *
 * @param to - A pid, a registered name, or a key of a registry (`via`), on any thread.
 * @param timeoutMs - How long to wait; `Infinity` waits for ever. @defaultValue 5000
 * @returns What `handleCall` replied. A reply that comes too late is dropped.
 * @throws RuntimeError `callFailed` if the server is dead or dies first, `callTimeout`; uncaught, they end the caller.
 * @see https://www.erlang.org/doc/apps/stdlib/gen_server.html#call/3
 */
export function call(
  to: Destination,
  event: string,
  arg?: unknown,
  timeoutMs: number = DEFAULT_CALL_TIMEOUT_MS,
): Promise<unknown> {
  try {
    return ask(to, CALL, event, arg, timeoutMs);
  } catch (error) {
    // That nobody is there is no misuse but how the call went: it goes where its other failures go, to `.catch` too.
    if (error instanceof RuntimeError && error.code === ErrorCode.callFailed) return Promise.reject(error);
    throw error;
  }
}

/** Sends a request that nobody answers, as OTP's `gen_server:cast/2`. To nobody: nothing happens. */
export function cast(to: Destination, event: string, arg?: unknown): void {
  const pid = isPid(to) ? to : whereis(to);
  if (pid !== undefined) send(pid, [CAST, event, arg] satisfies CastMessage);
}

/**
 * Has a server end with `reason` by way of its `terminate`, and waits until it is gone. OTP's `gen_server:stop/3`; it has
 * another name here because `stop` is what callbacks return.
 *
 * @throws RuntimeError `callFailed` if there is no such process (exit reason `noproc`) or it ends with another reason (that
 * one); `callTimeout` (exit reason `timeout`), and the server may still be ending.
 */
export async function stopServer(
  to: Destination,
  reason: ExitReason = "normal",
  timeoutMs: number = Number.POSITIVE_INFINITY,
): Promise<void> {
  try {
    const request = openRequest(to);
    if (request.to === self()) throw new RuntimeError(ErrorCode.badArgument, "a process cannot wait for its own end");
    send(request.to, [STOP, reason] satisfies StopMessage);
    await awaitReply(request, timeoutMs);
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    if (error.code === ErrorCode.callTimeout) {
      throw new RuntimeError(error.code, `${showDestination(to)} did not stop within ${timeoutMs} ms`, {
        exitReason: "timeout",
      });
    }
    if (error.code !== ErrorCode.callFailed) throw error;
    const ended: ExitReason = error.cause;
    if (isDeepStrictEqual(ended, reason)) return;
    const what = `${showDestination(to)} was to stop with ${formatReason(reason)}, but ended with ${formatReason(ended)}`;
    throw new RuntimeError(error.code, what, { cause: ended, exitReason: ended });
  }
}
