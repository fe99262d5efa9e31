/** Workers, supervisors and children of a scenario (6) as the arguments and child specifications of ours. */
import type { ChildSpecInput } from "../../../src/otp/child-spec.js";
import type { Actor, World } from "./actor.js";
import type { Action } from "./scenario.js";

export interface Script {
  readonly trap?: boolean;
  readonly init?: readonly Action[];
  readonly terminate?: readonly Action[];
  readonly on_info?: readonly Action[];
  readonly name?: string;
  readonly init_timeout?: number;
}

export interface SupervisorScript {
  readonly id?: string;
  readonly strategy?: string;
  readonly intensity?: number;
  readonly period?: number;
  readonly auto_shutdown?: string;
  readonly children?: readonly ChildScript[];
  readonly name?: string;
  readonly init?: readonly Action[];
  readonly max_children?: number;
}

export interface ChildScript {
  readonly id: string;
  readonly restart?: string;
  readonly shutdown?: number | string;
  readonly type?: string;
  readonly significant?: boolean;
  readonly worker?: Script;
  readonly sup?: SupervisorScript;
}

/** The argument of every process of a scenario: where it belongs, its base, and what it does. */
export interface Role<S> {
  readonly world: World;
  readonly base: string;
  readonly script: S;
}

/** The definition that plays a supervisor. */
export function supervisorDefinition(script: SupervisorScript): string {
  return script.strategy === "dynamic" ? "dynamic" : "fixed";
}

/**
 * A child as it is given to a supervisor. A wrong value in it stays as it is: the supervisor is to find it.
 *
 * A template of `simple_one_for_one` is no different, because a worker takes the extra arguments as a second one.
 */
export function childSpec(actor: Actor, child: ChildScript): ChildSpecInput {
  const { id, sup } = child;
  const script = sup ?? child.worker ?? {};
  const base = sup?.id ?? id;
  const spec = {
    id,
    start: {
      definition: sup === undefined ? "worker" : supervisorDefinition(sup),
      args: [{ world: actor.world, base, script } satisfies Role<Script | SupervisorScript>],
      scheduler: actor.place(),
      ...startOptions(actor, script),
    },
    type: child.type ?? (sup === undefined ? "worker" : "supervisor"),
    ...(child.restart === undefined ? {} : { restart: child.restart }),
    ...(child.shutdown === undefined ? {} : { shutdown: scaled(actor.world, child.shutdown) }),
    ...(child.significant === undefined ? {} : { significant: child.significant }),
  };
  return spec as ChildSpecInput; // see above
}

/** Options of the start of a worker or supervisor. */
export function startOptions(
  actor: Actor,
  { name, init_timeout }: Pick<Script, "name" | "init_timeout">,
): { readonly name?: string; readonly timeoutMs?: number } {
  return {
    ...(name === undefined ? {} : { name: actor.name(name) }),
    ...(init_timeout === undefined ? {} : { timeoutMs: actor.ms(init_timeout) }),
  };
}

/** A duration that may be a word instead, or something wrong, which stays as it is. */
export function scaled<T>({ factor }: World, duration: T): T | number {
  return typeof duration === "number" && duration > 0 ? duration * factor : duration;
}
