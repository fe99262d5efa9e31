/**
 * System messages from the side of the process that gets them: the part every behaviour has in common. OTP's
 * `sys:handle_system_msg`. A behaviour becomes debuggable by implementing {@link SystemTarget} and three lines:
 *
 * ```ts
 * handle(message: unknown): void | PromiseLike<void> {
 *   return this.debug === null ? this.take(message) : watched(this, message); // 1: one null check while nobody watches
 * }
 * take(message: unknown): void | PromiseLike<void> {
 *   if (Array.isArray(message)) switch (message[0]) {
 *     case SYSTEM: return handleSystem(this, message as unknown as SystemMessage); // 2
 *     …
 * // where it answers a caller
 * this.debug?.out(value, from.pid, this.state()); // 3
 * ```
 *
 * Suspended, a process awaits in `handleSystem`, and takes with selective receive what may not wait: system messages, a
 * stop, and the end of its parent. All else stays in its mailbox, in order.
 *
 * @see https://www.erlang.org/doc/apps/stdlib/sys.html
 */
import { ErrorCode, RuntimeError } from "../core/errors.js";
import { type ExitReason, formatReason, toExitReason } from "../core/exit-reason.js";
import { type Pid, threadOf } from "../core/pid.js";
import { toPlain } from "../core/plain.js";
import type { Ref } from "../core/ref.js";
import { formattedStatus } from "../core/shown-status.js";
import { isThenable } from "../core/thenable.js";
import { type Behaviour, dictionary, parent, receive, replyTo, report, self } from "../runtime/process.js";
import { STOP, type StopMessage } from "./gen-server-calls.js";
import { Debug, type Statistics, type TraceSink } from "./sys-debug.js";
import { formatEvent, type SystemEvent } from "./sys-events.js";

export const SYSTEM = "$system";

/** The requests, with what each takes and is answered. */
export interface SystemRequests {
  readonly get_state: readonly [undefined, unknown];
  /** A state, or a function of it where `isFunction` says so. */
  readonly replace_state: readonly [StateChange, unknown];
  readonly get_status: readonly [undefined, Status];
  readonly suspend: readonly [undefined, void];
  readonly resume: readonly [undefined, void];
  readonly terminate: readonly [ExitReason, void];
  readonly trace: readonly [TraceSink | false, void];
  readonly statistics: readonly [boolean | "get", Statistics | undefined];
  readonly log: readonly [number | "get" | "print", readonly SystemEvent[]];
}
export type SystemRequest = keyof SystemRequests;

export type StateChange = readonly ["value", unknown] | readonly ["function", (state: unknown) => unknown];

export type SystemMessage = readonly [typeof SYSTEM, Pid, Ref, SystemRequest, unknown];
export type SystemReply = readonly ["ok", unknown] | readonly ["error", ErrorCode, string];

/** What `sys.getStatus` answers: plain data, with the state described (`core/plain.ts`). */
export interface Status {
  readonly pid: Pid;
  /** `"genServer"`, `"channel"` … */
  readonly kind: string;
  readonly status: "running" | "suspended";
  readonly parent: Pid | null;
  /** What is switched on: who traces it, how many events are logged, whether statistics are kept. */
  readonly debug: Debug["summary"];
  /** Its `dictionary()`, as pairs. */
  readonly dictionary: unknown;
  /** As its `formatStatus` wants it seen, if it has one. A stateMachine: `[state, data]`. */
  readonly state: unknown;
}

/** What a behaviour gives, to be looked at and changed from outside. */
export interface SystemTarget extends Behaviour {
  /** What it is. */
  readonly kind: string;
  /** Who watches; `null` for nobody. Set by this file only. */
  debug: Debug | null;
  /** Handles one message; `[STOP, reason]` ends it with that reason. `handle` goes by way of {@link watched} while `debug` isn't null. */
  take(message: unknown): void | PromiseLike<void>;
  /** The state as it is. */
  state(): unknown;
  /** Puts `state` in its place. @throws RuntimeError `badArgument` if it can't be one. */
  replaceState(state: unknown): void;
  /** Whether `message` is the end of its parent, which it obeys also while it is suspended. */
  isParentsEnd(message: unknown): boolean;
}

export function isSystem(message: unknown): message is SystemMessage {
  return Array.isArray(message) && message[0] === SYSTEM;
}

// ---- events ----

/**
 * Handles one message of a process that somebody watches.
 *
 * @param shown - What to show of it, where the message itself is an affair of the behaviour.
 * @param take - How to handle it, where that is not `target.take`.
 */
