/**
 * What a supervisor reports, and when: OTP's `report_error` and progress reports, with what it decided. Everything here is
 * told in the name of the calling process, the supervisor.
 *
 * A permanent child's end is always worth a report, another one's only if it is no normal end: nobody is alarmed by a worker
 * that is done.
 */
import { type ExitReason, isNormalExit } from "../core/exit-reason.js";
import type { Pid } from "../core/pid.js";
import { isPid, type ReportedChild, report, type SupervisorDecision } from "../runtime/process.js";
import type { ChildSpec } from "./child-spec.js";
import type { RestartLimit, RestartLog } from "./restart-intensity.js";
import type { Incarnation } from "./supervisor-state.js";
import type { Action } from "./supervisor-strategy.js";

/** How many restarts count, of how many that are allowed. */
export interface Counted {
  readonly log: RestartLog;
  readonly limit: RestartLimit;
}

/** A child ended by itself. */
export function reportChildTerminated(
  spec: ChildSpec,
  pid: Pid,
  reason: ExitReason,
  decision: SupervisorDecision,
  counted: Counted,
): void {
  if (spec.restart !== "permanent" && isNormalExit(reason)) return;
  const restarts = decision === "none" || decision === "auto_shutdown" ? {} : { restarts: restartsOf(counted) };
  report({ tag: "supervisor", context: "child_terminated", reason, child: shown(spec, pid), decision, ...restarts });
}

/**
 * A child could not be started: the first time its supervisor gives up, later it tries again. Not told for want of a thread,
 * which the report of the thread has said.
 */
export function reportStartError(spec: ChildSpec, reason: ExitReason, decision: "retry" | "give_up"): void {
  report({ tag: "supervisor", context: "start_error", reason, child: shown(spec, undefined), decision });
}

/** A child that was told to stop is gone; nothing is said if it ended as it should. */
export function reportStopped(spec: ChildSpec, pid: Pid, reason: ExitReason): void {
  if (isExpectedStop(spec, reason)) return;
  report({ tag: "supervisor", context: "shutdown_error", reason, child: shown(spec, pid), decision: "none" });
}

/** As OTP's `supervisor:shutdown/1`: what it was told, or a normal end unless it is permanent. */
export function isExpectedStop(spec: Pick<ChildSpec, "restart" | "shutdown">, reason: ExitReason): boolean {
  if (reason === (spec.shutdown === "brutal_kill" ? "killed" : "shutdown")) return true;
  return spec.restart !== "permanent" && isNormalExit(reason);
}

/** The supervisor ends itself: one restart more would be too many. */
export function reportGivingUp(spec: ChildSpec, pid: Incarnation, counted: Counted): void {
  report({
    tag: "supervisor",
    context: "shutdown",
    reason: "reached_max_restart_intensity",
    child: shown(spec, pid),
    decision: "give_up",
    restarts: restartsOf(counted),
  });
}

/** A child is up. */
export function reportProgress(spec: ChildSpec, pid: Pid): void {
  report({ tag: "progress", child: shown(spec, pid) });
}

/** What the actions that follow a child's end come to. */
export function decisionOf(actions: readonly Action[]): SupervisorDecision {
  const end = actions.find((action) => action.tag === "give_up");
  if (end !== undefined) return end.because === "restarts" ? "give_up" : "auto_shutdown";
  const starts = actions.filter((action) => action.tag === "start").length;
  if (starts > 1 || actions.some((action) => action.tag === "stop")) return "restart_group";
  return starts === 1 ? "restart" : "none";
}

function restartsOf({ log, limit: { maxRestarts, maxSeconds } }: Counted): {
  readonly count: number;
  readonly maxRestarts: number;
  readonly maxSeconds: number;
} {
  return { count: log.reduce((sum, { restarts }) => sum + restarts, 0), maxRestarts, maxSeconds };
}

function shown({ id, restart, type, shutdown }: ChildSpec, pid: Incarnation): ReportedChild {
  return { id, restart, type, shutdown, ...(isPid(pid) ? { pid } : {}) };
}
