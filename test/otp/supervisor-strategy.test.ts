/** The decisions of a supervisor, without a process: tables, and properties over any run of ends, failures and requests. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { makePid, type Pid } from "../../src/core/pid.js";
import { type ChildSpecInput, resolveChildSpec } from "../../src/otp/child-spec.js";
import type { StaticFlags } from "../../src/otp/supervisor-flags.js";
import {
  findChild,
  initialState,
  type SupervisorState,
  withEnded,
  withStarted,
} from "../../src/otp/supervisor-state.js";
import {
  type Action,
  type Decision,
  onChildExit,
  onRetry,
  onStartFailed,
  SCHEDULER_DOWN,
  shouldRestart,
  THREAD_WAIT_MS,
} from "../../src/otp/supervisor-strategy.js";

type SpecOptions = Omit<ChildSpecInput, "id" | "start">;

const flagsOf = (flags: Partial<StaticFlags>): StaticFlags => ({
  strategy: "one_for_one",
  maxRestarts: 3,
  maxSeconds: 5,
  autoShutdown: "never",
  ...flags,
});

let serial = 0;
const pidOn = (thread: number): Pid => makePid(thread, ++serial, 0);

/** A supervisor whose children, named by single letters, all run; options for some of them. */
function up(
  flags: Partial<StaticFlags>,
  ids: string,
  options: Readonly<Record<string, SpecOptions>> = {},
): SupervisorState {
  const specs = [...ids].map((id) => resolveChildSpec({ id, start: { definition: "X", args: [] }, ...options[id] }));
  return specs.reduce((state, spec) => withStarted(state, spec, pidOn(1)), initialState(flagsOf(flags), specs));
}

const pidOf = (state: SupervisorState, id: string): Pid => findChild(state, id)?.pid as Pid;
const ends = (state: SupervisorState, id: string, reason: unknown, nowMs = 0): Decision =>
  onChildExit(state, pidOf(state, id), reason, nowMs);
const listed = (state: SupervisorState): string => state.children.map(({ spec }) => spec.id).join("");

/** Actions in short: `-d -c +b` … */
function show(actions: readonly Action[]): string {
  return actions
    .map((action) => {
      if (action.tag === "stop") return `-${action.spec.id}`;
      if (action.tag === "start") return `+${action.spec.id}`;
      if (action.tag === "retry") return action.waits ? `wait ${action.id}` : `retry ${action.id}`;
      return action.because;
    })
    .join(" ");
}

/** Carries out actions in the head; starts of the children in `failing` fail with that reason. */
function carryOut([state, actions]: Decision, failing: Readonly<Record<string, unknown>> = {}, nowMs = 0): Decision {
  let current = state;
  const done: Action[] = [];
  for (const action of actions) {
    if (action.tag !== "start") done.push(action);
    else if (action.spec.id in failing) {
      const [next, more] = onStartFailed(current, action.spec.id, failing[action.spec.id], nowMs);
      return [next, [...done, action, ...more]];
    } else {
      done.push(action);
      current = withStarted(current, action.spec, pidOn(1));
    }
  }
  return [current, done];
}

test("permanent children are always restarted, transient ones after an abnormal end, temporary ones never", () => {
  const reasons: readonly (readonly [unknown, boolean])[] = [
    ["normal", true],
    ["shutdown", true],
    [["shutdown", "done"], true],
    [["shutdown"], false],
    [["shutdown", 1, 2], false],
    ["killed", false],
    ["noproc", false],
    ["boom", false],
  ];
  for (const [reason, isNormal] of reasons) {
    assert.equal(shouldRestart("permanent", reason), true);
    assert.equal(shouldRestart("transient", reason), !isNormal, JSON.stringify(reason));
    assert.equal(shouldRestart("temporary", reason), false);
  }
});

test("each strategy stops its group in reverse order and starts it in order", () => {
  const table = [
    ["one_for_one", "b", "+b"],
    ["one_for_all", "b", "-d -c -a +a +b +c +d"],
    ["one_for_all", "d", "-c -b -a +a +b +c +d"],
    ["rest_for_one", "a", "-d -c -b +a +b +c +d"],
    ["rest_for_one", "b", "-d -c +b +c +d"],
    ["rest_for_one", "d", "+d"],
  ] as const;
  for (const [strategy, id, expected] of table) {
    assert.equal(show(ends(up({ strategy }, "abcd"), id, "boom")[1]), expected, `${strategy} ${id}`);
  }
});

