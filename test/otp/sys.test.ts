import assert from "node:assert/strict";
import { test } from "node:test";
import { isDown, isExit } from "../../src/core/messages.js";
import { isPid, type Pid } from "../../src/core/pid.js";
import { dynamicSupervisor } from "../../src/otp/dynamic-supervisor.js";
import { genServer } from "../../src/otp/gen-server.js";
import { call, cast, stopServer } from "../../src/otp/gen-server-calls.js";
import { noreply, ok, reply, stop } from "../../src/otp/results.js";
import type { StartResult } from "../../src/otp/start.js";
import { supervisor } from "../../src/otp/supervisor.js";
import { startChild, whichChildren } from "../../src/otp/supervisor-api.js";
import type { SupervisorState } from "../../src/otp/supervisor-state.js";
import { sys } from "../../src/otp/sys.js";
import type { SystemEvent } from "../../src/otp/sys-events.js";
import { formatReport } from "../../src/runtime/format-report.js";
import {
  dictionary,
  exit,
  monitor,
  receive,
  replyTo,
  self,
  send,
  spawn,
  spawnLink,
  timeout,
  trapExit,
} from "../../src/runtime/process.js";
import { inline } from "../support/inline.js";
import { withThreads } from "../support/threads.js";

const Counter = genServer({
  init: (to: Pid) => {
    dictionary().set("started by", to);
    return { count: 0, to };
  },
  handleCall: {
    add: (by: number, state) => {
      state.count += by;
      return reply(state.count);
    },
    later: (_: undefined, _state, from) => {
      setImmediate(() => replyTo(from, "later"));
      return noreply();
    },
    bye: () => stop("normal", { reply: "bye" }),
  },
  handleCast: {
    set: (to: number, state) => noreply({ ...state, count: to }),
    trap: () => {
      trapExit(true);
    },
    slow: async (what: unknown, state) => {
      await new Promise(setImmediate);
      send(state.to, what);
    },
  },
  handleInfo: (message, state) => send(state.to, message),
  terminate: (reason, state) => send(state.to, ["terminated", reason]),
});

function started(result: StartResult): Pid {
  assert.equal(result[0], "ok", JSON.stringify(result));
  return result[1] as Pid;
}

const startCounter = async (): Promise<Pid> => started(await Counter.start(self()));

async function downOf(pid: Pid): Promise<unknown> {
  const ref = monitor(pid);
  const down = await receive((message) => isDown(message) && message.ref === ref, 2000);
  assert.ok(isDown(down), "the process did not end");
  return down.reason;
}

/** Nothing has come. Asked after an answer, so that what was to come would have come. */
async function nothingCame(): Promise<void> {
  assert.equal(await receive(() => true, 0), timeout);
}

// ---- states ----

test("getState shows the state, by pid and by name; replaceState puts another one in its place, or makes it of the old", async () => {
  await inline().run(async () => {
    const pid = started(await Counter.start(self(), { name: "counter" }));
    await call(pid, "add", 2);
    assert.deepEqual(await sys.getState("counter"), { count: 2, to: self() });
    assert.deepEqual(await sys.replaceState(pid, { count: 10, to: self() }), { count: 10, to: self() });
    assert.equal(await call(pid, "add", 1), 11);
    const doubled = await sys.replaceState(pid, (state: unknown) => {
      const { count, to } = state as { readonly count: number; readonly to: Pid };
      return { count: count * 2, to };
    });
    assert.deepEqual(doubled, { count: 22, to: self() });
    assert.equal(await call(pid, "add", 1), 23);
  });
});

test("a function of replaceState that throws, or is async, leaves the state as it was, and the process alive", async () => {
  await inline().run(async () => {
    const pid = await startCounter();
    const fails = (): never => {
      throw new Error("no idea");
    };
    await assert.rejects(sys.replaceState(pid, fails), { code: "JOIST_BAD_ARGUMENT", message: /no idea/ });
    await assert.rejects(
      sys.replaceState(pid, async () => 1),
      { code: "JOIST_BAD_ARGUMENT", message: /promise/ },
    );
    assert.equal(await call(pid, "add", 1), 1);
  });
});

test("asking waits for what came before, also for an async callback that is not done", async () => {
  await inline().run(async () => {
    const pid = await startCounter();
    cast(pid, "slow", "done");
    cast(pid, "set", 5);
    assert.deepEqual(await sys.getState(pid), { count: 5, to: self() });
    assert.equal(await receive(() => true, 0), "done");
  });
});

