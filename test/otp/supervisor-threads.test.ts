/** Supervisors on real scheduler threads: children elsewhere, and threads that die. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Pid, threadOf } from "../../src/core/pid.js";
import { call, cast } from "../../src/otp/gen-server-calls.js";
import { startProcess } from "../../src/otp/start.js";
import { supervisor } from "../../src/otp/supervisor.js";
import { countChildren, whichChildren } from "../../src/otp/supervisor-api.js";
import { receive, register, trapExit } from "../../src/runtime/process.js";
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

test("the children of a thread that dies come back when it is replaced, and count as one restart", async () => {
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
