/**
 * Tasks: processes that do one thing, mostly to compute a value while their owner does something else. Elixir's Task.
 *
 * ```ts
 * const t = task.async(resize, [image], { scheduler: "least_loaded" }); // exported by the application module
 * const page = await render();
 * const small = await task.await(t); // if the task crashes, so does its owner: they are linked
 * ```
 *
 * A closure runs on its owner's thread, which is good for things that wait. To use other cores give a function that the
 * application module exports, and a `scheduler`. What a task returns, and what it is given, is copied between threads.
 *
 * Departures from Elixir: the answer settles a promise instead of arriving as a message (`task.deliver` makes it one), so
 * several tasks can be awaited at once, a result may be asked for again, and a process may await in any order. One whose
 * await timed out or that was ignored is given up for good.
 *
 * @see https://hexdocs.pm/elixir/Task.html
 */
import { checkInteger } from "../core/check-integer.js";
import { ErrorCode, RuntimeError } from "../core/errors.js";
import { type ExitReason, formatReason } from "../core/exit-reason.js";
import type { Pid } from "../core/pid.js";
import type { Ref } from "../core/ref.js";
import {
  type Definition,
  exit,
  openRequest,
  type Runnable,
  replyTo,
  self,
  send,
  sendableRunnable,
  spawn,
  spawnLink,
  timeout,
  unlink,
  within,
} from "../runtime/process.js";
import {
  Answer,
  endOf,
  runTask,
  Task,
  type TaskArguments,
  type TaskFunction,
  type TaskOptions,
  type TaskResult,
} from "./task-handle.js";
import { taskLabel, taskRunner } from "./task-runner.js";
import { type StreamItems, type StreamOptions, streamTasks, type TaskStream } from "./task-stream.js";

/** Milliseconds that `await`, `yield` and their kin wait. Elixir's default. */
export const DEFAULT_TASK_TIMEOUT_MS = 5000;

/** How a task is shut down: exit signal `shutdown` and `kill` after so many milliseconds, or `kill` at once. */
export type TaskShutdown = number | "brutal_kill";

/** The message a task's result arrives in, after `task.deliver`. */
export interface TaskMessage {
  readonly tag: "task";
  readonly ref: Ref;
  readonly result: TaskResult;
}

export function isTaskMessage(message: unknown): message is TaskMessage {
  return typeof message === "object" && message !== null && (message as { tag?: unknown }).tag === "task";
}

// ---- starting ----

/**
 * Starts a task that the caller owns, linked and monitored: if either ends abnormally so does the other, and its answer is
 * for `task.await`. As `Task.async/1`.
 *
 * @param run - A function, a `proc`, or the key of one that the application module exports.
 * @param args - What it is called with. @defaultValue `[]`
 * @throws RuntimeError `unknownDefinition` for a closure that shall run elsewhere than here; `noScheduler`, `badOption`.
 */
function startAsync<Args extends readonly unknown[], R>(
  run: TaskFunction<Args, R>,
  ...rest: TaskArguments<Args, TaskOptions>
): Task<Awaited<R>>;
function startAsync<Args extends readonly unknown[]>(
  run: Definition<Args>,
  ...rest: TaskArguments<Args, TaskOptions>
): Task;
function startAsync(run: string, args?: readonly unknown[], options?: TaskOptions): Task;
function startAsync(run: Runnable, args: readonly unknown[] = [], options: TaskOptions = {}): Task {
  const what = placed(run, options);
  return runTask(spawnLink(taskRunner, [["await", self()]], { label: taskLabel(run), ...options }), what, args);
}

/** Starts a task nobody waits for, on its own: for side effects. As `Task.start/1`. */
function startAlone<Args extends readonly unknown[]>(
  run: TaskFunction<Args, unknown> | Definition<Args>,
  ...rest: TaskArguments<Args, TaskOptions>
): Pid;
function startAlone(run: string, args?: readonly unknown[], options?: TaskOptions): Pid;
function startAlone(run: Runnable, args: readonly unknown[] = [], options: TaskOptions = {}): Pid {
  return spawn(taskRunner, [["run", placed(run, options), args]], { label: taskLabel(run), ...options });
}

