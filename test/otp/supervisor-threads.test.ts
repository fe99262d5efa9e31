/** Supervisors on real scheduler threads: children elsewhere, and threads that die. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isExit } from "../../src/core/messages.js";
import { type Pid, threadOf } from "../../src/core/pid.js";
import type { ChildSpecInput } from "../../src/otp/child-spec.js";
import { dynamicSupervisor } from "../../src/otp/dynamic-supervisor.js";
import { call, cast } from "../../src/otp/gen-server-calls.js";
import { startProcess } from "../../src/otp/start.js";
import { supervisor } from "../../src/otp/supervisor.js";
import { countChildren, startChild, whichChildren } from "../../src/otp/supervisor-api.js";
import { kill, receive, register, trapExit } from "../../src/runtime/process.js";
import { type Threads, withThreads } from "../support/threads.js";

const app = new URL("./supervisor-app.js", import.meta.url);

interface Up {
  readonly up: string;
  readonly pid: Pid;
}
const isUp = (message: unknown): message is Up => typeof (message as Up).up === "string";

/** Runs `body` on the main thread, as the process that hears who started. */
async function onThreads(schedulers: number, body: (threads: Threads) => Promise<void>): Promise<void> {
  const use = (threads: Threads): Promise<void> =>
    threads.run(async () => {
      register("test");
      trapExit(true);
      await body(threads);
    });
  await withThreads({ schedulers }, use, app);
}

/** Waits for these starts, in any order. */
async function started(...labels: readonly string[]): Promise<Record<string, Pid>> {
  const pids: Record<string, Pid> = {};
  while (Object.keys(pids).length < labels.length) {
    const up = await receive(isUp, 20_000);
    assert.ok(typeof up === "object", `${labels} did not all start, only ${Object.keys(pids)}`);
    pids[up.up] = up.pid;
  }
  assert.deepEqual(Object.keys(pids).sort(), [...labels].sort());
  return pids;
}

/** The pid of a start that has to be there. */
const at = (pids: Record<string, Pid>, label: string): Pid => pids[label] as Pid;

test("a root supervisor on the main thread starts definitions by their keys, on scheduler threads", async () => {
  await onThreads(2, async () => {
    const [, root] = await supervisor({
      children: [{ id: "tree", start: { definition: "Tree", args: [] } }],
    }).startLink();
    const { a, c } = await started("a", "b", "c");
    assert.notEqual(threadOf(a as Pid), threadOf(c as Pid));
    assert.notEqual(threadOf(a as Pid), threadOf(root as Pid));
  });
});

test("the children of a thread that dies come back when it is replaced; only the one it died of counts", async () => {
  await onThreads(2, async () => {
    const start = { definition: "Tree", args: [], scheduler: 2, name: "tree" };
    await supervisor({ maxRestarts: 0, children: [{ id: "tree", start }] }).startLink();
    const first = await started("a", "b", "c");
    cast(at(first, "a"), "endThread");
    const second = await started("a", "b");
    assert.notEqual(threadOf(at(second, "a")), threadOf(at(first, "a")));
    const pids = (await whichChildren("tree")).map(({ pid }) => pid);
    assert.deepEqual(pids, [second.a, second.b, first.c]);
  });
});

/** A member beside the tree takes scheduler 1 down. */
async function strangerEndsThread(): Promise<void> {
  const [, stranger] = await startProcess("Member", ["stranger"], { link: false, scheduler: 1 });
  await started("stranger");
  cast(stranger as Pid, "endThread");
}

const member = (id: string, scheduler = 1): ChildSpecInput => ({
  id,
  start: { definition: "Member", args: [id], scheduler },
});

/** Waits for the end of a linked process. */
async function reasonOf(pid: Pid): Promise<unknown> {
  const end = await receive((message) => isExit(message) && message.from === pid, 20_000);
  assert.ok(isExit(end), "it did not end");
  return end.reason;
}

