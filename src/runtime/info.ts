/** What can be told of a process, as plain data. Erlang's `process_info/1`. */
import type { Pid } from "../core/pid.js";
import type { Destination } from "../core/via.js";
import type { ProcessRecord } from "./process-record.js";

export interface ProcessInfo {
  readonly pid: Pid;
  /** What it calls itself: `setLabel`, or its definition's name. */
  readonly label: string;
  /** What it is registered as. */
  readonly name: string | null;
  readonly parent: Pid | null;
  /** The scheduler it runs on; 0 is the I/O thread. */
  readonly scheduler: number;
  /** `waiting` for a message, `runnable` in the run queue, `awaiting` a promise of its own, `port`. */
  readonly status: "waiting" | "runnable" | "awaiting" | "port";
  /** Messages in its mailbox. */
  readonly mailboxLength: number;
  /** Messages it has taken so far. */
  readonly handled: number;
  readonly trapExit: boolean;
  readonly links: readonly Pid[];
  readonly monitors: readonly Destination[];
  readonly monitoredBy: readonly Pid[];
}

export function infoOf(record: ProcessRecord): ProcessInfo {
  return {
    pid: record.pid,
    label: record.label,
    name: record.name,
    parent: record.parent,
    scheduler: record.scheduler.slot,
    status: record.port !== null ? "port" : record.queued ? "runnable" : record.busy ? "awaiting" : "waiting",
    mailboxLength: record.mailbox.size,
    handled: record.handled,
    trapExit: record.trapExit,
    links: [...(record.links ?? [])],
    monitors: [...(record.monitors?.entries() ?? []), ...(record.pending?.entries() ?? [])].map(
      ([, { shown }]) => shown,
    ),
    monitoredBy: (record.watchers?.entries() ?? []).map(([, { watcher }]) => watcher),
  };
}
