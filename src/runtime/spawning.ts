/** Starting processes: here, on a chosen thread, with a link, a monitor, a name, or as a request that is acknowledged. */
import { ErrorCode, RuntimeError } from "../core/errors.js";
import type { Pid } from "../core/pid.js";
import type { Ref } from "../core/ref.js";
import type { Name } from "../core/via.js";
import type { Definition } from "./behaviour.js";
import { current } from "./context.js";
import { claimName } from "./naming.js";
import { type Placement, threadFor } from "./placing.js";
import { resolveVia } from "./registering.js";
import { addPending, type Request } from "./requests.js";

/** A process function: an async function that is a whole process; see `receive`. */
export type ProcessFunction<Args extends readonly unknown[]> = (...args: Args) => PromiseLike<unknown>;

export interface StartOptions {
  /** Where it runs, unless its definition has a thread kept for it. @defaultValue `"here"` */
  readonly scheduler?: Placement;
  /** Registers the process before it begins: under this name, or under a key of a registry (`via`). */
  readonly name?: Name;
  /** What the process is called in reports. @defaultValue its definition's name or kind */
  readonly label?: string;
}

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
): Request {
  const record = current();
  const ref = record.scheduler.refs.next();
  const to = start(definition, args, options, options.link, ref, true);
  // Nothing of the new process, not even its failure to start, has arrived yet: that takes a turn or a microtask.
  return { from: { pid: record.pid, ref }, to, answered: addPending(record, ref, to, to).answered };
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
  const isFunction = typeof what === "function";
  const definition = (isFunction ? functionProcess : what) as Definition | string;
  const label = options.label ?? (isFunction ? what.name || "process" : typeof what === "string" ? what : what.kind);
  const bootArgs = isFunction ? [what, args] : args;
  const thread = threadFor(scheduler, definition, bootArgs, options.scheduler ?? "here");
  const given = options.name ?? null;
  const name = typeof given === "object" && given !== null ? resolveVia(record, given) : given;
  const spawning = { link, monitor: monitorRef, label, name, acknowledge };
  if (name === null) return scheduler.signals.spawn(record, thread, definition, bootArgs, spawning);
  return scheduler.signals.spawn(record, thread, definition, bootArgs, spawning, (pid) => claimName(record, name, pid));
}

/** The definition of all processes that are a bare function: it and its arguments are what it boots with. */
const functionProcess: Definition<readonly [ProcessFunction<readonly unknown[]>, readonly unknown[]]> = {
  kind: "process function",
  boot: (run, args) => processFunction(run, args),
};

/** Never called: such a process takes its messages itself. */
const handle = (): void => {};

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
  return { handle, done };
}

/**
 * A definition as it can be sent to any process: its key in the application module. One that is not exported there stays
 * as it is, and then only this thread can start it.
 */
export function sendableDefinition(definition: Definition<never> | string): Definition<never> | string {
  if (typeof definition === "string") return definition;
  return current().scheduler.definitions.findKey(definition as Definition) ?? definition; // only looked up, never booted
}
