import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode, type RuntimeError } from "../../src/core/errors.js";
import { isDown } from "../../src/core/messages.js";
import type { Pid } from "../../src/core/pid.js";
import { stopServer } from "../../src/otp/gen-server-calls.js";
import { supervisor } from "../../src/otp/supervisor.js";
import { countChildren } from "../../src/otp/supervisor-api.js";
import { task } from "../../src/otp/task.js";
import { type TaskSupervisorOptions, taskSupervisor } from "../../src/otp/task-supervisor.js";
import {
  exit,
  kill,
  monitor,
  processInfo,
  receive,
  self,
  send,
  spawn,
  spawnMonitor,
  trapExit,
  whereis,
} from "../../src/runtime/process.js";
import { inline } from "../support/inline.js";

const never = (): Promise<unknown> => receive(() => false);
const hasCode = (code: ErrorCode) => (error: RuntimeError) => error.code === code;
const isPidMessage = (message: unknown): message is Pid => typeof message === "string";

/** Runs `body` with a task supervisor. */
async function withSupervisor(options: TaskSupervisorOptions, body: (sup: Pid) => Promise<void>): Promise<void> {
  await inline().run(async () => {
    const [, sup] = await taskSupervisor(options).startLink();
    await body(sup as Pid);
  });
}

/** The reason `pid` ends with. */
async function endOf(pid: Pid): Promise<unknown> {
  const ref = monitor(pid);
  const down = await receive((message) => isDown(message) && message.ref === ref, 5000);
  assert.ok(isDown(down), `${pid} did not end`);
  return down.reason;
}

test("a supervised task is a child of the supervisor, and answers whoever started it", async () => {
  await withSupervisor({}, async (sup) => {
    const t = await taskSupervisor.async(
      sup,
      (a: number, b: number) => receive().then((n) => a + b + Number(n)),
      [1, 2],
    );
    assert.deepEqual(await taskSupervisor.children(sup), [t.pid]);
    assert.deepEqual(await countChildren(sup), { specs: 1, active: 1, supervisors: 0, workers: 1 });
    const info = await processInfo(t.pid as Pid);
    assert.equal(info?.parent, sup);
    assert.deepEqual([...(info?.links ?? [])].sort(), [sup, self()].sort());
    send(t.pid as Pid, 3);
    const six: number = await task.await(t);
    assert.equal(six, 6);
    await endOf(t.pid as Pid);
    assert.deepEqual(await taskSupervisor.children(sup), []);
  });
});

test("a crash ends the owner of a linked task, not the supervisor nor other tasks", async () => {
  await withSupervisor({}, async (sup) => {
    const other = await taskSupervisor.asyncNolink(sup, () => receive());
    const { ref } = spawnMonitor(async () => {
      await taskSupervisor.async(sup, () => exit("boom"));
      await never();
    }, []);
    const down = await receive(isDown);
    assert.deepEqual([down.ref, down.reason], [ref, "boom"]);
    send(other.pid as Pid, "still here");
    assert.equal(await task.await(other), "still here");
    assert.notEqual(await processInfo(sup), undefined);
  });
});

test("a task without a link crashes alone: yield tells of it, await fails", async () => {
  await withSupervisor({}, async (sup) => {
    const t = await taskSupervisor.asyncNolink(sup, () => exit("alone"));
    assert.deepEqual(await task.yield(t), ["exit", "alone"]);
    await assert.rejects(task.await(t), hasCode(ErrorCode.callFailed));
  });
});

test("a task without a link goes on when its owner crashes; a linked one ends with it", async () => {
  await withSupervisor({}, async (sup) => {
    const me = self();
    const owner = (start: typeof taskSupervisor.async) => async () => {
      send(me, (await start(sup, () => receive())).pid);
      await receive();
      exit("crash");
    };
    const [linked, free] = [spawn(owner(taskSupervisor.async), []), spawn(owner(taskSupervisor.asyncNolink), [])];
    const pids = [await receive(isPidMessage), await receive(isPidMessage)];
    send(linked, "now");
    send(free, "now");
    await endOf(linked);
    await endOf(free);
    const left = await taskSupervisor.children(sup);
    assert.equal(left.length, 1);
    assert.ok(pids.includes(left[0] as Pid));
  });
});

test("an owner that dies before it has said what to run leaves no process behind", async () => {
  await withSupervisor({}, async (sup) => {
    const owner = spawn(async () => {
      void taskSupervisor.asyncNolink(sup, never);
      exit("early");
    }, []);
    await endOf(owner);
    for (;;) {
      const [pid] = await taskSupervisor.children(sup);
      if (pid === undefined) break;
      await endOf(pid);
    }
  });
});

test("startChild runs a task nobody waits for; it is temporary unless told otherwise", async () => {
  await withSupervisor({}, async (sup) => {
    const me = self();
    const work = async (word: string): Promise<void> => {
      send(me, [word, self()]);
      exit((await receive()) as string);
    };
    const [, first] = await taskSupervisor.startChild(sup, work, ["temporary"]);
    assert.deepEqual(await receive(), ["temporary", first]);
    send(first as Pid, "crash");
    await endOf(first as Pid);
    assert.deepEqual(await taskSupervisor.children(sup), []);

    const [, second] = await taskSupervisor.startChild(sup, work, ["transient"], { restart: "transient" });
    assert.deepEqual(await receive(), ["transient", second]);
    send(second as Pid, "crash");
    const [word, third] = (await receive()) as [string, Pid];
    assert.equal(word, "transient");
    assert.notEqual(third, second);
    send(third, "normal");
    await endOf(third);
    assert.deepEqual(await taskSupervisor.children(sup), []);
  });
});

