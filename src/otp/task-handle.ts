/**
 * The owner's half of a task: a request under a ref that also monitors the task (see `task-runner.ts`). The answer settles
 * once, to a result and never to an error, so that a task nobody awaits for the moment harms nobody.
 */
import { ErrorCode, RuntimeError } from "../core/errors.js";
import type { ExitReason } from "../core/exit-reason.js";
import type { Pid } from "../core/pid.js";
import type { Ref } from "../core/ref.js";
import { closeRequest, openRequest, type Placement, type Runnable, self, send } from "../runtime/process.js";
import { type RunMessage, TASK } from "./task-runner.js";

/** How a task went: it answered, or it ended before it could. */
export type TaskResult<T = unknown> = readonly ["ok", T] | readonly ["exit", ExitReason];

/** Something to run that takes `Args`, with its result. Its key stands for what the application module exports there. */
export type TaskFunction<Args extends readonly unknown[], R> = (...args: Args) => R;

/** The arguments after something to run: those it takes, left out if it takes none, and options. */
export type TaskArguments<Args extends readonly unknown[], Options> = [] extends Args
  ? [args?: Args, options?: Options]
  : [args: Args, options?: Options];

/** Options of every task. */
export interface TaskOptions {
  /**
   * Where it runs. Elsewhere than `"here"`, on the caller's thread, can only run what the application module exports.
   * @defaultValue `"here"`
   */
  readonly scheduler?: Placement;
  /** What the process is called in reports. @defaultValue the function's name */
  readonly label?: string;
}

/** What the owner knows of the answer. */
export class Answer<T> {
  /** The result; of a task that was given up it never comes. */
  readonly outcome: Promise<TaskResult<T>>;
  readonly #request: ReturnType<typeof openRequest> | null;
  #closed = false;

  constructor(outcome: Promise<TaskResult<T>>, request: ReturnType<typeof openRequest> | null) {
    this.outcome = outcome;
    this.#request = request;
  }

  /** Whether the task was given up: an await timed out, or it is ignored. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Gives the task up: what it answers yet is dropped. */
  close(): void {
    this.#closed = true;
    if (this.#request !== null) closeRequest(this.#request);
  }
}

/**
 * A task that somebody waits for, as `task.async` makes it. Its functions are those of `task`; only its owner may use them.
 *
 * @see https://hexdocs.pm/elixir/Task.html#t:t/0
 */
export class Task<T = unknown> {
  /** The process it runs in; `null` for one that was completed from the start. */
  readonly pid: Pid | null;
  /** Names the answer: the same in a message of `task.deliver`. */
  readonly ref: Ref;
  /** Who started it, and alone may ask for the result. */
  readonly owner: Pid;
  readonly #answer: Answer<T>;

  constructor(pid: Pid | null, ref: Ref, owner: Pid, answer: Answer<T>) {
    this.pid = pid;
    this.ref = ref;
    this.owner = owner;
    this.#answer = answer;
  }

  /** The answer, for the functions of `task`. @throws RuntimeError `badArgument` if the caller is not the owner. */
  static answerOf<T>(task: Task<T>): Answer<T> {
    if (!(typeof task === "object" && task !== null && #answer in task)) {
      const what = "pass what task.async returned, in the process that called it: a copy of it is no task";
      throw new RuntimeError(ErrorCode.badArgument, `${String(task)} is no task; ${what}`);
    }
    if (task.owner === self()) return task.#answer;
    throw new RuntimeError(
      ErrorCode.badArgument,
      `a task must be queried from its owner ${task.owner}, but was queried from ${self()}`,
    );
  }
}

/** Tells the process of a task, which waits for it, what to run; the caller owns the task. */
export function runTask<T>(pid: Pid, what: Runnable, args: readonly unknown[]): Task<T> {
  const request = openRequest(pid);
  const { from } = request;
  send(pid, [TASK, from, what, args] satisfies RunMessage);
  return new Task<T>(pid, from.ref, from.pid, new Answer(resultOf(request.answered), request));
}

function resultOf<T>(answered: Promise<unknown>): Promise<TaskResult<T>> {
  return answered.then(
    (value): TaskResult<T> => ["ok", value as T], // what the function returned
    // Only one thing rejects a request that has no limit of time: its process has ended. The reason is the cause.
    (error: RuntimeError): TaskResult<T> => ["exit", error.cause],
  );
}

/** Settles with the reason when `pid` is gone, at once with `noproc` if it is already. */
export async function endOf(pid: Pid): Promise<ExitReason> {
  const result = await resultOf(openRequest(pid).answered);
  return result[1]; // nobody answers this one
}
