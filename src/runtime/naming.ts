/** Registered names, from a process's side. The table is in `names.ts`. */
import { ErrorCode, RuntimeError } from "../core/errors.js";
import { isPid, type Pid, threadOf } from "../core/pid.js";
import { type Destination, type Name, showDestination } from "../core/via.js";
import { current } from "./context.js";
import { Op } from "./links/wire.js";
import type { ProcessRecord } from "./process-record.js";
import { type KeyName, whereisVia } from "./registering.js";
import type { Scheduler } from "./scheduler.js";

/** Names beginning with this are pids. */
const PID_MARK = "<";

/** Gives a name to a process that is living or about to start. @throws RuntimeError `nameTaken`, `badArgument` */
export function claimName(record: ProcessRecord, name: string | KeyName, pid: Pid): void {
  if (typeof name === "object" && name !== null) {
    const owner = record.scheduler.names.keys.claim(name.registry, name.form, pid);
    if (owner === undefined) return;
    throw new RuntimeError(ErrorCode.nameTaken, `the key ${name.form} is taken by ${owner}`, {
      exitReason: ["already_started", owner],
    });
  }
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
 * Registers a process under `name`, on all threads at once; free again when it ends. A process can have one name.
 *
 * @param pid - Of a process of another thread it can't be known at once that it is dead or has a name: then this one is free
 *   again a moment later. @defaultValue the caller
 * @throws RuntimeError `nameTaken`; `badArgument` for a process that is dead or has a name; `tooManyNames` after 65,536
 *   distinct names.
 */
export function register(name: string, pid: Pid = current().pid): void {
  const caller = current();
  const { scheduler } = caller;
  const thread = threadOf(pid);
  if (thread !== scheduler.thread) {
    claimName(caller, name, pid);
    scheduler.begin(thread, Op.named, caller.pid)?.push(pid, name); // a thread that is gone has no names
    return;
  }
  const record = scheduler.processes.get(pid);
  if (record === undefined || record.name !== null) {
    const why = record === undefined ? "there is no such process" : `its name is "${record.name}"`;
    throw new RuntimeError(ErrorCode.badArgument, `cannot register ${pid} as "${name}": ${why}`);
  }
  claimName(record, name, pid);
  record.name = name;
}

/** Frees a name of the calling process; `false` if it is not its own. */
export function unregister(name: string): boolean {
  const record = current();
  if (record.name !== name) return false;
  record.name = null;
  return record.scheduler.names.release(name, record.pid);
}

/** The process registered under `name` on any thread, or under a key of a registry. */
export function whereis(name: Name): Pid | undefined {
  return lookUp(current().scheduler, name);
}

/** {@link whereis}, for a pid too: that is its own answer, wherever it came from. */
export function lookUp(scheduler: Scheduler, to: Destination): Pid | undefined {
  if (isPid(to)) return to;
  return typeof to === "string" ? scheduler.names.whereis(to) : whereisVia(scheduler, to);
}

/** The process of that name, or misuse. */
export function find(record: ProcessRecord, name: Name): Pid {
  const pid = lookUp(record.scheduler, name);
  if (pid !== undefined) return pid;
  const shown = typeof name === "string" ? `"${name}"` : showDestination(name);
  throw new RuntimeError(ErrorCode.noProcess, `no process is registered as ${shown}`, { exitReason: "badarg" });
}
