/**
 * The strategy `simple_one_for_one`: all children are made of one template, and `startChild(supervisor, args)` says with
 * which arguments more. Elixir has the dynamic supervisor in its place, and so has this library: the process is the same,
 * this file holds what OTP answers differently. It is here for those who port from OTP.
 */
import type { Pid } from "../core/pid.js";
import { isPid, processInfo } from "../runtime/process.js";
import type { ChildSpec } from "./child-spec.js";
import { DynamicSupervisorProcess } from "./dynamic-supervisor.js";
import type { ChildResult, StartChildResult, SupervisorRequest } from "./supervisor-api.js";
import type { SupervisorFlags } from "./supervisor-flags.js";
import { type Child, type ChildCounts, endsTheSupervisor } from "./supervisor-state.js";

/** Where children that ignored a restart stay listed: OTP keeps them, without a pid, under one key. */
const IGNORED = "undefined" as Pid; // a key of the table only: it is never sent to

export class SimpleSupervisor extends DynamicSupervisorProcess {
  override readonly kind: string = "supervisor";
  readonly #template: ChildSpec;
  readonly #flags: SupervisorFlags;

  constructor(flags: SupervisorFlags, template: ChildSpec) {
    super({ ...flags, maxChildren: Number.POSITIVE_INFINITY, extraArguments: [] });
    this.#flags = flags;
    this.#template = template;
  }

  protected override endsWith(child: Child): boolean {
    return endsTheSupervisor(this.#flags.autoShutdown, this.children.values(), child);
  }

  protected override restartIgnored(spec: ChildSpec): void {
    this.children.set(IGNORED, { spec, pid: undefined });
  }

  protected override answer(event: SupervisorRequest | (string & {}), arg: unknown): unknown {
    switch (event) {
      case "start_child":
        return this.#startChild(arg);
      case "terminate_child":
        return isPid(arg) ? this.#terminateChild(arg) : ["error", "simple_one_for_one"];
      case "restart_child":
      case "delete_child":
        return ["error", "simple_one_for_one"];
      case "count_children":
        return this.#counts();
      default:
        return super.answer(event, arg);
    }
  }

  async #startChild(args: unknown): Promise<StartChildResult> {
    if (!Array.isArray(args)) return ["error", ["badarg", "simple_one_for_one takes a list of arguments"]];
    const { start } = this.#template;
    const result = await this.startNew({ ...this.#template, start: { ...start, args: [...start.args, ...args] } });
    return result[0] === "ignore" ? ["ok", undefined] : result;
  }

  async #terminateChild(pid: Pid): Promise<ChildResult> {
    const result = (await super.answer("terminate_child", pid)) as ChildResult; // what that request is answered with
    if (result[0] === "ok" || (await processInfo(pid)) !== undefined) return result;
    return ["ok"]; // a process that is gone is as good as stopped
  }

  #counts(): ChildCounts {
    const all = [...this.children.values()];
    const active = all.filter(({ pid }) => pid !== "restarting").length;
    const supervisors = this.#template.type === "supervisor" ? all.length : 0;
    return { specs: 1, active, supervisors, workers: all.length - supervisors };
  }
}
