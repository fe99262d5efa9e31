/**
 * Looking into running processes, and changing them: OTP's sys. For any process that runs a behaviour of this library
 * (genServer, supervisor, channel …), on any thread; a `proc` takes its messages itself and does not answer.
 *
 * ```ts
 * await sys.getState("counter");              // { count: 3 }
 * await sys.trace("counter", true);           // prints what it gets and sends, until sys.trace("counter", false)
 * await sys.suspend("counter");               // it handles nothing more; messages wait
 * await sys.replaceState("counter", { count: 0 });
 * await sys.resume("counter");
 * ```
 *
 * A system message is a message: it waits behind those that came before, and behind an async callback that is not done.
 *
 * All functions throw RuntimeError `callFailed` if the process is not there or ends first, and `callTimeout` after
 * `timeoutMs`; uncaught, they end the caller, as with `call`. What the process refuses throws with the code named below, and
 * leaves it as it was.
 *
 * For debugging, not for programs: a state belongs to its process.
 *
 * @see https://www.erlang.org/doc/apps/stdlib/sys.html
 */
import { ErrorCode, RuntimeError } from "../core/errors.js";
import type { ExitReason } from "../core/exit-reason.js";
import { threadOf } from "../core/pid.js";
import type { Destination } from "../core/via.js";
import { awaitReply, isPid, openRequest, self, send, whereis } from "../runtime/process.js";
import type { Statistics, TraceSink } from "./sys-debug.js";
import { isTrace, type SystemEvent } from "./sys-events.js";
import {
  type StateChange,
  type Status,
  SYSTEM,
  type SystemMessage,
  type SystemReply,
  type SystemRequest,
  type SystemRequests,
} from "./system.js";

/** Milliseconds a request waits. OTP's default. */
const DEFAULT_TIMEOUT_MS = 5000;
/** Events that `log(to, true)` keeps. OTP's default. */
const DEFAULT_LOG = 10;
const MAX_LOG = 10_000;

/**
 * The state of a process. A genServer: its state. A supervisor: `{ flags, children, restarts }`. A channel: `{ topic, joinRef,
 * id, transport, assigns }`.
 *
 * @param to - A pid or a registered name, on any thread.
 * @param timeoutMs - How long to wait; `Infinity` waits for ever. @defaultValue 5000
 * @returns Within a thread the state itself and no copy, as with any message: look, don't touch.
 * @throws RuntimeError `notSendable` if it runs on another thread and its state holds what can't be copied (a function …).
 */
export function getState(to: Destination, timeoutMs: number = DEFAULT_TIMEOUT_MS): Promise<unknown> {
  return request(to, "get_state", undefined, timeoutMs);
}

/**
 * Puts another state in place of a process's.
 *
 * @param change - The new state; or a sync function from the old one to it, which runs in the process. A function cannot be
 *   sent to another thread, a value can. A channel takes `{ assigns }`, a supervisor what `getState` gives.
 * @returns The new state.
 * @throws RuntimeError `notSendable` for a function and a process of another thread; `badArgument` if the function throws or
 *   the process can't have such a state: then it keeps the one it has.
 */
export async function replaceState(
  to: Destination,
  change: unknown,
  timeoutMs: number = DEFAULT_TIMEOUT_MS,
): Promise<unknown> {
  if (typeof change !== "function") return request(to, "replace_state", ["value", change], timeoutMs);
  mustBeHere(to, "replaceState", "give the new state itself");
  return request(to, "replace_state", ["function", change as (state: unknown) => unknown], timeoutMs);
}

/** What can be told of a process as plain data, its state described: works also for states that can't be copied. */
export function getStatus(to: Destination, timeoutMs: number = DEFAULT_TIMEOUT_MS): Promise<Status> {
  return request(to, "get_status", undefined, timeoutMs);
}

/**
 * Has a process handle nothing but system messages, stops, and the end of its parent, until {@link resume}. Everything else
 * waits in its mailbox, in order. Suspended twice is suspended once.
 */
export function suspend(to: Destination, timeoutMs: number = DEFAULT_TIMEOUT_MS): Promise<void> {
  return request(to, "suspend", undefined, timeoutMs);
}

/** Has a suspended process go on with the oldest message. One that is not suspended: nothing happens. */
export function resume(to: Destination, timeoutMs: number = DEFAULT_TIMEOUT_MS): Promise<void> {
  return request(to, "resume", undefined, timeoutMs);
}

/** Has a process end with `reason` by way of its `terminate`, also while it is suspended. Answered before it is gone. */
export function terminate(to: Destination, reason: ExitReason, timeoutMs: number = DEFAULT_TIMEOUT_MS): Promise<void> {
  return request(to, "terminate", reason, timeoutMs);
}

