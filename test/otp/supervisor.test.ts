import assert from "node:assert/strict";
import { test } from "node:test";
import { isDown, isExit } from "../../src/core/messages.js";
import type { Pid } from "../../src/core/pid.js";
import type { Ref } from "../../src/core/ref.js";
import { stopServer } from "../../src/otp/gen-server-calls.js";
import { ignore } from "../../src/otp/results.js";
import type { StartResult } from "../../src/otp/start.js";
import { supervisor } from "../../src/otp/supervisor.js";
import { whichChildren } from "../../src/otp/supervisor-api.js";
import { exit, kill, monitor, receive, self, send, spawn, spawnLink, trapExit } from "../../src/runtime/process.js";
import { inline } from "../support/inline.js";
import { Workers } from "./supervisor-worker.js";

/** Runs `body` as a process that traps exits, with workers of its own. */
async function supervised(body: (workers: Workers) => Promise<void>): Promise<void> {
  await inline().run(async () => {
    trapExit(true);
    await body(new Workers());
  });
}

function started(result: StartResult): Pid {
  assert.equal(result[0], "ok", JSON.stringify(result));
  return result[1] as Pid;
}

/** Waits for the EXIT of a supervisor that the test has started, and so is linked to. */
async function endOf(pid: Pid): Promise<unknown> {
  const end = await receive((message) => isExit(message) && message.from === pid, 2000);
  assert.ok(isExit(end), "the supervisor did not end");
  return end.reason;
}

/** Waits for the DOWN of a monitor. */
async function downOf(ref: Ref): Promise<unknown> {
  const down = await receive((message) => isDown(message) && message.ref === ref, 2000);
  assert.ok(isDown(down), "the process did not end");
  return down.reason;
}

test("children start in order, and stop in reverse order when the supervisor's parent says so", async () => {
  await supervised(async (workers) => {
    const { worker } = workers;
    const Sup = supervisor({ children: ["a", "b", "c"].map((id) => worker.call(workers, id)) });
    const sup = started(await Sup.startLink());
    await workers.did("a#1 up", "b#1 up", "c#1 up");
    exit(sup, "shutdown");
    assert.equal(await endOf(sup), "shutdown");
    await workers.did("c#1 stops: shutdown", "b#1 stops: shutdown", "a#1 stops: shutdown");
  });
});

test("a supervisor ends with exactly its parent's reason, normal too, and its children see shutdown", async () => {
  for (const reason of ["normal", "boom", ["shutdown", "done"]]) {
    await supervised(async (workers) => {
      const sup = started(await supervisor({ children: [workers.worker("a")] }).startLink());
      exit(sup, reason);
      assert.deepEqual(await endOf(sup), reason);
      await workers.did("a#1 up", "a#1 stops: shutdown");
    });
  }
});

test("a stranger's exit signal is ignored, but for kill", async () => {
  await supervised(async (workers) => {
    const sup = started(await supervisor({ children: [workers.worker("a", { traps: false })] }).startLink());
    const main = self();
    spawn(async () => {
      exit(sup, "boom");
      send(main, "sent");
    }, []);
    await receive((message) => message === "sent");
    assert.equal((await whichChildren(sup)).length, 1);
    const ref = monitor(workers.pid("a"));
    kill(sup);
    assert.equal(await endOf(sup), "killed");
    assert.equal(await downOf(ref), "killed");
  });
});

test("a root supervisor, which has no parent, works and can be stopped", async () => {
  const sys = inline();
  await sys.run(async () => {
    const workers = new Workers();
    const { scheduler } = sys;
    const root = scheduler.nextPid(0);
    scheduler.start(root, null, supervisor({ children: [workers.worker("a")] }), [undefined], "root");
    await workers.did("a#1 up");
    workers.ends("a", "boom");
    await workers.did("a#1 stops: boom", "a#2 up");
    exit(root, "shutdown");
    await stopServer(root, "shutdown");
    await workers.did("a#2 stops: shutdown");
  });
});

