/** Tasks on real scheduler threads: what may run there, what travels, and threads that die. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode, type RuntimeError } from "../../src/core/errors.js";
import { isErrorReason } from "../../src/core/exit-reason.js";
import { isDown, isExit } from "../../src/core/messages.js";
import { type Pid, threadOf } from "../../src/core/pid.js";
import { call } from "../../src/otp/gen-server-calls.js";
import { startProcess } from "../../src/otp/start.js";
import { task } from "../../src/otp/task.js";
import { taskSupervisor } from "../../src/otp/task-supervisor.js";
import {
  exit,
  monitor,
  processInfo,
  receive,
  register,
  self,
  send,
  spawn,
  trapExit,
} from "../../src/runtime/process.js";
import { type Threads, withThreads } from "../support/threads.js";

const app = new URL("./task-app.js", import.meta.url);
const elsewhere = { scheduler: "least_loaded" } as const;
const hasCode = (code: ErrorCode) => (error: RuntimeError) => error.code === code;

interface Announcement {
  readonly item: unknown;
  readonly pid: Pid;
}
const isAnnouncement = (message: unknown): message is Announcement =>
  typeof (message as Announcement).item === "number";

/** Runs `body` on the main thread, which has no definitions: functions go by their keys from there. */
async function onThreads(body: (threads: Threads) => Promise<void>): Promise<void> {
  const use = (threads: Threads): Promise<void> =>
    threads.run(async () => {
      register("test");
      trapExit(true);
      await body(threads);
    });
  await withThreads({ schedulers: 2 }, use, app);
}

/** The reason `pid` ends with. */
async function endOf(pid: Pid): Promise<unknown> {
  const ref = monitor(pid);
  const down = await receive((message) => isDown(message) && message.ref === ref, 20_000);
  assert.ok(isDown(down), `${pid} did not end`);
  return down.reason;
}

test("exported functions, also inside objects, and procs run as tasks on any thread", async () => {
  await onThreads(async () => {
    assert.equal(await task.await(task.async("square", [3], elsewhere)), 9);
    assert.equal(await task.await(task.async("math.double", [3], elsewhere)), 6);
    assert.equal(await task.await(task.async("Adder", [1, 2], elsewhere)), 3);
    const placed = [1, 2].map((scheduler) => task.async("where", [], { scheduler }));
    assert.deepEqual(await task.awaitMany(placed), [1, 2]);
    const beside = task.async("where", [], { scheduler: { beside: (placed[1] as (typeof placed)[1]).pid as Pid } });
    assert.equal(await task.await(beside), 2);
  });
});

test("a key that nothing is exported under is the task's crash", async () => {
  await onThreads(async () => {
    const result = await task.yield(task.async("nothing", [], elsewhere));
    assert.ok(result?.[0] === "exit" && isErrorReason(result[1]));
    assert.equal(result[1].code, ErrorCode.unknownDefinition);
  });
});

test("what crashes in a task on another thread is its reason, stray errors too, and ends its owner by the link", async () => {
  await onThreads(async () => {
    assert.deepEqual(await task.yield(task.async("crash", [["a", 1]], elsewhere)), ["exit", ["a", 1]]);
    const stray = await task.yield(task.async("stray", [], elsewhere));
    assert.ok(stray?.[0] === "exit" && isErrorReason(stray[1]) && stray[1].message === "stray");
    const owner = spawn(async () => {
      await task.await(task.async("crash", ["boom"], elsewhere));
    }, []);
    assert.equal(await endOf(owner), "boom");
  });
});

test("a result that cannot be copied to the owner's thread is the task's error", async () => {
  await onThreads(async () => {
    const result = await task.yield(task.async("unsendable", [], elsewhere));
    assert.ok(result?.[0] === "exit" && isErrorReason(result[1]));
    assert.equal(result[1].code, ErrorCode.notSendable);
  });
});

test("the death of a task's thread is its exit", async () => {
  await onThreads(async () => {
    assert.deepEqual(await task.yield(task.async("endThread", [], elsewhere), 20_000), ["exit", "scheduler_down"]);
  });
});

test("shutdown ends a task on another thread, and waits until it is gone", async () => {
  await onThreads(async () => {
    const t = task.async("forever", [], elsewhere);
    assert.equal(await task.shutdown(t), null);
    assert.equal(await processInfo(t.pid as Pid), undefined);
  });
});

