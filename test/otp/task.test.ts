import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode, type RuntimeError } from "../../src/core/errors.js";
import { isErrorReason } from "../../src/core/exit-reason.js";
import { isDown, isExit } from "../../src/core/messages.js";
import type { Pid } from "../../src/core/pid.js";
import { genServer } from "../../src/otp/gen-server.js";
import { call } from "../../src/otp/gen-server-calls.js";
import { proc } from "../../src/otp/proc.js";
import { noreply, reply } from "../../src/otp/results.js";
import { isTaskMessage, task } from "../../src/otp/task.js";
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
  timeout,
  trapExit,
} from "../../src/runtime/process.js";
import { inline } from "../support/inline.js";

const never = (): Promise<unknown> => receive(() => false);
const square = (n: number): number => n * n;
const hasCode = (code: ErrorCode) => (error: RuntimeError) => error.code === code;

/** Whoever is there ends the test's process, unless it traps exits. */
const run = (body: () => Promise<void>): Promise<void> => inline().run(body);

/** The reason `pid` ends with. */
async function endOf(pid: Pid): Promise<unknown> {
  const ref = monitor(pid);
  const down = await receive((message) => isDown(message) && message.ref === ref, 5000);
  assert.ok(isDown(down), `${pid} did not end`);
  return down.reason;
}

/** The reason a process ends with that runs `body`. */
async function endOfRunning(body: () => Promise<unknown>): Promise<unknown> {
  const { ref } = spawnMonitor(body, []);
  const down = await receive((message) => isDown(message) && message.ref === ref, 5000);
  assert.ok(isDown(down), "it did not end");
  return down.reason;
}

// ---- async and await ----

test("await answers what the task's function returned, sync or async, with its type", async () => {
  await run(async () => {
    const four: number = await task.await(task.async(square, [2]));
    const text: string = await task.await(task.async(async () => "late"));
    assert.deepEqual([four, text], [4, "late"]);
  });
});

test("a task is a process of its own, a child of its owner, linked and named after its function", async () => {
  await run(async () => {
    const t = task.async(async function compute() {
      return [self(), await never()];
    });
    assert.notEqual(t.pid, self());
    assert.equal(t.owner, self());
    const info = await processInfo(t.pid as Pid);
    assert.equal(info?.parent, self());
    assert.equal(info?.label, "compute");
    assert.deepEqual(info?.links, [self()]);
    await task.shutdown(t);
  });
});

test("a task has its own mailbox and can receive", async () => {
  await run(async () => {
    const t = task.async(() => receive());
    send(t.pid as Pid, "hello");
    assert.equal(await task.await(t), "hello");
  });
});

test("a proc can be a task, and a server, which never ends by itself, cannot", async () => {
  await run(async () => {
    trapExit(true);
    const adder = proc(async (a: number, b: number) => a + b);
    assert.equal(await task.await(task.async(adder, [1, 2])), 3);
    const server = genServer({ init: (start: number) => start });
    await assert.rejects(task.await(task.async(server, [1])), hasCode(ErrorCode.callFailed));
  });
});

test("several tasks can be awaited at once, and a result again", async () => {
  await run(async () => {
    const tasks = [3, 1, 2].map((n) => task.async(square, [n]));
    assert.deepEqual(await Promise.all(tasks.map((t) => task.await(t))), [9, 1, 4]);
    assert.deepEqual(await Promise.all(tasks.map((t) => task.await(t))), [9, 1, 4]);
  });
});

test("a task that crashes takes its owner along", async () => {
  await run(async () => {
    const reason = await endOfRunning(async () => {
      task.async(async () => exit("boom"));
      await never();
    });
    assert.equal(reason, "boom");
  });
});

test("an owner that ends abnormally takes its task along, one that ends normally does not", async () => {
  await run(async () => {
    const me = self();
    const owner = (end: string) => async () => {
      const t = task.async(async () => {
        send(me, self());
        return await receive();
      });
      await receive((message) => message === "end", 5000);
      return t.pid === null ? "" : exit(end);
    };
    const [crashing, normal] = [spawn(owner("crash"), []), spawn(owner("normal"), [])];
    const [first, second] = [(await receive()) as Pid, (await receive()) as Pid];
    const firstEnd = endOf(first);
    send(crashing, "end");
    assert.equal(await firstEnd, "crash");
    const normalEnd = endOf(normal);
    send(normal, "end");
    assert.equal(await normalEnd, "normal");
    assert.notEqual(await processInfo(second), undefined);
    send(second, "go on");
    assert.equal(await endOf(second), "normal");
  });
});