test("one_for_one restarts the child that ended, and no other", async () => {
  await supervised(async (workers) => {
    const children = ["a", "b", "c"].map((id) => workers.worker(id));
    const sup = started(await supervisor({ children }).startLink());
    await workers.did("a#1 up", "b#1 up", "c#1 up");
    workers.ends("b", "boom");
    await workers.did("b#1 stops: boom", "b#2 up");
    kill(workers.pid("c"));
    await workers.did("c#2 up");
    const pids = (await whichChildren(sup)).map(({ pid }) => pid);
    assert.deepEqual(
      pids,
      ["a", "b", "c"].map((id) => workers.pid(id)),
    );
    await workers.didNothingMore();
  });
});

test("one_for_all stops the others in reverse order and starts all in order, when the slowest has stopped", async () => {
  await supervised(async (workers) => {
    const children = [workers.worker("a"), workers.worker("b"), workers.worker("c", { stopsInMs: 20 })];
    started(await supervisor({ strategy: "one_for_all", children }).startLink());
    await workers.did("a#1 up", "b#1 up", "c#1 up");
    workers.ends("b", "boom");
    await workers.did("b#1 stops: boom", "c#1 stops: shutdown", "a#1 stops: shutdown");
    await workers.did("a#2 up", "b#2 up", "c#2 up");
  });
});

test("rest_for_one restarts the children started after the one that died, in start order", async () => {
  await supervised(async (workers) => {
    const children = ["a", "b", "c"].map((id) => workers.worker(id));
    started(await supervisor({ strategy: "rest_for_one", children }).startLink());
    await workers.did("a#1 up", "b#1 up", "c#1 up");
    workers.ends("b", "normal");
    await workers.did("b#1 stops: normal", "c#1 stops: shutdown", "b#2 up", "c#2 up");
  });
});

test("a transient child that ends normally is not restarted, one that crashes is; a temporary child never is", async () => {
  await supervised(async (workers) => {
    const children = [
      workers.worker("a", { restart: "transient" }),
      workers.worker("b", { restart: "transient" }),
      workers.worker("c", { restart: "temporary" }),
    ];
    const sup = started(await supervisor({ children }).startLink());
    await workers.did("a#1 up", "b#1 up", "c#1 up");
    workers.ends("a", "normal");
    await workers.did("a#1 stops: normal");
    workers.ends("b", ["shutdown"]);
    await workers.did("b#1 stops: [shutdown]", "b#2 up");
    const ref = monitor(workers.pid("c"));
    workers.ends("c", "boom");
    assert.equal(await downOf(ref), "boom");
    await workers.did("c#1 stops: boom");
    assert.deepEqual(await whichChildren(sup), [
      { id: "a", pid: undefined, type: "worker" },
      { id: "b", pid: workers.pid("b"), type: "worker" },
    ]);
  });
});

test("one restart more than allowed ends the supervisor with shutdown, the others stopped in reverse order", async () => {
  await supervised(async (workers) => {
    const children = ["a", "b", "c"].map((id) => workers.worker(id));
    const sup = started(await supervisor({ maxRestarts: 1, children }).startLink());
    await workers.did("a#1 up", "b#1 up", "c#1 up");
    workers.ends("b", "boom");
    await workers.did("b#1 stops: boom", "b#2 up");
    workers.ends("b", "boom");
    assert.equal(await endOf(sup), "shutdown");
    await workers.did("b#2 stops: boom", "c#1 stops: shutdown", "a#1 stops: shutdown");
    await workers.didNothingMore();
  });
});

test("a nested supervisor that gives up is restarted with fresh children, unless it is transient: shutdown is a normal end", async () => {
  for (const restart of ["permanent", "transient"] as const) {
    await supervised(async (workers) => {
      const Inner = supervisor({ maxRestarts: 0, children: [workers.worker("x"), workers.worker("y")] });
      const Outer = supervisor({ children: [workers.worker("a"), Inner.child(undefined, { id: "inner", restart })] });
      const sup = started(await Outer.startLink());
      await workers.did("a#1 up", "x#1 up", "y#1 up");
      const ref = monitor((await whichChildren(sup))[1]?.pid as Pid); // the inner one, which runs
      workers.ends("x", "boom");
      assert.equal(await downOf(ref), "shutdown");
      await workers.did("x#1 stops: boom", "y#1 stops: shutdown");
      if (restart === "permanent") await workers.did("x#2 up", "y#2 up");
      else {
        const inner = (await whichChildren(sup))[1];
        assert.deepEqual(inner, { id: "inner", pid: undefined, type: "supervisor" });
      }
      await workers.didNothingMore();
    });
  }
});