test("a group restart stops temporary siblings and forgets them, and brings stopped ones back", () => {
  let state = up({ strategy: "one_for_all" }, "abcd", { b: { restart: "temporary" } });
  state = withEnded(state, findChild(state, "c") as never);
  const [next, actions] = ends(state, "a", "boom");
  assert.equal(show(actions), "-d -b +a +c +d");
  assert.equal(listed(next), "acd");
});

test("the end of a temporary child drops its specification, the normal end of a transient one keeps it", () => {
  const state = up({}, "ab", { a: { restart: "temporary" }, b: { restart: "transient" } });
  const [left, actions] = ends(state, "a", "boom");
  assert.equal(show(actions), "");
  assert.equal(listed(left), "b");
  const [kept, none] = ends(left, "b", "normal");
  assert.equal(show(none), "");
  assert.deepEqual(
    kept.children.map(({ pid }) => pid),
    [undefined],
  );
});

test("a group restart counts once, and one restart too many gives up", () => {
  let decision = ends(up({ strategy: "one_for_all", maxRestarts: 1 }, "abc"), "a", "boom");
  const [state] = carryOut(decision);
  decision = ends(state, "b", "normal");
  assert.equal(show(decision[1]), "restarts");
});

test("a failed restart is tried again and each attempt counts", () => {
  let [state, actions] = carryOut(ends(up({ maxRestarts: 2 }, "ab"), "a", "boom"), { a: "bad" });
  assert.equal(show(actions), "+a retry a");
  assert.equal(findChild(state, "a")?.pid, "restarting");
  [state, actions] = carryOut(onRetry(state, "a", false, 0), { a: "bad" });
  assert.equal(show(actions), "+a retry a");
  [state, actions] = onRetry(state, "a", false, 0);
  assert.equal(show(actions), "restarts");
});

test("after a failed restart one_for_all begins again with all, rest_for_one goes on from the child that failed", () => {
  const failing = { b: "bad" };
  for (const [strategy, expected] of [
    ["one_for_all", "-a +a +b +c"],
    ["rest_for_one", "+b +c"],
  ] as const) {
    const [state, actions] = carryOut(ends(up({ strategy }, "abc"), "a", "boom"), failing);
    assert.equal(show(actions), "-c -b +a +b retry b");
    assert.equal(show(onRetry(state, "b", false, 0)[1]), expected);
  }
});

test("a retry that comes after the child was stopped, deleted or started is nothing", () => {
  const [failed] = carryOut(ends(up({}, "a"), "a", "boom"), { a: "bad" });
  const child = findChild(failed, "a");
  assert.ok(child !== undefined);
  assert.deepEqual(onRetry(withEnded(failed, child), "a", false, 0)[1], []);
  assert.deepEqual(onRetry(withStarted(failed, child.spec, pidOn(1)), "a", false, 0)[1], []);
  assert.deepEqual(onRetry(failed, "unknown", false, 0)[1], []);
});

test("a restart that finds no thread waits without being counted, for a limited time", () => {
  const lost = { a: SCHEDULER_DOWN };
  let [state, actions] = carryOut(ends(up({ maxRestarts: 1 }, "a"), "a", SCHEDULER_DOWN), lost);
  for (const nowMs of [50, 5000, THREAD_WAIT_MS]) {
    assert.equal(show(actions), "+a wait a");
    [state, actions] = carryOut(onRetry(state, "a", true, nowMs), lost, nowMs);
  }
  assert.equal(show(actions), "+a wait a");
  [state, actions] = carryOut(onRetry(state, "a", true, THREAD_WAIT_MS + 1), lost, THREAD_WAIT_MS + 1);
  assert.equal(show(actions), "+a retry a");
});

test("a one_for_all group that waits for a thread keeps those that are up", () => {
  const [state] = carryOut(ends(up({ strategy: "one_for_all" }, "abc"), "c", SCHEDULER_DOWN), { b: SCHEDULER_DOWN });
  assert.equal(show(onRetry(state, "b", true, 50)[1]), "+b +c");
});

for (const [strategy, expected] of [
  ["one_for_one", "+b"],
  ["rest_for_one", "-c +b +c"],
  ["one_for_all", "-c -a +a +b +c"],
] as const) {
  test(`${strategy}: bystanders of a lost thread are restarted, however often, and not counted`, () => {
    const lost = ["scheduler_down", "stuck"];
    let state = up({ strategy, maxRestarts: 1 }, "abc");
    for (let i = 0; i < 10; i++) {
      const decision = carryOut(onChildExit(state, pidOf(state, "b"), SCHEDULER_DOWN, 0, true));
      assert.equal(show(decision[1]), expected);
      [state] = decision;
    }
    // Who the thread was lost by is counted, and so is one that only says so.
    const [once, actions] = carryOut(ends(state, "b", lost));
    assert.equal(show(actions), expected);
    assert.equal(show(ends(once, "b", lost)[1]), "restarts");
    assert.equal(show(ends(once, "b", SCHEDULER_DOWN)[1]), "restarts");
  });
}

