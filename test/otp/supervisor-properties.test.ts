/**
 * What is true of every supervision tree, whatever happens to it: random trees and random mishaps, on the test's own thread,
 * on several scheduler threads, and with threads that die. `JOIST_SEED=…` plays a failure again.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isPid, type Pid } from "../../src/core/pid.js";
import { cast, stopServer } from "../../src/otp/gen-server-calls.js";
import { type StartResult, startProcess } from "../../src/otp/start.js";
import { deleteChild, restartChild, startChild, terminateChild } from "../../src/otp/supervisor-api.js";
import { kill, type Placement, register, trapExit } from "../../src/runtime/process.js";
import { inline } from "../support/inline.js";
import { withThreads } from "../support/threads.js";
import { Branch, type BranchPlan, type LeafPlan, specOf } from "./supervision-app.js";
import { type Scene, type Step, scene, UNLIMITED, withCounters } from "./supervision-plans.js";
import { gone, type Seen, stopped, Watch } from "./supervision-watch.js";

const app = new URL("./supervision-app.js", import.meta.url);

const MISHAPS = [
  "ends",
  "ends",
  "ends",
  "kills",
  "kills_supervisor",
  "terminates",
  "restarts",
  "deletes",
  "starts",
] as const;

function parameters(numRuns: number): fc.Parameters<[Scene]> {
  const { JOIST_SEED } = process.env;
  return {
    numRuns,
    ...(JOIST_SEED === undefined ? {} : { seed: Number(JOIST_SEED) }),
    interruptAfterTimeLimit: 60_000,
  };
}

test("on one thread: no child twice, no orphan, restarts within the limit, children stop in reverse order", async () => {
  await inline().run(async () => {
    register("test");
    trapExit(true);
    const property = fc.asyncProperty(scene(["least_loaded"], MISHAPS, 12), (played) => play(played, false, "here"));
    await fc.assert(property, parameters(120));
  });
});

test("on several threads it is the same", async () => {
  await onThreads(async () => {
    const arbitrary = scene([1, 2, "least_loaded"], MISHAPS, 12);
    const property = fc.asyncProperty(arbitrary, (played) => play(played, true, played.root.scheduler));
    await fc.assert(property, parameters(50));
  });
});

test("with threads that die in the midst of it, it is the same", async () => {
  await onThreads(async () => {
    const arbitrary = scene([1, 2, "least_loaded"], [...MISHAPS, "ends_thread", "ends_thread"], 6);
    await fc.assert(
      // Here, where no thread dies: the root has nobody who would restart it.
      fc.asyncProperty(arbitrary, (played) => play(played, true, "here")),
      parameters(10),
    );
  });
});

async function onThreads(body: () => Promise<void>): Promise<void> {
  const use = withThreads(
    { schedulers: 2, maxThreadRestarts: 1_000_000 },
    ({ run }) =>
      run(async () => {
        register("test");
        trapExit(true);
        await body();
      }),
    app,
  );
  await use;
}

/** Starts the tree, has the steps happen to it, and stops it, looking at it all the while. */
async function play({ root: plan, steps }: Scene, byKey: boolean, scheduler: Placement): Promise<void> {
  const counted = withCounters(plan) as BranchPlan;
  const watch = new Watch(counted);
  const definition = byKey && scheduler !== "here" ? "Branch" : Branch;
  const root = pidOf(await startProcess(definition as typeof Branch, [[counted, byKey]], { link: true, scheduler }));
  try {
    let lives = await watch.settles(root);
    assert.ok(lives, "a tree that nothing has happened to is gone");
    await watch.checkRest();
    for (const [index, step] of steps.entries()) {
      const atRest = index === 0 || (steps[index - 1] as Step).settles;
      await take(step, watch, byKey, `new.${index}`, atRest);
      if (!step.settles && index < steps.length - 1) continue;
      lives = await watch.settles(root);
      if (!lives) break;
      await watch.checkRest();
    }
    if (lives) {
      await stopped(); // those that have stopped so far
      const order = watch.stopOrder();
      await stopServer(root, "shutdown");
      assertOrder(await watch.checkEnd(), order);
    } else {
      assert.ok(mayEnd(counted), "the root is gone, although it had restarts left");
      await gone(root, "it was just seen to be gone");
      await watch.checkEnd();
    }
  } finally {
    await watch.clear(root);
  }
}