test("an error in the function is the task's reason; await throws callFailed with it as the cause", async () => {
  await run(async () => {
    trapExit(true);
    const t = task.async(() => {
      throw new TypeError("no");
    });
    await assert.rejects(task.await(t), (error: RuntimeError) => {
      assert.equal(error.code, ErrorCode.callFailed);
      assert.ok(isErrorReason(error.cause) && error.cause.name === "TypeError");
      return true;
    });
    const exited = await receive(isExit);
    assert.equal(exited.from, t.pid);
  });
});

test("a task that is killed has ended with killed", async () => {
  await run(async () => {
    trapExit(true);
    const t = task.async(never);
    kill(t.pid as Pid);
    assert.deepEqual(await task.yield(t), ["exit", "killed"]);
  });
});

test("uncaught, a failed await ends the owner with the task's reason and where it was waited for", async () => {
  await run(async () => {
    let pid: Pid | null = null;
    const reason = await endOfRunning(async () => {
      trapExit(true);
      const t = task.async(async () => exit("oops"));
      pid = t.pid;
      await task.await(t, 1000);
    });
    assert.deepEqual(reason, ["oops", ["task", "await", pid, 1000]]);
  });
});

test("an await that times out ends the owner with timeout", async () => {
  await run(async () => {
    let pid: Pid | null = null;
    const reason = await endOfRunning(async () => {
      const t = task.async(never);
      pid = t.pid;
      await task.await(t, 1);
    });
    assert.deepEqual(reason, ["timeout", ["task", "await", pid, 1]]);
  });
});

test("after an await that timed out the task goes on, its answer is dropped and leaves no message", async () => {
  await run(async () => {
    const t = task.async(() => receive());
    await assert.rejects(task.await(t, 1), hasCode(ErrorCode.callTimeout));
    const pid = t.pid as Pid;
    assert.deepEqual((await processInfo(pid))?.links, [self()]);
    assert.equal((await processInfo(pid))?.monitoredBy.length, 1); // by the question itself
    send(pid, "late");
    assert.equal(await endOf(pid), "normal");
    assert.equal(await task.yield(t, 50), null);
    await assert.rejects(task.await(t, 50), hasCode(ErrorCode.callTimeout));
    assert.equal(await receive(() => true, 0), timeout);
  });
});

test("only the owner may ask for a task, and a copy of one is none", async () => {
  await run(async () => {
    const t = task.async(square, [2]);
    const refused = spawnMonitor(async () => {
      const asks = [
        () => task.await(t),
        () => task.yield(t),
        () => task.awaitMany([t]),
        () => task.yieldMany([t]),
        () => task.shutdown(t),
        () => task.ignore(t),
      ];
      for (const ask of asks) await assert.rejects(ask(), hasCode(ErrorCode.badArgument));
      assert.throws(() => task.deliver(t), hasCode(ErrorCode.badArgument));
    }, []);
    const down = await receive(isDown);
    assert.deepEqual([down.ref, down.reason], [refused.ref, "normal"]);
    await assert.rejects(task.await({ ...t } as typeof t), hasCode(ErrorCode.badArgument));
    assert.equal(await task.await(t), 4);
  });
});

test("a task that crashes while nobody awaits it harms nobody who is not linked", async () => {
  await run(async () => {
    trapExit(true);
    const t = task.async(async () => exit("alone"));
    assert.equal((await receive(isExit)).reason, "alone");
    assert.deepEqual(await task.yield(t), ["exit", "alone"]);
  });
});

test("a closure cannot be placed on another thread, and is told so before anything starts", async () => {
  await run(async () => {
    const secret = 1;
    const start = (): unknown => task.async(() => secret, [], { scheduler: "least_loaded" });
    assert.throws(start, (error: RuntimeError) => {
      assert.equal(error.code, ErrorCode.unknownDefinition);
      assert.match(error.message, /export it there/i);
      return true;
    });
    assert.throws(() => task.async(7 as unknown as string), hasCode(ErrorCode.badArgument));
  });
});

// ---- start, startLink, completed ----

