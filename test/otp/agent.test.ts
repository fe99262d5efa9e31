import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode, type RuntimeError } from "../../src/core/errors.js";
import { isErrorReason } from "../../src/core/exit-reason.js";
import { isDown, isExit } from "../../src/core/messages.js";
import type { Pid } from "../../src/core/pid.js";
import { agent } from "../../src/otp/agent.js";
import { call } from "../../src/otp/gen-server-calls.js";
import { proc } from "../../src/otp/proc.js";
import { startProcess } from "../../src/otp/start.js";
import { supervisor } from "../../src/otp/supervisor.js";
import { whichChildren } from "../../src/otp/supervisor-api.js";
import { exit, kill, monitor, processInfo, receive, self, send, trapExit } from "../../src/runtime/process.js";
import { inline } from "../support/inline.js";
import { withThreads } from "../support/threads.js";
import { setPrice } from "./task-app.js";

const app = new URL("./task-app.js", import.meta.url);
const hasCode = (code: ErrorCode) => (error: RuntimeError) => error.code === code;
const add = (n: number, by: number): number => n + by;
const never = (): Promise<never> => receive(() => false) as Promise<never>;

/** Runs `body` with an agent that holds 1. */
async function withAgent(body: (pid: Pid) => Promise<void>): Promise<void> {
  await inline().run(async () => {
    trapExit(true);
    const [, pid] = await agent.startLink(() => 1);
    await body(pid as Pid);
  });
}

/** The reason `pid` ends with. */
async function endOf(pid: Pid): Promise<unknown> {
  const ref = monitor(pid);
  const down = await receive((message) => isDown(message) && message.ref === ref, 5000);
  assert.ok(isDown(down), `${pid} did not end`);
  return down.reason;
}

test("get answers what a function makes of the state, with its type", async () => {
  await withAgent(async (pid) => {
    const one: number = await agent.get(pid, (n: number) => n);
    const sum: number = await agent.get(pid, add, [4]);
    assert.deepEqual([one, sum], [1, 5]);
    assert.equal(await agent.get(pid, (n) => n), 1);
  });
});

test("functions run in the agent's process, one at a time, also those that await something", async () => {
  await withAgent(async (pid) => {
    assert.equal(await agent.get(pid, () => self()), pid);
    const slow = async (n: number): Promise<number> => {
      await new Promise(setImmediate);
      return n + 1;
    };
    await Promise.all([1, 2, 3].map(() => agent.update(pid, slow)));
    assert.equal(await agent.get(pid, async (n: number) => n), 4);
  });
});

test("update and cast make the next state; one that returns nothing keeps it, changed or not", async () => {
  await withAgent(async (pid) => {
    await agent.update(pid, add, [2]);
    agent.cast(pid, add, [3]);
    assert.equal(await agent.get(pid, (n: number) => n), 6);
    await agent.update(pid, () => ({ list: [1] }));
    await agent.update(pid, (state: { list: number[] }) => {
      state.list.push(2);
    });
    assert.deepEqual(await agent.get(pid, (state: { list: number[] }) => state.list), [1, 2]);
    await agent.update(pid, () => null);
    assert.equal(await agent.get(pid, (state: null) => state), null);
    agent.cast("nobody", add, [1]);
  });
});

test("getAndUpdate makes a reply and the next state in one", async () => {
  await withAgent(async (pid) => {
    const before: number = await agent.getAndUpdate(pid, (n: number, by: number) => [n, n * by] as const, [7]);
    assert.equal(before, 1);
    assert.equal(await agent.getAndUpdate(pid, async (n: number) => [n] as const), 7);
    assert.equal(await agent.get(pid, (n: number) => n), 7);
  });
});

test("a function of getAndUpdate that returns something else ends the agent", async () => {
  await withAgent(async (pid) => {
    const wrong = (() => 5) as unknown as (n: number) => readonly [number, number];
    await assert.rejects(agent.getAndUpdate(pid, wrong), hasCode(ErrorCode.callFailed));
    assert.deepEqual((await receive(isExit)).reason, ["bad_return_value", 5]);
  });
});

test("an error in a function ends the agent, and its caller sees the reason", async () => {
  await withAgent(async (pid) => {
    const failing = (): never => {
      throw new RangeError("no");
    };
    await assert.rejects(agent.get(pid, failing), (error: RuntimeError) => {
      assert.equal(error.code, ErrorCode.callFailed);
      assert.ok(isErrorReason(error.cause) && error.cause.name === "RangeError");
      return true;
    });
    await assert.rejects(async () => agent.get(pid, add, [1]), hasCode(ErrorCode.callFailed));
    await assert.rejects(async () => agent.update("nobody", add, [1]), hasCode(ErrorCode.callFailed));
  });
});

