/** `sys` with the behaviours that are no plain server. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isDown } from "../../src/core/messages.js";
import type { Pid } from "../../src/core/pid.js";
import { agent } from "../../src/otp/agent.js";
import { registry } from "../../src/otp/registry.js";
import { registryService } from "../../src/otp/registry-service.js";
import { reply } from "../../src/otp/results.js";
import type { StartResult } from "../../src/otp/start.js";
import { stateMachine } from "../../src/otp/state-machine.js";
import { postpone, stateTimeout } from "../../src/otp/state-machine-actions.js";
import { keepStateAndData, nextState, stopAndReply } from "../../src/otp/state-machine-results.js";
import { sys } from "../../src/otp/sys.js";
import type { SystemEvent } from "../../src/otp/sys-events.js";
import { exit, monitor, receive, self, send, spawn, timeout, trapExit } from "../../src/runtime/process.js";
import { inline } from "../support/inline.js";
import { withThreads } from "../support/threads.js";

const Door = stateMachine({
  init: (owner: Pid) => nextState("shut", { owner, opened: 0 }),
  states: {
    shut: {
      cast: {
        open: (_: undefined, data) => nextState("open", { ...data, opened: data.opened + 1 }),
        openFor: (ms: number, data) => nextState("open", data, stateTimeout(ms, "draught")),
      },
      call: { opened: () => keepStateAndData(postpone()) },
    },
    open: {
      enter: (_, data) => {
        send(data.owner, "entered open");
      },
      stateTimeout: () => nextState("shut"),
      cast: { open: () => keepStateAndData() },
      call: { opened: (_: undefined, data, from) => keepStateAndData(reply(from, data.opened)) },
    },
  },
  handleEvent: {
    call: { bye: (_: undefined, _data, from) => stopAndReply("normal", reply(from, "bye")) },
    info: (message, data) => {
      send(data.owner, message);
    },
  },
});

function started(result: StartResult): Pid {
  assert.equal(result[0], "ok", JSON.stringify(result));
  return result[1] as Pid;
}

const startDoor = async (): Promise<Pid> => started(await Door.start(self()));

async function reasonOf(pid: Pid): Promise<unknown> {
  const ref = monitor(pid);
  const down = await receive((message) => isDown(message) && message.ref === ref, 2000);
  assert.ok(isDown(down), "the process did not end");
  return down.reason;
}

test("a machine's state is [state, data]; replacing it enters nothing and retries nothing", async () => {
  await inline().run(async () => {
    const pid = await startDoor();
    const data = { owner: self(), opened: 0 };
    assert.deepEqual(await sys.getState(pid), ["shut", data]);
    const late = Door.call(pid, "opened");
    assert.deepEqual(await sys.replaceState(pid, ["open", { ...data, opened: 7 }]), ["open", { ...data, opened: 7 }]);
    assert.equal(await Door.call(pid, "opened"), 7);
    assert.equal(await receive(() => true, 0), timeout);
    await sys.replaceState(pid, (state: unknown) => ["shut", (state as readonly unknown[])[1]]);
    Door.cast(pid, "open");
    assert.equal(await late, 8);
    assert.equal(await receive(), "entered open");
  });
});

test("a machine refuses what can't be its state, and keeps the one it has", async () => {
  await inline().run(async () => {
    const pid = await startDoor();
    await assert.rejects(sys.replaceState(pid, "open"), { code: "JOIST_BAD_ARGUMENT", message: /\[state, data\]/ });
    const nowhere = sys.replaceState(pid, ["ajar", {}]);
    await assert.rejects(nowhere, { code: "JOIST_BAD_ARGUMENT", message: /"?'?ajar.*shut, open/ });
    assert.deepEqual(await sys.getState(pid), ["shut", { owner: self(), opened: 0 }]);
  });
});

test("a suspended machine handles nothing until it is resumed, and then in order; nor do its timeouts come", async () => {
  await inline().run(async () => {
    const pid = await startDoor();
    Door.cast(pid, "openFor", 1);
    await sys.suspend(pid);
    assert.equal(await receive(), "entered open");
    send(pid, "first");
    send(pid, "second");
    await receive(() => false, 5); // the timeout is over by now
    const [state] = (await sys.getState(pid)) as readonly unknown[];
    assert.equal(state, "open");
    assert.equal((await sys.getStatus(pid)).status, "suspended");
    assert.equal(await receive(() => true, 0), timeout);
    await sys.resume(pid);
    assert.equal(await receive(), "first");
    assert.equal(await receive(), "second");
    while (((await sys.getState(pid)) as readonly unknown[])[0] !== "shut");
  });
});

test("a suspended machine obeys sys.terminate and the end of its parent", async () => {
  await inline().run(async () => {
    const first = await startDoor();
    await sys.suspend(first);
    const down = reasonOf(first);
    await sys.terminate(first, "enough");
    assert.equal(await down, "enough");
    const test = self();
    const parent = spawn(async () => {
      send(test, ["door", started(await Door.startLink(test))]);
      await receive(() => false);
    }, []);
    const [, second] = (await receive(Array.isArray)) as unknown as readonly [string, Pid];
    await sys.suspend(second);
    const secondDown = reasonOf(second);
    exit(parent, "over");
    assert.equal(await secondDown, "over");
  });
});

test("who traces a machine sees messages and replies, with state and data; both are counted", async () => {
  await inline().run(async () => {
    const pid = await startDoor();
    const events: SystemEvent[] = [];
    await sys.trace(pid, (event) => events.push(event));
    await sys.statistics(pid, true);
    Door.cast(pid, "open");
    assert.equal(await Door.call(pid, "opened"), 1);
    await sys.trace(pid, false);
    const state = ["open", { owner: self(), opened: 1 }];
    assert.deepEqual(
      events.filter(({ tag }) => tag !== "in"),
      [
        { tag: "noreply", state },
        { tag: "out", message: 1, to: self(), state },
      ],
    );
    assert.deepEqual(events[0], { tag: "in", message: ["$cast", "open", undefined] });
    const counts = await sys.statistics(pid, "get");
    assert.deepEqual([counts?.messagesIn, counts?.messagesOut], [2, 1]);
  });
});

test("a timeout that comes is shown as the event it is, and a reply with the state it was given in", async () => {
  await inline().run(async () => {
    const pid = await startDoor();
    await sys.trace(pid, self());
    Door.cast(pid, "openFor", 1);
    const seen: SystemEvent[] = [];
    while (seen.length < 4) {
      const message = await receive(sys.isTrace, 2000);
      assert.ok(typeof message === "object");
      seen.push(message.event);
    }
    const data = { owner: self(), opened: 0 };
    assert.deepEqual(seen.slice(1), [
      { tag: "noreply", state: ["open", data] },
      { tag: "in", message: { type: "state_timeout", name: undefined, content: "draught" } },
      { tag: "noreply", state: ["shut", data] },
    ]);
    assert.equal(await Door.call(pid, "bye"), "bye");
    await receive(sys.isTrace);
    const out = await receive(sys.isTrace);
    assert.deepEqual(typeof out === "object" && out.event, {
      tag: "out",
      message: "bye",
      to: self(),
      state: ["shut", data],
    });
  });
});

test("a crash report of a machine shows the state and data it crashed in", async () => {
  const { run, reports } = inline();
  await run(async () => {
    const pid = await startDoor();
    const down = reasonOf(pid);
    Door.cast(pid, "no such event" as "open");
    await down;
    const crash = reports.find(({ tag }) => tag === "crash");
    assert.deepEqual(crash?.tag === "crash" && crash.state, ["shut", { owner: self(), opened: 0 }]);
  });
});

test("agents and registries answer sys as the servers they are", async () => {
  await withThreads(
    { schedulers: 1 },
    ({ run }) =>
      run(async () => {
        trapExit(true);
        const counter = started(await agent.start(() => 3));
        assert.equal(await sys.getState(counter), 3);
        await sys.replaceState(counter, 4);
        assert.equal(await agent.get(counter, (count: number) => count), 4);
        assert.equal((await sys.getStatus(counter)).kind, "genServer");
        const rooms = started(await registry({ name: "rooms", keys: "unique" }).startLink());
        assert.deepEqual(await sys.getState(rooms), { meta: new Map(), keys: new Map() });
        await sys.suspend("rooms");
        assert.equal((await sys.getStatus("rooms")).status, "suspended");
        await sys.resume("rooms");
      }),
    undefined,
    [registryService],
  );
});
