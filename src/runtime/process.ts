/**
 * The face of the runtime: what a process can do. Erlang's built-in functions under their own names, for the process in
 * whose context they are called. Everything above `runtime` uses this file only, and never asks which thread a pid is on.
 *
 * All functions but {@link isPid} throw `notInProcess` outside a process, and `processExited` in code of a process that
 * is gone.
 */
import { ErrorCode, RuntimeError } from "../core/errors.js";
import { Exit, type ExitReason } from "../core/exit-reason.js";
import { type ExitMessage, type From, isDown, isExit } from "../core/messages.js";
import { isPid, type Pid, threadOf } from "../core/pid.js";
import type { Ref } from "../core/ref.js";
import { type Definition, isDefinition } from "./behaviour.js";
import { context, current } from "./context.js";
import type { ProcessInfo } from "./info.js";
import { callFailed, Pending } from "./pending.js";
import { servicePeers } from "./port.js";
import type { ProcessRecord } from "./process-record.js";
import { MAX_DELAY_MS } from "./timers.js";
import { Op } from "./wire.js";

/** A process function: an async function that is a whole process; see `receive`. */
export type ProcessFunction<Args extends readonly unknown[]> = (...args: Args) => PromiseLike<unknown>;

/** Where a new process runs: here (the default), on a scheduler by its number 1 … N, or on the least loaded one. */
export type Placement = "here" | "least_loaded" | number;

export interface StartOptions {
  /** @defaultValue `"here"` */
  readonly scheduler?: Placement;
  /** Registers the process under this name before it begins. */
  readonly name?: string;
  /** What the process is called in reports. @defaultValue its definition's name or kind */
  readonly label?: string;
}

// ---- who am I ----

/** The calling process's pid. */
export function self(): Pid {
  return current().pid;
}

/** Whether this code runs inside a living process. */
export function insideProcess(): boolean {
  const record = context.getStore();
  return record !== undefined && !record.exited;
}

/** Who started the calling process; `null` if the runtime did. */
export function parent(): Pid | null {
  return current().parent;
}