for (const strategy of ["one_for_one", "rest_for_one", "one_for_all", "simple_one_for_one", "dynamic"] as const) {
  test(`${strategy}: children that only shared a thread with the one it died of are restarted uncounted`, async () => {
    await onThreads(2, async () => {
      const limit = { maxRestarts: 0 };
      const isDynamic = strategy === "dynamic";
      const [, sup] = isDynamic
        ? await dynamicSupervisor(limit).startLink()
        : strategy === "simple_one_for_one"
          ? await supervisor({ ...limit, strategy, children: [member("a")] }).startLink()
          : await supervisor({ ...limit, strategy, children: [member("a"), member("b")] }).startLink();
      if (isDynamic) {
        await startChild(sup as Pid, member("a"));
        await startChild(sup as Pid, member("b"));
      } else if (strategy === "simple_one_for_one") await startChild(sup as Pid, []);
      const labels = strategy === "simple_one_for_one" ? ["a"] : ["a", "b"];
      let pids = await started(...labels);
      for (let i = 0; i < 2; i++) {
        await strangerEndsThread();
        const next = await started(...labels);
        assert.notEqual(threadOf(at(next, "a")), threadOf(at(pids, "a")));
        pids = next;
      }
      // The same words from a living process are an exit like any other.
      cast(at(pids, "a"), "exit", "scheduler_down");
      assert.equal(await reasonOf(sup as Pid), "shutdown");
    });
  });
}

for (const strategy of ["one_for_one", "rest_for_one", "one_for_all"] as const) {
  test(`${strategy}: the child a thread died of counts, also if others of the group died with it`, async () => {
    await onThreads(2, async () => {
      const children = [member("a"), member("b"), member("c")];
      const [, sup] = await supervisor({ strategy, maxRestarts: 0, children }).startLink();
      const { b } = await started("a", "b", "c");
      cast(b as Pid, "endThread");
      assert.equal(await reasonOf(sup as Pid), "shutdown");
    });
  });
}

test("a supervisor that dies with its thread is restarted by its parent, uncounted, with its children", async () => {
  await onThreads(2, async () => {
    const start = { definition: "Tree", args: [], scheduler: 1 };
    await supervisor({ maxRestarts: 0, children: [{ id: "tree", type: "supervisor", start }] }).startLink();
    await started("a", "b", "c");
    for (let i = 0; i < 2; i++) {
      await strangerEndsThread();
      await started("a", "b", "c");
    }
  });
});

test("a child that ends its thread while it boots counts as a restart", async () => {
  await onThreads(1, async () => {
    const counter = new Int32Array(new SharedArrayBuffer(4));
    const children = [{ id: "fatal", start: { definition: "FatalLater", args: [counter] } }];
    const [, sup] = await supervisor({ maxRestarts: 2, children }).startLink();
    await started("fatal");
    kill((await whichChildren(sup as Pid))[0]?.pid as Pid);
    assert.equal(await reasonOf(sup as Pid), "shutdown");
    assert.equal(Atomics.load(counter, 0), 3); // it was started, and twice again
  });
});

test("a tree on the only thread is started again when there is a thread again", async () => {
  await onThreads(1, async () => {
    const start = { definition: "Member", args: ["lonely"] };
    await supervisor({ maxRestarts: 1, children: [{ id: "member", start }] }).startLink();
    const first = await started("lonely");
    cast(at(first, "lonely"), "endThread");
    const second = await started("lonely");
    assert.notEqual(second.lonely, first.lonely);
  });
});

test("a definition that is written inside a supervisor only can be started on any thread", async () => {
  await onThreads(2, async () => {
    for (let i = 0; i < 4; i++) {
      assert.equal((await startProcess("Nested", [], { link: true, scheduler: "least_loaded" }))[0], "ok");
      await started("inner");
    }
  });
});

test("startChild sends an exported definition to a supervisor on another thread", async () => {
  await onThreads(2, async () => {
    await startProcess("Pool", [], { link: true, scheduler: 1, name: "pool" });
    const [, member] = await startProcess("Member", ["first"], { link: true, scheduler: 2 });
    await started("first");
    const result = await call(member as Pid, "startOneMore", "second");
    assert.deepEqual(result, ["ok", at(await started("second"), "second")]);
    assert.deepEqual(await countChildren("pool"), { specs: 1, active: 1, supervisors: 0, workers: 1 });
  });
});