test("nobody there, no answer in time, and oneself: as with call", async () => {
  await inline().run(async () => {
    const gone = await startCounter();
    await stopServer(gone);
    await assert.rejects(sys.getState(gone), { code: "JOIST_CALL_FAILED" });
    await assert.rejects(sys.getState("nobody"), { code: "JOIST_CALL_FAILED" });
    await assert.rejects(sys.getState(self()), { code: "JOIST_CALL_FAILED" });
    const deaf = spawn(async () => receive(() => false), []);
    await assert.rejects(sys.getState(deaf, 5), { code: "JOIST_CALL_TIMEOUT" });
  });
});

test("getStatus tells what a process is, what it does, and its state, described", async () => {
  await inline().run(async () => {
    const pid = await startCounter();
    await sys.trace(pid, self());
    await sys.log(pid, 3);
    await sys.statistics(pid, true);
    await sys.suspend(pid);
    assert.deepEqual(await sys.getStatus(pid), {
      ...{ pid, kind: "genServer", status: "suspended", parent: self() },
      debug: { trace: self(), log: 3, statistics: true },
      dictionary: [["started by", self()]],
      state: { count: 0, to: self() },
    });
    await sys.resume(pid);
    assert.equal((await sys.getStatus(pid)).status, "running");
  });
});

// ---- suspend ----

test("a suspended process answers system messages only; resumed, it goes on in order", async () => {
  await inline().run(async () => {
    const pid = await startCounter();
    await sys.suspend(pid);
    await sys.suspend(pid);
    const answer = call(pid, "add", 1);
    for (let i = 0; i < 3; i++) send(pid, i);
    cast(pid, "set", 100);
    send(pid, "last");
    assert.deepEqual(await sys.getState(pid), { count: 0, to: self() });
    await sys.replaceState(pid, { count: 7, to: self() });
    await nothingCame();
    await sys.resume(pid);
    await sys.resume(pid);
    assert.equal(await answer, 8);
    const got: unknown[] = [];
    while (got.length < 4) got.push(await receive());
    assert.deepEqual(got, [0, 1, 2, "last"]);
    assert.deepEqual(await sys.getState(pid), { count: 100, to: self() });
  });
});

test("a suspended process can be stopped, terminated, and killed; its parent's end is its own", async () => {
  await inline().run(async () => {
    trapExit(true);
    const suspended = async (pid: Pid): Promise<Pid> => {
      await sys.suspend(pid);
      return pid;
    };
    const isTerminated = (message: unknown): boolean => Array.isArray(message) && message[0] === "terminated";
    await stopServer(await suspended(await startCounter()), "shutdown");
    assert.deepEqual(await receive(isTerminated), ["terminated", "shutdown"]);

    const terminated = await suspended(await startCounter());
    await sys.terminate(terminated, "because");
    assert.deepEqual(await receive(isTerminated), ["terminated", "because"]);
    assert.ok(["because", "noproc"].includes((await downOf(terminated)) as string));

    const killed = await suspended(await startCounter());
    exit(killed, "kill");
    assert.equal(await downOf(killed), "noproc");

    const child = started(await Counter.startLink(self()));
    cast(child, "trap");
    await suspended(child);
    exit(child, "parent says so");
    assert.deepEqual(await receive(isTerminated), ["terminated", "parent says so"]);
    assert.ok(isExit(await receive(isExit, 2000)));
  });
});

test("the exit of another process than the parent waits until the process is resumed", async () => {
  await inline().run(async () => {
    const pid = await startCounter();
    cast(pid, "trap");
    await sys.suspend(pid);
    const stranger = spawn(async () => exit(pid, "hello"), []);
    await downOf(stranger);
    await sys.getState(pid);
    await nothingCame();
    await sys.resume(pid);
    assert.deepEqual(await receive(), { tag: "EXIT", from: stranger, reason: "hello" });
  });
});

test("sys.terminate runs terminate, after it was answered", async () => {
  await inline().run(async () => {
    const pid = await startCounter();
    const ref = monitor(pid);
    await sys.terminate(pid, ["shutdown", "enough"]);
    assert.deepEqual(await receive(Array.isArray as (message: unknown) => boolean), [
      "terminated",
      ["shutdown", "enough"],
    ]);
    assert.deepEqual(await receive(isDown), { tag: "DOWN", ref, from: pid, reason: ["shutdown", "enough"] });
  });
});

