/**
 * A thread of the offload pool from the inside: runs one function at a time, and knows nothing of processes. What the
 * function is given and what becomes of it travel over a port of the task's own, whose other end its caller holds; the
 * I/O thread, which passes the task on, sees neither.
 */
import { type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import { type ErrorReason, type ExitReason, toExitReason } from "../core/exit-reason.js";
import { notSendable } from "./not-sendable.js";

/** A task as it comes to a thread of the pool. */
export interface OffloadedTask {
  /** URL of the function's module. */
  readonly url: string;
  /** Under which name the module exports it. */
  readonly name: string;
  /** The argument waits in it; the outcome goes into it. */
  readonly port: MessagePort;
}

/** What became of it. */
export type OffloadedOutcome =
  | readonly ["value", unknown]
  | readonly ["threw", ExitReason]
  /** The module could not be loaded. */
  | readonly ["unloadable", ExitReason]
  /** The module exports no such function, but these names. */
  | readonly ["no_function", exports: readonly string[]]
  /** It returned what cannot be copied. */
  | readonly ["not_sendable", message: string];

/** Runs a task. When it settles, the outcome is in the task's port. Never rejects. */
export async function runOffloaded({ url, name, port }: OffloadedTask): Promise<void> {
  const outcome = await outcomeOf(url, name, port);
  try {
    port.postMessage(outcome);
  } catch (cause) {
    port.postMessage(copyable(outcome, cause));
  }
  port.close();
}

async function outcomeOf(url: string, name: string, port: MessagePort): Promise<OffloadedOutcome> {
  let exports: Record<string, unknown>;
  try {
    exports = await import(url);
  } catch (error) {
    return ["unloadable", toExitReason(error)];
  }
  const run = exports[name];
  if (typeof run !== "function") return ["no_function", Object.keys(exports)];
  try {
    // Taken only now: between here and its end the function may be ended, and the argument with it.
    return ["value", await run(receiveMessageOnPort(port)?.message)];
  } catch (error) {
    return ["threw", toExitReason(error)];
  }
}

/** What can be said of an outcome that cannot be copied. */
function copyable(outcome: OffloadedOutcome, cause: unknown): OffloadedOutcome {
  if (outcome[0] === "value") return ["not_sendable", notSendable({ payload: [outcome[1]], cause }, "result").message];
  const { value: _thrown, ...reason } = outcome[1] as ErrorReason; // its `value` is all that is not text in there
  return ["threw", reason];
}
