/**
 * A process function as a definition, so that it can be exported, started on any thread and supervised: a plain Erlang
 * process with a name. A start is acknowledged as soon as the function runs.
 *
 * ```ts
 * export const Echo = proc(async (greeting: string) => {
 *   for (;;) {
 *     const { from, text } = await receive(isRequest);
 *     send(from, `${greeting} ${text}`);
 *   }
 * });
 * const pid = spawn(Echo, ["hello"]);
 * ```
 */
import {
  checkIsolation,
  type Definition,
  type Isolation,
  type ProcessFunction,
  processFunction,
} from "../runtime/process.js";
import { type ChildOptions, type ChildSpec, childSpec } from "./child-spec.js";
import { type StartLinkOptions, type StartResult, startProcess } from "./start.js";

export interface ProcOptions {
  /**
   * Its processes may have a thread (`"dedicated"`) or an OS process (`"process"`) kept for them; see {@link Isolation}. Run as a task, it
   * is a task: those run where they are asked for.
   * @defaultValue `"shared"`
   */
  readonly isolation?: Isolation;
}

export class Proc<Args extends readonly unknown[]> implements Definition<Args> {
  /** The function's name. */
  readonly kind: string;
  readonly isolation: Isolation;
  readonly #run: ProcessFunction<Args>;

  constructor(run: ProcessFunction<Args>, { isolation = "shared" }: ProcOptions = {}) {
    checkIsolation(isolation);
    this.isolation = isolation;
    this.kind = run.name || "proc";
    this.#run = run;
  }

  boot(...args: Args): ReturnType<typeof processFunction> {
    return processFunction(this.#run, args);
  }

  /** Starts such a process linked to the caller, and waits until it runs. */
  startLink(args: Args, options: StartLinkOptions = {}): Promise<StartResult> {
    return startProcess(this, args, { ...options, link: true });
  }

  /** {@link startLink} without the link. */
  start(args: Args, options: StartLinkOptions = {}): Promise<StartResult> {
    return startProcess(this, args, { ...options, link: false });
  }

  /** The specification of such a process as a supervisor's child. */
  child(args: Args, options: ChildOptions = {}): ChildSpec {
    return childSpec(this, args, options);
  }
}

/** Makes a definition of an async function. @throws RuntimeError `badOption` for a bad isolation. */
export function proc<Args extends readonly unknown[]>(
  run: ProcessFunction<Args>,
  options: ProcOptions = {},
): Proc<Args> {
  return new Proc(run, options);
}
