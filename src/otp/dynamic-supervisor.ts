/**
 * A supervisor for children that come and go: it starts empty, children are started with `startChild` and named by their
 * pids; each is on its own. Elixir's DynamicSupervisor, which took the place of OTP's `simple_one_for_one`.
 *
 * ```ts
 * export const Rooms = dynamicSupervisor({ maxChildren: 10_000 });
 * await Rooms.startLink(undefined, { name: "rooms" });
 * const [tag, pid] = await startChild("rooms", Room.child("lobby", { restart: "temporary" }));
 * ```
 *
 * Process model: one process, linked to its parent and to each child. What can be asked of it is in `supervisor-api.ts`.
 * Starting, ending and restarting a child cost the same however many there are. When the supervisor ends, all children are
 * stopped at the same time, each within its own `shutdown`.
 *
 * @see https://hexdocs.pm/elixir/DynamicSupervisor.html
 */
import { ErrorCode, RuntimeError } from "../core/errors.js";
import { Exit, type ExitReason } from "../core/exit-reason.js";
import type { Pid } from "../core/pid.js";
import { type Behaviour, type Definition, now, trapExit } from "../runtime/process.js";
import { type ChildOptions, type ChildSpec, type ChildSpecInput, ChildType, childSpec } from "./child-spec.js";
import type { StartParameters } from "./gen-server.js";
import { countRestart, NO_RESTARTS, type RestartLog } from "./restart-intensity.js";
import { Ignore } from "./results.js";
import { initFail, type StartLinkOptions, type StartResult, startProcess } from "./start.js";
import type { ChildResult, SupervisorRequest } from "./supervisor-api.js";
import { startSupervised, stopTogether } from "./supervisor-children.js";
import { AutoShutdown, type Checked, resolveChild, resolveLimit } from "./supervisor-flags.js";
import { SupervisorProcess } from "./supervisor-process.js";
import { type Counted, reportChildTerminated, reportStartError } from "./supervisor-reports.js";
import {
  type Child,
  countChildren,
  isChild,
  refuseState,
  running,
  sendableChild,
  whichChildren,
} from "./supervisor-state.js";
import { afterFailedStart, SCHEDULER_DOWN, shouldRestart } from "./supervisor-strategy.js";

export interface DynamicSupervisorOptions {
  /** Restarts of all children together that are allowed within `maxSeconds`; the next one ends the supervisor. @defaultValue 3 */
  readonly maxRestarts?: number;
  /** Seconds a restart counts. @defaultValue 5 */
  readonly maxSeconds?: number;
  /** How many children there may be at a time. @defaultValue `Infinity` */
  readonly maxChildren?: number;
  /** Put before the arguments of each child, at every start. @defaultValue `[]` */
  readonly extraArguments?: readonly unknown[];
}

/** A dynamic supervisor whose flags depend on an argument. */
export interface DynamicSupervisorInit<A> {
  /** Runs first in the new process. */
  readonly init: (arg: A) => DynamicSupervisorOptions | Ignore | PromiseLike<DynamicSupervisorOptions | Ignore>;
}

/** A kind of dynamic supervisor. Started by its methods or by another supervisor. */
export class DynamicSupervisor<A> implements Definition<readonly [A]> {
  readonly kind: string = "dynamicSupervisor";
  readonly #init: DynamicSupervisorInit<A>["init"];

  constructor(options: DynamicSupervisorOptions | DynamicSupervisorInit<A>) {
    this.#init = "init" in options ? options.init : () => options;
  }

  async boot(arg: A): Promise<Behaviour> {
    trapExit(true);
    const options = await this.#init(arg);
    if (options instanceof Ignore) initFail(["ignore"], "normal");
    if (typeof options !== "object" || options === null) {
      throw new RuntimeError(ErrorCode.badReturn, "init of a dynamicSupervisor returned neither flags nor ignore()", {
        exitReason: ["bad_return", ["dynamicSupervisor", "init"]],
      });
    }
    const flags = resolveFlags(options);
    if (flags[0] === "error") throw new Exit(["supervisor_data", flags[1]]);
    return new DynamicSupervisorProcess(flags[1]);
  }

  /** Starts such a supervisor linked to the caller. */
  startLink(...[arg, options]: StartParameters<A, StartLinkOptions>): Promise<StartResult> {
    return startProcess(this, [arg], { ...options, link: true });
  }

  /** The specification of such a supervisor as another one's child: of type supervisor, with all the time to stop. */
  child(...[arg, options]: StartParameters<A, ChildOptions>): ChildSpec {
    return childSpec(this, [arg], options, ChildType.supervisor);
  }
}

/** Defines a kind of dynamic supervisor. */
export function dynamicSupervisor(options?: DynamicSupervisorOptions): DynamicSupervisor<undefined>;
export function dynamicSupervisor<A>(options: DynamicSupervisorInit<A>): DynamicSupervisor<A>;
export function dynamicSupervisor(
  options: DynamicSupervisorOptions | DynamicSupervisorInit<unknown> = {},
): DynamicSupervisor<unknown> {
  return new DynamicSupervisor(options);
}

export type DynamicFlags = Required<DynamicSupervisorOptions>;

/** Its state, for `sys.getState`: children by pid. */
export interface DynamicSupervisorState {
  readonly flags: DynamicFlags;
  readonly children: ReadonlyMap<Pid, Child>;
  readonly restarts: RestartLog;
}

