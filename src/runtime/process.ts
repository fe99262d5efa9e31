/**
 * The face of the runtime: what a process can do. Erlang's built-in functions under their own names, for the process in
 * whose context they are called. Everything above `runtime` uses this file only, and never asks which thread a pid is on.
 *
 * All functions but {@link isPid} throw `notInProcess` outside a process, and `processExited` in code of a process that
 * is gone.
 */
import type { TransferListItem } from "node:worker_threads";
import { checkInteger } from "../core/check-integer.js";
import { ErrorCode, RuntimeError } from "../core/errors.js";
import { Exit, type ExitReason } from "../core/exit-reason.js";
import { type ExitMessage, isDown, isExit, type TimeoutMessage } from "../core/messages.js";
import { isPid, type Pid, threadOf } from "../core/pid.js";
import type { Ref } from "../core/ref.js";
import type { Destination } from "../core/via.js";
import { type Definition, isDefinition, type PortHandler } from "./behaviour.js";
import { current } from "./context.js";
import type { ProcessInfo } from "./info.js";
import { Op } from "./links/wire.js";
import { find, lookUp } from "./naming.js";
import { handlerOf, mainService, Port, servicePeers } from "./port.js";
import { NO_LIMIT, type ProcessRecord } from "./process-record.js";
import type { OwnReport, ReportBody, ReportLevel } from "./report.js";
import { openRequest } from "./requests.js";
import { checkDelay } from "./timers.js";

// ---- who am I ----

/** The calling process's pid. */
export function self(): Pid {
  return current().pid;
}

/** Who started the calling process; `null` if the runtime did. */
export function parent(): Pid | null {
  return current().parent;
}

/** Names the calling process in reports. Elixir's `Process.set_label/1`. */
export function setLabel(label: string): void {
  const record = current();
  record.label = label;
  record.scheduler.vitals.introduce(record);
}

/**
 * Limits the calling process's mailbox: with one message more than `limit` it exits with reason `mailbox_full`, without its
 * consent, as with Erlang's `max_heap_size`. For processes that others may flood; their supervisor decides what then. `Infinity`,
 * the default, is no limit. A channel's client is slowed down before it counts here: see `limits` of `channel`.
 *
 * @throws RuntimeError `badOption` for what is neither a whole number from 1 nor `Infinity`.
 * @see https://www.erlang.org/doc/apps/erts/erlang.html#process_flag_max_heap_size
 */
export function setMaxMailbox(limit: number): void {
  if (limit !== Number.POSITIVE_INFINITY) checkInteger("maxMailbox", limit, 1, NO_LIMIT);
  const record = current();
  record.scheduler.longMailboxes.limit(record, Math.min(limit, NO_LIMIT));
}

/** An `AbortSignal` that fires when the calling process exits: hand it to `fetch` and other long work. */
export function exitSignal(): AbortSignal {
  const record = current();
  record.abort ??= new AbortController();
  return record.abort.signal;
}

/** The calling process's own table, gone with it. Erlang's process dictionary. */
export function dictionary(): Map<unknown, unknown> {
  const record = current();
  record.dictionary ??= new Map();
  return record.dictionary;
}

/**
 * Gives back what the calling process doesn't need while it waits: the room its mailbox once grew to, and tables that are
 * empty. Erlang's `hibernate`, except that the call returns: there is no stack to throw away, and the heap is the thread's.
 */
export function hibernate(): void {
  current().compact();
}

// ---- messages ----

/**
 * Sends a message and returns at once. Messages from one sender to one receiver arrive in order. A dead pid: nothing happens.
 * Within a thread the message is passed as it is, not copied: treat what was sent as immutable. To another thread it is
 * copied by structured clone; what cannot be copied ends the sender with `notSendable`.
 *
 * @param to - A pid, a registered name, or a key of a registry (`via`).
 * @throws RuntimeError `noProcess` if nobody is registered under the name `to`.
 */
export function send(to: Destination, message: unknown): void {
  const record = current();
  record.scheduler.send(record.pid, isPid(to) ? to : find(record, to), message);
}

/** {@link send}, where `transfer` (ports, buffers) is handed over and not copied. For protocols built on the runtime. */
export function handOver(to: Pid, message: unknown, transfer: readonly TransferListItem[]): void {
  const { scheduler, pid } = current();
  scheduler.send(pid, to, message);
  const thread = threadOf(to);
  if (thread !== scheduler.thread) scheduler.router.outbox(thread)?.handOver(transfer);
}

/** Whether {@link handOver} can reach `to`: not in another OS process. */
export function canHandOver(to: Pid): boolean {
  const { scheduler } = current();
  return scheduler.router.handsOver(threadOf(to));
}

/** Sends raw text or bytes, to a port mostly; arrives apart from messages. For protocols built on the runtime. */
export function sendData(to: Pid, data: string | Uint8Array): void {
  const record = current();
  record.scheduler.sendData(record.pid, to, data);
}

// ---- links, monitors, exits ----

