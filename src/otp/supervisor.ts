/**
 * A supervisor: a process that starts its children in order, restarts those that end as they must not, and stops them in
 * reverse order when it ends itself. OTP's supervisor.
 *
 * ```ts
 * export const Storage = supervisor({
 *   strategy: "rest_for_one",
 *   children: [Store.child("data.db", { name: "store" }), Cache.child(1000)],
 * });
 *
 * const started = await Storage.startLink(undefined, { name: "storage" }); // ["ok", pid], when both are up
 * await restartChild("storage", "store"); // ["error", "running"]
 * ```
 *
 * Process model: one process, linked to its parent and to each child. What it does about an end is decided in
 * `supervisor-strategy.ts`; here it is done. What can be asked of it is in `supervisor-api.ts`.
 *
 * Departures from OTP: Elixir's defaults (3 restarts in 5 seconds); a lost thread (see `supervisor-strategy.ts`); a child
 * counts as active until its end has been noticed.
 *
 * @see https://www.erlang.org/doc/apps/stdlib/supervisor.html
 */
import { ErrorCode, RuntimeError } from "../core/errors.js";
import { Exit, type ExitReason } from "../core/exit-reason.js";
import { isPid, type Pid } from "../core/pid.js";
import { type Behaviour, type Definition, now, receive, trapExit } from "../runtime/process.js";
import { type ChildOptions, type ChildSpec, type ChildSpecInput, ChildType, childSpec } from "./child-spec.js";
import type { StartParameters } from "./gen-server.js";
import { Ignore } from "./results.js";
import { initFail, type StartLinkOptions, type StartResult, startProcess } from "./start.js";
import type { ChildResult, StartChildResult, SupervisorRequest } from "./supervisor-api.js";
import { startSupervised, stopTogether } from "./supervisor-children.js";
import { resolveChild, resolveChildren, resolveFlags, Strategy, type SupervisorOptions } from "./supervisor-flags.js";
import { SupervisorProcess } from "./supervisor-process.js";
import { decisionOf, reportChildTerminated, reportStartError } from "./supervisor-reports.js";
import { SimpleSupervisor } from "./supervisor-simple.js";
import {
  countChildren,
  findChild,
  initialState,
  isChild,
  refuseState,
  running,
  type SupervisorState,
  sendableChild,
  whichChildren,
  withEnded,
  withoutChild,
  withStarted,
} from "./supervisor-state.js";
import {
  type Action,
  type Decision,
  onChildExit,
  onRetry,
  onStartFailed,
  SCHEDULER_DOWN,
  THREAD_RETRY_MS,
  THREAD_WAIT_MS,
} from "./supervisor-strategy.js";

/**
 * A supervisor whose children and flags depend on an argument. Definitions that only `init` names are not found by other
 * threads: export them from the application module.
 */
export interface SupervisorInit<A> {
  /** Runs first in the new process. */
  readonly init: (arg: A) => SupervisorOptions | Ignore | PromiseLike<SupervisorOptions | Ignore>;
}

/** A kind of supervisor. Started by its methods or by another supervisor. */
export class Supervisor<A> implements Definition<readonly [A]> {
  readonly kind: string = "supervisor";
  /** The definitions it lists, by child id: a definition that is written in this place only is found by other threads. */
  readonly children: Readonly<Record<string, Definition<never> | string>>;
  readonly #init: SupervisorInit<A>["init"];

  constructor(options: SupervisorOptions | SupervisorInit<A>) {
    this.#init = "init" in options ? options.init : () => options;
    const listed = "init" in options ? [] : (options.children ?? []); // missing: the start says so
    this.children = Object.fromEntries(listed.map(({ id, start }) => [id, start?.definition]));
  }

