/**
 * What a supervisor knows of its children, and what it answers about them. Pure, but for the names of definitions: the process in `supervisor.ts` keeps the
 * current state, `supervisor-strategy.ts` decides what follows when a child ends.
 */
import { ErrorCode, RuntimeError } from "../core/errors.js";
import { isPid, type Pid } from "../core/pid.js";
import { sendableDefinition } from "../runtime/process.js";
import type { ChildSpec, ChildType } from "./child-spec.js";
import { NO_RESTARTS, type RestartLog } from "./restart-intensity.js";
import { AutoShutdown, type StaticFlags } from "./supervisor-flags.js";

/** A child's process: its pid, none (stopped, ended for good, ignored), or its restart has failed and is tried again. */
export type Incarnation = Pid | "restarting" | undefined;

export interface Child {
  readonly spec: ChildSpec;
  readonly pid: Incarnation;
  /** Since when its restart waits for a thread to run on; see {@link THREAD_WAIT_MS}. Milliseconds of the clock. */
  readonly waitingSinceMs?: number;
}

export interface SupervisorState {
  readonly flags: StaticFlags;
  /** In the order they are started in; ids differ, and so do pids. */
  readonly children: readonly Child[];
  readonly restarts: RestartLog;
}

/** A child as `whichChildren` shows it. `id` is `undefined` in a dynamic supervisor. */
export interface ChildInfo {
  readonly id: string | undefined;
  readonly pid: Incarnation;
  readonly type: ChildType;
}

/** What `countChildren` answers; `active` are those with a process. */
export interface ChildCounts {
  readonly specs: number;
  readonly active: number;
  readonly supervisors: number;
  readonly workers: number;
}

export function initialState(flags: StaticFlags, specs: readonly ChildSpec[]): SupervisorState {
  return { flags, children: specs.map((spec) => ({ spec, pid: undefined })), restarts: NO_RESTARTS };
}

// ---- looking ----

export function findChild(state: SupervisorState, id: string): Child | undefined {
  return state.children.find(({ spec }) => spec.id === id);
}

/** The children that have a process, in the order they have to be stopped in: the one started last goes first. */
export function running(children: readonly Child[]): readonly { readonly pid: Pid; readonly spec: ChildSpec }[] {
  return children.flatMap(({ spec, pid }) => (isPid(pid) ? [{ pid, spec }] : [])).reverse();
}

export function whichChildren(children: Iterable<Child>, withIds: boolean): readonly ChildInfo[] {
  return Array.from(children, ({ spec, pid }) => ({ id: withIds ? spec.id : undefined, pid, type: spec.type }));
}

export function countChildren(children: Iterable<Child>): ChildCounts {
  let [specs, active, supervisors] = [0, 0, 0];
  for (const { spec, pid } of children) {
    specs++;
    if (isPid(pid)) active++;
    if (spec.type === "supervisor") supervisors++;
  }
  return { specs, active, supervisors, workers: specs - supervisors };
}

/** Whether the end of `child`, which isn't restarted and no longer runs, is the end of its supervisor as well. */
export function endsTheSupervisor(autoShutdown: AutoShutdown, children: Iterable<Child>, child: Child): boolean {
  if (!child.spec.significant) return false;
  switch (autoShutdown) {
    case AutoShutdown.never:
      return false;
    case AutoShutdown.any_significant:
      return true;
    case AutoShutdown.all_significant:
      return !Array.from(children).some(({ spec, pid }) => spec.significant && pid !== undefined);
  }
}

// ---- changing ----

/** Puts a started child in: a new one behind the others. One that ignored its start has no pid; a temporary one is dropped. */
export function withStarted(state: SupervisorState, spec: ChildSpec, pid: Pid | undefined): SupervisorState {
  if (pid === undefined && spec.restart === "temporary") return withoutChild(state, spec.id);
  const child = { spec, pid };
  if (findChild(state, spec.id) === undefined) return { ...state, children: [...state.children, child] };
  return withChild(state, child);
}

/** Puts `child` in the place of the one with its id. */
export function withChild(state: SupervisorState, child: Child): SupervisorState {
  return { ...state, children: state.children.map((other) => (other.spec.id === child.spec.id ? child : other)) };
}

/** A child is gone and stays away: its specification is kept, unless it is temporary. OTP's `del_child`. */
export function withEnded(state: SupervisorState, { spec }: Child): SupervisorState {
  return spec.restart === "temporary" ? withoutChild(state, spec.id) : withChild(state, { spec, pid: undefined });
}

export function withoutChild(state: SupervisorState, id: string): SupervisorState {
  return { ...state, children: state.children.filter(({ spec }) => spec.id !== id) };
}

// ---- for sys ----

/** A child as it can be told to other threads: its definition by its key, if the application module exports it. */
export function sendableChild(child: Child): Child {
  const { start } = child.spec;
  return { ...child, spec: { ...child.spec, start: { ...start, definition: sendableDefinition(start.definition) } } };
}

/** Whether a value that is to become part of a supervisor's state can be a child there. */
export function isChild(value: unknown): value is Child {
  if (typeof value !== "object" || value === null) return false;
  const { spec, pid } = value as Partial<Child>;
  return typeof spec?.id === "string" && (pid === undefined || pid === "restarting" || isPid(pid));
}

/** @throws RuntimeError `badArgument` */
export function refuseState(allowed: string): never {
  throw new RuntimeError(
    ErrorCode.badArgument,
    `that cannot be the state of this supervisor; it has the form ${allowed}`,
  );
}
