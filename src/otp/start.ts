/**
 * Starting a process and hearing how it went: OTP's `proc_lib`. A start is a request under the monitor of the spawn:
 *
 * ```
 *   starter                               new process
 *   spawn, linked, monitored ───────────► boot()
 *   waits                                   went well  ──► ["ok", pid]
 *                                           ignore     ──► initFail(["ignore"], "normal"), gone
 *                                           threw      ──► gone: the DOWN is the answer
 * ```
 *
 * The runtime acknowledges `["ok", pid]` by itself when a definition has booted, so a definition that can only succeed or
 * crash does nothing about it, and is started with plain `spawn` all the same. Follows OTP 26: a start that fails is told
 * only when the process is gone, and its EXIT message is taken out, so a starter that traps exits sees the result alone.
 *
 * @see https://www.erlang.org/doc/apps/stdlib/proc_lib.html
 */
import { ErrorCode, RuntimeError } from "../core/errors.js";
import { Exit, type ExitReason } from "../core/exit-reason.js";
import type { Pid } from "../core/pid.js";
import {
  acknowledge,
  awaitReply,
  type Definition,
  kill,
  openRequest,
  type StartOptions,
  spawnRequest,
  unlinkFlush,
} from "../runtime/process.js";

/** How a start went. A name that is taken gives `["error", ["already_started", pid]]`. */
export type StartResult = readonly ["ok", Pid] | readonly ["ignore"] | readonly ["error", ExitReason];

/** Options of `start` and `startLink`, of every definition. */
export interface StartLinkOptions extends StartOptions {
  /** Milliseconds the process may take to boot; then it is killed and the result is `["error", "timeout"]`. @defaultValue `Infinity` */
  readonly timeoutMs?: number;
}

export interface StartProcessOptions extends StartLinkOptions {
  /** Whether the new process is linked to the starter. */
  readonly link: boolean;
}

/**
 * Starts a process and waits until it has booted or is gone. As OTP's `proc_lib:start_link/5`.
 *
 * @param definition - A definition, or its key in the application module.
 * @returns The {@link StartResult}. A linked starter that does not trap exits dies with a start that fails abnormally.
 * @throws RuntimeError `unknownDefinition`, `badOption`, `badArgument`: the request itself was wrong.
 */
export async function startProcess(
  // Definitions are contravariant in their arguments: this one takes any of them, and their arguments with it.
  definition: Definition<never> | string,
  args: readonly unknown[],
  options: StartProcessOptions,
): Promise<StartResult> {
  let request: ReturnType<typeof spawnRequest>;
  try {
    request = spawnRequest(definition as Definition | string, args, options);
  } catch (error) {
    return notStarted(error);
  }
  const { to: pid } = request;
  try {
    const result = (await awaitReply(request, options.timeoutMs ?? Number.POSITIVE_INFINITY)) as StartResult | Failed;
    if (result[0] !== FAILED) return result;
    await gone(pid, options.link);
    return result[1];
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    if (error.code === ErrorCode.callFailed) {
      if (options.link) unlinkFlush(pid); // its EXIT came before the DOWN that ended the request
      return ["error", error.cause];
    }
    if (error.code !== ErrorCode.callTimeout) throw error;
    // OTP unlinks before it kills: a starter that does not trap exits is told of the timeout, not killed by it.
    if (options.link) unlinkFlush(pid);
    kill(pid);
    await gone(pid, false);
    return ["error", "timeout"];
  }
}

/** What of a refused spawn is a result: a taken name, and no thread to start on. The rest is misuse. */
function notStarted(error: unknown): StartResult {
  if (error instanceof RuntimeError) {
    if (error.code === ErrorCode.nameTaken) return ["error", error.exitReason];
    if (error.code === ErrorCode.noScheduler) return ["error", "scheduler_down"];
  }
  throw error;
}

/** Waits until `pid` is gone, and leaves no trace of it in the mailbox. */
async function gone(pid: Pid, linked: boolean): Promise<void> {
  try {
    await openRequest(pid).answered; // nobody will answer; a request, because many may wait in one process
  } catch (error) {
    if (!(error instanceof RuntimeError && error.code === ErrorCode.callFailed)) throw error;
  }
  if (linked) unlinkFlush(pid);
}

const FAILED = "$init_fail";
type Failed = readonly [typeof FAILED, StartResult];

/** Tells the starter `result` now, while the calling process is still booting. As OTP's `proc_lib:init_ack/1`. */
export function initAck(result: StartResult): void {
  acknowledge(result);
}

/**
 * Ends the calling process, which is booting, with `reason`; the starter hears `result` when it is gone. As OTP's
 * `proc_lib:init_fail/2`.
 */
export function initFail(result: StartResult, reason: ExitReason): never {
  acknowledge([FAILED, result] satisfies Failed);
  throw new Exit(reason);
}
