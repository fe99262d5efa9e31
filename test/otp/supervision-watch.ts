/**
 * Looks at a supervision tree from outside, and says what must be true of it. What is asked of supervisors and what the
 * processes said of themselves must agree.
 */
import assert from "node:assert/strict";
import { isDown } from "../../src/core/messages.js";
import { isPid, type Pid } from "../../src/core/pid.js";
import { countChildren, whichChildren } from "../../src/otp/supervisor-api.js";
import type { ChildCounts, ChildInfo } from "../../src/otp/supervisor-state.js";
import { demonitor, kill, monitor, now, processInfo, receive, timeout } from "../../src/runtime/process.js";
import type { BranchPlan, Plan, PoolPlan, Stops, Up } from "./supervision-app.js";

/** A supervisor at rest. */
export interface Seen {
  readonly pid: Pid;
  readonly plan: BranchPlan | PoolPlan;
  readonly children: readonly ChildInfo[];
}

/** A child at rest, with a process. */
export interface SeenLeaf {
  readonly id: string;
  readonly pid: Pid;
  readonly supervisor: Seen;
}

const isUp = (message: unknown): message is Up => (message as Partial<Up>).tag === "up";
const isStops = (message: unknown): message is Stops => (message as Partial<Stops>).tag === "stops";

/** Longest wait for something that has to happen. Less than a minute: shrinking a tree that hangs takes many of them. */
const PATIENCE_MS = 15_000;

/** Waits until `pid` is gone. */
export async function gone(pid: Pid, whatFor: string): Promise<void> {
  const ref = monitor(pid);
  const down = await receive((message) => isDown(message) && message.ref === ref, PATIENCE_MS);
  assert.notEqual(down, timeout, `${pid} is still there: ${whatFor}`);
}

async function isAlive(pid: Pid): Promise<boolean> {
  return (await processInfo(pid)) !== undefined;
}

export class Watch {
  readonly #plans = new Map<string, Plan>();
  readonly #ups = new Map<Pid, Up>();
  /** Started on request, and so no restart. */
  readonly #asked = new Set<Pid>();
  /** Supervisors that ended during a start on request: what they started nobody could say. */
  readonly #unsure = new Set<Pid>();
  /** Children that have been stopped, forgotten, or told to end well: they may be down. */
  readonly #mayBeDown = new Set<string>();
  /** Lost threads so far: each counts once, however many children it took along. */
  lostThreads = 0;
  /** Supervisors at the last rest, by pid; the root first. */
  supervisors: readonly Seen[] = [];

  constructor(root: Plan) {
    this.add(root);
  }

  /** A plan that is part of the tree from now on. */
  add(plan: Plan): void {
    this.#plans.set(plan.id, plan);
    if (plan.tag === "branch") for (const child of plan.children) this.add(child);
  }

  asked(pid: Pid): void {
    this.#asked.add(pid);
  }

  unsure(supervisor: Pid): void {
    this.#unsure.add(supervisor);
  }

  mayBeDown(supervisor: Pid, id: string): void {
    this.#mayBeDown.add(`${supervisor} ${id}`);
  }

  /**
   * A child was stopped while its supervisor was perhaps about to try again to start it. As in OTP that ends the restart of
   * the whole group: those that were to follow stay down.
   */
  mayHaveStopped(supervisor: Pid): void {
    const plan = this.supervisors.find(({ pid }) => pid === supervisor)?.plan;
    if (plan?.tag !== "branch" || plan.strategy === "one_for_one") return;
    for (const { id } of plan.children) this.mayBeDown(supervisor, id);
  }