export function watched(
  target: SystemTarget,
  message: unknown,
  shown: unknown = message,
  take: () => void | PromiseLike<void> = () => target.take(message),
): void | PromiseLike<void> {
  const { debug } = target;
  // As in OTP, neither system messages nor the parent's end are events.
  if (debug === null || mayNotWait(target, message)) return take();
  if (debug.takeSinkDown(message)) return dropIfIdle(target, debug);
  debug.in(shown);
  const held = take();
  return isThenable(held) ? held.then(() => debug.handled(target.state())) : debug.handled(target.state());
}

function dropIfIdle(target: SystemTarget, debug: Debug): void {
  target.debug = debug.isIdle ? null : debug;
}

// ---- requests ----

/** Answers a system message. Held for as long as the process is suspended by it. */
export function handleSystem(target: SystemTarget, message: SystemMessage): void | PromiseLike<void> {
  answer(target, message, "running");
  if (message[3] === "suspend") return suspended(target);
  if (message[3] === "terminate") return stop(target, message[4]);
}

/** After the answer, as in OTP; how a stop goes is the behaviour's own affair. */
function stop(target: SystemTarget, reason: ExitReason): void | PromiseLike<void> {
  return target.take([STOP, reason] satisfies StopMessage);
}

async function suspended(target: SystemTarget): Promise<void> {
  const isForNow = (message: unknown): boolean => mayNotWait(target, message);
  for (;;) {
    const message = await receive(isForNow);
    if (!isSystem(message)) return target.take(message); // its end
    answer(target, message, "suspended");
    if (message[3] === "resume") return;
    if (message[3] === "terminate") return stop(target, message[4]);
  }
}

function mayNotWait(target: SystemTarget, message: unknown): boolean {
  return isSystem(message) || (Array.isArray(message) && message[0] === STOP) || target.isParentsEnd(message);
}

function answer(target: SystemTarget, [, pid, ref, request, arg]: SystemMessage, status: Status["status"]): void {
  let reply: SystemReply;
  try {
    reply = ["ok", sendable(pid, outcome(target, request, arg, status))];
  } catch (error) {
    // What was asked for can't be done: that is the asker's fault, and must not be this process's end.
    const code = error instanceof RuntimeError ? error.code : ErrorCode.badArgument;
    reply = ["error", code, error instanceof RuntimeError ? error.message : formatReason(toExitReason(error))];
  }
  replyTo({ pid, ref }, reply);
}

// `sys.ts` is the only sender, so `arg` is what SystemRequests says.
function outcome(target: SystemTarget, request: SystemRequest, arg: unknown, status: Status["status"]): unknown {
  switch (request) {
    case "get_state":
      return target.state();
    case "replace_state":
      return replaceState(target, arg as StateChange);
    case "get_status":
      return statusOf(target, status);
    case "trace":
      if (arg === self())
        throw new RuntimeError(ErrorCode.badArgument, "a process cannot trace itself: it would never end");
      return debugging(target, (debug) => debug.trace(arg === false ? null : (arg as TraceSink)));
    case "statistics":
      return arg === "get" ? target.debug?.statistics : debugging(target, (debug) => debug.count(arg as boolean));
    case "log":
      return log(target, arg as number | "get" | "print");
    case "suspend":
    case "resume":
    case "terminate":
      return undefined;
  }
}

function replaceState(target: SystemTarget, [tag, change]: StateChange): unknown {
  const state = tag === "value" ? change : change(target.state());
  if (isThenable(state)) {
    throw new RuntimeError(ErrorCode.badArgument, "the function of replaceState returned a promise; it must be sync");
  }
  target.replaceState(state);
  return target.state();
}

function statusOf(target: SystemTarget, status: Status["status"]): Status {
  const plain = { state: target.state() };
  const { state } = target.formatStatus === undefined ? plain : formattedStatus(target.formatStatus, plain);
  return {
    pid: self(),
    kind: target.kind,
    status,
    parent: parent(),
    debug: (target.debug ?? new Debug()).summary,
    dictionary: toPlain([...dictionary()]),
    state: toPlain(state),
  };
}

function log(target: SystemTarget, what: number | "get" | "print"): readonly SystemEvent[] {
  const events = target.debug?.log ?? [];
  if (what === "print") for (const event of events) report({ tag: "trace", event, text: formatEvent(event) });
  else if (what !== "get") debugging(target, (debug) => debug.keep(what));
  return events;
}

function debugging(target: SystemTarget, change: (debug: Debug) => void): void {
  const debug = target.debug ?? new Debug();
  change(debug);
  dropIfIdle(target, debug);
}

/** An answer that can't be copied to another thread would be the end of the process that sends it: ask before. */
function sendable(to: Pid, value: unknown): unknown {
  if (threadOf(to) === threadOf(self())) return value;
  try {
    return structuredClone(value);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new RuntimeError(
      ErrorCode.notSendable,
      `the state of ${self()} cannot be copied to another thread (${why}); ask in a process of its own thread, or use getStatus`,
    );
  }
}