function resolveFlags(options: DynamicSupervisorOptions): Checked<DynamicFlags> {
  const { maxChildren = Number.POSITIVE_INFINITY, extraArguments = [] } = options;
  const limit = resolveLimit(options);
  if (limit[0] === "error") return limit;
  const isCount = Number.isInteger(maxChildren) || maxChildren === Number.POSITIVE_INFINITY;
  if (!(isCount && maxChildren >= 0)) return ["error", ["invalid_max_children", maxChildren]];
  if (!Array.isArray(extraArguments)) return ["error", ["invalid_extra_arguments", extraArguments]];
  return ["ok", { ...limit[1], maxChildren, extraArguments }];
}

/** Also the inside of `simple_one_for_one`, which differs in its answers only; see `supervisor-simple.ts`. */
export class DynamicSupervisorProcess extends SupervisorProcess<Pid> {
  readonly kind: string = "dynamicSupervisor";
  /** By pid; one whose restart has failed, by the pid it had before. */
  protected children: Map<Pid, Child> = new Map();
  #flags: DynamicFlags;
  #restarts: RestartLog = NO_RESTARTS;

  constructor(flags: DynamicFlags) {
    super();
    this.#flags = flags;
  }

  protected override childExited(pid: Pid, reason: ExitReason): void | Promise<void> {
    const child = this.children.get(pid);
    if (child?.pid !== pid) return;
    if (shouldRestart(child.spec.restart, reason)) {
      const within = this.isBystander(pid, reason) || this.#countRestart();
      reportChildTerminated(child.spec, pid, reason, within ? "restart" : "give_up", this.#counted);
      return within ? this.#startAgain(pid, child) : this.#giveUp(pid, child);
    }
    this.children.delete(pid);
    const ends = this.endsWith(child);
    reportChildTerminated(child.spec, pid, reason, ends ? "auto_shutdown" : "none", this.#counted);
    if (ends) this.end();
  }

  protected override retry(pid: Pid, waited: boolean): void | Promise<void> {
    const child = this.children.get(pid);
    if (child?.pid !== "restarting") return; // stopped in the meantime
    return waited || this.#countRestart() ? this.#startAgain(pid, child) : this.#giveUp(pid, child);
  }

  override async terminate(reason: ExitReason): Promise<ExitReason> {
    await stopTogether(running([...this.children.values()]));
    return reason;
  }

  /** Whether the end of a child that is gone for good is the end of this supervisor too. */
  protected endsWith(_child: Child): boolean {
    return false;
  }

  /** A child has ignored its restart: it is forgotten. */
  protected restartIgnored(_spec: ChildSpec): void {}

  /** Whether one restart more is allowed. */
  #countRestart(): boolean {
    const [restarts, within] = countRestart(this.#restarts, this.#flags, now());
    this.#restarts = restarts;
    return within;
  }

  get #counted(): Counted {
    return { log: this.#restarts, limit: this.#flags };
  }

  #giveUp(pid: Pid, child: Child): never {
    this.children.delete(pid);
    return this.giveUp(child.spec, child.pid, this.#counted);
  }

  async #startAgain(pid: Pid, child: Child): Promise<void> {
    const { spec } = child;
    const result = await startSupervised(spec, this.#flags.extraArguments);
    if (result[0] === "error") {
      if (result[1] !== SCHEDULER_DOWN) reportStartError(spec, result[1], "retry");
      const [failed, waits] = afterFailedStart(child, result[1], now());
      this.children.set(pid, failed);
      this.retryLater(pid, waits);
      return;
    }
    this.children.delete(pid);
    if (result[0] === "ok") this.children.set(result[1], { spec, pid: result[1] });
    else this.restartIgnored(spec);
  }

  override state(): DynamicSupervisorState {
    const children = new Map(Array.from(this.children, ([pid, child]) => [pid, sendableChild(child)]));
    return { flags: this.#flags, children, restarts: this.#restarts };
  }

  override replaceState(state: unknown): void {
    const { flags, children, restarts } = state as DynamicSupervisorState;
    if (!(children instanceof Map) || ![...children.values()].every(isChild)) {
      refuseState("{ flags, children: Map of pid to child, restarts }");
    }
    this.children = new Map(children);
    this.#flags = flags;
    this.#restarts = restarts;
  }

  // ---- requests ----

  protected override answer(event: SupervisorRequest | (string & {}), arg: unknown): unknown {
    switch (event) {
      case "start_child":
        return this.#startChild(arg as ChildSpecInput); // checked there
      case "terminate_child":
        return this.#terminateChild(arg as Pid); // anything else is no child
      case "restart_child":
      case "delete_child":
        return ["error", "not_found"]; // they go by id, and here is none
      case "which_children":
        return whichChildren(this.children.values(), false);
      case "count_children":
        return countChildren(this.children.values());
      default:
        return ["error", ["unknown_request", event]];
    }
  }

  async #startChild(input: ChildSpecInput): Promise<StartResult> {
    const checked = resolveChild(input, AutoShutdown.never);
    if (checked[0] === "error") return checked;
    if (this.children.size >= this.#flags.maxChildren) return ["error", "max_children"];
    return this.startNew(checked[1]);
  }

  protected async startNew(spec: ChildSpec): Promise<StartResult> {
    const result = await startSupervised(spec, this.#flags.extraArguments);
    if (result[0] === "ok") this.children.set(result[1], { spec, pid: result[1] });
    return result;
  }

  async #terminateChild(pid: Pid): Promise<ChildResult> {
    const child = this.children.get(pid);
    if (child === undefined) return ["error", "not_found"];
    await stopTogether(running([child]));
    this.children.delete(pid);
    return ["ok"];
  }
}
