import assert from "node:assert/strict";
import { test } from "node:test";
import { isDown, isExit } from "../../src/core/messages.js";
import type { Pid } from "../../src/core/pid.js";
import { type DynamicSupervisorOptions, dynamicSupervisor } from "../../src/otp/dynamic-supervisor.js";
import { genServer } from "../../src/otp/gen-server.js";
import { ignore } from "../../src/otp/results.js";
import { supervisor } from "../../src/otp/supervisor.js";
import {
  countChildren,
  deleteChild,
  restartChild,
  startChild,
  terminateChild,
  whichChildren,
} from "../../src/otp/supervisor-api.js";
import { exit, kill, monitor, receive, timeout, trapExit } from "../../src/runtime/process.js";
import { inline } from "../support/inline.js";
import { Workers } from "./supervisor-worker.js";

/** Runs `body` with an empty dynamic supervisor. */
async function withDynamic(
  options: DynamicSupervisorOptions,
  body: (sup: Pid, workers: Workers) => Promise<void>,
): Promise<void> {
  await inline().run(async () => {
    trapExit(true);
    const [, sup] = await dynamicSupervisor(options).startLink();
    await body(sup as Pid, new Workers());
  });
}

const endOf = async (sup: Pid): Promise<unknown> => {
  const end = await receive((message) => isExit(message) && message.from === sup, 5000);
  assert.ok(isExit(end), "the supervisor did not end");
  return end.reason;
};

test("children are started on demand, share ids if they like, and are named by their pids", async () => {
  await withDynamic({}, async (sup, workers) => {
    const first = await startChild(sup, workers.worker("a"));
    const second = await startChild(sup, workers.worker("a", { type: "supervisor" }));
    assert.deepEqual([first[0], second[0]], ["ok", "ok"]);
    assert.deepEqual(await whichChildren(sup), [
      { id: undefined, pid: first[1], type: "worker" },
      { id: undefined, pid: second[1], type: "supervisor" },
    ]);
    assert.deepEqual(await countChildren(sup), { specs: 2, active: 2, supervisors: 1, workers: 1 });
  });
});

test("a start that fails or is ignored leaves nothing behind", async () => {
  await withDynamic({}, async (sup, workers) => {
    assert.deepEqual(await startChild(sup, workers.worker("a", { fails: [1] })), ["error", "bad"]);
    assert.deepEqual(await startChild(sup, workers.worker("b", { ignores: [1] })), ["ignore"]);
    assert.deepEqual(await startChild(sup, { ...workers.worker("c"), restart: "often" as "permanent" }), [
      "error",
      ["invalid_restart_type", "often"],
    ]);
    assert.deepEqual(await whichChildren(sup), []);
  });
});

test("maxChildren refuses further children until one is gone", async () => {
  await withDynamic({ maxChildren: 1 }, async (sup, workers) => {
    const [, pid] = await startChild(sup, workers.worker("a"));
    assert.deepEqual(await startChild(sup, workers.worker("b")), ["error", "max_children"]);
    assert.deepEqual(await terminateChild(sup, pid as Pid), ["ok"]);
    assert.equal((await startChild(sup, workers.worker("b")))[0], "ok");
  });
});

test("terminateChild goes by pid and forgets the child; requests by id find nothing", async () => {
  await withDynamic({}, async (sup, workers) => {
    const [, pid] = await startChild(sup, workers.worker("a"));
    assert.deepEqual(await terminateChild(sup, "a"), ["error", "not_found"]);
    assert.deepEqual(await terminateChild(sup, pid as Pid), ["ok"]);
    await workers.did("a#1 up", "a#1 stops: shutdown");
    assert.deepEqual(await terminateChild(sup, pid as Pid), ["error", "not_found"]);
    assert.deepEqual(await restartChild(sup, "a"), ["error", "not_found"]);
    assert.deepEqual(await deleteChild(sup, "a"), ["error", "not_found"]);
  });
});

