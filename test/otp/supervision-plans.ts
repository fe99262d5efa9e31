/** Arbitrary supervision trees, and what happens to them. */
import fc from "fast-check";
import type { AutoShutdown } from "../../src/otp/supervisor-flags.js";
import type { BranchPlan, LeafPlan, Plan, PoolPlan } from "./supervision-app.js";

/** Whom something happens to: the so-manieth of those there are, modulo their number. */
interface Aimed {
  readonly at: number;
  /** Whether the tree comes to rest before the next step; if not, that one meets a tree at work, and may aim at the dead. */
  readonly settles: boolean;
}

export interface Step extends Aimed {
  readonly tag: /** A leaf ends by itself with `reason`. */
    | "ends"
    /** A leaf is killed. */
    | "kills"
    /** A supervisor other than the root is killed. */
    | "kills_supervisor"
    /** A thread ends, with all that is on it. */
    | "ends_thread"
    /** Requests to the supervisor of a child. */
    | "terminates"
    | "restarts"
    | "deletes"
    /** A new leaf is started, as the last child of a supervisor. */
    | "starts";
  readonly reason: "crash" | "normal" | "shutdown";
  readonly leaf: Omit<LeafPlan, "id" | "starts">;
}

export interface Scene {
  readonly root: BranchPlan;
  readonly steps: readonly Step[];
}

/** Never reached by a test. */
export const UNLIMITED = 1000;

const restart = fc.constantFrom("permanent", "permanent", "transient", "temporary");
const maxRestarts = fc.oneof({ weight: 3, arbitrary: fc.nat(3) }, { weight: 2, arbitrary: fc.constant(UNLIMITED) });
// A first start that fails would be the end of the whole tree, and nothing to look at.
const fails = fc.oneof(
  { weight: 4, arbitrary: fc.constant([]) },
  { weight: 1, arbitrary: fc.constantFrom([2], [2, 3], [3]) },
);

type Placements = readonly (number | "least_loaded")[];

function leafPlan(placements: Placements): fc.Arbitrary<Step["leaf"]> {
  return fc.record({
    tag: fc.constant("leaf"),
    restart,
    significant: fc.boolean(),
    scheduler: fc.constantFrom(...placements),
    fails,
  });
}

function plan(depth: number, placements: Placements): fc.Arbitrary<Plan> {
  const shared = { id: fc.constant(""), restart, significant: fc.boolean(), scheduler: fc.constantFrom(...placements) };
  const leaf = leafPlan(placements).map((of): LeafPlan => ({ ...of, id: "", starts: new Int32Array(1) }));
  const pool: fc.Arbitrary<PoolPlan> = fc.record({ ...shared, tag: fc.constant("pool"), maxRestarts });
  if (depth === 0) return fc.oneof({ weight: 4, arbitrary: leaf }, { weight: 1, arbitrary: pool });
  return fc.oneof(
    { weight: 4, arbitrary: leaf },
    { weight: 1, arbitrary: pool },
    { weight: 2, arbitrary: branch(depth, placements, shared) },
  );
}

function branch(
  depth: number,
  placements: Placements,
  shared: { readonly [K in "id" | "restart" | "significant" | "scheduler"]: fc.Arbitrary<BranchPlan[K]> },
): fc.Arbitrary<BranchPlan> {
  return fc.record({
    ...shared,
    tag: fc.constant("branch"),
    strategy: fc.constantFrom("one_for_one", "one_for_all", "rest_for_one"),
    maxRestarts,
    autoShutdown: fc.constantFrom<AutoShutdown>("never", "never", "any_significant", "all_significant"),
    children: fc.array(plan(depth - 1, placements), { minLength: 1, maxLength: 4 }),
  });
}

/**
 * A tree and its steps.
 *
 * @param placements - Where its processes may be placed.
 * @param tags - What may happen.
 */
export function scene(placements: Placements, tags: readonly Step["tag"][], maxSteps: number): fc.Arbitrary<Scene> {
  const constant = { id: fc.constant(""), restart: fc.constant("permanent"), significant: fc.constant(false) } as const;
  const root = branch(2, placements, { ...constant, scheduler: fc.constantFrom(...placements) });
  const step: fc.Arbitrary<Step> = fc.record({
    tag: fc.constantFrom(...tags),
    at: fc.nat(50),
    settles: fc.boolean(),
    reason: fc.constantFrom("crash", "crash", "normal", "shutdown"),
    leaf: leafPlan(placements),
  });
  return fc
    .record({ root, steps: fc.array(step, { minLength: 1, maxLength: maxSteps }) })
    .map(({ root: plain, steps }) => ({ root: numbered(plain, "r", "never") as BranchPlan, steps }));
}

/** The plan with ids that tell the place, and `significant` only where that is allowed. */
function numbered(of: Plan, id: string, above: AutoShutdown): Plan {
  const significant = of.significant && above !== "never" && of.restart !== "permanent";
  if (of.tag !== "branch") return { ...of, id, significant };
  const children = of.children.map((child, index) => numbered(child, `${id}.${index}`, of.autoShutdown));
  return { ...of, id, significant, children };
}

/** The plan with counters of its own, in shared memory: a plan is used again when a failure is made smaller. */
export function withCounters(of: Plan): Plan {
  if (of.tag === "leaf") return { ...of, starts: new Int32Array(new SharedArrayBuffer(4)) };
  return of.tag === "branch" ? { ...of, children: of.children.map(withCounters) } : of;
}