/**
 * Links the caller and `to`: when one ends abnormally the other gets its exit signal. To a dead pid: an exit signal `noproc`.
 *
 * @throws RuntimeError `noProcess` if `to` was on this thread and is gone, and the caller does not trap exits: then it can
 *   be caught, as in Erlang.
 */
export function link(to: Pid): void {
  const record = current();
  const { scheduler } = record;
  const isHere = threadOf(to) === scheduler.thread;
  if (!record.trapExit && isHere && !scheduler.processes.has(to) && !scheduler.signals.isOnItsWay(to)) {
    throw new RuntimeError(ErrorCode.noProcess, `cannot link to ${to}: there is no such process`);
  }
  scheduler.signals.link(record, to);
}

export function unlink(to: Pid): void {
  const record = current();
  record.scheduler.signals.unlink(record, to);
}

/** {@link unlink}, and takes out an EXIT message of `to` that has arrived already. */
export function unlinkFlush(to: Pid): void {
  unlink(to);
  takeFirst(current(), (message): message is ExitMessage => isExit(message) && message.from === to);
}

/** Watches `target`: one DOWN message when it ends, at once with `noproc` if it is not there. Oneself: nothing happens. */
export function monitor(target: Destination): Ref {
  const record = current();
  const { scheduler } = record;
  const ref = scheduler.refs.next();
  const pid = lookUp(scheduler, target);
  if (pid === undefined) scheduler.deliver(record, { tag: "DOWN", ref, from: target, reason: "noproc" });
  else if (pid !== record.pid) scheduler.signals.monitor(record, ref, pid, target);
  return ref;
}

/** Ends a monitor; `false` if it was none, or has fired. `flush` also takes a DOWN that has arrived out of the mailbox. */
export function demonitor(ref: Ref, options: { readonly flush?: boolean } = {}): boolean {
  const record = current();
  const was = record.scheduler.signals.demonitor(record, ref);
  if (options.flush) takeFirst(record, (message) => isDown(message) && message.ref === ref);
  return was;
}

function takeFirst(record: ProcessRecord, match: (message: unknown) => boolean): void {
  for (let i = 0; i < record.mailbox.size; i++) {
    if (match(record.mailbox.at(i))) {
      record.mailbox.takeAt(i);
      return;
    }
  }
}

/** Whether exit signals become messages for the caller instead of ending it. Answers what it was before. */
export function trapExit(trap: boolean): boolean {
  const record = current();
  const was = record.trapExit;
  record.trapExit = trap;
  return was;
}

/**
 * With one argument: ends the calling process with that reason. With two: sends `pid` an exit signal; `"kill"` cannot be
 * trapped. As Erlang's `exit/1` and `exit/2`.
 */
export function exit(reason: ExitReason): never;
export function exit(pid: Pid, reason: ExitReason): void;
export function exit(...args: readonly [ExitReason] | readonly [Pid, ExitReason]): void {
  if (args.length === 1) throw new Exit(args[0]);
  const record = current();
  record.scheduler.signals.exit(record.pid, args[0], args[1]);
  if (record.exited) throw new Exit(record.exitReason); // it was aimed at the caller: nothing of it runs on
}

/** Ends a process whether it likes it or not; others see `"killed"`. */
export function kill(pid: Pid): void {
  exit(pid, "kill");
}

// ---- time ----

/** Sends `message` to `to` in `delayMs` milliseconds. A name is looked up then; nobody there: nothing happens. */
export function sendAfter(to: Destination, message: unknown, delayMs: number): Ref {
  return current().scheduler.timers.start(to, message, checkDelay(delayMs));
}

/**
 * As {@link sendAfter}, but what arrives is a {@link TimeoutMessage} that carries the timer's ref: one that was under way when
 * its timer was cancelled can be told from the next one. Erlang's `start_timer`.
 */
export function startTimer(to: Destination, message: unknown, delayMs: number): Ref {
  return current().scheduler.timers.startTagged(to, message, checkDelay(delayMs));
}

/** Stops a timer of this thread; the milliseconds it had left, or `false` if it has fired. */
export function cancelTimer(ref: Ref): number | false {
  return current().scheduler.timers.cancel(ref);
}

/** The milliseconds a timer of this thread has left, or `false`. */
export function readTimer(ref: Ref): number | false {
  return current().scheduler.timers.read(ref);
}

/** Milliseconds of this thread's clock, never going back: good for differences only. Erlang's `monotonic_time`. */
export function now(): number {
  return current().scheduler.clock.now();
}

// ---- looking ----

/** Tells people something about the calling process that is worth a line. */
export function notice(message: string): void {
  const { scheduler, pid, label } = current();
  scheduler.report({ tag: "notice", message: `process ${pid} (${label}) ${message}` });
}

/** Tells people what the calling process, a supervisor or one that is traced, has to say in a record. */
export function report(body: OwnReport): void {
  const { scheduler, pid, label, name } = current();
  scheduler.report({ ...body, pid, label, name } as ReportBody); // an own report and who it is of
}

