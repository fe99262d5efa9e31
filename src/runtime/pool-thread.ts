/**
 * A thread of the offload pool from the inside: runs one function at a time, and knows nothing of processes. What the
 * function is given and what becomes of it travel over a port of the task's own, whose other end its caller holds; the
 * I/O thread, which passes the task on, sees neither.
 */
import { type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import { type ErrorReason, type ExitReason, toExitReason } from "../core/exit-reason.js";
import { fromBytes, toBytes } from "./links/bytes.js";
import { notSendable } from "./not-sendable.js";

/** A task as it comes to a thread of the pool. */
export interface OffloadedTask {
  /** URL of the function's module. */
  readonly url: string;
  /** Under which name the module exports it. */
  readonly name: string;
  /** The argument waits in it; the outcome goes into it. */
  readonly port: MessagePort;
  /** Whether both are bytes, as they come from another OS process and go there (`bytes.ts`). */
  readonly isSealed: boolean;
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
export async function runOffloaded(task: OffloadedTask): Promise<void> {
  const { port, isSealed } = task;
  const outcome = await outcomeOf(task);
  const put = (what: OffloadedOutcome): void => port.postMessage(isSealed ? toBytes(what) : what);
  try {
    put(outcome);
  } catch (cause) {
    put(copyable(outcome, cause));
  }
  port.close();
}

async function outcomeOf({ url, name, port, isSealed }: OffloadedTask): Promise<OffloadedOutcome> {
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
    const argument: unknown = receiveMessageOnPort(port)?.message;
    return ["value", await run(isSealed ? fromBytes(argument as Uint8Array) : argument)]; // the service put it there
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
