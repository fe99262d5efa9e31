/**
 * How a supervisor starts, restarts and stops one child: OTP's child specification, as plain data.
 *
 * Departs from OTP where its atoms are values of ours: `shutdown` is milliseconds, and the start names a definition and its
 * arguments instead of a module, function and arguments, so that a child can be started on any thread.
 *
 * @see https://www.erlang.org/doc/apps/stdlib/supervisor.html#t:child_spec/0
 */
import { ErrorCode, RuntimeError } from "../core/errors.js";
import type { Name } from "../core/via.js";
import { type Definition, isDefinition, type Placement } from "../runtime/process.js";
import type { StartLinkOptions } from "./start.js";

/** When a child that ended is started again: always, after an abnormal end only, never. */
export const RestartType = { permanent: "permanent", transient: "transient", temporary: "temporary" } as const;
export type RestartType = (typeof RestartType)[keyof typeof RestartType];

export const ChildType = { worker: "worker", supervisor: "supervisor" } as const;
export type ChildType = (typeof ChildType)[keyof typeof ChildType];

/**
 * How a child is stopped: exit signal `shutdown` and then `kill` after so many milliseconds; `"brutal_kill"`: `kill` at
 * once; `"infinity"`: `shutdown`, and wait for as long as it takes.
 */
export type Shutdown = number | "brutal_kill" | "infinity";

/** Milliseconds a worker has to stop. */
export const DEFAULT_SHUTDOWN_MS = 5000;

/** What is started: the arguments of `startProcess`. */
export interface ChildStart {
  readonly definition: Definition<never> | string;
  readonly args: readonly unknown[];
  readonly name?: Name;
  readonly label?: string;
  readonly scheduler?: Placement;
  /** Milliseconds a start may take. @defaultValue `Infinity` */
  readonly timeoutMs?: number;
}

export interface ChildSpec {
  /** Names the child among its siblings. */
  readonly id: string;
  readonly start: ChildStart;
  readonly restart: RestartType;
  readonly shutdown: Shutdown;
  readonly type: ChildType;
  /** Whether its end may end the supervisor too; see `autoShutdown`. */
  readonly significant: boolean;
}

/** A {@link ChildSpec} as it may be written: what is left out takes the default. */
export interface ChildSpecInput {
  readonly id: string;
  readonly start: ChildStart;
  /** @defaultValue `"permanent"` */
  readonly restart?: RestartType;
  /** @defaultValue 5000 ms for workers, `"infinity"` for supervisors */
  readonly shutdown?: Shutdown;
  /** @defaultValue `"worker"` */
  readonly type?: ChildType;
  /** @defaultValue `false` */
  readonly significant?: boolean;
}

/** What `.child(…)` of every definition takes: how it is started, and what is to differ from the defaults. */
export interface ChildOptions extends StartLinkOptions, Partial<Omit<ChildSpecInput, "start">> {}

/** The specification of a child that runs `definition`. Its id is `options.id`, else its
 * registered name, else the definition's kind. */
export function childSpec(
  definition: Definition<never>,
  args: readonly unknown[],
  options: ChildOptions = {},
  type: ChildType = ChildType.worker,
): ChildSpec {
  const { id, restart, shutdown, significant, type: given, ...start } = options;
  return resolveChildSpec({
    id: id ?? (typeof options.name === "string" ? options.name : definition.kind),
    start: { ...start, definition, args },
    type: given ?? type,
    ...(restart === undefined ? {} : { restart }),
    ...(shutdown === undefined ? {} : { shutdown }),
    ...(significant === undefined ? {} : { significant }),
  });
}

/**
 * Fills the defaults in.
 *
 * @throws RuntimeError `badOption` naming the field, its value and what is allowed.
 */
export function resolveChildSpec(input: ChildSpecInput): ChildSpec {
  const { id, start, restart = RestartType.permanent, type = ChildType.worker, significant = false } = input;
  const { shutdown = type === ChildType.supervisor ? "infinity" : DEFAULT_SHUTDOWN_MS } = input;
  if (typeof id !== "string" || id === "") refuse("id", id, "a non-empty string");
  if (typeof start !== "object" || start === null) refuse("start", start, "{ definition, args }");
  if (typeof start.definition !== "string" && !isDefinition(start.definition)) {
    refuse("start.definition", start.definition, "a definition (genServer, supervisor, proc …) or its key");
  }
  if (!Array.isArray(start.args)) refuse("start.args", start.args, "an array");
  if (!Object.hasOwn(RestartType, restart)) refuse("restart", restart, Object.keys(RestartType).join(", "));
  if (!Object.hasOwn(ChildType, type)) refuse("type", type, Object.keys(ChildType).join(", "));
  const isDelay = typeof shutdown === "number" && Number.isFinite(shutdown) && shutdown >= 0;
  if (!isDelay && shutdown !== "brutal_kill" && shutdown !== "infinity") {
    refuse("shutdown", shutdown, "milliseconds, brutal_kill, infinity");
  }
  if (typeof significant !== "boolean") refuse("significant", significant, "true, false");
  // As OTP: a permanent child always comes back, so its end could never mean the end of its supervisor.
  if (significant && restart === RestartType.permanent) {
    refuse("significant", significant, "false for a permanent child; true only for transient and temporary ones");
  }
  return { id, start, restart, shutdown, type, significant };
}

function refuse(field: string, value: unknown, allowed: string): never {
  const shown = typeof value === "string" ? `"${value}"` : String(value);
  throw new RuntimeError(ErrorCode.badOption, `bad child specification: ${field} is ${shown}; allowed: ${allowed}`);
}