test("a failing tree escalates to the root, each level stopping its children in reverse order", async () => {
  await supervised(async (workers) => {
    const Inner = supervisor({ maxRestarts: 0, children: [workers.worker("x"), workers.worker("y")] });
    const Middle = supervisor({ maxRestarts: 0, children: [workers.worker("b"), Inner.child()] });
    const Root = supervisor({ maxRestarts: 0, children: [workers.worker("a"), Middle.child()] });
    const sup = started(await Root.startLink());
    workers.ends("x", "boom");
    assert.equal(await endOf(sup), "shutdown");
    await workers.did("a#1 up", "b#1 up", "x#1 up", "y#1 up");
    await workers.did("x#1 stops: boom", "y#1 stops: shutdown", "b#1 stops: shutdown", "a#1 stops: shutdown");
  });
});

test("a restart whose init fails is tried again, and one_for_one siblings stay up meanwhile", async () => {
  await supervised(async (workers) => {
    const children = [workers.worker("a"), workers.worker("b", { fails: [2, 3] })];
    started(await supervisor({ children }).startLink());
    workers.ends("b", "boom");
    await workers.did("a#1 up", "b#1 up", "b#1 stops: boom", "b#2 fails", "b#3 fails", "b#4 up");
  });
});

test("each failing attempt counts: a child that cannot come back ends the supervisor", async () => {
  await supervised(async (workers) => {
    const children = [workers.worker("a"), workers.worker("b", { fails: [2, 3, 4] })];
    const sup = started(await supervisor({ strategy: "rest_for_one", maxRestarts: 2, children }).startLink());
    workers.ends("b", "boom");
    assert.equal(await endOf(sup), "shutdown");
    await workers.did("a#1 up", "b#1 up", "b#1 stops: boom", "b#2 fails", "b#3 fails", "a#1 stops: shutdown");
  });
});

test("after a failed init one_for_all stops and starts the whole group again", async () => {
  await supervised(async (workers) => {
    const children = [workers.worker("a"), workers.worker("b"), workers.worker("c", { fails: [2] })];
    started(await supervisor({ strategy: "one_for_all", children }).startLink());
    await workers.did("a#1 up", "b#1 up", "c#1 up");
    workers.ends("b", "boom");
    await workers.did("b#1 stops: boom", "c#1 stops: shutdown", "a#1 stops: shutdown");
    await workers.did("a#2 up", "b#2 up", "c#2 fails", "b#2 stops: shutdown", "a#2 stops: shutdown");
    await workers.did("a#3 up", "b#3 up", "c#3 up");
  });
});

test("a child that fails at the supervisor's start stops those before it, and the start fails with the path to it", async () => {
  await supervised(async (workers) => {
    const Inner = supervisor({
      children: [workers.worker("b"), workers.worker("x", { fails: [1] }), workers.worker("c")],
    });
    const Outer = supervisor({ children: [workers.worker("a"), Inner.child(undefined, { id: "inner" })] });
    const reason = ["shutdown", ["failed_to_start_child", "x", "bad"]];
    assert.deepEqual(await Outer.startLink(), ["error", ["shutdown", ["failed_to_start_child", "inner", reason]]]);
    await workers.did("a#1 up", "b#1 up", "x#1 fails", "b#1 stops: shutdown", "a#1 stops: shutdown");
    assert.equal(await receive(isExit, 0).then((message) => typeof message), "symbol");
  });
});

test("a child that ignores its start keeps its specification; a supervisor can ignore its own", async () => {
  await supervised(async (workers) => {
    const Idle = supervisor({ init: () => ignore() });
    const children = [workers.worker("a", { ignores: [1] }), Idle.child(undefined, { id: "idle" })];
    const sup = started(await supervisor({ init: () => ({ children }) }).startLink());
    assert.deepEqual(await whichChildren(sup), [
      { id: "a", pid: undefined, type: "worker" },
      { id: "idle", pid: undefined, type: "supervisor" },
    ]);
    assert.deepEqual(await Idle.startLink(), ["ignore"]);
  });
});