/**
 * Tells `sink` what a process does: a {@link SystemEvent} for each message it gets, each answer, each message handled without
 * one. One sink at a time, the last one given.
 *
 * @param sink - `true` prints (as a report, at most `maxReportsPerSecond`); a pid gets a {@link TraceMessage} for each event,
 *   until it ends; a function is called with each event in the process, which must be on the caller's thread; `false` ends it.
 * @throws RuntimeError `notSendable` for a function and a process of another thread; `badArgument` for the process itself as
 *   its sink, which would never come to an end.
 */
export async function trace(
  to: Destination,
  sink: TraceSink | false,
  timeoutMs: number = DEFAULT_TIMEOUT_MS,
): Promise<void> {
  if (typeof sink === "function") mustBeHere(to, "trace", "give a pid: that process gets the events as messages");
  else if (typeof sink !== "boolean" && !isPid(sink)) {
    throw new RuntimeError(
      ErrorCode.badArgument,
      `bad sink ${String(sink)}: allowed are true, false, a pid, a function`,
    );
  }
  return request(to, "trace", sink, timeoutMs);
}

/**
 * Counts messages from now on (`true`), stops counting (`false`), or tells the counts (`"get"`): `undefined` if they aren't
 * kept.
 */
export function statistics(to: Destination, what: "get", timeoutMs?: number): Promise<Statistics | undefined>;
export function statistics(to: Destination, what: boolean, timeoutMs?: number): Promise<void>;
export function statistics(
  to: Destination,
  what: boolean | "get",
  timeoutMs: number = DEFAULT_TIMEOUT_MS,
): Promise<Statistics | undefined | void> {
  return request(to, "statistics", what, timeoutMs);
}

/**
 * Keeps the last events of a process: `true` the last 10, a number so many (up to 10,000), `false` none. `"get"` tells them,
 * the oldest first; `"print"` prints them, and tells them too.
 *
 * @throws RuntimeError `badArgument` for another number.
 */
export function log(to: Destination, what: "get" | "print", timeoutMs?: number): Promise<readonly SystemEvent[]>;
export function log(to: Destination, what: boolean | number, timeoutMs?: number): Promise<void>;
export async function log(
  to: Destination,
  what: boolean | number | "get" | "print",
  timeoutMs: number = DEFAULT_TIMEOUT_MS,
): Promise<readonly SystemEvent[] | void> {
  if (what === "get" || what === "print") return request(to, "log", what, timeoutMs);
  const count = what === true ? DEFAULT_LOG : what === false ? 0 : what;
  if (!(Number.isInteger(count) && count >= 0 && count <= MAX_LOG)) {
    throw new RuntimeError(ErrorCode.badArgument, `cannot log ${count} events: allowed are 0 to ${MAX_LOG}`);
  }
  await request(to, "log", count, timeoutMs);
}

/** A function is no data: it can go to a process of the caller's own thread only. */
function mustBeHere(to: Destination, what: string, instead: string): void {
  const pid = isPid(to) ? to : whereis(to);
  if (pid === undefined || threadOf(pid) === threadOf(self())) return;
  throw new RuntimeError(
    ErrorCode.notSendable,
    `${what} was given a function, which cannot be sent to ${pid} on another thread; ${instead}`,
  );
}

async function request<R extends SystemRequest>(
  to: Destination,
  what: R,
  arg: SystemRequests[R][0] | StateChange,
  timeoutMs: number,
): Promise<SystemRequests[R][1]> {
  const opened = openRequest(to);
  const { from } = opened;
  if (opened.to === from.pid) {
    throw new RuntimeError(ErrorCode.callFailed, `process ${from.pid} asks itself (sys): it could never answer`, {
      exitReason: ["calling_self", ["sys", what]],
    });
  }
  send(opened.to, [SYSTEM, from.pid, from.ref, what, arg] satisfies SystemMessage);
  const reply = (await awaitReply(opened, timeoutMs)) as SystemReply; // what system.ts answers
  if (reply[0] === "error") throw new RuntimeError(reply[1], reply[2]);
  return reply[1] as SystemRequests[R][1];
}

/** OTP's sys, under one name: `sys.getState(…)`. */
export const sys: {
  readonly getState: typeof getState;
  readonly replaceState: typeof replaceState;
  readonly getStatus: typeof getStatus;
  readonly suspend: typeof suspend;
  readonly resume: typeof resume;
  readonly terminate: typeof terminate;
  readonly trace: typeof trace;
  readonly statistics: typeof statistics;
  readonly log: typeof log;
  readonly isTrace: typeof isTrace;
} = { getState, replaceState, getStatus, suspend, resume, terminate, trace, statistics, log, isTrace };
