/**
 * What can be asked of a supervisor, of either kind, from any process: requests in the call protocol of a genServer, all
 * synchronous, with no time limit (a child may take its time to start or stop). One set of functions for both kinds; where
 * they answer differently, as OTP's `supervisor` and Elixir's `DynamicSupervisor` do, it says so.
 *
 * All throw RuntimeError `callFailed` if the supervisor is not there or ends first; uncaught, that ends the caller.
 *
 * @see https://www.erlang.org/doc/apps/stdlib/supervisor.html
 * @see https://hexdocs.pm/elixir/DynamicSupervisor.html
 */
import type { ExitReason } from "../core/exit-reason.js";
import type { Pid } from "../core/pid.js";
import type { Destination } from "../core/via.js";
import { sendableDefinition } from "../runtime/process.js";
import type { ChildSpecInput } from "./child-spec.js";
import { call } from "./gen-server-calls.js";
import type { ChildCounts, ChildInfo } from "./supervisor-state.js";

/** The events of a supervisor's calls, with what each takes. */
export interface SupervisorRequests {
  readonly start_child: ChildSpecInput | readonly unknown[];
  readonly terminate_child: string;
  readonly restart_child: string;
  readonly delete_child: string;
  readonly which_children: undefined;
  readonly count_children: undefined;
}
export type SupervisorRequest = keyof SupervisorRequests;

/** The pid is `undefined` for a child that ignored its start, or `["ignore"]` is the answer: each says which. */
export type StartChildResult = readonly ["ok", Pid | undefined] | readonly ["ignore"] | readonly ["error", ExitReason];
export type ChildResult = readonly ["ok"] | readonly ["error", ExitReason];

/**
 * Adds a child and starts it, as the last one.
 *
 * A definition that the application module exports can be given to a supervisor on any thread; another one only to a
 * supervisor on this thread.
 *
 * @param child - Its specification; for a `simple_one_for_one` supervisor the arguments after those of its template.
 * @returns `["ok", pid]`. A supervisor: `["ok", undefined]` if the child ignored the start (the specification is kept unless
 *   it is temporary); `["error", ["already_started", pid]]` or `["error", "already_present"]` for an id that is in use;
 *   `["error", [reason, spec]]` if the start failed; `["error", fault]` for a bad specification. A dynamic supervisor:
 *   `["ignore"]`, `["error", "max_children"]`, `["error", reason]`. With `simple_one_for_one`: `["ok", undefined]`,
 *   `["error", reason]`.
 *   With no living thread to start it on the reason is `"scheduler_down"`.
 */
export function startChild(
  supervisor: Destination,
  child: ChildSpecInput | readonly unknown[],
): Promise<StartChildResult> {
  return request(supervisor, "start_child", isList(child) ? child : sendable(child)) as Promise<StartChildResult>;
}

const isList = (value: unknown): value is readonly unknown[] => Array.isArray(value);

function sendable(spec: ChildSpecInput): ChildSpecInput {
  const start = spec?.start && { ...spec.start, definition: sendableDefinition(spec.start.definition) };
  return { ...spec, start };
}

/**
 * Stops a child as its `shutdown` says. It is not restarted; its specification is kept unless it is temporary, and a later
 * restart of the group brings it back.
 *
 * @param child - Its id; in a dynamic supervisor its pid, and then its specification is gone with it.
 * @returns `["ok"]`, also if it wasn't running; `["error", "not_found"]`.
 */
export function terminateChild(supervisor: Destination, child: string | Pid): Promise<ChildResult> {
  return request(supervisor, "terminate_child", child) as Promise<ChildResult>;
}

/**
 * Starts a child that was stopped or has ended for good. It isn't counted as a restart.
 *
 * @returns `["ok", pid]`, or `["ok", undefined]` if it ignored the start; `["error", reason]` if the start failed, `"running"`,
 *   `"restarting"` (its restart fails and is being tried again), `"not_found"`, which is all a dynamic supervisor answers.
 */
export function restartChild(supervisor: Destination, id: string): Promise<StartChildResult> {
  return request(supervisor, "restart_child", id) as Promise<StartChildResult>;
}

/**
 * Forgets the specification of a child that isn't running.
 *
 * @returns `["ok"]`; `["error", "running"]`, `"restarting"`, `"not_found"`, which is all a dynamic supervisor answers.
 */
export function deleteChild(supervisor: Destination, id: string): Promise<ChildResult> {
  return request(supervisor, "delete_child", id) as Promise<ChildResult>;
}

/** All children in the order they were started; in a dynamic supervisor without ids. */
export function whichChildren(supervisor: Destination): Promise<readonly ChildInfo[]> {
  return request(supervisor, "which_children", undefined) as Promise<readonly ChildInfo[]>;
}

/** How many children there are, of what type, and how many have a process. */
export function countChildren(supervisor: Destination): Promise<ChildCounts> {
  return request(supervisor, "count_children", undefined) as Promise<ChildCounts>;
}

function request<R extends SupervisorRequest>(
  supervisor: Destination,
  event: R,
  arg: SupervisorRequests[R],
): Promise<unknown> {
  return call(supervisor, event, arg, Number.POSITIVE_INFINITY);
}
