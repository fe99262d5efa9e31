/**
 * Offloading: a function that computes for long runs on a thread of its own kind, and the process that waits for it holds
 * up nobody. What dirty schedulers are for the BEAM's native code. A scheduler can't be taken from a process in the middle
 * of a callback, so what takes more than some milliseconds belongs here.
 *
 * ```ts
 * // resize.ts
 * export default function resize({ image, width }: { image: ArrayBuffer; width: number }): ArrayBuffer { … }
 *
 * // in any callback
 * const url = new URL("./resize.js", import.meta.url);
 * const small = await offload<typeof resize>(url, { image, width: 200 }, { transfer: [image] });
 * ```
 *
 * ```
 *   caller ── task, with a port ──► service on the I/O thread ──► thread of the pool
 *     └──────── argument, result: in that port, past the I/O thread ──────┘
 * ```
 *
 * The function is a module's export, as closures can't cross threads. Its thread is none of the schedulers: there are no
 * processes, `self()` and the like throw. Threads are used again and hold modules in memory, but which one a task gets is
 * not said, so state of a module is at most a cache.
 *
 * A task costs about a quarter of a millisecond, half of which is the I/O thread's: offload what takes longer than that by far.
 *
 * @see https://www.erlang.org/doc/apps/erts/erl_nif.html#dirty_nifs
 */
import { MessageChannel, type MessagePort, receiveMessageOnPort, type TransferListItem } from "node:worker_threads";
import { ErrorCode, RuntimeError } from "../core/errors.js";
import { type ExitReason, formatReason, isErrorReason } from "../core/exit-reason.js";
import type { Pid } from "../core/pid.js";
import {
  canHandOver,
  fromBytes,
  handOver,
  ioService,
  notSendable,
  type OffloadedOutcome,
  openRequest,
  send,
  toBytes,
} from "../runtime/process.js";
import { MAX_TIMEOUT_MS } from "./offload-options.js";
import { OFFLOAD, type OffloadAnswer, type OffloadRequest, type SealedTask } from "./offload-service.js";

export interface OffloadOptions {
  /** Under which name the module exports the function. @defaultValue `"default"` */
  readonly name?: string;
  /**
   * Milliseconds from the call to the result, 1 to 2147483647, waiting for a thread included; `Infinity` waits for ever.
   * Then the function is ended. @defaultValue the pool's `timeoutMs`, 30000
   */
  readonly timeoutMs?: number;
  /** Buffers and ports in the argument to hand over instead of copying: the caller has them no longer. @defaultValue none */
  readonly transfer?: readonly TransferListItem[];
}

/**
 * Runs a function on a thread of the offload pool and waits for its result, while other processes run on. Works in any
 * process on any thread. The argument and the result are copied once, as messages are.
 *
 * The task is linked to its caller: if the caller exits, it does not begin, or its thread is ended in the middle of it.
 * Only a native call (`pbkdf2Sync`) can't be stopped before it returns; until then its thread counts as busy.
 *
 * @param url - URL of the module: `new URL("./resize.js", import.meta.url)`.
 * @param arg - The function's only argument.
 * @returns What the function returned; of a promise, its value.
 * @throws RuntimeError `offloadFailed` if it threw (`cause` is what, as an `ErrorReason`), its module can't be loaded or its
 *   thread ended; uncaught, the caller exits with the function's own error. `offloadTimeout`, `offloadQueueFull`.
 *   `notSendable` for the argument or the result, `badArgument` if there is no such function. `runtimeStopped`.
 */
export function offload(url: URL | string, arg?: unknown, options?: OffloadOptions): Promise<unknown>;
/** With the function's type, its argument and result are checked: `offload<typeof resize>(url, arg)`. */
export function offload<F extends (arg: never) => unknown>(
  url: URL | string,
  arg: Parameters<F>[0],
  options?: OffloadOptions,
): Promise<Awaited<ReturnType<F>>>;
export async function offload(url: URL | string, arg?: unknown, options: OffloadOptions = {}): Promise<unknown> {
  const { name = "default", timeoutMs = null, transfer = [] } = options;
  const module = moduleUrl(url);
  if (typeof name !== "string") throw bad(`bad name ${String(name)}: allowed is the name of an export`);
  checkTimeout(timeoutMs);
  const to = ioService(OFFLOAD);
  if (!canHandOver(to)) return await offloadSealed(to, module, name, seal(arg, transfer), timeoutMs);
  const { port1: port, port2 } = new MessageChannel();
  try {
    put(port, arg, transfer);
    const request = openRequest(to);
    const task = { url: module, name, port: port2, isSealed: false };
    handOver(to, { tag: "offload", from: request.from, task, timeoutMs } satisfies OffloadRequest, [port2]);
    // No deadline here: the service has it, which also ends the task. Its answer may be on its way when the time is up.
    const answer = (await request.answered) as OffloadAnswer; // nobody else answers
    // The function's thread wrote it before it said that it was done, so it is there.
    return result(answer, () => receiveMessageOnPort(port)?.message, `${name} of ${module}`);
  } finally {
    port.close();
  }
}