test("significant children end the supervisor as autoShutdown says", () => {
  const significant: SpecOptions = { restart: "transient", significant: true };
  const options = { b: significant, c: { restart: "temporary", significant: true } as const };
  const any = up({ autoShutdown: "any_significant" }, "abc", options);
  assert.equal(show(ends(any, "b", "normal")[1]), "auto_shutdown");
  assert.equal(show(ends(any, "b", "boom")[1]), "+b");
  assert.equal(show(ends(any, "c", "boom")[1]), "auto_shutdown");
  const [left, actions] = ends(up({ autoShutdown: "all_significant" }, "abc", options), "c", "boom");
  assert.equal(show(actions), "");
  assert.equal(show(ends(left, "b", "shutdown")[1]), "auto_shutdown");
});

test("property: in any run no child is started twice or stopped when it doesn't run, groups keep their order, and the intensity holds", () => {
  const event = fc.record({
    child: fc.nat(5),
    reason: fc.constantFrom("normal", "shutdown", "boom", "killed", SCHEDULER_DOWN),
    fails: fc.option(fc.nat(5), { nil: undefined }),
    failure: fc.constantFrom("bad", SCHEDULER_DOWN),
    gapMs: fc.constantFrom(0, 10, 500, 3000),
  });
  const restart = fc.constantFrom("permanent", "transient", "temporary");
  fc.assert(
    fc.property(
      fc.constantFrom("one_for_one", "one_for_all", "rest_for_one"),
      fc.array(restart, { minLength: 1, maxLength: 6 }),
      fc.array(event, { maxLength: 30 }),
      (strategy, restarts, events) => {
        const ids = "abcdef".slice(0, restarts.length);
        const options = Object.fromEntries([...ids].map((id, i) => [id, { restart: restarts[i] as "permanent" }]));
        let state = up({ strategy }, ids, options);
        const alive = new Map(state.children.map(({ spec, pid }) => [spec.id, pid]));
        const attempts: number[] = [];
        let nowMs = 0;
        const mailbox: { id: string; waits: boolean }[] = [];

        /** Carries a decision out as the process does; answers whether the supervisor gave up. */
        const perform = ([next, actions]: Decision, failing: string | undefined, failure: string): boolean => {
          state = next;
          let [stopped, started] = ["", ""];
          for (const action of actions) {
            if (action.tag === "stop") {
              assert.equal(alive.get(action.spec.id), action.pid, "stops only what runs");
              assert.equal(started, "", "stops all before it starts any");
              alive.delete(action.spec.id);
              stopped = action.spec.id + stopped;
            } else if (action.tag === "start") {
              const { id } = action.spec;
              assert.equal(alive.has(id), false, "starts no child twice");
              started += id;
              if (id === failing) {
                assert.equal(perform(onStartFailed(state, id, failure, nowMs), undefined, failure), false);
                break;
              }
              const pid = pidOn(2);
              alive.set(id, pid);
              state = withStarted(state, action.spec, pid);
            } else if (action.tag === "retry") mailbox.push(action);
            else return true;
          }
          const inOrder = (text: string): boolean => text === [...text].sort().join("");
          assert.ok(inOrder(started) && inOrder(stopped), "starts in order, stops in reverse order");
          return false;
        };

        for (const { child, reason, fails, failure, gapMs } of events) {
          nowMs += gapMs;
          const failing = fails === undefined ? undefined : ids[fails];
          const retry = mailbox.shift();
          let decision: Decision;
          if (retry !== undefined) decision = onRetry(state, retry.id, retry.waits, nowMs);
          else {
            const id = ids[child % ids.length] as string;
            const pid = alive.get(id);
            if (pid === undefined) continue;
            alive.delete(id);
            decision = onChildExit(state, pid as Pid, reason, nowMs, reason === SCHEDULER_DOWN);
          }
          const isLoss = retry === undefined ? reason === SCHEDULER_DOWN : retry.waits;
          if (!isLoss && decision[1].length > 0) attempts.push(Math.floor(nowMs / 1000));
          if (perform(decision, failing, failure)) return;
          const now = Math.floor(nowMs / 1000);
          assert.ok(attempts.filter((then) => now <= then + 5).length <= 3, "restarts no more than it may");
          for (const { spec, pid } of state.children) {
            assert.equal(alive.get(spec.id), typeof pid === "string" && pid !== "restarting" ? pid : undefined);
          }
        }
      },
    ),
    { numRuns: 500 },
  );
});
