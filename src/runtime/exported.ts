/** Running what the application module exports: how a function is named to a process of another thread, and found there. */
import { ErrorCode, RuntimeError } from "../core/errors.js";
import { type Pid, threadOf } from "../core/pid.js";
import { type Definition, isDefinition } from "./behaviour.js";
import { current } from "./context.js";
import type { AnyFunction } from "./definitions.js";

/** What can be run in another process: a function, a definition that ends by itself (`proc`), or the key of either. */
export type Runnable = AnyFunction | Definition<never> | string;

/**
 * Something to run as it can be sent to another process: its key, if the application module exports it; else itself, which
 * only this thread can run.
 *
 * @param to - Who shall run it; `null` for a process that may be on any thread.
 * @throws RuntimeError `unknownDefinition` if that is on another thread and the application module does not export it;
 *   `badArgument` if it is nothing that can be run.
 */
export function sendableRunnable(what: Runnable, to: Pid | null): Runnable {
  if (typeof what === "string") return what;
  const { scheduler } = current();
  const { definitions } = scheduler;
  const isFunction = typeof what === "function";
  if (!isFunction && !isDefinition(what)) {
    throw new RuntimeError(
      ErrorCode.badArgument,
      `${String(what)} cannot be run: allowed are a function, a proc, and the key of one that the application module exports`,
    );
  }
  const key = isFunction ? definitions.findFunctionKey(what) : definitions.findKey(what);
  if (key !== undefined) return key;
  if (to !== null && threadOf(to) === scheduler.thread) return what;
  const name = isFunction ? `the function "${what.name || "(anonymous)"}"` : `this ${what.kind}`;
  throw new RuntimeError(
    ErrorCode.unknownDefinition,
    `${name} cannot run on another thread: it is not among the application module's exports (functions: ${definitions.listFunctions()}). Export it there and give it what it needs as arguments, or give its key; what keeps much state is better a genServer`,
  );
}

/** What {@link sendableRunnable} made, as it can be called or booted. @throws RuntimeError `unknownDefinition` */
export function findRunnable(sent: Runnable): AnyFunction | Definition<never> {
  return typeof sent === "string" ? current().scheduler.definitions.findRunnable(sent) : sent;
}
