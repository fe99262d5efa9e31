/**
 * A supervisor of N like children, its partitions, for a process that would be a bottleneck alone: each key is served by one of
 * them, always the same. Elixir's PartitionSupervisor.
 *
 * ```ts
 * export const Counters = partitionSupervisor({ child: Counter.child(0) });
 * // among the children of a supervisor: Counters.child({ name: "counters" })
 *
 * await Counter.call(partition("counters", userId), "add", 1);
 *
 * export const Workers = partitionSupervisor({ child: dynamicSupervisor().child() });
 * await startChild(partition("workers", job.id), Job.child(job));
 * ```
 *
 * Process model: a supervisor whose children are registered with itself under their numbers, so that `partition` finds them at
 * once on every thread. Partition i runs on scheduler i + 1, and after the last one from 1 again; a partition whose thread died
 * comes back there, when there is a new one.
 *
 * @see https://hexdocs.pm/elixir/PartitionSupervisor.html
 */
import { checkInteger } from "../core/check-integer.js";
import { ErrorCode, RuntimeError } from "../core/errors.js";
import type { Via } from "../core/via.js";
import { type Behaviour, type Definition, findRegistry, openRegistry, schedulers } from "../runtime/process.js";
import { type ChildOptions, type ChildSpec, type ChildSpecInput, ChildType, childSpec } from "./child-spec.js";
import { type StartLinkOptions, type StartResult, startProcess } from "./start.js";
import { supervisor } from "./supervisor.js";
import type { SupervisorOptions } from "./supervisor-flags.js";

/** Partitions one supervisor can have. */
export const MAX_PARTITIONS = 65_536;

export interface PartitionSupervisorOptions
  extends Pick<SupervisorOptions, "strategy" | "maxRestarts" | "maxSeconds" | "autoShutdown"> {
  /** What each partition runs. Its id and name are set here, its scheduler too unless it names one. */
  readonly child: ChildSpecInput;
  /** How many, 1 to 65,536. @defaultValue one a scheduler */
  readonly partitions?: number;
  /** The arguments of each partition's start, made of those in `child`. @defaultValue these as they are */
  readonly withArguments?: (args: readonly unknown[], partition: number) => readonly unknown[];
}

/** A kind of partition supervisor. Started by its methods or by another supervisor, always under a name. */
export class PartitionSupervisor implements Definition<readonly [string]> {
  readonly kind: string = "partitionSupervisor";
  /** The definition of its partitions: written in this place only, it is found by other threads here. */
  readonly partition: Definition<never> | string;
  readonly #options: PartitionSupervisorOptions;

  constructor(options: PartitionSupervisorOptions) {
    this.#options = options;
    this.partition = options.child?.start?.definition; // missing: the start says so
  }

  boot(name: string): Promise<Behaviour> {
    const { child, partitions = Math.max(1, schedulers()), withArguments = (args) => args, ...flags } = this.#options;
    checkInteger("partitions", partitions, 1, MAX_PARTITIONS);
    openRegistry({ partitions });
    const children = Array.from({ length: partitions }, (_, index) => ({
      ...child,
      id: String(index),
      start: {
        ...(schedulers() > 0 ? { scheduler: 1 + (index % schedulers()) } : {}),
        ...child.start,
        args: withArguments(child.start.args, index),
        name: partition(name, index),
      },
    }));
    return supervisor({ ...flags, children }).boot(undefined);
  }

  /** Starts such a supervisor linked to the caller, and waits until all partitions are up. */
  startLink(options: StartLinkOptions & { readonly name: string }): Promise<StartResult> {
    return startProcess(this, [checkName(options.name)], { ...options, link: true });
  }

  /** The specification of such a supervisor as another one's child. */
  child(options: ChildOptions & { readonly name: string }): ChildSpec {
    return childSpec(this, [checkName(options.name)], options, ChildType.supervisor);
  }
}

/** Defines a kind of partition supervisor. */
export function partitionSupervisor(options: PartitionSupervisorOptions): PartitionSupervisor {
  return new PartitionSupervisor(options);
}

/**
 * The partition that serves `key`, as a name: a whole number stands for the partition of that number (modulo how many there
 * are), other plain data for one by its hash. Elixir's `{:via, PartitionSupervisor, {name, key}}`.
 */
export function partition(supervisor: string, key: unknown): Via {
  return { tag: "via", registry: supervisor, key };
}

/** How many partitions a running supervisor has. @throws RuntimeError `noProcess` */
export function partitions(supervisor: string): number {
  const count = findRegistry(supervisor)?.partitions ?? 0;
  if (count > 0) return count;
  throw new RuntimeError(ErrorCode.noProcess, `no partition supervisor runs under the name "${supervisor}"`);
}

function checkName(name: unknown): string {
  if (typeof name === "string" && name !== "") return name;
  throw new RuntimeError(
    ErrorCode.badOption,
    `bad name ${String(name)}: a partition supervisor has a non-empty string`,
  );
}