test("wrong flags and specifications fail the start before any child starts, in OTP's words", async () => {
  await supervised(async (workers) => {
    const a = workers.worker("a");
    const table = [
      [{ children: [a, workers.worker("b"), a] }, ["start_spec", ["duplicate_child_name", "a"]]],
      [{ children: [a, { ...a, restart: "sometimes" }] }, ["start_spec", ["invalid_restart_type", "sometimes"]]],
      [{ children: [a, { ...a, shutdown: -1 }] }, ["start_spec", ["invalid_shutdown", -1]]],
      [{ children: [a, { ...a, type: "boss" }] }, ["start_spec", ["invalid_child_type", "boss"]]],
      [{ strategy: "all", children: [a] }, ["supervisor_data", ["invalid_strategy", "all"]]],
      [{ maxRestarts: -1, children: [a] }, ["supervisor_data", ["invalid_intensity", -1]]],
      [{ maxSeconds: 0, children: [a] }, ["supervisor_data", ["invalid_period", 0]]],
      [{ autoShutdown: "some", children: [a] }, ["supervisor_data", ["invalid_auto_shutdown", "some"]]],
      [{}, ["bad_return", ["supervisor", "init"]]],
    ] as const;
    for (const [options, reason] of table) {
      // What a program without types may write.
      assert.deepEqual(await supervisor({ init: () => options as never }).startLink(undefined), ["error", reason]);
    }
    await workers.didNothingMore();
  });
});

test("a child that does not stop within its shutdown is killed, one with infinity is waited for", async (t) => {
  await supervised(async (workers) => {
    t.mock.timers.enable({ apis: ["setTimeout"] }); // so that neither of them is late
    const children = [
      workers.worker("slow", { stopsInMs: 50_000, shutdown: "infinity" }),
      workers.worker("stuck", { stopsInMs: 60_000, shutdown: 20 }),
    ];
    const sup = started(await supervisor({ children }).startLink());
    const [slow, stuck] = [monitor(workers.pid("slow")), monitor(workers.pid("stuck"))];
    exit(sup, "shutdown");
    await workers.did("slow#1 up", "stuck#1 up", "stuck#1 stops: shutdown");
    t.mock.timers.tick(20);
    assert.equal(await downOf(stuck), "killed");
    await workers.did("slow#1 stops: shutdown");
    t.mock.timers.tick(50_000);
    assert.equal(await downOf(slow), "shutdown");
    t.mock.timers.reset();
    assert.equal(await endOf(sup), "shutdown");
  });
});

test("brutal_kill leaves a child no last word", async () => {
  await supervised(async (workers) => {
    const sup = started(await supervisor({ children: [workers.worker("a", { shutdown: "brutal_kill" })] }).startLink());
    const ref = monitor(workers.pid("a"));
    exit(sup, "shutdown");
    assert.equal(await downOf(ref), "killed");
    assert.equal(await endOf(sup), "shutdown");
    await workers.did("a#1 up");
    await workers.didNothingMore();
  });
});

test("the end of a significant child ends a supervisor with any_significant, and so all the way up", async () => {
  await supervised(async (workers) => {
    const significant = { restart: "transient", significant: true } as const;
    const autoShutdown = "any_significant";
    const Inner = supervisor({ autoShutdown, children: [workers.worker("x", significant), workers.worker("y")] });
    const Outer = supervisor({ autoShutdown, children: [workers.worker("a"), Inner.child(undefined, significant)] });
    const sup = started(await Outer.startLink());
    await workers.did("a#1 up", "x#1 up", "y#1 up");
    workers.ends("x", "boom");
    await workers.did("x#1 stops: boom", "x#2 up");
    workers.ends("x", "normal");
    assert.equal(await endOf(sup), "shutdown");
    await workers.did("x#2 stops: normal", "y#1 stops: shutdown", "a#1 stops: shutdown");
  });
});

test("a supervisor follows a parent that ends, with the parent's reason", async () => {
  await supervised(async (workers) => {
    const Sup = supervisor({ children: [workers.worker("a")] });
    const main = self();
    const parent = spawnLink(async () => {
      send(main, { sup: started(await Sup.startLink()) });
      await receive((message) => message === "go");
      exit("boom");
    }, []);
    const isSup = (message: unknown): message is { sup: Pid } => (message as { sup?: Pid }).sup !== undefined;
    const { sup } = await receive(isSup);
    const ref = monitor(sup);
    send(parent, "go");
    assert.equal(await downOf(ref), "boom");
    await workers.did("a#1 up", "a#1 stops: shutdown");
  });
});