test("maxChildren refuses further tasks: startChild with a value, async with an error, a stream too", async () => {
  await withSupervisor({ maxChildren: 1 }, async (sup) => {
    const t = await taskSupervisor.async(sup, never);
    assert.deepEqual(await taskSupervisor.startChild(sup, never), ["error", "max_children"]);
    await assert.rejects(taskSupervisor.async(sup, never), hasCode(ErrorCode.maxChildren));
    await assert.rejects(taskSupervisor.asyncNolink(sup, never), hasCode(ErrorCode.maxChildren));
    await task.shutdown(t);
    const stream = taskSupervisor.asyncStream(sup, [1, 2], never, { maxConcurrency: 2 });
    await assert.rejects(stream.next(), hasCode(ErrorCode.maxChildren));
    assert.deepEqual(await taskSupervisor.children(sup), []);
  });
});

test("there must be such a supervisor", async () => {
  await inline().run(async () => {
    await assert.rejects(taskSupervisor.async("nobody", never), hasCode(ErrorCode.callFailed));
    await assert.rejects(
      taskSupervisor.startChild("nobody", never, [], { restart: "permanent" }),
      hasCode(ErrorCode.callFailed),
    );
  });
});

test("terminateChild ends a task; its owner hears of it as of any exit", async () => {
  await withSupervisor({}, async (sup) => {
    const t = await taskSupervisor.asyncNolink(sup, never);
    assert.deepEqual(await taskSupervisor.terminateChild(sup, t.pid as Pid), ["ok"]);
    assert.deepEqual(await task.yield(t), ["exit", "shutdown"]);
    assert.deepEqual(await taskSupervisor.terminateChild(sup, t.pid as Pid), ["error", "not_found"]);
  });
});

test("when the supervisor ends, its tasks are shut down, each within its own time", async () => {
  await withSupervisor({}, async (sup) => {
    const me = self();
    const deaf = async (): Promise<unknown> => {
      trapExit(true);
      send(me, "deaf");
      return await never();
    };
    const obeys = await taskSupervisor.asyncNolink(sup, never);
    const doesNot = await taskSupervisor.asyncNolink(sup, deaf, [], { shutdown: 1 });
    await receive();
    await stopServer(sup);
    assert.deepEqual(await task.yield(obeys), ["exit", "shutdown"]);
    assert.deepEqual(await task.yield(doesNot), ["exit", "killed"]);
  });
});

test("a task supervisor is a supervisor among its siblings, by its child specification", async () => {
  await inline().run(async () => {
    trapExit(true);
    const jobs = taskSupervisor({ maxChildren: 2 });
    const tree = supervisor({ children: [jobs.child(undefined, { name: "jobs" })] });
    const [, root] = await tree.startLink();
    assert.equal(await task.await(await taskSupervisor.async("jobs", () => 1)), 1);
    const first = whereis("jobs") as Pid;
    kill(first);
    await endOf(first);
    await countChildren(root as Pid); // behind the restart
    assert.equal(await task.await(await taskSupervisor.async("jobs", () => 2)), 2);
  });
});

test("a supervised stream yields results in order; without links a crash is the result of its item", async () => {
  await withSupervisor({}, async (sup) => {
    const work = (n: number): number => (n === 2 ? exit("two") : n);
    const collect = async (stream: AsyncIterable<unknown>): Promise<unknown[]> => {
      const results: unknown[] = [];
      for await (const result of stream) results.push(result);
      return results;
    };
    assert.deepEqual(await collect(taskSupervisor.asyncStreamNolink(sup, [1, 2, 3], work, { maxConcurrency: 2 })), [
      ["ok", 1],
      ["exit", "two"],
      ["ok", 3],
    ]);
    assert.deepEqual(await collect(taskSupervisor.asyncStream(sup, [1, 3], work, { maxConcurrency: 2 })), [
      ["ok", 1],
      ["ok", 3],
    ]);
    const { ref } = spawnMonitor(() => collect(taskSupervisor.asyncStream(sup, [1, 2], work)), []);
    const down = await receive(isDown);
    assert.deepEqual([down.ref, down.reason], [ref, "two"]);
  });
});

test("leaving a supervised stream, or the death of its reader, leaves no task under the supervisor", async () => {
  await withSupervisor({}, async (sup) => {
    const me = self();
    const work = async (n: number): Promise<unknown> => {
      send(me, [n, self()]);
      await receive(() => n === 0);
      return n;
    };
    /** Hears of all three, and lets the first one answer. */
    const heard = async (): Promise<Pid[]> => {
      const all: (readonly [number, Pid])[] = [];
      while (all.length < 3) all.push((await receive(Array.isArray)) as unknown as readonly [number, Pid]);
      for (const [n, pid] of all) if (n === 0) send(pid, "go");
      return all.map(([, pid]) => pid);
    };
    const options = { maxConcurrency: 3 };
    const stream = taskSupervisor.asyncStreamNolink(sup, [0, 1, 2], work, options);
    const first = stream.next();
    await heard();
    assert.deepEqual(await first, { done: false, value: ["ok", 0] });
    await stream.return();
    assert.deepEqual(await taskSupervisor.children(sup), []);
    for (const end of ["normal", "crash"]) {
      spawn(async () => {
        for await (const _ of taskSupervisor.asyncStreamNolink(sup, [0, 1, 2], work, options)) exit(end);
      }, []);
      for (const pid of await heard()) await endOf(pid);
    }
  });
});