/** To the service of another OS process. */
async function offloadSealed(
  to: Pid,
  url: string,
  name: string,
  argument: SealedTask["argument"],
  timeoutMs: number | null,
): Promise<unknown> {
  const request = openRequest(to);
  const task = { url, name, argument, isSealed: true };
  send(to, { tag: "offload", from: request.from, task, timeoutMs } satisfies OffloadRequest);
  const answer = (await request.answered) as OffloadAnswer; // nobody else answers
  return result(answer, (sealed) => fromBytes(sealed as Uint8Array), `${name} of ${url}`);
}

/** The argument as bytes. What is handed over is gone for the caller here, too. */
function seal(arg: unknown, transfer: readonly TransferListItem[]): SealedTask["argument"] {
  try {
    const kept = transfer.length === 0 ? arg : structuredClone(arg, { transfer: [...transfer] });
    return toBytes(kept) as Uint8Array<ArrayBuffer>; // V8 allocates them one by one
  } catch (cause) {
    throw notSendable({ payload: [arg], cause }, "argument");
  }
}

function put(port: MessagePort, arg: unknown, transfer: readonly TransferListItem[]): void {
  try {
    port.postMessage(arg, transfer);
  } catch (cause) {
    throw notSendable({ payload: [arg], cause }, "argument");
  }
}

function result(answer: OffloadAnswer, outcomeOf: (sealed?: Uint8Array) => unknown, what: string): unknown {
  switch (answer[0]) {
    case "done":
      return valueIn(outcomeOf(answer[1]) as OffloadedOutcome, what); // runOffloaded made it
    case "timeout":
      throw new RuntimeError(ErrorCode.offloadTimeout, `${what} did not return within ${answer[1]} ms; it was ended`, {
        exitReason: ["timeout", ["offload", what, answer[1]]],
      });
    case "queue_full":
      throw new RuntimeError(
        ErrorCode.offloadQueueFull,
        `${what} was not begun: the offload pool is full (maxThreads ${answer[1]}, maxQueue ${answer[2]})`,
      );
    case "failed":
      throw failed(`the thread of ${what} ended`, answer[1]);
    case "stopped":
      throw new RuntimeError(ErrorCode.runtimeStopped, `the runtime stops; ${what} was not finished`, {
        exitReason: "shutdown",
      });
  }
}

function valueIn(outcome: OffloadedOutcome, what: string): unknown {
  switch (outcome[0]) {
    case "value":
      return outcome[1];
    case "threw":
      throw failed(`${what} threw`, outcome[1]);
    case "unloadable":
      throw failed(`the module of ${what} cannot be loaded`, outcome[1]);
    case "no_function":
      throw bad(`${what} is no function; that module exports ${outcome[1].join(", ") || "nothing"}`);
    case "not_sendable":
      throw new RuntimeError(ErrorCode.notSendable, `${what} returned what cannot be sent: ${outcome[1]}`);
  }
}

/** Uncaught, it ends the caller with the other side's error, as if it had been thrown here. */
function failed(what: string, reason: ExitReason): RuntimeError {
  const error = new RuntimeError(ErrorCode.offloadFailed, `${what}: ${formatReason(reason)}`, {
    cause: reason,
    exitReason: reason,
  });
  if (isErrorReason(reason)) error.stack = `${error.stack}\ncaused by ${reason.stack}`;
  return error;
}

function moduleUrl(url: URL | string): string {
  if (!URL.canParse(String(url))) {
    throw bad(`bad URL "${String(url)}": allowed are absolute ones, as new URL("./resize.js", import.meta.url)`);
  }
  return String(url);
}

function checkTimeout(timeoutMs: number | null): void {
  if (timeoutMs === null || timeoutMs === Number.POSITIVE_INFINITY) return;
  if (typeof timeoutMs === "number" && timeoutMs >= 1 && timeoutMs <= MAX_TIMEOUT_MS) return;
  throw bad(`bad timeoutMs ${String(timeoutMs)}: allowed are milliseconds from 1 to ${MAX_TIMEOUT_MS}, and Infinity`);
}

function bad(message: string): RuntimeError {
  return new RuntimeError(ErrorCode.badArgument, message);
}