test("an idle timeout begins anew after a system message, and does not run while the process is suspended", async () => {
  const Idle = genServer({
    init: (to: Pid) => ok({ to }, { timeoutMs: 20 }),
    handleInfo: (message, { to }) => send(to, message),
  });
  await inline().run(async () => {
    const pid = started(await Idle.start(self()));
    await sys.getState(pid);
    assert.equal(await receive(() => true, 2000), "timeout");
    const other = started(await Idle.start(self()));
    await sys.suspend(other);
    await receive(() => false, 60);
    await nothingCame();
    await sys.resume(other);
    assert.equal(await receive(() => true, 2000), "timeout");
  });
});

// ---- debugging ----

test("a process that traces gets in, out and noreply, with the states of those moments, until it says otherwise", async () => {
  await inline().run(async () => {
    const pid = await startCounter();
    const main = self();
    const state = (count: number) => ({ count, to: main });
    await sys.trace(pid, main);
    await call(pid, "add", 2);
    cast(pid, "set", 9);
    cast(pid, "slow", "slow");
    await call(pid, "later");
    await sys.trace(pid, false);
    await call(pid, "add", 1);
    const events: SystemEvent[] = [];
    for (;;) {
      const message = await receive(sys.isTrace, 0);
      if (message === timeout) break;
      assert.equal(message.from, pid);
      events.push(message.event);
    }
    const withoutRefs = events.map((event) =>
      event.tag === "in" && (event.message as unknown[])[0] === "$call"
        ? { ...event, message: (event.message as unknown[]).with(2, "ref") }
        : event,
    );
    assert.deepEqual(withoutRefs, [
      { tag: "in", message: ["$call", main, "ref", "add", 2] },
      { tag: "out", message: 2, to: main, state: state(2) },
      { tag: "in", message: ["$cast", "set", 9] },
      { tag: "noreply", state: state(9) },
      { tag: "in", message: ["$cast", "slow", "slow"] },
      { tag: "noreply", state: state(9) },
      { tag: "in", message: ["$call", main, "ref", "later", undefined] },
      { tag: "noreply", state: state(9) },
    ]);
  });
});

test("the answer of a stop is an event too", async () => {
  await inline().run(async () => {
    const pid = await startCounter();
    await sys.trace(pid, self());
    assert.equal(await call(pid, "bye"), "bye");
    await downOf(pid);
    const tags: string[] = [];
    for (let message = await receive(sys.isTrace, 0); message !== timeout; message = await receive(sys.isTrace, 0)) {
      tags.push(message.event.tag);
    }
    assert.deepEqual(tags, ["in", "out"]);
  });
});

test("the end of the process that traces ends the trace, and nobody else hears of it", async () => {
  await inline().run(async () => {
    const pid = await startCounter();
    const tracer = spawn(async () => {
      await sys.trace(pid, self());
    }, []);
    await downOf(tracer);
    send(pid, "hello");
    assert.equal(await receive(), "hello");
    assert.equal((await sys.getStatus(pid)).debug.trace, false);
    await nothingCame();
  });
});

test("trace(…, true) prints readable lines by way of the reporter", async () => {
  const { run, reports } = inline();
  const pids = await run(async () => {
    const pid = started(await Counter.start(self(), { name: "counter" }));
    await sys.trace(pid, true);
    await call(pid, "add", 2);
    cast(pid, "set", 9);
    send(pid, { some: "info" });
    await receive();
    await sys.trace(pid, false);
    return { pid, main: self() };
  });
  const { pid, main } = pids;
  assert.deepEqual(
    reports.map((report) => formatReport(report).replace(/^\[joist\] \S+ /, "")),
    [
      `*DBG* counter ${pid} got call add 2 from ${main}`,
      `*DBG* counter ${pid} sent 2 to ${main}, new state { count: 2, to: '${main}' }`,
      `*DBG* counter ${pid} got cast set 9`,
      `*DBG* counter ${pid} new state { count: 9, to: '${main}' }`,
      `*DBG* counter ${pid} got { some: 'info' }`,
      `*DBG* counter ${pid} new state { count: 9, to: '${main}' }`,
    ],
  );
});

test("a giant state makes no giant line", async () => {
  const { run, reports } = inline();
  await run(async () => {
    const pid = await startCounter();
    await sys.replaceState(pid, { count: Array.from({ length: 10_000 }, () => "long ".repeat(1000)), to: self() });
    await sys.trace(pid, true);
    send(pid, 1);
    await receive();
    await sys.trace(pid, false);
  });
  assert.equal(reports.length, 2);
  for (const report of reports)
    assert.ok(JSON.stringify(report).length < 100_000 && formatReport(report).length < 1200);
});