test("permanent and crashed transient children come back under a new pid, others are forgotten", async () => {
  await withDynamic({}, async (sup, workers) => {
    await startChild(sup, workers.worker("p"));
    await startChild(sup, workers.worker("t", { restart: "transient" }));
    await startChild(sup, workers.worker("x", { restart: "temporary" }));
    await workers.did("p#1 up", "t#1 up", "x#1 up");
    workers.ends("p", "normal");
    await workers.did("p#1 stops: normal", "p#2 up");
    workers.ends("t", "boom");
    await workers.did("t#1 stops: boom", "t#2 up");
    const refs = [monitor(workers.pid("t")), monitor(workers.pid("x"))];
    workers.ends("t", "normal");
    workers.ends("x", "boom");
    for (const _ of refs) await receive(isDown, 2000);
    assert.deepEqual(await whichChildren(sup), [{ id: undefined, pid: workers.pid("p"), type: "worker" }]);
  });
});

test("a failing restart is tried again, each attempt counts, and a child that ignores it is forgotten", async () => {
  await withDynamic({ maxRestarts: 3 }, async (sup, workers) => {
    await startChild(sup, workers.worker("a", { fails: [2, 3], ignores: [5] }));
    workers.ends("a", "boom");
    await workers.did("a#1 up", "a#1 stops: boom", "a#2 fails", "a#3 fails", "a#4 up");
    workers.ends("a", "boom");
    assert.equal(await endOf(sup), "shutdown");
    await workers.did("a#4 stops: boom");
  });
  await withDynamic({}, async (sup, workers) => {
    await startChild(sup, workers.worker("a", { ignores: [2] }));
    workers.ends("a", "boom");
    await workers.did("a#1 up", "a#1 stops: boom", "a#2 ignores");
    assert.deepEqual(await countChildren(sup), { specs: 0, active: 0, supervisors: 0, workers: 0 });
  });
});

test("a child whose restart keeps failing is restarting, and can be stopped under its old pid", async () => {
  const fails = Array.from({ length: 1000 }, (_, i) => i + 2);
  await withDynamic({ maxRestarts: 1000 }, async (sup, workers) => {
    const [, pid] = await startChild(sup, workers.worker("a", { fails }));
    workers.ends("a", "boom");
    await workers.did("a#1 up", "a#1 stops: boom", "a#2 fails");
    assert.deepEqual(await whichChildren(sup), [{ id: undefined, pid: "restarting", type: "worker" }]);
    assert.deepEqual(await terminateChild(sup, pid as Pid), ["ok"]);
    assert.deepEqual(await whichChildren(sup), []);
  });
});

test("three restarts in five seconds are allowed by default; the next one ends the supervisor, and its children with it", async () => {
  await withDynamic({}, async (sup, workers) => {
    await startChild(sup, workers.worker("a", { traps: false }));
    await startChild(sup, workers.worker("b"));
    await workers.did("a#1 up", "b#1 up");
    for (const incarnation of [2, 3, 4]) {
      kill(workers.pid("a"));
      await workers.did(`a#${incarnation} up`);
    }
    kill(workers.pid("a"));
    assert.equal(await endOf(sup), "shutdown");
    await workers.did("b#1 stops: shutdown");
  });
});

test("all children are stopped at the same time, each within its own shutdown", async (t) => {
  await withDynamic({}, async (sup, workers) => {
    t.mock.timers.enable({ apis: ["setTimeout"] }); // so that none of them is late
    await startChild(sup, workers.worker("a", { stopsInMs: 600_000, shutdown: 40_000 }));
    await startChild(sup, workers.worker("b", { stopsInMs: 600_000, shutdown: 20_000 }));
    await startChild(sup, workers.worker("c", { stopsInMs: 4000 }));
    await startChild(sup, workers.worker("d", { shutdown: "brutal_kill" }));
    await workers.did("a#1 up", "b#1 up", "c#1 up", "d#1 up");
    const names = new Map(["a", "b", "c", "d"].map((id) => [monitor(workers.pid(id)), id]));
    exit(sup, ["shutdown", "done"]);
    await workers.did("c#1 stops: shutdown", "b#1 stops: shutdown", "a#1 stops: shutdown");
    const ends: string[] = [];
    while (ends.length < 4) {
      const down = await receive(isDown, 0);
      if (down !== timeout) ends.push(`${names.get(down.ref)} ${down.reason}`);
      else {
        t.mock.timers.tick(500);
        await new Promise((resolve) => setImmediate(resolve)); // what comes of it
      }
    }
    assert.deepEqual(ends, ["d killed", "c shutdown", "b killed", "a killed"]);
    t.mock.timers.reset();
    assert.deepEqual(await endOf(sup), ["shutdown", "done"]);
  });
});