/** Whether reports of this level are heard; the level is the runtime's, and does not change. */
export function isHeard(level: ReportLevel): boolean {
  return current().scheduler.reports.isHeard(level);
}

/** How many schedulers run now: how much can happen at the same instant. Elixir's `System.schedulers_online/0`. */
export function schedulersOnline(): number {
  const { cells } = current().scheduler;
  let online = 0;
  for (let slot = 1; slot <= cells.schedulers; slot++) if (cells.threadOf(slot) !== undefined) online++;
  return Math.max(1, online); // with no threads of its own, everything runs on the calling one
}

/** What can be told of a process, on any thread; `undefined` if it is gone. */
export async function processInfo(pid: Pid): Promise<ProcessInfo | undefined> {
  const { scheduler } = current();
  try {
    const request = openRequest(pid);
    const thread = threadOf(pid);
    const operation = [pid, request.from.pid, request.from.ref] as const;
    if (thread === scheduler.thread) scheduler.signals.receive([Op.info, ...operation]);
    else scheduler.begin(thread, Op.info, null)?.push(...operation);
    return (await request.answered) as ProcessInfo | undefined; // what infoOf answered
  } catch (error) {
    if (error instanceof RuntimeError && error.code === ErrorCode.callFailed) return undefined;
    throw error;
  }
}

/** The key of a definition in the application module. @throws RuntimeError `unknownDefinition` if it is not exported there. */
export function keyOf(definition: Definition): string {
  return current().scheduler.definitions.keyOf(definition);
}

/** The definition under a key, as this thread has it. @throws RuntimeError `unknownDefinition` */
export function definitionOf(key: string): Definition {
  return current().scheduler.definitions.find(key);
}

/** Whether the thread that `pid` was on is gone, and `pid` with it. Without a message: all threads see it at once. */
export function isThreadGone(pid: Pid): boolean {
  return !current().scheduler.cells.isAlive(threadOf(pid));
}

/** How many scheduler threads there are, those kept for definitions not counted; with 0 everything runs on the calling one. Erlang's `schedulers`. */
export function schedulers(): number {
  return current().scheduler.cells.schedulers;
}

/** A process registered locally on every thread (`pubsub`, `pg`): the one of the calling process's thread. */
export function service(name: string): Pid {
  return found(name, current().scheduler.services.get(name));
}

/** What the service of the calling process's thread is. For protocols built on the runtime. */
export function serviceHandler(name: string): PortHandler {
  return found(name, handlerOf(current().scheduler, name) ?? undefined);
}

/** Opens ports on the calling process's thread, also when that has ended: they are nobody's. For protocols built on the runtime. */
export function portOpener(): (handler: PortHandler, label: string) => Port {
  const { scheduler } = current();
  return (handler, label) => new Port(scheduler, handler, label);
}

/** The same service on the main I/O thread: for what the whole runtime has one of. */
export function ioService(name: string): Pid {
  return found(name, mainService(current().scheduler, name));
}

function found<T>(name: string, it: T | undefined): T {
  if (it !== undefined) return it;
  throw new RuntimeError(ErrorCode.noProcess, `this thread runs no service "${name}"`);
}

/** The same service on the other threads; with `topic`, only on those where that topic may be wanted. */
export function peers(name: string, topic?: string): Pid[] {
  return servicePeers(current().scheduler, name, topic);
}

export type { Behaviour, Definition, PortHandler } from "./behaviour.js";
export { Deadline } from "./deadlines.js";
export type { AnyFunction } from "./definitions.js";
export { findRunnable, type Runnable, sendableRunnable } from "./exported.js";
export { threadFlags } from "./hosts/thread-flags.js";
export type { ProcessInfo } from "./info.js";
export { checkIsolation, type Isolation } from "./isolation.js";
export { fromBytes, toBytes } from "./links/bytes.js";
export { register, unregister, whereis } from "./naming.js";
export { notSendable } from "./not-sendable.js";
export type { Placement } from "./placing.js";
export type { OffloadedOutcome, OffloadedTask } from "./pool-thread.js";
export type { Service, Spawned } from "./port.js";
export { receive, timeout } from "./receiving.js";
export {
  findRegistry,
  openRegistry,
  partitionOf,
  REGISTERED,
  registerKey,
  registrations,
  runningRegistry,
  topicOf,
  UNREGISTERED,
  unregisterKey,
} from "./registering.js";
export type { Registration, RunningRegistry } from "./registrations.js";
export {
  isReportLevel,
  type OwnReport,
  REPORT_LEVELS,
  type ReportedChild,
  type ReportLevel,
  type SupervisorDecision,
} from "./report.js";
export { ask, awaitReply, closeRequest, openRequest, type Request, replyTo, within } from "./requests.js";
export {
  acknowledge,
  type ProcessFunction,
  processFunction,
  type StartOptions,
  sendableDefinition,
  spawn,
  spawnLink,
  spawnMonitor,
  spawnRequest,
} from "./spawning.js";
export { isDefinition, isPid, Port };