test("start runs a task on its own, startLink one that is linked", async () => {
  await run(async () => {
    const me = self();
    const alone = task.start((word: string) => send(me, word), ["started"]);
    assert.equal(await receive(), "started");
    assert.notEqual(alone, me);
    assert.deepEqual(await endOfRunning(async () => [task.startLink(() => exit("linked")), await never()]), "linked");
    assert.equal(
      await endOfRunning(async () => [task.start(() => exit("alone")), await receive(() => true, 20)]),
      "normal",
    );
  });
});

test("completed is a task with a result and no process", async () => {
  await run(async () => {
    const t = task.completed("here");
    assert.equal(t.pid, null);
    assert.equal(await task.await(t), "here");
    assert.deepEqual(await task.yield(t), ["ok", "here"]);
    assert.deepEqual(await task.shutdown(t), ["ok", "here"]);
    assert.deepEqual(await task.awaitMany([t, task.async(square, [3])] as const), ["here", 9]);
  });
});

// ---- awaitMany ----

test("awaitMany answers in the order of the tasks, whatever the order of their ends", async () => {
  await run(async () => {
    const slow = task.async(() => receive());
    const fast = task.async(async () => send(slow.pid as Pid, "after fast"));
    assert.deepEqual(await task.awaitMany([slow, fast]), ["after fast", undefined]);
    assert.deepEqual(await task.awaitMany([]), []);
  });
});

test("awaitMany fails as soon as one task has ended, and gives the others up", async () => {
  await run(async () => {
    trapExit(true);
    const slow = task.async(() => receive());
    const bad = task.async(async () => exit("bad"));
    await assert.rejects(task.awaitMany([slow, bad]), (error: RuntimeError) => {
      assert.equal(error.code, ErrorCode.callFailed);
      assert.deepEqual(error.exitReason, ["bad", ["task", "awaitMany", [slow.pid, bad.pid], 5000]]);
      return true;
    });
    send(slow.pid as Pid, "late");
    assert.equal(await endOf(slow.pid as Pid), "normal");
    assert.equal(await task.yield(slow, 10), null);
  });
});

test("awaitMany has one time for all", async () => {
  await run(async () => {
    const tasks = [task.async(square, [2]), task.async(never)];
    await assert.rejects(task.awaitMany(tasks, 5), hasCode(ErrorCode.callTimeout));
    for (const t of tasks) await task.shutdown(t);
  });
});

// ---- yield, yieldMany, deliver ----

test("yield answers null while the task goes on, and can be asked again", async () => {
  await run(async () => {
    const t = task.async(() => receive());
    assert.equal(await task.yield(t, 1), null);
    assert.equal(await task.yield(t, 0), null);
    send(t.pid as Pid, 1);
    assert.deepEqual(await task.yield(t), ["ok", 1]);
    const monitors = (await processInfo(self()))?.monitors;
    assert.deepEqual(monitors, [self()]); // by the question itself
  });
});

test("yieldMany gives each task its result, or null past the time", async () => {
  await run(async () => {
    trapExit(true);
    const done = task.async(square, [2]);
    const gone = task.async(async () => exit("gone"));
    const slow = task.async(() => receive());
    for (const t of [done, gone]) await endOf(t.pid as Pid);
    assert.deepEqual(await task.yieldMany([done, slow, gone], { timeoutMs: 20 }), [
      [done, ["ok", 4]],
      [slow, null],
      [gone, ["exit", "gone"]],
    ]);
    send(slow.pid as Pid, "still there");
    assert.deepEqual(await task.yieldMany([slow]), [[slow, ["ok", "still there"]]]);
  });
});

test("yieldMany returns as soon as the limit is reached, and leaves the others as they are", async () => {
  await run(async () => {
    const slow = task.async(() => receive());
    const [first, second] = [task.completed(1), task.completed(2)];
    const results = await task.yieldMany([slow, first, second] as const, { limit: 1, onTimeout: "kill_task" });
    assert.deepEqual(
      results.map(([, result]) => result),
      [null, ["ok", 1], null],
    );
    send(slow.pid as Pid, "alive");
    assert.equal(await task.await(slow), "alive");
    await assert.rejects(task.yieldMany([first], { limit: 0 }), hasCode(ErrorCode.badOption));
  });
});

