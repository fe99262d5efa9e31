/**
 * How supervisors of both kinds start a child, and how they stop one or thousands: an exit signal, a time to obey it, then
 * `kill`.
 */
import { ErrorCode, RuntimeError } from "../core/errors.js";
import { type ExitReason, toExitReason } from "../core/exit-reason.js";
import { type DownMessage, type ExitMessage, isDown, isExit } from "../core/messages.js";
import type { Pid } from "../core/pid.js";
import type { Ref } from "../core/ref.js";
import { exit, kill, monitor, now, receive, timeout, unlinkFlush } from "../runtime/process.js";
import type { ChildSpec, Shutdown } from "./child-spec.js";
import { type StartResult, startProcess } from "./start.js";
import { reportProgress, reportStopped } from "./supervisor-reports.js";

/**
 * Starts a child linked to the calling supervisor, on the scheduler with the least to do unless the specification names
 * one. A request that is wrong in itself (an unknown definition, a bad name) is a start that failed, as in OTP.
 */
export async function startSupervised(spec: ChildSpec, extraArguments: readonly unknown[] = []): Promise<StartResult> {
  const { definition, args, scheduler = "least_loaded", ...options } = spec.start;
  try {
    const result = await startProcess(definition, [...extraArguments, ...args], { ...options, scheduler, link: true });
    if (result[0] === "ok") reportProgress(spec, result[1]);
    return result;
  } catch (error) {
    if (!(error instanceof RuntimeError) || error.code === ErrorCode.processExited) throw error;
    return ["error", toExitReason(error)];
  }
}

/** A process to stop, and how. */
export interface Stopping {
  readonly pid: Pid;
  readonly spec: ChildSpec;
}

/** Timers cannot wait longer (25 days); such a child is waited for without end. */
const LONGEST_SHUTDOWN_MS = 2_147_483_647;

/**
 * Stops `children`, which are linked to the caller, all at the same time, each within its own `shutdown`; waits until they
 * are gone. Looks at each of their messages once, leaves none of them behind, and reports those that did not end as told.
 *
 * The monitor comes before the signal, and the link stays until the DOWN: a child that had died already is told apart by
 * its EXIT, which holds the true reason, where the DOWN says `noproc`. OTP's `supervisor:shutdown/1`.
 *
 * @returns The reasons they ended with, by pid.
 */
export async function stopTogether(children: readonly Stopping[]): Promise<ReadonlyMap<Pid, ExitReason>> {
  const startMs = now();
  const alive = new Map<Ref, Stopping>();
  const byPid = new Map<Pid, Stopping>();
  const ended = new Map<Pid, ExitReason>();
  /** Milliseconds → those who have so many, to be killed then. */
  const deadlines = new Map<number, Ref[]>();
  for (const child of children) {
    const { pid, spec } = child;
    const ref = monitor(pid);
    alive.set(ref, child);
    byPid.set(pid, child);
    const allowedMs = patience(spec.shutdown);
    if (allowedMs < Number.POSITIVE_INFINITY) {
      const group = deadlines.get(allowedMs);
      if (group === undefined) deadlines.set(allowedMs, [ref]);
      else group.push(ref);
    }
    exit(pid, spec.shutdown === "brutal_kill" ? "kill" : "shutdown");
  }
  const isTheirs = (message: unknown): message is DownMessage | ExitMessage =>
    isDown(message) ? alive.has(message.ref) : isExit(message) && byPid.has(message.from);
  const order = [...deadlines].sort(([a], [b]) => a - b);
  let next = 0;
  while (alive.size > 0) {
    const [dueMs, group] = order[next] ?? [Number.POSITIVE_INFINITY, []];
    const message = await receive(isTheirs, Math.max(0, startMs + dueMs - now()));
    if (message === timeout) {
      next++;
      for (const ref of group) {
        const child = alive.get(ref);
        if (child === undefined) continue;
        kill(child.pid); // and so it ends with "killed", which is reported
      }
    } else if (isExit(message)) ended.set(message.from, message.reason);
    else {
      const { pid } = alive.get(message.ref) as Stopping; // `isTheirs` has looked
      alive.delete(message.ref);
      // The EXIT comes before the DOWN, unless the child has broken the link: then there is none, or an early one.
      if (ended.has(pid)) continue;
      unlinkFlush(pid);
      ended.set(pid, message.reason);
    }
  }
  for (const { pid, spec } of children) reportStopped(spec, pid, ended.get(pid));
  return ended;
}

function patience(shutdown: Shutdown): number {
  if (shutdown === "brutal_kill" || shutdown === "infinity" || shutdown > LONGEST_SHUTDOWN_MS) {
    return Number.POSITIVE_INFINITY;
  }
  return shutdown;
}
