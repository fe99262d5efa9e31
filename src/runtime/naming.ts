/** Registered names, from a process's side. The table is in `names.ts`. */
import { ErrorCode, RuntimeError } from "../core/errors.js";
import type { Pid } from "../core/pid.js";
import { current } from "./context.js";
import type { ProcessRecord } from "./process-record.js";

/** Names beginning with this are pids. */
const PID_MARK = "<";

/** Gives a name to a process that is living or about to start. @throws RuntimeError `nameTaken`, `badArgument` */
export function claimName(record: ProcessRecord, name: string, pid: Pid): void {
  if (typeof name !== "string" || name === "" || name.startsWith(PID_MARK)) {
    throw new RuntimeError(
      ErrorCode.badArgument,
      `bad name "${name}": a name is a non-empty string not beginning with "<"`,
    );
  }
  const { names } = record.scheduler;
  if (names.claim(name, pid)) return;
  const owner = names.whereis(name);
  throw new RuntimeError(ErrorCode.nameTaken, `the name "${name}" is taken by ${owner ?? "another process"}`, {
    exitReason: ["already_started", owner],
  });
}

/**
 * Registers a process under `name`, on all threads at once; free again when it ends.
 *
 * @param pid - A living process of the caller's thread: only there its end can be known at once. @defaultValue the caller
 * @throws RuntimeError `nameTaken`; `badArgument` for any other `pid`; `tooManyNames` after 65,536 distinct names.
 */
export function register(name: string, pid: Pid = current().pid): void {
  const { scheduler } = current();
  const record = scheduler.processes.get(pid);
  if (record === undefined) {
    throw new RuntimeError(ErrorCode.badArgument, `cannot register ${pid}: no living process of this thread`);
  }
  claimName(record, name, pid);
  record.names ??= [];
  record.names.push(name);
}

/** Frees a name of the calling process; `false` if it is not its own. */
export function unregister(name: string): boolean {
  const record = current();
  if (!record.names?.includes(name)) return false;
  record.names = record.names.filter((own) => own !== name);
  return record.scheduler.names.release(name, record.pid);
}

/** The process registered under `name` on any thread. */
export function whereis(name: string): Pid | undefined {
  return current().scheduler.names.whereis(name);
}

/** The process of that name, or misuse. */
export function find(record: ProcessRecord, name: string): Pid {
  const pid = record.scheduler.names.whereis(name);
  if (pid !== undefined) return pid;
  throw new RuntimeError(ErrorCode.noProcess, `no process is registered as "${name}"`, { exitReason: "badarg" });
}