function pidOf(started: StartResult): Pid {
  assert.equal(started[0], "ok", JSON.stringify(started));
  return started[1] as Pid;
}

/** Whether the root may come to its end by itself. */
function mayEnd({ maxRestarts, autoShutdown }: BranchPlan): boolean {
  return maxRestarts < UNLIMITED || autoShutdown !== "never";
}

function assertOrder(got: readonly string[], expected: readonly (string | readonly string[])[]): void {
  let at = 0;
  const inOrder = expected.flatMap((part) => {
    if (typeof part === "string") return [got[at++] === part ? part : `${part}, in the place of ${got[at - 1]}`];
    const group = got.slice(at, at + part.length);
    at += part.length;
    return [...part].sort().join() === [...group].sort().join() ? group : [`${part} in any order`];
  });
  assert.deepEqual(got, inOrder, "not stopped in the reverse order of the start");
}

// ---- steps ----

function pick<T>(list: readonly T[], at: number): T | undefined {
  return list[at % Math.max(list.length, 1)];
}

async function take(step: Step, watch: Watch, byKey: boolean, newId: string, atRest: boolean): Promise<void> {
  switch (step.tag) {
    case "ends":
    case "kills":
    case "ends_thread": {
      const leaf = pick(watch.leaves, step.at);
      if (leaf === undefined) return;
      if (step.tag === "kills") kill(leaf.pid);
      else if (step.tag === "ends") {
        if (step.reason !== "crash") watch.mayBeDown(leaf.supervisor.pid, leaf.id);
        cast(leaf.pid, "end", step.reason);
      } else {
        watch.lostThreads++;
        cast(leaf.pid, "endThread", undefined);
      }
      return gone(leaf.pid, `told that it ${step.tag}`);
    }
    case "kills_supervisor": {
      const victim = pick(watch.supervisors.slice(1), step.at);
      if (victim === undefined) return;
      kill(victim.pid);
      return gone(victim.pid, "killed");
    }
    case "starts": {
      const supervisor = pick(watch.supervisors, step.at) as Seen;
      const significant = false; // what is allowed depends on the supervisor, and is for the plan
      const leaf: LeafPlan = { ...step.leaf, significant, id: newId, starts: new Int32Array(new SharedArrayBuffer(4)) };
      watch.add(leaf);
      return request(supervisor.pid, watch, () => startChild(supervisor.pid, specOf(leaf, byKey)));
    }
    default: {
      const all = watch.supervisors.flatMap(({ pid, plan, children }) =>
        children.map((child) => ({ supervisor: pid, child: plan.tag === "pool" ? child.pid : child.id })),
      );
      const target = pick(all, step.at);
      if (target === undefined) return;
      const { supervisor, child } = target;
      if (typeof child !== "string") return;
      if (step.tag === "restarts") return request(supervisor, watch, () => restartChild(supervisor, child));
      watch.mayBeDown(supervisor, child);
      if (!atRest) watch.mayHaveStopped(supervisor);
      const ask = step.tag === "deletes" ? deleteChild : terminateChild;
      return request(supervisor, watch, () => ask(supervisor, child));
    }
  }
}

/** Asks a supervisor, which may be gone, or go meanwhile. */
async function request(supervisor: Pid, watch: Watch, ask: () => Promise<readonly unknown[]>): Promise<void> {
  try {
    const [, started] = await ask();
    if (isPid(started)) watch.asked(started);
  } catch (error) {
    assert.equal((error as { readonly code?: unknown }).code, "JOIST_CALL_FAILED");
    watch.unsure(supervisor);
  }
}