/** Names the calling process in reports. Elixir's `Process.set_label/1`. */
export function setLabel(label: string): void {
  current().label = label;
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

// ---- starting ----

/**
 * Starts a process and returns its pid at once, before it has begun.
 *
 * @param definition - A definition (`genServer`, `proc` …), its key in the application module, or an async function.
 *   Only what the application module exports can be started on another thread.
 * @throws RuntimeError `unknownDefinition`, `noScheduler`, `nameTaken`.
 */
export function spawn<Args extends readonly unknown[]>(
  definition: Definition<Args> | ProcessFunction<Args> | string,
  args: Args,
  options: StartOptions = {},
): Pid {
  return start(definition, args, options, false, null);
}

/** {@link spawn}, linked to the caller from its first instant. */
export function spawnLink<Args extends readonly unknown[]>(
  definition: Definition<Args> | ProcessFunction<Args> | string,
  args: Args,
  options: StartOptions = {},
): Pid {
  return start(definition, args, options, true, null);
}

/** {@link spawn}, monitored by the caller from its first instant. */
export function spawnMonitor<Args extends readonly unknown[]>(
  definition: Definition<Args> | ProcessFunction<Args> | string,
  args: Args,
  options: StartOptions = {},
): { readonly pid: Pid; readonly ref: Ref } {
  const ref = current().scheduler.refs.next();
  return { pid: start(definition, args, options, false, ref), ref };
}

/**
 * {@link spawn} as a request (see {@link openRequest}): the reply is what the new process acknowledges, `["ok", pid]` once
 * its definition has booted unless it {@link acknowledge}d something before that. It fails if the process ends first.
 */
export function spawnRequest(
  definition: Definition | string,
  args: readonly unknown[],
  options: StartOptions & { readonly link: boolean },
): { readonly from: From; readonly to: Pid; readonly answered: Promise<unknown> } {
  const record = current();
  const ref = record.scheduler.refs.next();
  const to = start(definition, args, options, options.link, ref, true);
  // Nothing of the new process, not even its failure to start, has arrived yet: that takes a turn or a microtask.
  return { from: { pid: record.pid, ref }, to, answered: pendingReply(record, ref, to) };
}

/** Tells whoever started the calling process with {@link spawnRequest} how that went. Only the first word counts. */
export function acknowledge(result: unknown): void {
  const record = current();
  record.scheduler.acknowledge(record, result);
}

function start<Args extends readonly unknown[]>(
  what: Definition<Args> | ProcessFunction<Args> | string,
  args: Args,
  options: StartOptions,
  link: boolean,
  monitorRef: Ref | null,
  acknowledge = false,
): Pid {
  const record = current();
  const { scheduler } = record;
  // A definition's own arguments were checked where it is generic; from here on they are just what `boot` gets.
  const definition = (typeof what === "function" ? functionDefinition(what) : what) as Definition | string;
  const label = options.label ?? (typeof definition === "string" ? definition : definition.kind);
  const thread = threadFor(record, options.scheduler ?? "here");
  const name = options.name ?? null;
  const spawning = { link, monitor: monitorRef, label, name, acknowledge };
  if (name === null) return scheduler.signals.spawn(record, thread, definition, args, spawning);
  return scheduler.signals.spawn(record, thread, definition, args, spawning, (pid) => claimName(record, name, pid));
}

function functionDefinition<Args extends readonly unknown[]>(run: ProcessFunction<Args>): Definition<Args> {
  return { kind: run.name || "process", boot: (...args) => processFunction(run, args) };
}

/** The behaviour of a process that is one async function. */
export function processFunction<Args extends readonly unknown[]>(
  run: ProcessFunction<Args>,
  args: Args,
): { handle(): void; readonly done: PromiseLike<unknown> } {
  const done = run(...args);
  if (typeof (done as { then?: unknown } | undefined)?.then !== "function") {
    throw new RuntimeError(
      ErrorCode.badArgument,
      `a process function must be async; "${run.name}" returned no promise`,
    );
  }
  return { handle: () => {}, done };
}

function threadFor(record: ProcessRecord, placement: Placement): number {
  const { scheduler } = record;
  if (placement === "here") return scheduler.thread;
  const { cells } = scheduler;
  const slot = placement === "least_loaded" ? (cells.leastLoaded() ?? (cells.slots === 1 ? 0 : undefined)) : placement;
  if (slot !== undefined && !(Number.isInteger(slot) && slot >= 0 && slot < cells.slots)) {
    throw new RuntimeError(
      ErrorCode.badOption,
      `scheduler ${slot} does not exist; allowed are 1 to ${cells.slots - 1}`,
    );
  }
  const thread = slot === undefined ? undefined : cells.threadOf(slot);
  if (thread === undefined) {
    throw new RuntimeError(ErrorCode.noScheduler, `no scheduler can take a process now (asked for ${placement})`);
  }
  return thread;
}

/**
 * A definition as it can be sent to any process: its key in the application module. One that is not exported there stays
 * as it is, and then only this thread can start it.
 */
export function sendableDefinition(definition: Definition<never> | string): Definition<never> | string {
  if (typeof definition === "string") return definition;
  return current().scheduler.definitions.findKey(definition as Definition) ?? definition; // only looked up, never booted
}

// ---- messages ----

/**
 * Sends a message and returns at once. Messages from one sender to one receiver arrive in order. A dead pid: nothing happens.
 * Within a thread the message is passed as it is, not copied: treat what was sent as immutable. To another thread it is
 * copied by structured clone; what cannot be copied ends the sender with `notSendable`.
 *
 * @throws RuntimeError `noProcess` if nobody is registered under the name `to`.
 */
export function send(to: Pid | string, message: unknown): void {
  const record = current();
  record.scheduler.send(record.pid, isPid(to) ? to : find(record, to), message);
}

/** Sends raw text or bytes, to a port mostly; arrives apart from messages. For protocols built on the runtime. */
export function sendData(to: Pid, data: string | Uint8Array): void {
  const record = current();
  record.scheduler.sendData(record.pid, to, data);
}

/** Matches every message. */
const anything = (): boolean => true;

/** What {@link receive} answers when nothing came in time. */
export const timeout: unique symbol = Symbol("timeout");

/**
 * Takes the oldest message that matches, or waits for one. Selective receive: what does not match stays where it is.
 * For process functions, and inside async callbacks.
 *
 * @param match - A type guard or predicate; without it any message matches. It runs in the caller.
 * @param timeoutMs - How long to wait; then the answer is {@link timeout}. 0 only looks. @defaultValue `Infinity`
 */
export function receive(): Promise<unknown>;
export function receive<T>(match: (message: unknown) => message is T): Promise<T>;
export function receive<T>(match: (message: unknown) => message is T, timeoutMs: number): Promise<T | typeof timeout>;
export function receive(match: (message: unknown) => boolean, timeoutMs?: number): Promise<unknown>;
export function receive(match: (message: unknown) => boolean = anything, timeoutMs?: number): Promise<unknown> {
  const record = current();
  const { mailbox } = record;
  if (record.waiter !== null) {
    throw new RuntimeError(ErrorCode.badArgument, "this process waits in a receive already; await that one first");
  }
  for (let i = 0; i < mailbox.size; i++) {
    if (match(mailbox.at(i))) {
      record.handled++;
      return Promise.resolve(mailbox.takeAt(i));
    }
  }
  if (timeoutMs === 0) return Promise.resolve(timeout);
  return new Promise((resolve) => {
    const waiter = { match, resolve, scanned: mailbox.size, timer: null as NodeJS.Timeout | null };
    record.waiter = waiter;
    if (timeoutMs === undefined || timeoutMs === Number.POSITIVE_INFINITY) return;
    waiter.timer = setTimeout(() => {
      if (record.waiter !== waiter) return;
      record.waiter = null;
      resolve(timeout);
    }, checkDelay(timeoutMs));
  });
}

// ---- requests ----

/**
 * Opens a request: monitors `to` under a fresh ref that a reply can be sent to. Send the request next, then wait with
 * {@link awaitReply}. In this order a server that dies in between is still noticed.
 *
 * @throws RuntimeError `callFailed` with exit reason `noproc` if nobody is registered under the name `to`.
 */
export function openRequest(to: Pid | string): {
  readonly from: From;
  readonly to: Pid;
  readonly answered: Promise<unknown>;
} {
  const record = current();
  const target = isPid(to) ? to : record.scheduler.names.whereis(to);
  if (target === undefined) throw callFailed("noproc", to);
  const ref = record.scheduler.refs.next();
  const answered = pendingReply(record, ref, to);
  record.scheduler.signals.monitor(record, ref, target, to);
  return { from: { pid: record.pid, ref }, to: target, answered };
}

function pendingReply(record: ProcessRecord, ref: Ref, to: Pid | string): Promise<unknown> {
  const pending = new Pending(to);
  record.pending ??= new Map();
  record.pending.set(ref, pending);
  return pending.answered;
}

/**
 * Waits for the reply to a request.
 *
 * @throws RuntimeError `callTimeout` after `timeoutMs`, `callFailed` if the other side dies first. Uncaught, each ends the
 * caller with the reason OTP would give: `["timeout", …]`, or the server's reason in a tuple with the request.
 */
export function awaitReply(
  request: { readonly from: From; readonly to: Pid; readonly answered: Promise<unknown> },
  timeoutMs: number,
): Promise<unknown> {
  if (timeoutMs === Number.POSITIVE_INFINITY) return request.answered;
  checkDelay(timeoutMs);
  const record = current();
  const { ref } = request.from;
  record.pending?.get(ref)?.limit(timeoutMs, record.scheduler.deadlines, () => cancelRequest(record, ref));
  return request.answered;
}

function cancelRequest(record: ProcessRecord, ref: Ref): void {
  record.pending?.delete(ref);
  record.scheduler.signals.demonitor(record, ref);
}

/** Answers a request, once, from any process and at any time. An answer that nobody waits for any more is dropped. */
export function replyTo(from: From, value: unknown): void {
  const record = current();
  record.scheduler.reply(record.pid, from.pid, from.ref, value);
}

// ---- links, monitors, exits ----

/** Links the caller and `to`: when one ends abnormally the other gets its exit signal. To a dead pid: an exit `noproc`. */
export function link(to: Pid): void {
  const record = current();
  record.scheduler.signals.link(record, to);
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

/** Watches `target`: one DOWN message when it ends, at once with `noproc` if it is not there. */
export function monitor(target: Pid | string): Ref {
  const record = current();
  const { scheduler } = record;
  const ref = scheduler.refs.next();
  const pid = isPid(target) ? target : scheduler.names.whereis(target);
  if (pid === undefined) scheduler.deliver(record, { tag: "DOWN", ref, from: target, reason: "noproc" });
  else scheduler.signals.monitor(record, ref, pid, target);
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

// ---- names ----

/** Names beginning with this are pids. */
const PID_MARK = "<";

function claimName(record: ProcessRecord, name: string, pid: Pid): void {
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
 * Registers the calling process under `name`, on all threads at once; free again when it ends.
 *
 * @throws RuntimeError `nameTaken`; `tooManyNames` after 65,536 distinct names.
 */
export function register(name: string): void {
  const record = current();
  claimName(record, name, record.pid);
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

function find(record: ProcessRecord, name: string): Pid {
  const pid = record.scheduler.names.whereis(name);
  if (pid !== undefined) return pid;
  throw new RuntimeError(ErrorCode.noProcess, `no process is registered as "${name}"`, { exitReason: "badarg" });
}

// ---- time ----

/** Sends `message` to `to` in `delayMs` milliseconds. A name is looked up then; nobody there: nothing happens. */
export function sendAfter(to: Pid | string, message: unknown, delayMs: number): Ref {
  return current().scheduler.timers.start(to, message, checkDelay(delayMs));
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

function checkDelay(delayMs: number): number {
  if (Number.isFinite(delayMs) && delayMs >= 0 && delayMs <= MAX_DELAY_MS) return delayMs;
  throw new RuntimeError(
    ErrorCode.badArgument,
    `bad delay ${String(delayMs)}: allowed are 0 to ${MAX_DELAY_MS} milliseconds`,
  );
}

// ---- looking ----

/** Tells people something about the calling process that is worth a line. */
export function notice(message: string): void {
  const { scheduler, pid, label } = current();
  scheduler.report({ tag: "notice", message: `process ${pid} (${label}) ${message}` });
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

/** A process registered locally on every thread (`pubsub`, `pg`): the one of the calling process's thread. */
export function service(name: string): Pid {
  const pid = current().scheduler.services.get(name);
  if (pid !== undefined) return pid;
  throw new RuntimeError(ErrorCode.noProcess, `this thread runs no service "${name}"`);
}

/** The same service on the other threads; with `topic`, only on those where that topic may be wanted. */
export function peers(name: string, topic?: string): Pid[] {
  return servicePeers(current().scheduler, name, topic);
}

export type { Behaviour, Definition, PortHandler } from "./behaviour.js";
export type { ProcessInfo } from "./info.js";
export { Port, type Service } from "./port.js";
export { isDefinition, isPid };
