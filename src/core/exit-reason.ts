/**
 * Why a process ended. Reasons are plain data, because they cross threads: Erlang's atoms are strings, its tuples are
 * arrays, an exception is an {@link ErrorReason}.
 *
 * @see https://www.erlang.org/doc/system/ref_man_processes.html#errors
 */
import { RuntimeError } from "./errors.js";
import { toJson } from "./json.js";

/**
 * - `"normal"`, `"shutdown"`, `["shutdown", term]`: a normal end, nobody is alarmed.
 * - `"kill"` as a signal cannot be trapped; what others see then is `"killed"`.
 * - `"noproc"`: there was no such process. `"scheduler_down"`: the thread it ran on is gone; `["scheduler_down", cause]`:
 *   and this process was what it died of.
 * - an {@link ErrorReason}: something was thrown. Anything else: what the process gave to `exit`.
 */
export type ExitReason = unknown;

/** An exception that ended a process, as plain data. `value` is there when something other than an Error was thrown. */
export interface ErrorReason {
  readonly tag: "error";
  readonly name: string;
  readonly message: string;
  readonly stack: string;
  readonly code?: string;
  readonly value?: unknown;
}

/** What `exit(reason)` throws: leaves the process from any depth. Only the run loop catches it. */
export class Exit {
  readonly reason: ExitReason;

  constructor(reason: ExitReason) {
    this.reason = reason;
  }
}

/** Turns what was thrown into the reason the process exits with. Whatever that is: a throw in here would end the thread. */
export function toExitReason(thrown: unknown): ExitReason {
  try {
    return reasonOf(thrown);
  } catch {
    const message = "something that throws when it is looked at"; // a proxy, or a getter
    return { tag: "error", name: "Thrown", message, stack: `Thrown: ${message}` } satisfies ErrorReason;
  }
}

function reasonOf(thrown: unknown): ExitReason {
  if (thrown instanceof Exit) return thrown.reason;
  if (thrown instanceof RuntimeError && thrown.exitReason !== undefined) return thrown.exitReason;
  if (thrown instanceof Error) {
    const code: unknown = (thrown as { code?: unknown }).code; // Node.js puts its codes there, untyped.
    return {
      tag: "error",
      name: thrown.name,
      message: thrown.message,
      stack: thrown.stack ?? `${thrown.name}: ${thrown.message}`,
      ...(typeof code === "string" ? { code } : {}),
    } satisfies ErrorReason;
  }
  const message = typeof thrown === "string" ? thrown : describe(thrown);
  return { tag: "error", name: "Thrown", message, stack: `Thrown: ${message}`, value: thrown } satisfies ErrorReason;
}

/** Whether a reason is an {@link ErrorReason}. */
export function isErrorReason(reason: ExitReason): reason is ErrorReason {
  return typeof reason === "object" && reason !== null && (reason as { tag?: unknown }).tag === "error";
}

/** A normal end, after which a transient child is not restarted: `normal`, `shutdown` and the pair `{shutdown, _}`. */
export function isNormalExit(reason: ExitReason): boolean {
  return (
    reason === "normal" ||
    reason === "shutdown" ||
    (Array.isArray(reason) && reason.length === 2 && reason[0] === "shutdown")
  );
}

/** A reason in one line for people. */
export function formatReason(reason: ExitReason): string {
  if (isErrorReason(reason)) return `${reason.name}: ${reason.message}`;
  return typeof reason === "string" ? reason : describe(reason);
}

function describe(value: unknown): string {
  try {
    return (
      toJson(value, (_key, inner: unknown) => (isErrorReason(inner) ? `${inner.name}: ${inner.message}` : inner)) ??
      String(value)
    );
  } catch {
    return String(value); // Cycles and BigInts: only the wording suffers.
  }
}