  /** Starts all children; the start of the supervisor is acknowledged when the last of them is up. */
  async boot(arg: A): Promise<Behaviour> {
    trapExit(true);
    const options = await this.#init(arg);
    if (options instanceof Ignore) initFail(["ignore"], "normal");
    if (!Array.isArray((options as Partial<SupervisorOptions> | undefined)?.children)) {
      throw new RuntimeError(
        ErrorCode.badReturn,
        "init of a supervisor returned neither { children, … } nor ignore()",
        {
          exitReason: ["bad_return", ["supervisor", "init"]],
        },
      );
    }
    const flags = resolveFlags(options);
    if (flags[0] === "error") throw new Exit(["supervisor_data", flags[1]]);
    const specs = resolveChildren(options.children, flags[1]);
    if (specs[0] === "error") throw new Exit(["start_spec", specs[1]]);
    const { strategy } = flags[1];
    if (strategy === Strategy.simple_one_for_one) {
      return new SimpleSupervisor(flags[1], specs[1][0] as ChildSpec); // that there is one was checked
    }
    const process = new StaticSupervisor(initialState({ ...flags[1], strategy }, specs[1]));
    await process.startAll();
    return process;
  }

  /**
   * Starts such a supervisor linked to the caller, and waits until all its children are up.
   *
   * @returns The {@link StartResult}. If a child fails to start, those before it are stopped, and the result is
   *   `["error", ["shutdown", ["failed_to_start_child", id, reason]]]`.
   */
  startLink(...[arg, options]: StartParameters<A, StartLinkOptions>): Promise<StartResult> {
    return startProcess(this, [arg], { ...options, link: true });
  }

  /** The specification of such a supervisor as another one's child: of type supervisor, with all the time to stop. */
  child(...[arg, options]: StartParameters<A, ChildOptions>): ChildSpec {
    return childSpec(this, [arg], options, ChildType.supervisor);
  }
}

/** Defines a kind of supervisor. */
export function supervisor(options: SupervisorOptions): Supervisor<undefined>;
export function supervisor<A>(options: SupervisorInit<A>): Supervisor<A>;
export function supervisor(options: SupervisorOptions | SupervisorInit<unknown>): Supervisor<unknown> {
  return new Supervisor(options);
}

class StaticSupervisor extends SupervisorProcess<string> {
  readonly kind = "supervisor";
  #state: SupervisorState;

  constructor(state: SupervisorState) {
    super();
    this.#state = state;
  }

  /** The first start: in order, and never retried, unless there is no thread to start on. */
  async startAll(): Promise<void> {
    for (const { spec } of this.#state.children) {
      const result = await startWhenThereIsAThread(spec);
      if (result[0] === "error") {
        reportStartError(spec, result[1], "give_up");
        await this.terminate("shutdown");
        throw new Exit(["shutdown", ["failed_to_start_child", spec.id, result[1]]]);
      }
      this.#state = withStarted(this.#state, spec, pidOf(result));
    }
  }

