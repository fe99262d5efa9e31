/**
 * Processes for the properties of supervision trees, made from plans. Each says to the process named `test` that it is up;
 * leaves also say that they stop.
 */
import type { ExitReason } from "../../src/core/exit-reason.js";
import type { Pid } from "../../src/core/pid.js";
import type { ChildSpecInput, RestartType } from "../../src/otp/child-spec.js";
import { dynamicSupervisor } from "../../src/otp/dynamic-supervisor.js";
import { genServer } from "../../src/otp/gen-server.js";
import { stop } from "../../src/otp/results.js";
import { supervisor } from "../../src/otp/supervisor.js";
import type { AutoShutdown } from "../../src/otp/supervisor-flags.js";
import { exit, parent, self, send, trapExit } from "../../src/runtime/process.js";

/** What all children have; ids differ in the whole tree. */
interface Planned {
  readonly id: string;
  readonly restart: RestartType;
  readonly significant: boolean;
  readonly scheduler: number | "least_loaded";
}

export interface LeafPlan extends Planned {
  readonly tag: "leaf";
  /** Which of its starts fail; the first is number 1. */
  readonly fails: readonly number[];
  /** Counts its starts, on whatever threads they are. */
  readonly starts: Int32Array;
}

export interface PoolPlan extends Planned {
  readonly tag: "pool";
  readonly maxRestarts: number;
}

export interface BranchPlan extends Planned {
  readonly tag: "branch";
  readonly strategy: "one_for_one" | "one_for_all" | "rest_for_one";
  readonly maxRestarts: number;
  readonly autoShutdown: AutoShutdown;
  readonly children: readonly Plan[];
}

export type Plan = LeafPlan | PoolPlan | BranchPlan;

export interface Up {
  readonly tag: "up";
  readonly id: string;
  readonly pid: Pid;
  readonly supervisor: Pid | null;
}

export interface Stops {
  readonly tag: "stops";
  readonly id: string;
  readonly pid: Pid;
}

/** So long that every restart of a test counts. */
const MAX_SECONDS = 1000;

function sayUp(id: string): void {
  send("test", { tag: "up", id, pid: self(), supervisor: parent() } satisfies Up);
}

export const Leaf = genServer({
  init: ({ id, fails, starts }: LeafPlan) => {
    if (fails.includes(Atomics.add(starts, 0, 1) + 1)) return stop("bad");
    trapExit(true);
    sayUp(id);
    return { id };
  },
  handleCast: {
    end: (reason: ExitReason) => exit(reason),
    endThread: () => process.exit(1),
  },
  terminate: (_reason, { id }: { readonly id: string }) =>
    send("test", { tag: "stops", id, pid: self() } satisfies Stops),
});

export const Pool = dynamicSupervisor({
  init: ({ id, maxRestarts }: PoolPlan) => {
    sayUp(id);
    return { maxRestarts, maxSeconds: MAX_SECONDS };
  },
});

/** By their keys where there are threads, and as they are where there is none but the test's own. */
export const Branch = supervisor({
  init: ([plan, byKey]: readonly [BranchPlan, boolean]) => {
    sayUp(plan.id);
    const { strategy, maxRestarts, autoShutdown } = plan;
    const children = plan.children.map((child) => specOf(child, byKey));
    return { strategy, maxRestarts, maxSeconds: MAX_SECONDS, autoShutdown, children };
  },
});

export function specOf(plan: Plan, byKey: boolean): ChildSpecInput {
  const { id, restart, significant, scheduler } = plan;
  const common = { id, restart, significant };
  const at = { scheduler };
  switch (plan.tag) {
    case "leaf":
      return { ...common, start: { definition: byKey ? "Leaf" : Leaf, args: [plan], ...at } };
    case "pool":
      return { ...common, type: "supervisor", start: { definition: byKey ? "Pool" : Pool, args: [plan], ...at } };
    case "branch": {
      const definition = byKey ? "Branch" : Branch;
      return { ...common, type: "supervisor", start: { definition, args: [[plan, byKey]], ...at } };
    }
  }
}

export default { services: [], describe: (): null => null };