test("a stream spreads an exported function over the schedulers, from wherever it is read", async () => {
  await onThreads(async () => {
    const seen = new Set<unknown>();
    const items = Array.from({ length: 20 }, () => undefined);
    for await (const result of task.asyncStream(items, "where", { ...elsewhere, maxConcurrency: 4 }))
      seen.add(result[1]);
    assert.deepEqual([...seen].sort(), [1, 2]);
    const [, asker] = await startProcess("Asker", [], { link: true, scheduler: 1 });
    const numbers = Array.from({ length: 50 }, (_, n) => n);
    const squares = await call(asker as Pid, "squares", numbers);
    assert.deepEqual(
      squares,
      numbers.map((n) => ["ok", n * n]),
    );
  });
});

test("tasks of a stream on other threads end with their reader, however it dies, and with its loop", async () => {
  await onThreads(async () => {
    const options = { ...elsewhere, maxConcurrency: 3 };
    /** Hears of all three, lets the first one answer, and tells who they are. */
    const heard = async (): Promise<Pid[]> => {
      const all: Announcement[] = [];
      while (all.length < 3) all.push(await receive(isAnnouncement));
      for (const { item, pid } of all) if (item === 0) send(pid, "go");
      return all.map(({ pid }) => pid);
    };
    for (const end of ["normal", "crash"]) {
      spawn(async () => {
        for await (const _ of task.asyncStream([0, 1, 2], "announced", options)) exit(end);
      }, []);
      for (const pid of await heard()) await endOf(pid);
    }
    const stream = task.asyncStream([0, 1, 2], "announced", options);
    const first = stream.next();
    const pids = await heard();
    assert.deepEqual(await first, { done: false, value: ["ok", 0] });
    await stream.return();
    for (const pid of pids) assert.equal(await processInfo(pid), undefined);
  });
});

test("a supervised task runs where it is told, whichever thread the supervisor is on; a closure beside its caller", async () => {
  await onThreads(async () => {
    await startProcess("Jobs", [undefined], { link: true, scheduler: 1, name: "jobs" });
    const main = await taskSupervisor.async("jobs", async () => self());
    assert.equal(threadOf(await task.await(main)), threadOf(self()));
    const there = await taskSupervisor.async("jobs", "where", [], { scheduler: 2 });
    assert.equal(await task.await(there), 2);
    const [, asker] = await startProcess("Asker", [], { link: true, scheduler: 2 });
    assert.deepEqual(await call(asker as Pid, "supervised", "jobs"), [asker, 2]);
  });
});

test("a task without a link to its owner crashes alone, and is told of by yield", async () => {
  await onThreads(async () => {
    await startProcess("Jobs", [undefined], { link: true, scheduler: 1, name: "jobs" });
    const t = await taskSupervisor.asyncNolink("jobs", "crash", ["alone"], elsewhere);
    assert.deepEqual(await task.yield(t), ["exit", "alone"]);
    const results: unknown[] = [];
    const options = { ...elsewhere, maxConcurrency: 2 };
    for await (const result of taskSupervisor.asyncStreamNolink("jobs", ["a", "b"], "crash", options))
      results.push(result);
    assert.deepEqual(results, [
      ["exit", "a"],
      ["exit", "b"],
    ]);
    assert.equal(await receive(isExit, 0).then((message) => typeof message), "symbol");
  });
});

test("a closure that shall be restarted by a supervisor on another thread is refused", async () => {
  await onThreads(async () => {
    await startProcess("Jobs", [undefined], { link: true, scheduler: 1, name: "jobs" });
    const start = taskSupervisor.startChild("jobs", async () => {}, [], { restart: "permanent" });
    await assert.rejects(start, hasCode(ErrorCode.unknownDefinition));
    const options = { restart: "permanent", scheduler: 2 } as const;
    const started = await taskSupervisor.startChild("jobs", "announced", [1], options);
    const { pid } = await receive(isAnnouncement);
    assert.deepEqual(started, ["ok", pid]);
    exit(pid, "crash");
    assert.notEqual((await receive(isAnnouncement)).pid, pid);
  });
});