/** Starts a task nobody waits for, linked to the caller. As `Task.start_link/1`. */
function startLinked<Args extends readonly unknown[]>(
  run: TaskFunction<Args, unknown> | Definition<Args>,
  ...rest: TaskArguments<Args, TaskOptions>
): Pid;
function startLinked(run: string, args?: readonly unknown[], options?: TaskOptions): Pid;
function startLinked(run: Runnable, args: readonly unknown[] = [], options: TaskOptions = {}): Pid {
  return spawnLink(taskRunner, [["run", placed(run, options), args]], { label: taskLabel(run), ...options });
}

/** What is to run, as it is sent to where it is placed. */
function placed(run: Runnable, { scheduler = "here" }: TaskOptions): Runnable {
  return sendableRunnable(run, scheduler === "here" ? self() : null);
}

/** A task that has its result already, without a process. As `Task.completed/1`. */
function completed<T>(value: T): Task<T> {
  const { from } = openRequest(self()); // for its ref only: nobody else has it
  replyTo(from, value);
  return new Task(null, from.ref, from.pid, new Answer(Promise.resolve(["ok", value] as const), null));
}

// ---- waiting ----

/**
 * Waits for the answer of a task. As `Task.await/2`.
 *
 * @param timeoutMs - How long to wait; `Infinity` waits for ever. @defaultValue 5000
 * @returns What the task's function returned.
 * @throws RuntimeError `callFailed` if the task ended before it answered, `callTimeout`: uncaught they end the caller, with
 *   `[reason, ["task", "await", pid, timeoutMs]]`. After a timeout the task goes on, linked as before, and its answer is
 *   dropped. `badArgument` if the caller is not its owner.
 */
async function awaitTask<T>(of: Task<T>, timeoutMs: number = DEFAULT_TASK_TIMEOUT_MS): Promise<T> {
  const answer = Task.answerOf(of);
  const where = ["task", "await", of.pid, timeoutMs] as const;
  const result = answer.closed ? timeout : await within(answer.outcome, timeoutMs);
  if (result === timeout) {
    answer.close();
    throw timedOut(`task ${of.pid}`, timeoutMs, where);
  }
  return valueIn(result, of, where);
}

/**
 * Waits for several tasks, within one time for all. As `Task.await_many/2`.
 *
 * @returns Their values, in the order of the tasks.
 * @throws RuntimeError as {@link awaitTask}, as soon as the first of them ended; then the others are given up too.
 */
async function awaitMany<const Tasks extends readonly Task[]>(
  tasks: Tasks,
  timeoutMs: number = DEFAULT_TASK_TIMEOUT_MS,
): Promise<{ -readonly [I in keyof Tasks]: Tasks[I] extends Task<infer T> ? T : never }> {
  const answers = tasks.map((of) => Task.answerOf(of));
  const where = ["task", "awaitMany", tasks.map((of) => of.pid), timeoutMs] as const;
  const failed = new Promise<readonly [Task, TaskResult]>((resolve) => {
    for (const [index, { outcome }] of answers.entries()) {
      void outcome.then((result) => result[0] === "exit" && resolve([tasks[index] as Task, result]));
    }
  });
  const all = Promise.race([Promise.all(answers.map(({ outcome }) => outcome)), failed.then(([of]) => of)]);
  const results = answers.some(({ closed }) => closed) ? timeout : await within(all, timeoutMs);
  if (Array.isArray(results)) {
    return results.map((result, index) => valueIn(result, tasks[index] as Task, where)) as never; // in their order
  }
  for (const answer of answers) answer.close();
  if (results === timeout) throw timedOut(`${tasks.length} tasks`, timeoutMs, where);
  const [of, result] = await failed;
  return valueIn(result, of, where) as never; // it throws
}

/**
 * Waits for a while whether a task has answered. As `Task.yield/2`.
 *
 * @param timeoutMs - How long to wait. @defaultValue 5000
 * @returns `["ok", value]`; `["exit", reason]` if it ended before it answered; `null` if it goes on: then ask again, or
 *   end it: `(await task.yield(t)) ?? (await task.shutdown(t))`.
 */
