/**
 * The process a task runs in. A task that somebody waits for is started empty and told what to run, because the ref of the
 * answer is also a monitor of the process, and so cannot be there before it. One that nobody waits for has its orders from
 * the start, and can be restarted.
 *
 * ```
 *   owner                                   task
 *   spawn, or startChild of a supervisor ─► monitors the owner: without it nobody would say what to run
 *   monitors it
 *   ["$task", from, what, args] ──────────► demonitors, runs
 *   reply under the ref of the monitor ◄─── ends normally
 *   DOWN under the same ref ◄────────────── or ends otherwise
 * ```
 *
 * Every thread knows this definition by {@link TASK_KEY}, so that a task can run anywhere without being exported itself; only
 * what it runs must be. Source: Elixir's `Task.Supervised`.
 */
import { ErrorCode, RuntimeError } from "../core/errors.js";
import { type From, isDown } from "../core/messages.js";
import type { Pid } from "../core/pid.js";
import {
  type AnyFunction,
  type Behaviour,
  type Definition,
  demonitor,
  exit,
  findRunnable,
  monitor,
  type Runnable,
  receive,
  replyTo,
} from "../runtime/process.js";

/** The key of {@link taskRunner} on every thread. */
export const TASK_KEY = "joist:task";

export const TASK = "$task";
/** From the owner to a task: run this, and answer. Without a `from` nobody wants an answer. */
export type RunMessage = readonly [typeof TASK, from: From | null, what: Runnable, args: readonly unknown[]];

/** What a task's process is started with: whose order to wait for, or what to run at once. */
export type TaskStart = readonly ["await", owner: Pid] | readonly ["run", what: Runnable, args: readonly unknown[]];

export const taskRunner: Definition<readonly [TaskStart]> = {
  kind: "task",
  boot: (start: TaskStart): Behaviour => ({
    handle: () => {},
    done: start[0] === "await" ? serve(start[1]) : run(start[1], start[2]),
  }),
};

async function serve(owner: Pid): Promise<void> {
  const ref = monitor(owner);
  const isOrder = (message: unknown): boolean =>
    isDown(message) ? message.ref === ref : Array.isArray(message) && message[0] === TASK;
  const message = await receive(isOrder);
  if (isDown(message)) exit(["shutdown", message.reason]);
  demonitor(ref, { flush: true });
  const [, from, what, args] = message as RunMessage; // `isOrder` has looked
  const value = await run(what, args);
  if (from === null) return;
  replyTo(from, value);
  // A value that cannot be copied to the owner's thread is found out when the thread's batches go out. Until then the process
  // must be there, so that this is what it ends with.
  await new Promise(setImmediate);
}

/** Runs it in the calling process; settles with what it returns, or what the process function of a `proc` does. */
async function run(what: Runnable, args: readonly unknown[]): Promise<unknown> {
  const found = findRunnable(what);
  // Its own arguments were checked where it is generic; from here on they are just what it gets.
  if (typeof found === "function") return (found as (...given: readonly unknown[]) => unknown)(...args);
  const { done } = await (found as Definition).boot(...args);
  if (done !== undefined) return done;
  throw new RuntimeError(
    ErrorCode.badArgument,
    `a ${found.kind} never ends by itself, so it can be no task; allowed are functions and procs`,
  );
}

/** How a task is called in reports. */
export function taskLabel(what: Runnable): string {
  if (typeof what === "string") return what;
  return (typeof what === "function" ? (what as AnyFunction).name : what.kind) || "task";
}
