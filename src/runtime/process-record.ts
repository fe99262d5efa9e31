/**
 * What a scheduler knows of one process: mailbox, links, monitors, and what it runs. Erlang calls it the process control
 * block. All that most processes never use is `null` until it is used: an idle process is an object of a few hundred bytes.
 */
import type { ExitReason } from "../core/exit-reason.js";
import type { From } from "../core/messages.js";
import type { Pid } from "../core/pid.js";
import type { Ref } from "../core/ref.js";
import { Ring } from "../core/ring.js";
import { SmallMap } from "../core/small-map.js";
import type { Destination } from "../core/via.js";
import type { Behaviour, Definition, PortHandler } from "./behaviour.js";
import type { Pending } from "./pending.js";
import type { Scheduler } from "./scheduler.js";

/** A selective receive in progress. */
export interface Waiter {
  readonly match: (message: unknown) => boolean;
  readonly resolve: (message: unknown) => void;
  /** Messages before this index were tried already. */
  scanned: number;
  timer: NodeJS.Timeout | null;
}

/** A process's own monitor: whom it watches, and how it named it. */
export interface Monitor {
  readonly target: Pid;
  readonly shown: Destination;
}

/** Raw data in a mailbox, told apart from messages by its class. Never leaves the thread in this form. */
export class Data {
  readonly data: string | Uint8Array;
  /** By the thread's clock; 0 if nobody wants to know. */
  readonly arrivedMs: number;

  constructor(data: string | Uint8Array, arrivedMs: number) {
    this.data = data;
    this.arrivedMs = arrivedMs;
  }
}

/** More than any mailbox has, and a small integer to V8: this is compared for each message. */
export const NO_LIMIT: number = 2 ** 30 - 1;

export class ProcessRecord {
  readonly pid: Pid;
  readonly scheduler: Scheduler;
  readonly parent: Pid | null;
  /** A port has none of its own: what comes is handled at once. */
  readonly mailbox: Ring<unknown>;
  /** What it was started with, for reports; `null` for a port. */
  readonly origin: Definition | null;

  label: string;
  definition: Definition | null;
  args: readonly unknown[] | null;
  behaviour: Behaviour | null = null;
  port: PortHandler | null = null;

  /** In the run queue, or in its turn right now. */
  queued = false;
  /** An async callback (or the process function) has not settled: no further message is begun until it has. */
  busy = false;
  /** Gone: its pid names nothing any more. Code of it may still be on its way back from an `await`. */
  exited = false;
  /** Its behaviour's last word (`terminate`) is being asked: a second error in there ends it at once. */
  ending = false;
  exitReason: ExitReason = undefined;
  trapExit = false;

  links: Set<Pid> | null = null;
  /** Who watches this process. */
  watchers: SmallMap<Ref, { readonly watcher: Pid; readonly shown: Destination }> | null = null;
  monitors: SmallMap<Ref, Monitor> | null = null;
  /** Who waits to hear how the start of this process went, until it has heard. */
  starter: From | null = null;
  /** Requests that wait for their replies; each is also a monitor. */
  pending: SmallMap<Ref, Pending> | null = null;
  /** The name it is registered under. */
  name: string | null = null;
  waiter: Waiter | null = null;
  dictionary: Map<unknown, unknown> | null = null;
  abort: AbortController | null = null;
  /** Timers of this thread whose message is for this process: its end is theirs. */
  timers: Set<Ref> | null = null;
  /** The message whose handling is not over, while it awaits something or ends by it: for the crash report. */
  handling: unknown = undefined;
  handled = 0;
  /** One more message in its mailbox is its end. */
  maxMailbox: number = NO_LIMIT;
  /** What the length of its mailbox is compared with for each message; see `long-mailboxes.ts`. */
  mailboxMark: number;
  /** Its pid and label in numbers, for `vitals.ts`; the serial is 0 before its first slice. */
  vitalSerial = 0;
  vitalCreator = 0;
  vitalLabel = 0;

  constructor(
    scheduler: Scheduler,
    pid: Pid,
    parent: Pid | null,
    definition: Definition | null,
    args: readonly unknown[] | null,
    label: string,
  ) {
    this.scheduler = scheduler;
    this.pid = pid;
    this.parent = parent;
    this.definition = definition;
    this.origin = definition;
    this.args = args;
    this.mailbox = definition === null ? scheduler.noMail : new Ring<unknown>();
    this.label = label;
    this.mailboxMark = scheduler.longMailboxes.length;
  }

  addLink(to: Pid): void {
    this.links ??= new Set();
    this.links.add(to);
  }

  addMonitor(ref: Ref, target: Pid, shown: Destination): void {
    this.monitors ??= new SmallMap();
    this.monitors.set(ref, { target, shown });
  }

  /** `watcher` watches this process. */
  addWatcher(ref: Ref, watcher: Pid, shown: Destination): void {
    this.watchers ??= new SmallMap();
    this.watchers.set(ref, { watcher, shown });
  }

  /** Frees what is empty. */
  compact(): void {
    if (this.mailbox.size === 0) this.mailbox.clear();
    if (this.links?.size === 0) this.links = null;
    if (this.watchers?.size === 0) this.watchers = null;
    if (this.monitors?.size === 0) this.monitors = null;
    if (this.pending?.size === 0) this.pending = null;
    if (this.timers?.size === 0) this.timers = null;
    if (this.dictionary?.size === 0) this.dictionary = null;
  }
}