async function yieldTask<T>(of: Task<T>, timeoutMs: number = DEFAULT_TASK_TIMEOUT_MS): Promise<TaskResult<T> | null> {
  const answer = Task.answerOf(of);
  if (answer.closed) return null;
  const result = await within(answer.outcome, timeoutMs);
  return result === timeout ? null : result;
}

/** Options of `task.yieldMany`. */
export interface YieldManyOptions {
  /** Milliseconds to wait, for all together. @defaultValue 5000 */
  readonly timeoutMs?: number;
  /** How many results are enough; then it waits no longer. @defaultValue all */
  readonly limit?: number;
  /** What becomes of those that have none when the time is over; not of those beyond the limit. @defaultValue `"nothing"` */
  readonly onTimeout?: "nothing" | "ignore" | "kill_task";
}

/**
 * Waits for a while which of several tasks answer. As `Task.yield_many/2`.
 *
 * @returns Each task with its result, or `null` as in {@link yieldTask}, in the order of the tasks.
 */
async function yieldMany<T>(
  tasks: readonly Task<T>[],
  { timeoutMs = DEFAULT_TASK_TIMEOUT_MS, limit = tasks.length, onTimeout = "nothing" }: YieldManyOptions = {},
): Promise<(readonly [Task<T>, TaskResult<T> | null])[]> {
  const answers = tasks.map((of) => Task.answerOf(of));
  if (tasks.length > 0) checkInteger("limit", limit, 1, Number.MAX_SAFE_INTEGER);
  const results: (TaskResult<T> | null)[] = tasks.map(() => null);
  let missing = Math.min(limit, tasks.length);
  const enough = new Promise<true>((resolve) => {
    if (missing === 0) resolve(true);
    for (const [index, answer] of answers.entries()) {
      if (answer.closed) continue;
      void answer.outcome.then((result) => {
        if (missing === 0) return; // those beyond the limit are for another time
        results[index] = result;
        if (--missing === 0) resolve(true);
      });
    }
  });
  const inTime = (await within(enough, timeoutMs)) === true;
  missing = 0;
  for (const [index, of] of tasks.entries()) {
    if (inTime || results[index] !== null || onTimeout === "nothing") continue;
    results[index] = onTimeout === "ignore" ? await ignoreTask(of) : await shutdown(of, "brutal_kill");
  }
  return tasks.map((of, index) => [of, results[index] ?? null] as const);
}

/**
 * Has the result sent to the owner as a {@link TaskMessage}, for servers: it comes to `handleInfo`, between other messages,
 * and nothing has to be awaited. Elixir does so with every answer. Once per task.
 */
function deliver(of: Task): void {
  const { outcome } = Task.answerOf(of);
  const owner = self();
  void outcome.then((result) => send(owner, { tag: "task", ref: of.ref, result } satisfies TaskMessage));
}

// ---- ending ----

/**
 * Unlinks a task and ends it, and waits until it is gone. As `Task.shutdown/2`.
 *
 * @param how - Milliseconds it has to obey the exit signal `shutdown` (`Infinity`: all it takes), before it is killed; or
 *   `"brutal_kill"`. Only a task that traps exits needs any. @defaultValue 5000
 * @returns `null` if that ended it; `["ok", value]` if it had answered, or did so yet; `["exit", reason]` if it had ended, or
 *   ended otherwise: with `"killed"` when it took too long.
 */
async function shutdown<T>(of: Task<T>, how: TaskShutdown = DEFAULT_TASK_TIMEOUT_MS): Promise<TaskResult<T> | null> {
  const answer = Task.answerOf(of);
  const { pid } = of;
  if (pid === null) return await ignoreTask(of);
  const ended = endOf(pid);
  unlink(pid);
  exit(pid, how === "brutal_kill" ? "kill" : "shutdown");
  if ((await within(ended, how === "brutal_kill" ? Number.POSITIVE_INFINITY : how)) === timeout) exit(pid, "kill");
  const reason = await ended;
  // Its end has settled the answer, if nothing had before.
  const result: TaskResult<T> = answer.closed ? ["exit", reason] : await answer.outcome;
  return result[0] === "exit" && result[1] === (how === "brutal_kill" ? "killed" : "shutdown") ? null : result;
}