  /** The leaves at the last rest, in the order they were started in. */
  get leaves(): readonly SeenLeaf[] {
    return this.supervisors.flatMap((supervisor) =>
      supervisor.children.flatMap(({ pid, type }) =>
        type === "worker" && isPid(pid) ? [{ id: this.#idOf(pid), pid, supervisor }] : [],
      ),
    );
  }

  /** The ids of leaves in the order they have to stop in; those in a list may come in any order. */
  stopOrder(supervisor: Seen = this.supervisors[0] as Seen): readonly (string | readonly string[])[] {
    const living = supervisor.children.flatMap(({ pid, type }) => (isPid(pid) ? [{ pid, type }] : [])).reverse();
    if (supervisor.plan.tag === "pool") return [living.map(({ pid }) => this.#idOf(pid))];
    return living.flatMap(({ pid, type }) =>
      type === "worker" ? [this.#idOf(pid)] : this.stopOrder(this.supervisors.find((other) => other.pid === pid)),
    );
  }

  #idOf(pid: Pid): string {
    return this.#ups.get(pid)?.id ?? `unheard of: ${pid}`;
  }

  // ---- coming to rest ----

  /**
   * Waits until the tree is at rest: what supervisors tell is alive, and nothing is being restarted. `false` if the root is
   * gone.
   */
  async settles(root: Pid): Promise<boolean> {
    const endMs = now() + PATIENCE_MS;
    for (;;) {
      const seen = await this.#look(root);
      await this.#hear(0);
      if (seen !== undefined) {
        this.supervisors = seen;
        return true;
      }
      if (!(await isAlive(root))) return false;
      assert.ok(now() < endMs, "the tree does not come to rest");
      await this.#hear(20); // something is under way: whatever comes up is a good moment to look again
    }
  }

  async #look(pid: Pid, id = "r"): Promise<readonly Seen[] | undefined> {
    let children: readonly ChildInfo[];
    let counts: ChildCounts;
    try {
      children = await whichChildren(pid);
      counts = await countChildren(pid);
    } catch {
      return undefined; // it has ended
    }
    // Something may have come in between the two answers; a tree where they never agree does not come to rest.
    const { specs, active } = counts;
    if (specs !== children.length || active !== children.filter((child) => isPid(child.pid)).length) return undefined;
    const seen: Seen[] = [{ pid, plan: this.#plans.get(id) as BranchPlan | PoolPlan, children }];
    for (const child of children) {
      if (child.pid === undefined) continue;
      if (child.pid === "restarting" || !(await isAlive(child.pid))) return undefined;
      if (child.type === "worker") continue;
      const below = await this.#look(child.pid, child.id);
      if (below === undefined) return undefined;
      seen.push(...below);
    }
    return seen;
  }

  async #hear(waitMs: number): Promise<void> {
    for (let patienceMs = waitMs; ; patienceMs = 0) {
      const up = await receive(isUp, patienceMs);
      if (up === timeout) return;
      assert.ok(!this.#ups.has(up.pid), `${up.pid} came up twice`);
      this.#ups.set(up.pid, up);
    }
  }

  // ---- what must be true ----

  /** Of a tree at rest. */
  async checkRest(): Promise<void> {
    const listed = [this.supervisors[0] as Seen].map(({ pid }) => pid);
    for (const { children } of this.supervisors) for (const { pid } of children) if (isPid(pid)) listed.push(pid);
    assert.equal(new Set(listed).size, listed.length, "a process is the child of two");
    const ids = listed.map((pid) => this.#idOf(pid));
    assert.equal(new Set(ids).size, ids.length, `a child is there twice: ${ids}`);
    for (const pid of this.#ups.keys()) {
      if (!listed.includes(pid)) await gone(pid, `nobody's child, once ${this.#idOf(pid)}`);
    }
    for (const supervisor of this.supervisors) this.#checkChildren(supervisor);
    this.checkIntensity();
  }

  #checkChildren({ pid: supervisor, plan, children }: Seen): void {
    for (const { id, pid } of children) {
      const parent = isPid(pid) ? this.#ups.get(pid)?.supervisor : supervisor;
      assert.equal(parent, supervisor, `${id} was started by another supervisor`);
    }
    if (plan.tag === "pool") return;
    const ids = children.map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length, `${plan.id} has a child twice: ${ids}`);
    for (const child of plan.children) {
      // A supervisor may end well by itself (autoShutdown, giving up), and is then down for good if it is not permanent.
      const stays = child.restart === "permanent" || (child.restart === "transient" && child.tag === "leaf");
      if (!stays || this.#mayBeDown.has(`${supervisor} ${child.id}`)) continue;
      const pid = children.find(({ id }) => id === child.id)?.pid;
      assert.ok(isPid(pid), `${child.restart} child ${child.id} is down, and its supervisor ${plan.id} is not`);
    }
  }

  /** No supervisor, alive or not, has restarted more often than it may: the one more is its end. */
  checkIntensity(): void {
    const bySupervisor = new Map<Pid, Up[]>();
    for (const up of this.#ups.values()) {
      if (up.supervisor === null) continue;
      const list = bySupervisor.get(up.supervisor);
      if (list === undefined) bySupervisor.set(up.supervisor, [up]);
      else list.push(up);
    }
    for (const [supervisor, ups] of bySupervisor) {
      const plan = this.#plans.get(this.#idOf(supervisor));
      if (plan === undefined || plan.tag === "leaf" || this.#unsure.has(supervisor)) continue;
      const restarts = new Map<string, number>();
      for (const { id, pid } of ups) {
        const first = !restarts.has(id);
        restarts.set(id, (restarts.get(id) ?? 0) + (first || this.#asked.has(pid) ? 0 : 1));
      }
      const counts = [...restarts.values()];
      const isGroup = plan.tag === "branch" && plan.strategy !== "one_for_one";
      const most = isGroup ? Math.max(...counts) : counts.reduce((sum, count) => sum + count, 0);
      const allowed = plan.maxRestarts + this.lostThreads * restarts.size;
      assert.ok(most <= allowed, `${plan.id} may restart ${allowed} times and did ${most} times`);
    }
  }

  /** After the end of the root: nothing of the tree is left. Answers which leaves said that they stopped, in order. */
  async checkEnd(): Promise<readonly string[]> {
    await this.#hear(0);
    for (const pid of this.#ups.keys()) await gone(pid, `an orphan, once ${this.#idOf(pid)}`);
    this.checkIntensity();
    return await stopped();
  }

  /** Whatever became of the test: the next one is not to meet anything of this one. */
  async clear(root: Pid): Promise<void> {
    kill(root);
    await gone(root, "killed");
    await this.#hear(0);
    for (const pid of this.#ups.keys()) {
      kill(pid);
      const ref = monitor(pid);
      await receive((message) => isDown(message) && message.ref === ref, PATIENCE_MS);
      demonitor(ref, { flush: true });
    }
    while ((await receive(() => true, 0)) !== timeout);
  }
}

/** Which leaves have said that they stop, since this was asked last. */
export async function stopped(): Promise<readonly string[]> {
  const ids: string[] = [];
  for (;;) {
    const stops = await receive(isStops, 0);
    if (stops === timeout) return ids;
    ids.push(stops.id);
  }
}
