/**
 * A supervisor for tasks: they end in order when it does, can be counted and limited, and may live apart from whoever asked
 * for them. Elixir's Task.Supervisor: a dynamic supervisor whose children are tasks, temporary ones unless told otherwise.
 *
 * ```ts
 * export const Jobs = taskSupervisor({ maxChildren: 100 });
 * export default application({ children: [Jobs.child(undefined, { name: "jobs" })] });
 *
 * const job = await taskSupervisor.asyncNolink("jobs", convert, [file], { scheduler: "least_loaded" });
 * const result = await task.yield(job, 30_000); // a crash is ["exit", reason] here, and nobody else's
 * ```
 *
 * Starting is a request to the supervisor, and so a promise. A closure runs on the caller's thread, wherever the supervisor
 * is; other placements take what the application module exports.
 *
 * @see https://hexdocs.pm/elixir/Task.Supervisor.html
 */
import { ErrorCode, RuntimeError } from "../core/errors.js";
import { type ExitReason, formatReason } from "../core/exit-reason.js";
import type { Pid } from "../core/pid.js";
import { type Destination, showDestination } from "../core/via.js";
import {
  type Definition,
  isPid,
  link,
  type Runnable,
  self,
  send,
  sendableRunnable,
  whereis,
} from "../runtime/process.js";
import { type ChildSpecInput, RestartType, type Shutdown } from "./child-spec.js";
import { DynamicSupervisor, type DynamicSupervisorOptions } from "./dynamic-supervisor.js";
import type { StartResult } from "./start.js";
import { type ChildResult, startChild, terminateChild, whichChildren } from "./supervisor-api.js";
import { runTask, type Task, type TaskArguments, type TaskFunction, type TaskOptions } from "./task-handle.js";
import { type RunMessage, TASK, type TaskStart, taskLabel, taskRunner } from "./task-runner.js";
import { type StreamItems, type StreamOptions, streamTasks, type TaskStream } from "./task-stream.js";

/** Options of a task supervisor: those of a dynamic supervisor that mean something for tasks. */
export type TaskSupervisorOptions = Omit<DynamicSupervisorOptions, "extraArguments">;

/** A kind of task supervisor. */
export class TaskSupervisor extends DynamicSupervisor<undefined> {
  override readonly kind: string = "taskSupervisor";
}

/** Options of a supervised task. */
export interface SupervisedTaskOptions extends TaskOptions {
  /** How the supervisor stops it. Only a task that traps exits needs time. @defaultValue 5000 ms */
  readonly shutdown?: Shutdown;
}

export interface TaskChildOptions extends SupervisedTaskOptions {
  /** When it is started again. @defaultValue `"temporary"`: never */
  readonly restart?: RestartType;
}

/** The ways to start a task under a supervisor: a function, a definition, or the key of either. */
interface StartTask {
  <Args extends readonly unknown[], R>(
    supervisor: Destination,
    run: TaskFunction<Args, R>,
    ...rest: TaskArguments<Args, SupervisedTaskOptions>
  ): Promise<Task<Awaited<R>>>;
  <Args extends readonly unknown[]>(
    supervisor: Destination,
    run: Definition<Args>,
    ...rest: TaskArguments<Args, SupervisedTaskOptions>
  ): Promise<Task>;
  (supervisor: Destination, run: string, args?: readonly unknown[], options?: SupervisedTaskOptions): Promise<Task>;
}

/** The same of a stream, whose tasks take one item each. */
interface StreamTasks {
  <T, R>(
    supervisor: Destination,
    items: StreamItems<T>,
    run: TaskFunction<[T], R>,
    options?: StreamOptions & SupervisedTaskOptions,
  ): TaskStream<Awaited<R>>;
  <T>(
    supervisor: Destination,
    items: StreamItems<T>,
    run: string,
    options?: StreamOptions & SupervisedTaskOptions,
  ): TaskStream;
}

// ---- a task and its answer ----

/**
 * Starts a task under the supervisor that the caller owns, linked to both. As `Task.Supervisor.async/3`.
 *
 * @param supervisor - Its pid or name, on any thread.
 * @returns A task, for `task.await` and its kin.
 * @throws RuntimeError `maxChildren` if it has as many as it may, `noScheduler`, `unknownDefinition` as in `task.async`;
 *   `callFailed` if there is no such supervisor.
 */
const async = (async (
  supervisor: Destination,
  run: Runnable,
  args: readonly unknown[] = [],
  options: SupervisedTaskOptions = {},
): Promise<Task> => {
  const what = placed(run, options);
  const pid = await begin(supervisor, run, options);
  link(pid);
  return runTask(pid, what, args);
}) as StartTask; // the answer is of what `run` returns: only its types know

/**
 * As {@link async}, but not linked to the caller: a crash of the task is its own, `task.yield` tells of it, and the task goes
 * on if the caller ends. As `Task.Supervisor.async_nolink/3`.
 */
const asyncNolink = (async (
  supervisor: Destination,
  run: Runnable,
  args: readonly unknown[] = [],
  options: SupervisedTaskOptions = {},
): Promise<Task> => {
  const what = placed(run, options);
  return runTask(await begin(supervisor, run, options), what, args);
}) as StartTask; // the answer is of what `run` returns: only its types know

// ---- many ----