test("yieldMany kills or ignores those past the time, as it is told", async () => {
  await run(async () => {
    const [killed, ignored] = [task.async(never), task.async(() => receive())];
    assert.deepEqual(await task.yieldMany([killed], { timeoutMs: 1, onTimeout: "kill_task" }), [[killed, null]]);
    assert.equal(await processInfo(killed.pid as Pid), undefined);
    assert.deepEqual(await task.yieldMany([ignored], { timeoutMs: 1, onTimeout: "ignore" }), [[ignored, null]]);
    assert.deepEqual((await processInfo(ignored.pid as Pid))?.links, []);
    kill(ignored.pid as Pid);
  });
});

test("deliver has the result come to a server as a message between others", async () => {
  await run(async () => {
    const server = genServer({
      init: () => ({ results: [] as unknown[], waiting: 0 }),
      handleCall: {
        start: (n: number, state) => {
          const t = task.async(square, [n]);
          task.deliver(t);
          return reply(t.ref, { ...state, waiting: state.waiting + 1 });
        },
        results: (_: undefined, state) => reply(state.results),
      },
      handleInfo: (message, state) =>
        isTaskMessage(message) ? noreply({ ...state, results: [...state.results, message] }) : undefined,
    });
    const [, pid] = await server.startLink();
    const ref = await call(pid as Pid, "start", 5);
    let results: unknown = [];
    while ((results as unknown[]).length === 0) results = await call(pid as Pid, "results");
    assert.deepEqual(results, [{ tag: "task", ref, result: ["ok", 25] }]);
  });
});

// ---- shutdown, ignore ----

test("shutdown ends the task, and its owner is not told of it", async () => {
  await run(async () => {
    trapExit(true);
    const t = task.async(never);
    assert.equal(await task.shutdown(t), null);
    assert.equal(await processInfo(t.pid as Pid), undefined);
    assert.equal(await receive(() => true, 0), timeout);
  });
});

test("shutdown answers the result if there is one, or why there is none", async () => {
  await run(async () => {
    trapExit(true);
    const done = task.async(square, [2]);
    await endOf(done.pid as Pid);
    assert.deepEqual(await task.shutdown(done), ["ok", 4]);
    const gone = task.async(async () => exit("gone"));
    await endOf(gone.pid as Pid);
    assert.deepEqual(await task.shutdown(gone), ["exit", "gone"]);
    const stopped = task.async(async () => exit("shutdown"));
    await endOf(stopped.pid as Pid);
    assert.equal(await task.shutdown(stopped), null);
  });
});

/** A task that traps exits, and does `then` when it is to shut down. */
const trapping = (then: () => unknown) => async (): Promise<unknown> => {
  trapExit(true);
  send(await receive<Pid>((message): message is Pid => typeof message === "string"), "trapping");
  await receive(isExit);
  return then();
};

test("a task that traps exits may answer while it shuts down", async () => {
  await run(async () => {
    const t = task.async(trapping(() => "last words"));
    send(t.pid as Pid, self());
    await receive();
    assert.deepEqual(await task.shutdown(t), ["ok", "last words"]);
  });
});

test("a task that does not obey shutdown in time is killed, and that is an exit; brutal_kill is what was asked for", async () => {
  await run(async () => {
    for (const [how, expected] of [
      [1, ["exit", "killed"]],
      ["brutal_kill", null],
    ] as const) {
      const t = task.async(trapping(never));
      send(t.pid as Pid, self());
      await receive();
      assert.deepEqual(await task.shutdown(t, how), expected);
    }
  });
});

test("shutdown of a task that was given up says noproc once it is gone", async () => {
  await run(async () => {
    const t = task.async(() => receive());
    await assert.rejects(task.await(t, 1), hasCode(ErrorCode.callTimeout));
    send(t.pid as Pid, "end");
    await endOf(t.pid as Pid);
    assert.deepEqual(await task.shutdown(t), ["exit", "noproc"]);
  });
});

test("ignore unlinks, answers what is there already, and drops the rest", async () => {
  await run(async () => {
    const done = task.async(square, [2]);
    await endOf(done.pid as Pid);
    assert.deepEqual(await task.ignore(done), ["ok", 4]);
    const slow = task.async(async () => exit((await receive()) as string));
    assert.equal(await task.ignore(slow), null);
    send(slow.pid as Pid, "crash");
    assert.equal(await endOf(slow.pid as Pid), "crash");
    assert.equal(await task.yield(slow, 10), null);
  });
});