/**
 * Unlinks a task and lets it go on; what it answers is dropped. As `Task.ignore/1`.
 *
 * @returns Its result if that is there already, or `null`.
 */
async function ignoreTask<T>(of: Task<T>): Promise<TaskResult<T> | null> {
  const answer = Task.answerOf(of);
  if (of.pid !== null) unlink(of.pid);
  if (answer.closed) return null;
  const result = await within(answer.outcome, 0);
  if (result !== timeout) return result;
  answer.close();
  return null;
}

function valueIn<T>(result: TaskResult<T>, of: Task<T>, where: readonly unknown[]): T {
  if (result[0] === "ok") return result[1];
  const reason: ExitReason = result[1];
  throw new RuntimeError(ErrorCode.callFailed, `task ${of.pid} exited: ${formatReason(reason)}`, {
    cause: reason,
    exitReason: [reason, where],
  });
}

function timedOut(who: string, timeoutMs: number, where: readonly unknown[]): RuntimeError {
  const exitReason = ["timeout", where];
  return new RuntimeError(ErrorCode.callTimeout, `no answer from ${who} within ${timeoutMs} ms`, { exitReason });
}

// ---- many ----

/**
 * Runs a function on each item, each in a task of its own that is linked to whoever reads the stream, a bounded number at a
 * time. As `Task.async_stream/3`. See {@link StreamOptions}.
 *
 * ```ts
 * for await (const result of task.asyncStream(urls, fetchPage, { maxConcurrency: 20, onTimeout: "kill_task" })) {
 *   if (result[0] === "ok") index(result[1]);
 * }
 * ```
 *
 * Nothing starts before the first item is asked for. The source is read when a task can be started and somebody waits for a
 * result: while the reader is busy with one, no further is begun. Leaving the loop, or the end of the reader, ends the tasks.
 *
 * @param items - Any iterable, also an async one.
 * @param run - Takes an item; a function, or the key of one that the application module exports.
 * @returns Yields `["ok", value]` an item. A crash ends the reader by the link, unless it traps exits: then `["exit", reason]`
 *   is yielded. Can be read once.
 * @throws RuntimeError `callTimeout` from the iterator if a task takes longer than `timeoutMs`, unless `onTimeout` says
 *   otherwise; uncaught it ends the reader with `["timeout", ["task", "asyncStream", timeoutMs]]`.
 */
function asyncStream<T, R>(
  items: StreamItems<T>,
  run: TaskFunction<[T], R>,
  options?: StreamOptions & TaskOptions,
): TaskStream<Awaited<R>>;
function asyncStream<T>(items: StreamItems<T>, run: string, options?: StreamOptions & TaskOptions): TaskStream;
function asyncStream<T>(items: StreamItems<T>, run: Runnable, options: StreamOptions & TaskOptions = {}): TaskStream {
  const { scheduler = "here", label = taskLabel(run) } = options;
  const what = placed(run, options);
  const begin = (): Pid => spawnLink(taskRunner, [["await", self()]], { scheduler, label });
  return streamTasks(items, options, { what, begin, linked: true });
}

/** The functions of this file, to be read as Elixir's: `task.async(…)`. */
export const task: {
  readonly async: typeof startAsync;
  readonly start: typeof startAlone;
  readonly startLink: typeof startLinked;
  readonly completed: typeof completed;
  readonly await: typeof awaitTask;
  readonly awaitMany: typeof awaitMany;
  readonly yield: typeof yieldTask;
  readonly yieldMany: typeof yieldMany;
  readonly deliver: typeof deliver;
  readonly shutdown: typeof shutdown;
  readonly ignore: typeof ignoreTask;
  readonly asyncStream: typeof asyncStream;
} = {
  async: startAsync,
  start: startAlone,
  startLink: startLinked,
  completed,
  await: awaitTask,
  awaitMany,
  yield: yieldTask,
  yieldMany,
  deliver,
  shutdown,
  ignore: ignoreTask,
  asyncStream,
};
