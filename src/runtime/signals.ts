/**
 * Links, monitors, exits: how processes learn of each other's ends, on one thread and across threads. A signal to a
 * process of this thread takes effect at once; one to another thread travels in the stream of messages to it, so that the
 * two never overtake each other.
 *
 * @see https://www.erlang.org/doc/system/ref_man_processes.html#signals
 */
import type { ExitReason } from "../core/exit-reason.js";
import type { DownMessage, ExitMessage } from "../core/messages.js";
import { type Pid, threadOf } from "../core/pid.js";
import type { Ref } from "../core/ref.js";
import type { Destination } from "../core/via.js";
import type { Definition } from "./behaviour.js";
import { Births } from "./births.js";
import type { Culprit } from "./hosts/thread-protocol.js";
import { infoOf } from "./info.js";
import type { Batch } from "./links/link.js";
import { ARITY, Op } from "./links/wire.js";
import type { ProcessRecord } from "./process-record.js";
import { enter, forgetRegistrations } from "./registering.js";
import type { Scheduler } from "./scheduler.js";
import type { SpawnOptions } from "./scheduler-setup.js";

export class Signals {
  readonly #scheduler: Scheduler;
  readonly #births = new Births();
  /** Processes whose ends are being told. */
  readonly #dead: ProcessRecord[] = [];

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  // ---- what a process does ----

  spawn(
    parent: ProcessRecord | null,
    thread: number,
    definition: Definition | string,
    args: readonly unknown[],
    options: SpawnOptions,
    claim?: (pid: Pid) => void,
  ): Pid {
    const scheduler = this.#scheduler;
    const elsewhere = thread !== scheduler.thread;
    // All that can be wrong with the request is found out before anything is done about it.
    const local = elsewhere
      ? undefined
      : typeof definition === "string"
        ? scheduler.definitions.find(definition)
        : definition;
    const key = typeof definition === "string" ? definition : elsewhere ? scheduler.definitions.keyOf(definition) : "";
    const pid = scheduler.nextPid(thread);
    claim?.(pid);
    // The parent's own half of link and monitor first: whatever happens to the child, its end finds them in place.
    if (parent !== null && options.link) parent.addLink(pid);
    // A start that is acknowledged is a request: its half of the monitor is part of that (`spawnRequest`).
    if (parent !== null && options.monitor !== null && !options.acknowledge)
      parent.addMonitor(options.monitor, pid, pid);
    scheduler.cells.countProcess(thread);
    const by = parent?.pid ?? null;
    if (local !== undefined) this.#begin(pid, by, local, args, options);
    else {
      const batch = scheduler.begin(thread, Op.spawn, by);
      if (batch === undefined) this.#nobody(parent, pid, options);
      else
        batch.push(
          pid,
          by,
          key,
          args,
          options.label,
          options.link,
          options.monitor,
          options.name,
          options.acknowledge === true,
        );
    }
    return pid;
  }