test("a function can trace a process of its own thread; one that throws is dropped and hurts nobody", async () => {
  const { run, reports } = inline();
  await run(async () => {
    const pid = await startCounter();
    const tags: string[] = [];
    await sys.trace(pid, (event) => tags.push(event.tag));
    await call(pid, "add", 1);
    assert.deepEqual(tags, ["in", "out"]);
    await sys.trace(pid, () => {
      throw new Error("bad sink");
    });
    assert.equal(await call(pid, "add", 1), 2);
    assert.equal((await sys.getStatus(pid)).debug.trace, false);
  });
  assert.match(reports[0]?.tag === "notice" ? reports[0].message : "", /bad sink/);
});

test("statistics count from when they were asked for", async () => {
  await inline().run(async () => {
    const pid = await startCounter();
    await call(pid, "add", 1);
    assert.equal(await sys.statistics(pid, "get"), undefined);
    await sys.statistics(pid, true);
    await call(pid, "add", 1);
    cast(pid, "set", 1);
    const counted = await sys.statistics(pid, "get");
    assert.deepEqual([counted?.messagesIn, counted?.messagesOut], [2, 1]);
    assert.ok(counted !== undefined && counted.nowMs >= counted.startedAtMs);
    await sys.statistics(pid, false);
    assert.equal(await sys.statistics(pid, "get"), undefined);
  });
});

test("the log keeps the last events, ten unless told otherwise, and prints them on demand", async () => {
  const { run, reports } = inline();
  await run(async () => {
    const pid = await startCounter();
    const kept = async (): Promise<unknown[]> =>
      (await sys.log(pid, "get")).map((event) => (event.tag === "in" ? (event.message as unknown[])[2] : event.tag));
    await sys.log(pid, true);
    for (let i = 0; i < 20; i++) cast(pid, "set", i);
    assert.deepEqual(
      await kept(),
      [15, 16, 17, 18, 19].flatMap((i) => [i, "noreply"]),
    );
    await sys.log(pid, 2);
    assert.deepEqual(await kept(), [19, "noreply"]);
    cast(pid, "set", 20);
    assert.deepEqual(await kept(), [20, "noreply"]);
    await sys.log(pid, "print");
    await sys.log(pid, false);
    assert.deepEqual(await kept(), []);
  });
  assert.deepEqual(
    reports.map((report) => report.tag === "trace" && report.text.slice(0, 12)),
    ["got cast set", "new state { "],
  );
});

test("misuse is refused where it happens", async () => {
  await inline().run(async () => {
    const pid = await startCounter();
    await assert.rejects(sys.log(pid, -1), { code: "JOIST_BAD_ARGUMENT" });
    await assert.rejects(sys.log(pid, 1e9), { code: "JOIST_BAD_ARGUMENT" });
    await assert.rejects(sys.trace(pid, pid), { code: "JOIST_BAD_ARGUMENT" });
    assert.equal(await call(pid, "add", 1), 1);
    await assert.rejects(sys.trace(pid, "counter" as Pid), { code: "JOIST_BAD_ARGUMENT" });
  });
});

// ---- supervisors ----

test("a supervisor's state has its children; suspended, it restarts nobody until it is resumed", async () => {
  const Worker = genServer({ init: () => ({}), handleCast: { end: () => stop("boom") } });
  await inline().run(async () => {
    trapExit(true);
    const sup = started(await supervisor({ children: [Worker.child(undefined, { id: "a" })] }).startLink());
    const before = (await sys.getState(sup)) as SupervisorState;
    const [child] = before.children;
    assert.ok(child !== undefined && isPid(child.pid) && child.spec.id === "a");
    assert.equal((await sys.getStatus(sup)).kind, "supervisor");
    await sys.suspend(sup);
    cast(child.pid, "end");
    await downOf(child.pid);
    assert.equal(((await sys.getState(sup)) as SupervisorState).children[0]?.pid, child.pid);
    await sys.resume(sup);
    const [after] = await whichChildren(sup);
    assert.ok(isPid(after?.pid) && after.pid !== child.pid);

    const limit = { ...before.flags, maxRestarts: 0 };
    const state = (await sys.getState(sup)) as SupervisorState;
    await sys.replaceState(sup, { ...state, flags: limit });
    cast(after.pid, "end");
    assert.ok(isExit(await receive((message) => isExit(message) && message.from === sup, 2000)));
  });
});