/** `task.asyncStream` with tasks under the supervisor, linked to the reader. As `Task.Supervisor.async_stream/4`. */
const asyncStream = (<T>(
  supervisor: Destination,
  items: StreamItems<T>,
  run: Runnable,
  options: StreamOptions & SupervisedTaskOptions = {},
): TaskStream => {
  const start = async (): Promise<Pid> => {
    const pid = await begin(supervisor, run, options);
    link(pid);
    return pid;
  };
  return streamTasks(items, options, { what: placed(run, options), begin: start, linked: true });
}) as StreamTasks; // the answer is of what `run` returns: only its types know

/**
 * {@link asyncStream} without links: a crash is the result `["exit", reason]` of its item. The tasks end with the reader all
 * the same. As `Task.Supervisor.async_stream_nolink/4`.
 */
const asyncStreamNolink = (<T>(
  supervisor: Destination,
  items: StreamItems<T>,
  run: Runnable,
  options: StreamOptions & SupervisedTaskOptions = {},
): TaskStream => {
  const start = (): Promise<Pid> => begin(supervisor, run, options);
  return streamTasks(items, options, { what: placed(run, options), begin: start, linked: false });
}) as StreamTasks; // the answer is of what `run` returns: only its types know

// ---- children ----

/**
 * Starts a task nobody waits for under the supervisor: for side effects. As `Task.Supervisor.start_child/3`.
 *
 * One that may be restarted keeps what it runs in its specification: a closure can be restarted by a supervisor on this
 * thread only.
 *
 * @returns `["ok", pid]`; `["error", "max_children"]`, `["error", reason]`.
 */
function startTask<Args extends readonly unknown[]>(
  supervisor: Destination,
  run: TaskFunction<Args, unknown> | Definition<Args>,
  ...rest: TaskArguments<Args, TaskChildOptions>
): Promise<StartResult>;
function startTask(
  supervisor: Destination,
  run: string,
  args?: readonly unknown[],
  options?: TaskChildOptions,
): Promise<StartResult>;
async function startTask(
  supervisor: Destination,
  run: Runnable,
  args: readonly unknown[] = [],
  options: TaskChildOptions = {},
): Promise<StartResult> {
  const what = placed(run, options);
  if ((options.restart ?? RestartType.temporary) !== RestartType.temporary) {
    const pid = isPid(supervisor) ? supervisor : whereis(supervisor);
    const kept = pid === undefined ? what : sendableRunnable(run, pid); // with no supervisor the call below says so
    return await start(supervisor, run, options, ["run", kept, args]);
  }
  const result = await start(supervisor, run, options, ["await", self()]);
  if (result[0] === "ok") send(result[1], [TASK, null, what, args] satisfies RunMessage);
  return result;
}

/** The tasks that run under a supervisor. */
async function children(supervisor: Destination): Promise<readonly Pid[]> {
  return (await whichChildren(supervisor)).map(({ pid }) => pid).filter(isPid);
}

/** What is to run, as it is sent to where it is placed: not by way of the supervisor. */
function placed(run: Runnable, { scheduler = "here" }: TaskOptions): Runnable {
  return sendableRunnable(run, scheduler === "here" ? self() : null);
}

/** Starts a child that waits for the caller to say what to run. */
async function begin(supervisor: Destination, run: Runnable, options: SupervisedTaskOptions): Promise<Pid> {
  const result = await start(supervisor, run, options, ["await", self()]);
  if (result[0] === "ok") return result[1];
  const reason: ExitReason = result[1];
  const [code, why] =
    reason === "max_children"
      ? [ErrorCode.maxChildren, "it has as many tasks as its maxChildren allows"]
      : reason === "scheduler_down"
        ? [ErrorCode.noScheduler, "no scheduler can take it now"]
        : [ErrorCode.startFailed, formatReason(reason)];
  throw new RuntimeError(code, `task supervisor ${showDestination(supervisor)} did not start a task: ${why}`, {
    cause: reason,
  });
}

function start(
  supervisor: Destination,
  run: Runnable,
  { scheduler = "here", label = taskLabel(run), restart = RestartType.temporary, shutdown }: TaskChildOptions,
  order: TaskStart,
): Promise<StartResult> {
  // Here is where the caller is, not where the supervisor is.
  const placement = scheduler === "here" ? { beside: self() } : scheduler;
  const child: ChildSpecInput = {
    id: label,
    start: { definition: taskRunner, args: [order], label, scheduler: placement },
    restart,
    ...(shutdown === undefined ? {} : { shutdown }),
  };
  return startChild(supervisor, child) as Promise<StartResult>; // a dynamic supervisor's answer to a child with a process
}

/** Defines a kind of task supervisor. */
function define(options: TaskSupervisorOptions = {}): TaskSupervisor {
  return new TaskSupervisor(options);
}

/** Defines a kind of task supervisor; its members are the functions of this file, to be read as Elixir's. */
export const taskSupervisor: typeof define & {
  readonly async: typeof async;
  readonly asyncNolink: typeof asyncNolink;
  readonly asyncStream: typeof asyncStream;
  readonly asyncStreamNolink: typeof asyncStreamNolink;
  readonly startChild: typeof startTask;
  readonly children: typeof children;
  readonly terminateChild: (supervisor: Destination, task: Pid) => Promise<ChildResult>;
} = Object.assign(define, {
  async,
  asyncNolink,
  asyncStream,
  asyncStreamNolink,
  startChild: startTask,
  children,
  terminateChild,
});