  /** The new process's half, on its own thread. */
  #begin(pid: Pid, parent: Pid | null, definition: Definition, args: readonly unknown[], options: SpawnOptions): void {
    const record = this.#scheduler.start(pid, parent, definition, args, options.label);
    const { name, monitor } = options; // the name was claimed by whoever asked for the process
    if (typeof name === "string") record.name = name;
    if (parent !== null && options.link) record.addLink(parent);
    if (parent !== null && monitor !== null) {
      record.addWatcher(monitor, parent, pid);
      if (options.acknowledge) record.starter = { pid: parent, ref: monitor };
    }
    // Last: it links to the registry, and if that is gone, this may be the end already.
    if (typeof name === "object" && name !== null) enter(record, name);
  }

  /** The thread a process was to start on is gone: its parent learns it as it would a death right after the start. */
  #nobody(parent: ProcessRecord | null, pid: Pid, options: SpawnOptions): void {
    if (parent === null) return;
    if (options.link) queueMicrotask(() => this.exited(parent.pid, pid, "scheduler_down", true));
    const ref = options.monitor;
    if (ref !== null) queueMicrotask(() => this.down(parent.pid, ref, pid, "scheduler_down"));
  }

  link(record: ProcessRecord, to: Pid): void {
    if (to === record.pid || record.links?.has(to)) return;
    record.addLink(to);
    this.#toward(to, Op.link, record.pid);
  }

  unlink(record: ProcessRecord, to: Pid): void {
    if (record.links?.delete(to)) this.#toward(to, Op.unlink, record.pid);
  }

  /** `shown` is what the DOWN message names: the pid, or the name the monitor was set on. */
  monitor(record: ProcessRecord, ref: Ref, target: Pid, shown: Destination): void {
    record.addMonitor(ref, target, shown);
    this.watch(record, ref, target, shown);
  }

  /** The target's half of a monitor. Alone for requests, which are the other half themselves. */
  watch(record: ProcessRecord, ref: Ref, target: Pid, shown: Destination): void {
    const thread = threadOf(target);
    if (thread === this.#scheduler.thread) {
      const watched = this.#scheduler.processes.get(target);
      if (watched !== undefined) return watched.addWatcher(ref, record.pid, shown);
      if (this.waitsForBirth(target, Op.monitor, record.pid, ref, shown)) return;
      this.#monitored(target, record.pid, ref, shown);
    } else {
      const batch = this.#scheduler.begin(thread, Op.monitor, record.pid);
      if (batch === undefined) this.down(record.pid, ref, shown, "noproc");
      else batch.push(target, record.pid, ref, shown);
    }
  }

  /** `false` if there was no such monitor (or it has fired). */
  demonitor(record: ProcessRecord, ref: Ref): boolean {
    const monitor = record.monitors?.get(ref);
    if (monitor === undefined) return false;
    record.monitors?.delete(ref);
    this.unwatch(ref, monitor.target, record.pid);
    return true;
  }

  /** Undoes {@link watch}. */
  unwatch(ref: Ref, target: Pid, watcher: Pid): void {
    const thread = threadOf(target);
    if (thread === this.#scheduler.thread) this.#scheduler.processes.get(target)?.watchers?.delete(ref);
    else this.#scheduler.begin(thread, Op.demonitor, watcher)?.push(target, ref);
  }

  /** Sends an exit signal, as Erlang's `exit(Pid, Reason)`. */
  exit(from: Pid, to: Pid, reason: ExitReason): void {
    const thread = threadOf(to);
    if (thread === this.#scheduler.thread) {
      if (!this.waitsForBirth(to, Op.exit, from, reason, false)) this.exited(to, from, reason, false);
    } else this.#scheduler.begin(thread, Op.exit, from)?.push(to, from, reason, false);
  }

  /** The end of a process: its name and pid are free first, then everyone linked or watching is told. */
  die(record: ProcessRecord, reason: ExitReason): void {
    if (record.exited) return;
    const scheduler = this.#scheduler;
    record.exited = true;
    record.exitReason = reason;
    scheduler.processes.delete(record.pid);
    if (record.port === null) scheduler.cells.addLoad(scheduler.slot, scheduler.thread, -1);
    if (record.name !== null) scheduler.names.release(record.name, record.pid);
    if (scheduler.names.registrations.isConcerned(record.pid)) forgetRegistrations(scheduler, record.pid);
    if (record.waiter?.timer) clearTimeout(record.waiter.timer);
    if (record.timers !== null) scheduler.timers.receiverGone(record);
    record.waiter = null;
    record.mailbox.clear();
    record.abort?.abort(reason);
    // One after the other, not one inside the other: a long chain of links must not become a deep stack.
    this.#dead.push(record);
    if (this.#dead.length > 1) return;
    for (let i = 0; i < this.#dead.length; i++) this.#tellAll(this.#dead[i] as ProcessRecord);
    this.#dead.length = 0;
  }

  #tellAll(record: ProcessRecord): void {
    const reason = record.exitReason;
    for (const to of record.links ?? []) this.#tellExit(to, record.pid, reason);
    for (const [ref, { watcher, shown }] of record.watchers?.entries() ?? [])
      this.#tellDown(watcher, ref, shown, reason);
    for (const [ref, { target }] of record.monitors?.entries() ?? []) this.unwatch(ref, target, record.pid);
    // Those who awaited in here are dead too: nobody resumes them.
    for (const [ref, pending] of record.pending?.entries() ?? []) {
      pending.drop();
      this.unwatch(ref, pending.target, record.pid);
    }
    record.links = null;
    record.watchers = null;
    record.monitors = null;
    record.pending = null;
    record.behaviour = null;
  }

  /** All processes of a thread are gone at once; its `culprit` has a reason of its own. All it had sent was taken in before. */
  threadDown(thread: number, culprit: Culprit | null = null): void {
    const reasonOf = (pid: Pid): ExitReason => (pid === culprit?.pid ? culprit.reason : "scheduler_down");
    for (const operation of this.#births.creatorGone(thread)) this.receive(operation);
    const { names, processes } = this.#scheduler;
    names.sweep(this.#scheduler.thread, thread, (pid) => processes.has(pid));
    names.keys.sweep(thread, (pid) => processes.has(pid));
    const there = (pid: Pid): boolean => threadOf(pid) === thread;
    for (const record of [...this.#scheduler.processes.values()]) {
      for (const [ref, { watcher }] of record.watchers?.entries() ?? []) {
        if (there(watcher)) record.watchers?.delete(ref);
      }
      for (const [ref, { target, shown }] of [
        ...(record.monitors?.entries() ?? []),
        ...(record.pending?.entries() ?? []),
      ]) {
        if (there(target)) this.down(record.pid, ref, shown, reasonOf(target));
      }
      // The culprit first: a supervisor that restarts a group for one of the others would take its exit for one of those.
      if (culprit !== null && record.links?.has(culprit.pid)) {
        this.exited(record.pid, culprit.pid, culprit.reason, true);
      }
      for (const pid of [...(record.links ?? [])]) {
        if (there(pid)) this.exited(record.pid, pid, "scheduler_down", true);
      }
    }
  }

  // ---- what arrives ----

  /** Takes in a batch from another thread, in order. */
  receive(batch: Batch): void {
    for (let at = 0; at < batch.length; at += 1 + (ARITY[batch[at] as number] as number)) this.#take(batch, at);
  }

  // Our own threads are the only senders, so each position holds what wire.ts says: the casts below read that layout.
  #take(batch: Batch, at: number): void {
    const scheduler = this.#scheduler;
    const op = batch[at] as Op;
    const to = batch[at + 1] as Pid;
    // What most of it is looks its process up itself.
    if (op === Op.data) return scheduler.deliverData(to, batch[at + 2] as string | Uint8Array);
    if (op === Op.message) return this.#message(to, batch[at + 2]);
    if (op < Op.full && op !== Op.spawn && !scheduler.processes.has(to) && this.#births.isExpected(to)) {
      return this.#births.hold(to, batch.slice(at, at + 1 + (ARITY[op] as number)));
    }
    switch (op) {
      case Op.full:
      case Op.acknowledge:
        return; // the link's own business: see Router.connect
      case Op.reply:
        return scheduler.deliverReply(to, batch[at + 2] as Ref, batch[at + 3]);
      case Op.exit:
        return this.exited(to, batch[at + 2] as Pid, batch[at + 3], batch[at + 4] as boolean);
      case Op.link:
        return this.#linked(to, batch[at + 2] as Pid);
      case Op.unlink:
        return this.#unlinked(to, batch[at + 2] as Pid);
      case Op.monitor:
        return this.#monitored(to, batch[at + 2] as Pid, batch[at + 3] as Ref, batch[at + 4] as Destination);
      case Op.demonitor:
        scheduler.processes.get(to)?.watchers?.delete(batch[at + 2] as Ref);
        return;
      case Op.down:
        return this.down(to, batch[at + 2] as Ref, batch[at + 3] as Destination, batch[at + 4]);
      case Op.spawn:
        return this.#spawned(to, batch, at);
      case Op.info: {
        const record = scheduler.processes.get(to);
        const info = record === undefined ? undefined : infoOf(record);
        return scheduler.reply(null, batch[at + 2] as Pid, batch[at + 3] as Ref, info);
      }
      case Op.named:
        return this.#named(to, batch[at + 2] as string);
    }
  }

  #message(to: Pid, message: unknown): void {
    const record = this.#scheduler.processes.get(to);
    if (record !== undefined) this.#scheduler.deliver(record, message);
    else this.waitsForBirth(to, Op.message, message);
  }

  /** Another thread has claimed a name for `pid`. If it can't have it, the name is free again. */
  #named(pid: Pid, name: string): void {
    const record = this.#scheduler.processes.get(pid);
    if (record !== undefined && record.name === null) record.name = name;
    else this.#scheduler.names.release(name, pid);
  }

  #spawned(pid: Pid, batch: Batch, at: number): void {
    const parent = batch[at + 2] as Pid | null;
    const key = batch[at + 3] as string;
    const label = batch[at + 5] as string;
    const options = {
      label,
      link: batch[at + 6] as boolean,
      monitor: batch[at + 7] as Ref | null,
      name: batch[at + 8] as SpawnOptions["name"],
      acknowledge: batch[at + 9] as boolean,
    };
    // Looked up when it boots: a definition that is not there is the new process's crash, not this thread's.
    const { definitions } = this.#scheduler;
    const definition: Definition = definitions.hasKey(key)
      ? definitions.find(key)
      : { kind: key, boot: () => definitions.find(key).boot() };
    this.#begin(pid, parent, definition, batch[at + 4] as readonly unknown[], options);
    for (const operation of this.#births.born(pid)) this.receive(operation);
  }

  /** Whether a process of this thread that is not in its table is still to come. */
  isOnItsWay(pid: Pid): boolean {
    return this.#births.isExpected(pid);
  }

  /**
   * Holds an operation of this thread for a process that is still on its way here.
   *
   * @returns `false` if it is not: it is here, or it has been.
   */
  waitsForBirth(to: Pid, op: Op, ...values: readonly unknown[]): boolean {
    if (this.#scheduler.processes.has(to) || !this.#births.isExpected(to)) return false;
    this.#births.hold(to, [op, to, ...values]);
    return true;
  }

  #linked(to: Pid, from: Pid): void {
    const record = this.#scheduler.processes.get(to);
    if (record === undefined) this.#tellExit(from, to, "noproc");
    else record.addLink(from);
  }

  #unlinked(to: Pid, from: Pid): void {
    this.#scheduler.processes.get(to)?.links?.delete(from);
  }

  #monitored(to: Pid, watcher: Pid, ref: Ref, shown: Destination): void {
    const record = this.#scheduler.processes.get(to);
    if (record === undefined) this.#tellDown(watcher, ref, shown, "noproc");
    else record.addWatcher(ref, watcher, shown);
  }

  /** An exit signal arrives: along a link, or sent with `exit(pid, reason)`. */
  exited(to: Pid, from: Pid, reason: ExitReason, linked: boolean): void {
    const record = this.#scheduler.processes.get(to);
    if (record === undefined) return;
    if (linked && !record.links?.delete(from)) return; // unlinked while the signal was under way
    if (!linked && reason === "kill") return this.die(record, "killed");
    if (record.port?.exit !== undefined) return record.port.exit(from, reason);
    if (record.trapExit) {
      return this.#scheduler.deliver(record, { tag: "EXIT", from, reason } satisfies ExitMessage);
    }
    if (reason !== "normal" || (!linked && from === to)) this.die(record, reason);
  }

  /** A monitor fires: it fails the request that waits under its ref, or becomes a message. */
  down(to: Pid, ref: Ref, shown: Destination, reason: ExitReason): void {
    const record = this.#scheduler.processes.get(to);
    if (record === undefined) return;
    const pending = record.pending?.get(ref);
    if (pending !== undefined) {
      record.pending?.delete(ref);
      pending.reject(reason);
    } else if (record.monitors?.delete(ref)) {
      this.#scheduler.deliver(record, { tag: "DOWN", ref, from: shown, reason } satisfies DownMessage);
    } // else demonitored, or answered, while it was under way
  }

  // ---- sending signals ----

  #toward(to: Pid, op: typeof Op.link | typeof Op.unlink, from: Pid): void {
    const thread = threadOf(to);
    if (thread !== this.#scheduler.thread) {
      const batch = this.#scheduler.begin(thread, op, from);
      if (batch !== undefined) batch.push(to, from);
      else if (op === Op.link) this.exited(from, to, "noproc", true);
    } else if (this.waitsForBirth(to, op, from)) return;
    else if (op === Op.link) this.#linked(to, from);
    else this.#unlinked(to, from);
  }

  #tellExit(to: Pid, from: Pid, reason: ExitReason): void {
    const thread = threadOf(to);
    if (thread === this.#scheduler.thread) this.exited(to, from, reason, true);
    else this.#scheduler.begin(thread, Op.exit, from)?.push(to, from, reason, true);
  }

  #tellDown(to: Pid, ref: Ref, shown: Destination, reason: ExitReason): void {
    const thread = threadOf(to);
    if (thread === this.#scheduler.thread) this.down(to, ref, shown, reason);
    else this.#scheduler.begin(thread, Op.down, null)?.push(to, ref, shown, reason);
  }
}
