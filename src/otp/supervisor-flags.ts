/**
 * What a supervisor is told: its flags and its children's specifications, and the checks OTP makes before it starts
 * anything. A fault is a reason, in OTP's words, that the supervisor's start fails with. Pure.
 *
 * @see https://www.erlang.org/doc/apps/stdlib/supervisor.html#t:sup_flags/0
 */
import { type ExitReason, toExitReason } from "../core/exit-reason.js";
import { type ChildSpec, type ChildSpecInput, ChildType, RestartType, resolveChildSpec } from "./child-spec.js";
import type { RestartLimit } from "./restart-intensity.js";

/**
 * Who is restarted with a child that ended: it alone; all children; it and those that were started after it. With
 * `simple_one_for_one` the only entry of `children` is a template; see `supervisor-simple.ts`.
 */
export const Strategy = {
  one_for_one: "one_for_one",
  one_for_all: "one_for_all",
  rest_for_one: "rest_for_one",
  simple_one_for_one: "simple_one_for_one",
} as const;
export type Strategy = (typeof Strategy)[keyof typeof Strategy];

/** Whether the end of significant children ends the supervisor: never; of any one; when the last of them ends. */
export const AutoShutdown = {
  never: "never",
  any_significant: "any_significant",
  all_significant: "all_significant",
} as const;
export type AutoShutdown = (typeof AutoShutdown)[keyof typeof AutoShutdown];

export interface SupervisorFlags extends RestartLimit {
  readonly strategy: Strategy;
  readonly autoShutdown: AutoShutdown;
}

/** The flags of a supervisor with named children. */
export interface StaticFlags extends SupervisorFlags {
  readonly strategy: Exclude<Strategy, "simple_one_for_one">;
}

/** The flags as they may be written, and the children in the order they are started in. */
export interface SupervisorOptions {
  /** @defaultValue `"one_for_one"` */
  readonly strategy?: Strategy;
  /** Restarts that are allowed within `maxSeconds`; the next one ends the supervisor. @defaultValue 3, as in Elixir (OTP: 1) */
  readonly maxRestarts?: number;
  /** Seconds a restart counts. @defaultValue 5 */
  readonly maxSeconds?: number;
  /** @defaultValue `"never"` */
  readonly autoShutdown?: AutoShutdown;
  readonly children: readonly ChildSpecInput[];
}

/** A checked value, or what is wrong with it. */
export type Checked<T> = readonly ["ok", T] | readonly ["error", ExitReason];

export const DEFAULT_MAX_RESTARTS = 3;
export const DEFAULT_MAX_SECONDS = 5;

/** The limit with its defaults; its faults are OTP's `invalid_intensity` and `invalid_period`. */
export function resolveLimit(options: Partial<RestartLimit>): Checked<RestartLimit> {
  const { maxRestarts = DEFAULT_MAX_RESTARTS, maxSeconds = DEFAULT_MAX_SECONDS } = options;
  if (!(Number.isInteger(maxRestarts) && maxRestarts >= 0)) return ["error", ["invalid_intensity", maxRestarts]];
  if (!(Number.isInteger(maxSeconds) && maxSeconds > 0)) return ["error", ["invalid_period", maxSeconds]];
  return ["ok", { maxRestarts, maxSeconds }];
}

export function resolveFlags(options: SupervisorOptions): Checked<SupervisorFlags> {
  const { strategy = Strategy.one_for_one, autoShutdown = AutoShutdown.never } = options;
  if (!Object.hasOwn(Strategy, strategy)) return ["error", ["invalid_strategy", strategy]];
  const limit = resolveLimit(options);
  if (limit[0] === "error") return limit;
  if (!Object.hasOwn(AutoShutdown, autoShutdown)) return ["error", ["invalid_auto_shutdown", autoShutdown]];
  return ["ok", { ...limit[1], strategy, autoShutdown }];
}

/** Checks all children of a supervisor; of two with one id the second is the fault. */
export function resolveChildren(
  inputs: readonly ChildSpecInput[],
  { strategy, autoShutdown }: SupervisorFlags,
): Checked<readonly ChildSpec[]> {
  if (strategy === Strategy.simple_one_for_one && inputs.length !== 1)
    return ["error", ["bad_start_spec", inputs.length]];
  const specs = new Map<string, ChildSpec>();
  for (const input of inputs) {
    const checked = resolveChild(input, autoShutdown);
    if (checked[0] === "error") return checked;
    const [, spec] = checked;
    if (specs.has(spec.id)) return ["error", ["duplicate_child_name", spec.id]];
    specs.set(spec.id, spec);
  }
  return ["ok", [...specs.values()]];
}

/** Checks one child's specification. It may come from another process, written in JavaScript: nothing is taken for granted. */
export function resolveChild(input: ChildSpecInput, autoShutdown: AutoShutdown): Checked<ChildSpec> {
  const fault = childFault(input, autoShutdown);
  if (fault !== undefined) return ["error", fault];
  try {
    return ["ok", resolveChildSpec(input)];
  } catch (error) {
    return ["error", toExitReason(error)]; // what OTP has no word for, such as an id that is no string
  }
}

/** What OTP's `check_childspec` finds, in the order it looks. */
function childFault(input: ChildSpecInput, autoShutdown: AutoShutdown): ExitReason | undefined {
  if (typeof input !== "object" || input === null) return ["invalid_child_spec", input];
  const { id, start, restart = RestartType.permanent, type = ChildType.worker, significant = false, shutdown } = input;
  if (id === undefined) return "missing_id";
  if (start === undefined) return "missing_start";
  if (!Object.hasOwn(RestartType, restart)) return ["invalid_restart_type", restart];
  if (!Object.hasOwn(ChildType, type)) return ["invalid_child_type", type];
  if (typeof significant !== "boolean") return ["invalid_significant", significant];
  if (significant && autoShutdown === AutoShutdown.never) return badCombination("auto_shutdown", autoShutdown);
  if (significant && restart === RestartType.permanent) return badCombination("restart", restart);
  if (shutdown !== undefined && !isShutdown(shutdown)) return ["invalid_shutdown", shutdown];
  return undefined;
}

function badCombination(field: string, value: string): ExitReason {
  return [
    "bad_combination",
    [
      [field, value],
      ["significant", true],
    ],
  ];
}

function isShutdown(value: unknown): boolean {
  return value === "brutal_kill" || value === "infinity" || (Number.isFinite(value) && (value as number) >= 0);
}