  protected override childExited(pid: Pid, reason: ExitReason): void | Promise<void> {
    const child = this.#state.children.find((other) => other.pid === pid);
    if (child === undefined) return;
    const decision = onChildExit(this.#state, pid, reason, now(), this.isBystander(pid, reason));
    const [{ restarts: log, flags: limit }, actions] = decision;
    reportChildTerminated(child.spec, pid, reason, decisionOf(actions), { log, limit });
    return this.#carryOut(decision);
  }

  protected override retry(id: string, waited: boolean): void | Promise<void> {
    return this.#carryOut(onRetry(this.#state, id, waited, now()));
  }

  override async terminate(reason: ExitReason): Promise<ExitReason> {
    for (const child of running(this.#state.children)) await stopTogether([child]);
    return reason;
  }

  #carryOut([state, actions]: Decision): void | Promise<void> {
    this.#state = state;
    if (actions.length > 0) return this.#perform(actions);
  }

  async #perform(actions: readonly Action[]): Promise<void> {
    for (const action of actions) {
      switch (action.tag) {
        case "stop":
          await stopTogether([action]);
          break;
        case "start": {
          const { spec } = action;
          const result = await startSupervised(spec);
          if (result[0] === "error") {
            if (result[1] !== SCHEDULER_DOWN) reportStartError(spec, result[1], "retry");
            return this.#carryOut(onStartFailed(this.#state, spec.id, result[1], now()));
          }
          this.#state = withStarted(this.#state, spec, pidOf(result));
          break;
        }
        case "retry":
          this.retryLater(action.id, action.waits);
          break;
        case "give_up":
          if (action.because === "auto_shutdown") this.end();
          this.giveUp(action.child.spec, action.child.pid, { log: this.#state.restarts, limit: this.#state.flags });
      }
    }
  }

  override state(): SupervisorState {
    return { ...this.#state, children: this.#state.children.map(sendableChild) };
  }

  override replaceState(state: unknown): void {
    const { children } = state as SupervisorState;
    if (!Array.isArray(children) || !children.every(isChild)) refuseState("{ flags, children: [child …], restarts }");
    this.#state = { ...(state as SupervisorState) };
  }

  // ---- requests ----

  protected override answer(event: SupervisorRequest | (string & {}), arg: unknown): unknown {
    switch (event) {
      case "start_child":
        return this.#startChild(arg as ChildSpecInput); // checked there
      case "terminate_child":
        return this.#terminateChild(arg as string); // one that is no string is no child's id
      case "restart_child":
        return this.#restartChild(arg as string);
      case "delete_child":
        return this.#deleteChild(arg as string);
      case "which_children":
        return whichChildren(this.#state.children, true);
      case "count_children":
        return countChildren(this.#state.children);
      default:
        return ["error", ["unknown_request", event]];
    }
  }

  async #startChild(input: ChildSpecInput): Promise<StartChildResult> {
    const checked = resolveChild(input, this.#state.flags.autoShutdown);
    if (checked[0] === "error") return checked;
    const [, spec] = checked;
    const known = findChild(this.#state, spec.id);
    if (known !== undefined) return ["error", isPid(known.pid) ? ["already_started", known.pid] : "already_present"];
    const result = await startSupervised(spec);
    if (result[0] === "error") return ["error", [result[1], spec]];
    this.#state = withStarted(this.#state, spec, pidOf(result));
    return ["ok", pidOf(result)];
  }

  async #terminateChild(id: string): Promise<ChildResult> {
    const child = findChild(this.#state, id);
    if (child === undefined) return ["error", "not_found"];
    await stopTogether(running([child]));
    this.#state = withEnded(this.#state, child);
    return ["ok"];
  }

  async #restartChild(id: string): Promise<StartChildResult> {
    const child = findChild(this.#state, id);
    if (child === undefined) return ["error", "not_found"];
    if (child.pid !== undefined) return ["error", child.pid === "restarting" ? child.pid : "running"];
    const result = await startSupervised(child.spec);
    if (result[0] === "error") return result;
    this.#state = withStarted(this.#state, child.spec, pidOf(result));
    return ["ok", pidOf(result)];
  }

  #deleteChild(id: string): ChildResult {
    const child = findChild(this.#state, id);
    if (child === undefined) return ["error", "not_found"];
    if (child.pid !== undefined) return ["error", child.pid === "restarting" ? child.pid : "running"];
    this.#state = withoutChild(this.#state, id);
    return ["ok"];
  }
}

/** A supervisor has nothing to do yet while it starts, so it can wait for a thread where it is. */
async function startWhenThereIsAThread(spec: ChildSpec): Promise<StartResult> {
  const sinceMs = now();
  for (;;) {
    const result = await startSupervised(spec);
    if (result[0] !== "error" || result[1] !== SCHEDULER_DOWN || now() - sinceMs > THREAD_WAIT_MS) return result;
    await receive(() => false, THREAD_RETRY_MS);
  }
}

/** The pid of a child that was started; none if it ignored that. */
function pidOf(result: Exclude<StartResult, readonly ["error", unknown]>): Pid | undefined {
  return result[0] === "ok" ? result[1] : undefined;
}