test("a call that times out fails its caller; the function runs to its end, and its reply is dropped", async () => {
  await withAgent(async (pid) => {
    const waits = async (): Promise<number> => receive((message) => message === "go").then(() => 9);
    await assert.rejects(agent.update(pid, waits, [], 1), hasCode(ErrorCode.callTimeout));
    send(pid, "go");
    assert.equal(await agent.get(pid, (n: number) => n), 9);
    assert.equal((await processInfo(self()))?.mailboxLength, 0);
  });
});

test("a start that fails is told: an error in the function, a taken name, a timeout", async () => {
  await inline().run(async () => {
    trapExit(true);
    const failed = await agent.start(() => {
      throw new Error("no");
    });
    assert.ok(failed[0] === "error" && isErrorReason(failed[1]) && failed[1].message === "no");
    const [, first] = await agent.start(async (n: number) => n, [3], { name: "three" });
    assert.deepEqual(await agent.start(() => 4, [], { name: "three" }), ["error", ["already_started", first]]);
    assert.equal(await agent.get("three", (n: number) => n), 3);
    assert.deepEqual(await agent.start(never, [], { timeoutMs: 1 }), ["error", "timeout"]);
  });
});

test("startLink links the agent, start does not", async () => {
  await withAgent(async (linked) => {
    const [, free] = await agent.start(() => 1);
    assert.deepEqual((await processInfo(linked))?.links, [self()]);
    assert.deepEqual((await processInfo(free as Pid))?.links, []);
    kill(linked);
    assert.equal((await receive(isExit)).reason, "killed");
  });
});

test("stop ends an agent with a reason, normal unless told otherwise", async () => {
  await withAgent(async (pid) => {
    const end = endOf(pid);
    await agent.stop(pid, "shutdown");
    assert.equal(await end, "shutdown");
    const [, other] = await agent.start(() => 1);
    await agent.stop(other as Pid);
    await assert.rejects(agent.stop(other as Pid), hasCode(ErrorCode.callFailed));
  });
});

test("a kind of agent is supervised by its child specification, and restarted with a fresh state", async () => {
  await inline().run(async () => {
    trapExit(true);
    const counter = agent((start: number) => start);
    const tree = supervisor({ children: [counter.child([5], { name: "counter" })] });
    const [, root] = await tree.startLink();
    await agent.update("counter", add, [1]);
    assert.equal(await agent.get("counter", (n: number) => n), 6);
    await assert.rejects(
      agent.update("counter", () => exit("crash")),
      hasCode(ErrorCode.callFailed),
    );
    assert.equal((await whichChildren(root as Pid)).length, 1); // behind the restart
    assert.equal(await agent.get("counter", (n: number) => n), 5);
    const [, own] = await counter.start([8]);
    assert.equal(await agent.get(own as Pid, (n: number) => n), 8);
  });
});

test("an agent runs functions only", async () => {
  await withAgent(async (pid) => {
    const notOne = proc(async () => {}) as unknown as (n: number) => number;
    await assert.rejects(agent.get(pid, notOne), hasCode(ErrorCode.callFailed));
    await assert.rejects(async () => agent.get(pid, 7 as unknown as string), hasCode(ErrorCode.badArgument));
  });
});

// ---- across threads ----

test("agents run on any thread, made and used by functions that the application module exports", async () => {
  await withThreads(
    { schedulers: 2 },
    async ({ run }) => {
      await run(async () => {
        trapExit(true);
        await startProcess("Prices", ["EUR"], { link: true, scheduler: 1, name: "prices" });
        await agent.update("prices", "setPrice", ["tea", 3]);
        assert.equal(await agent.get("prices", "priceOf", ["tea"]), 3);
        const [, asker] = await startProcess("Asker", [], { link: true, scheduler: 2 });
        assert.equal(await call(asker as Pid, "price", "milk"), 5);
        const [, square] = await agent.startLink("square", [4], { scheduler: "least_loaded" });
        assert.equal(
          await agent.getAndUpdate(square as Pid, "square").catch((error: RuntimeError) => error.code),
          ErrorCode.callFailed,
        );
      });
    },
    app,
  );
});

test("a closure for an agent on another thread is refused at once, and the agent lives on", async () => {
  await withThreads(
    { schedulers: 2 },
    async ({ run }) => {
      await run(async () => {
        const [, pid] = await startProcess("Prices", ["EUR"], { link: false, scheduler: 1, name: "prices" });
        const refused = (error: RuntimeError): boolean => {
          assert.equal(error.code, ErrorCode.unknownDefinition);
          assert.match(error.message, /cannot run on another thread.*[Ee]xport it.*give its key.*genServer/);
          return true;
        };
        assert.throws(() => agent.get("prices", (state: unknown) => state), refused);
        // Exported, but this is the main thread, which does not load the application: it knows keys only.
        await assert.rejects(agent.update("prices", setPrice, ["tea", 3]), refused);
        assert.throws(() => agent.cast("prices", (state: unknown) => state), refused);
        await assert.rejects(
          agent.start(() => 1, [], { scheduler: 1 }),
          refused,
        );
        assert.notEqual(await processInfo(pid as Pid), undefined);
      });
    },
    app,
  );
});
