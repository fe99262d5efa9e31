/**
 * What a supervisor does when a child ends, and when a restart fails: same state, exit and time, same actions. The
 * supervisor process only carries them out, one after the other, and tells how each start went. Pure.
 *
 * ```
 *   one_for_one   a b† c d     start b
 *   rest_for_one  a b† c d     stop d, c             start b, c, d
 *   one_for_all   a b† c d     stop d, c, a          start a, b, c, d
 * ```
 *
 * A start that fails ends the list: what follows is decided anew. The rest of a group then has no process, and the retry,
 * a message of the supervisor to itself so that requests and its parent are heard in between, counts as a restart:
 * `rest_for_one` goes on from the child that failed, `one_for_all` stops what it had started and begins again.
 *
 * Follows `supervisor.erl`. What OTP doesn't have is a thread that is lost. A child that only shared it with the one it was
 * lost by is a *bystander*: its restart is no sign of a fault in this tree, so it is not counted, and three lost threads don't
 * end a healthy supervisor. How often threads may die is the runtime's to limit. See also {@link THREAD_WAIT_MS}.
 */
import { type ExitReason, isNormalExit } from "../core/exit-reason.js";
import type { Pid } from "../core/pid.js";
import type { ChildSpec, RestartType } from "./child-spec.js";
import { countRestart } from "./restart-intensity.js";
import { Strategy } from "./supervisor-flags.js";
import {
  type Child,
  endsTheSupervisor,
  findChild,
  running,
  type SupervisorState,
  withChild,
  withEnded,
} from "./supervisor-state.js";

/** One step of the supervisor process. */
export type Action =
  /** Stop this process as `spec.shutdown` says, and wait until it is gone. */
  | { readonly tag: "stop"; readonly pid: Pid; readonly spec: ChildSpec }
  /** Start this child, and tell {@link onStartFailed} or `withStarted` how it went. */
  | { readonly tag: "start"; readonly spec: ChildSpec }
  /** Come back with {@link onRetry} when what is in the mailbox has been handled, or after {@link THREAD_RETRY_MS}. */
  | { readonly tag: "retry"; readonly id: string; readonly waits: boolean }
  /** End with reason `shutdown`, as always by stopping all children in reverse order. */
  | { readonly tag: "give_up"; readonly child: Child; readonly because: "restarts" | "auto_shutdown" };

/** The state to go on with, and what is to be done now, in order. */
export type Decision = readonly [SupervisorState, readonly Action[]];

/** The reason of a child whose thread is gone, and of a start that no thread could take. */
export const SCHEDULER_DOWN = "scheduler_down";

/**
 * How long restarts that fail for want of a living thread are repeated without being counted: a fresh thread is on its way.
 * After that they are failed restarts like any other.
 */
export const THREAD_WAIT_MS = 10_000;

/** Between two such attempts. */
export const THREAD_RETRY_MS = 50;

/** Whether a child that ended with `reason` is to be started again. */
export function shouldRestart(restart: RestartType, reason: ExitReason): boolean {
  return restart === "permanent" || (restart === "transient" && !isNormalExit(reason));
}

/**
 * A linked process ended by itself. One that is no child is nothing to a supervisor.
 *
 * @param isBystander - Whether it ended because its thread did, by no fault of its own: then it is restarted uncounted.
 */
export function onChildExit(
  state: SupervisorState,
  pid: Pid,
  reason: ExitReason,
  nowMs: number,
  isBystander = false,
): Decision {
  const child = state.children.find((other) => other.pid === pid);
  if (child === undefined) return [state, []];
  if (shouldRestart(child.spec.restart, reason)) {
    return isBystander ? restart(state, child) : counted(state, child, nowMs);
  }
  const left = withEnded(state, child);
  const ends = endsTheSupervisor(left.flags.autoShutdown, left.children, child);
  return [left, ends ? [giveUp(child, "auto_shutdown")] : []];
}

/** The time of a retry has come. If the child has been started or stopped since, there is nothing to do. */
export function onRetry(state: SupervisorState, id: string, waited: boolean, nowMs: number): Decision {
  const child = findChild(state, id);
  if (child?.pid !== "restarting") return [state, []];
  if (!waited) return counted(state, child, nowMs);
  // Nothing crashed, there was only no thread to run on: those that are up stay up, also in one_for_all.
  return state.flags.strategy === Strategy.one_for_one
    ? startAgain(state, child)
    : restartGroup(state, child, indexOf(state, child));
}

/** A start of {@link Action} failed: it is tried again. */
export function onStartFailed(state: SupervisorState, id: string, reason: ExitReason, nowMs: number): Decision {
  const child = findChild(state, id);
  if (child === undefined) return [state, []];
  const [failed, waits] = afterFailedStart(child, reason, nowMs);
  return [withChild(state, failed), [{ tag: "retry", id, waits }]];
}

/** A child whose restart failed, and whether its next attempt waits for a thread instead of counting as a restart. */
export function afterFailedStart(child: Child, reason: ExitReason, nowMs: number): readonly [Child, boolean] {
  const { spec, waitingSinceMs = nowMs } = child;
  if (reason !== SCHEDULER_DOWN) return [{ spec, pid: "restarting" }, false];
  return [{ spec, pid: "restarting", waitingSinceMs }, nowMs - waitingSinceMs <= THREAD_WAIT_MS];
}

/** A restart that counts. */
function counted(state: SupervisorState, child: Child, nowMs: number): Decision {
  const [restarts, within] = countRestart(state.restarts, state.flags, nowMs);
  const next: SupervisorState = { ...state, restarts };
  return within ? restart(next, child) : [withEnded(next, child), [giveUp(child, "restarts")]];
}

function restart(state: SupervisorState, child: Child): Decision {
  switch (state.flags.strategy) {
    case Strategy.one_for_one:
      return startAgain(state, child);
    case Strategy.rest_for_one:
      return restartGroup(state, child, indexOf(state, child));
    case Strategy.one_for_all:
      return restartGroup(state, child, 0);
  }
}

function startAgain(state: SupervisorState, child: Child): Decision {
  return [withChild(state, withoutProcess(child)), [{ tag: "start", spec: child.spec }]];
}

/** Stops the children from index `first` on and starts them again, but for the temporary ones: those are dropped. */
function restartGroup(state: SupervisorState, ended: Child, first: number): Decision {
  const group = state.children.slice(first);
  const staying = group.filter(({ spec }) => spec.restart !== "temporary").map(withoutProcess);
  const stops = running(group.filter((child) => child !== ended)).map((child) => ({ tag: "stop", ...child }) as const);
  const starts = staying.map(({ spec }) => ({ tag: "start", spec }) as const);
  return [{ ...state, children: [...state.children.slice(0, first), ...staying] }, [...stops, ...starts]];
}

/** How long it has been waiting for a thread outlasts a group restart in between. */
function withoutProcess({ spec, waitingSinceMs }: Child): Child {
  return waitingSinceMs === undefined ? { spec, pid: undefined } : { spec, pid: undefined, waitingSinceMs };
}

function indexOf(state: SupervisorState, child: Child): number {
  return state.children.findIndex(({ spec }) => spec.id === child.spec.id);
}

function giveUp(child: Child, because: "restarts" | "auto_shutdown"): Action {
  return { tag: "give_up", child, because };
}