test("what can't be a supervisor's state is refused, and it lives on", async () => {
  await inline().run(async () => {
    const sup = started(await supervisor({ children: [] }).startLink());
    const pool = started(await dynamicSupervisor().startLink());
    for (const bad of [{}, { children: [1] }, { children: new Map([["x", 1]]) }, null, undefined]) {
      await assert.rejects(sys.replaceState(sup, bad), { code: "JOIST_BAD_ARGUMENT" });
      await assert.rejects(sys.replaceState(pool, bad), { code: "JOIST_BAD_ARGUMENT" });
    }
    assert.deepEqual(await whichChildren(sup), []);
    assert.deepEqual(await whichChildren(pool), []);
  });
});

test("a dynamic supervisor can be traced, looked at and changed; a suspended one ends with its parent", async () => {
  const Worker = genServer({ init: () => ({}) });
  await inline().run(async () => {
    trapExit(true);
    const pool = started(await dynamicSupervisor().startLink());
    await sys.log(pool, true);
    const [, pid] = await startChild(pool, Worker.child(undefined, { restart: "temporary" }));
    assert.deepEqual(
      (await sys.log(pool, "get")).map(({ tag }) => tag),
      ["in", "out"],
    );
    const state = (await sys.getState(pool)) as { readonly children: ReadonlyMap<Pid, unknown> };
    assert.deepEqual([...state.children.keys()], [pid]);
    await sys.replaceState(pool, { ...state, children: new Map() });
    assert.deepEqual(await whichChildren(pool), []);
    await sys.suspend(pool);
    exit(pool, "shutdown");
    const end = await receive((message) => isExit(message) && message.from === pool, 2000);
    assert.ok(isExit(end) && end.reason === "shutdown");
  });
});

// ---- across threads ----

const app = new URL("./sys-app.js", import.meta.url);

test("everything works from another thread; a function cannot get there, and that is said", async () => {
  await withThreads(
    {},
    async ({ run, reports }) => {
      await run(async () => {
        spawnLink("Counter", [3], { scheduler: 1, name: "counter" });
        assert.deepEqual(await sys.getState("counter"), { count: 3 });
        assert.deepEqual(await sys.replaceState("counter", { count: 5 }), { count: 5 });
        await assert.rejects(
          sys.replaceState("counter", (state: unknown) => state),
          { code: "JOIST_NOT_SENDABLE", message: /function.*another thread; give the new state/ },
        );
        await assert.rejects(
          sys.trace("counter", () => {}),
          { code: "JOIST_NOT_SENDABLE" },
        );
        await sys.trace("counter", self());
        await sys.suspend("counter");
        const answer = call("counter", "add", 1);
        assert.equal((await sys.getStatus("counter")).status, "suspended");
        await sys.resume("counter");
        assert.equal(await answer, 6);
        const events = [await receive(sys.isTrace, 2000), await receive(sys.isTrace, 2000)];
        assert.deepEqual(
          events.map((message) => sys.isTrace(message) && message.event.tag),
          ["in", "out"],
        );
        await sys.trace("counter", true);
        await call("counter", "add", 1);
        await sys.getState("counter");
      });
      assert.deepEqual(
        reports.map((report) => report.tag === "trace" && report.text.slice(0, 4)),
        ["got ", "sent"],
      );
    },
    app,
  );
});

test("a state that can't be copied is refused to other threads without harm, and getStatus describes it", async () => {
  await withThreads(
    {},
    async ({ run, reports }) => {
      await run(async () => {
        const pid = spawn("Closure", [undefined], { scheduler: 1 });
        await assert.rejects(sys.getState(pid), { code: "JOIST_NOT_SENDABLE", message: /getStatus/ });
        assert.deepEqual((await sys.getStatus(pid)).state, { callback: "[Function callback]" });
        await sys.log(pid, true);
        await sys.trace(pid, self());
        assert.equal(await call(pid, "ping"), "pong");
        assert.equal((await sys.log(pid, "get")).length, 2);
      });
      assert.deepEqual(reports, []);
    },
    app,
  );
});

test("supervisors of other threads show their children, with definitions by their keys", async () => {
  await withThreads(
    {},
    async ({ run }) => {
      await run(async () => {
        const tree = spawn("Tree", [undefined], { scheduler: 2 });
        const state = (await sys.getState(tree)) as SupervisorState;
        assert.deepEqual(
          state.children.map(({ spec }) => [spec.id, spec.start.definition]),
          [["a", "Counter"]],
        );
        await sys.replaceState(tree, state);
        const pool = spawn("Pool", [undefined], { scheduler: 2 });
        assert.deepEqual((await sys.getStatus(pool)).kind, "dynamicSupervisor");
        assert.ok(((await sys.getState(pool)) as { readonly children: unknown }).children instanceof Map);
      });
    },
    app,
  );
});