test("extraArguments come before the child's own, at every start", async () => {
  await withDynamic({ extraArguments: ["extra"] }, async (sup, workers) => {
    const seen: unknown[] = [];
    const definition = {
      kind: "arguments",
      boot: (...args: readonly unknown[]) => {
        seen.push(args);
        return { handle: () => exit("boom") };
      },
    };
    const [, pid] = await startChild(sup, { id: "x", start: { definition, args: [1, 2] } });
    kill(pid as Pid);
    await startChild(sup, workers.worker("a")); // answered after the restart
    assert.deepEqual(seen, [
      ["extra", 1, 2],
      ["extra", 1, 2],
    ]);
  });
});

test("under another supervisor it stops last what it started last, and comes back empty after giving up", async () => {
  await inline().run(async () => {
    trapExit(true);
    const workers = new Workers();
    const Pool = dynamicSupervisor({ maxRestarts: 0 });
    const children = [workers.worker("a"), Pool.child(undefined, { name: "pool" })];
    const [, sup] = await supervisor({ children }).startLink();
    await startChild("pool", workers.worker("x"));
    await startChild("pool", workers.worker("y"));
    await workers.did("a#1 up", "x#1 up", "y#1 up");
    const [, pool] = await whichChildren(sup as Pid);
    const ref = monitor(pool?.pid as Pid);
    workers.ends("x", "boom");
    await receive((message) => isDown(message) && message.ref === ref, 2000);
    assert.deepEqual((await countChildren(sup as Pid)).active, 2);
    assert.deepEqual(await whichChildren("pool"), []);
    await workers.did("x#1 stops: boom", "y#1 stops: shutdown");
  });
});

test("wrong flags fail the start, and init may ignore it", async () => {
  await inline().run(async () => {
    const table = [
      [{ maxRestarts: -1 }, ["supervisor_data", ["invalid_intensity", -1]]],
      [{ maxSeconds: 0.5 }, ["supervisor_data", ["invalid_period", 0.5]]],
      [{ maxChildren: -1 }, ["supervisor_data", ["invalid_max_children", -1]]],
    ] as const;
    trapExit(true);
    for (const [options, reason] of table) {
      assert.deepEqual(await dynamicSupervisor(options).startLink(), ["error", reason]);
    }
    assert.deepEqual(await dynamicSupervisor({ init: () => ignore() }).startLink(undefined), ["ignore"]);
  });
});

test("10,000 children are started, ended and stopped with no more than a few seconds of processor time", async () => {
  const COUNT = 10_000;
  await withDynamic({}, async (sup) => {
    const Idle = genServer({ init: () => ({}) });
    const spec = Idle.child(undefined, { restart: "temporary" });
    const before = process.cpuUsage();
    const pids: Pid[] = [];
    for (let i = 0; i < COUNT; i++) pids.push((await startChild(sup, spec))[1] as Pid);
    for (const pid of pids.slice(0, COUNT / 2)) kill(pid);
    assert.equal((await countChildren(sup)).active, COUNT / 2);
    exit(sup, "shutdown");
    assert.equal(await endOf(sup), "shutdown");
    const { user, system } = process.cpuUsage(before); // other programs don't count, which may take any time
    assert.ok(user + system < 5_000_000, `took ${user + system} µs`);
  });
});
