import assert from "node:assert/strict";
import { test } from "node:test";
import type { Pid } from "../../src/core/pid.js";
import { isGroupMessage, pg } from "../../src/otp/pg.js";
import { pgService } from "../../src/otp/pg-service.js";
import { allocateShared, bootScheduler } from "../../src/runtime/boot-scheduler.js";
import { Definitions } from "../../src/runtime/definitions.js";
import type { Arrived, Link } from "../../src/runtime/links/link.js";
import { DEFAULT_BUDGETS } from "../../src/runtime/options.js";
import { openServices } from "../../src/runtime/port.js";
import { exit, kill, processFunction, receive, self, send, spawn } from "../../src/runtime/process.js";
import type { Scheduler } from "../../src/runtime/scheduler.js";
import type { SharedBuffers } from "../../src/runtime/shared/shared.js";

/** A thread's scheduler, on the test's own thread. */
function boot(shared: SharedBuffers, thread: number): Scheduler {
  const scheduler = bootScheduler({
    thread,
    slot: thread,
    shared,
    definitions: new Definitions(),
    budgets: DEFAULT_BUDGETS,
    report: () => {},
    runsUserCode: true,
  });
  openServices(scheduler, [pgService()]);
  scheduler.cells.setThread(thread, thread);
  return scheduler;
}

function run<T>(scheduler: Scheduler, body: () => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const main = (): Promise<void> => body().then(resolve, reject);
    const definition = { kind: "test", boot: () => processFunction(main, []) };
    scheduler.start(scheduler.nextPid(scheduler.thread), null, definition, [], "test");
  });
}

const alone = <T>(body: () => Promise<T>): Promise<T> => run(boot(allocateShared(1), 0), body);

/** Links two schedulers; batches are copied and arrive later, as between threads. */
function connect(a: Scheduler, b: Scheduler): void {
  const receivers: ((arrived: Arrived) => void)[] = [];
  const link = (own: number, other: number): Link => ({
    post: (batch) => {
      const copy = structuredClone(batch);
      setImmediate(() => receivers[other]?.({ batch: copy, postedNs: 0 }));
    },
    onBatch: (receiver) => {
      receivers[own] = receiver;
    },
    take: () => undefined,
    close: () => {},
  });
  const [ofA, ofB] = [link(0, 1), link(1, 0)];
  a.connect(b.thread, ofA);
  b.connect(a.thread, ofB);
}

function idle(): Pid {
  return spawn(async () => {
    await receive(() => false);
  }, []);
}

test("a process that joins twice is listed twice and must leave twice", async () => {
  await alone(async () => {
    const a = idle();
    await pg.join("g", a);
    await pg.join("g", a);
    assert.deepEqual(await pg.members("g"), [a, a]);
    assert.equal(await pg.leave("g", a), "ok");
    assert.deepEqual(await pg.localMembers("g"), [a]);
    assert.equal(await pg.leave("g", a), "ok");
    assert.equal(await pg.leave("g", a), "not_joined");
    assert.deepEqual(await pg.members("g"), []);
  });
});

test("a list leaves if any of it is a member", async () => {
  await alone(async () => {
    const [a, b] = [idle(), idle()];
    await pg.join("g", a);
    assert.equal(await pg.leave("g", [a, b]), "ok");
    assert.equal(await pg.leave("g", [a, b]), "not_joined");
  });
});

test("scopes are separate, and only groups with members are there", async () => {
  await alone(async () => {
    const a = idle();
    await pg.join("g", a, "one");
    assert.deepEqual(await pg.members("g", "two"), []);
    assert.deepEqual(await pg.members("g"), []);
    assert.equal(await pg.leave("g", a, "two"), "not_joined");
    assert.deepEqual(await pg.whichGroups("one"), ["g"]);
    assert.deepEqual(await pg.whichGroups("two"), []);
    await pg.leave("g", a, "one");
    assert.deepEqual(await pg.whichGroups("one"), []);
  });
});

test("a monitor of a group hears of each join and leave, and of one leave for each join of a process that dies", async () => {
  await alone(async () => {
    const [a, b] = [idle(), idle()];
    await pg.join("g", a);
    const [ref, members] = await pg.monitor("g");
    assert.deepEqual(members, [a]);
    const change = { tag: "pg", ref, group: "g" };
    await pg.join("g", [a, b]);
    await pg.join("other", a);
    assert.deepEqual(await receive(isGroupMessage), { ...change, event: "join", pids: [a, b] });
    kill(a);
    assert.deepEqual(await receive(isGroupMessage), { ...change, event: "leave", pids: [a] });
    assert.deepEqual(await receive(isGroupMessage), { ...change, event: "leave", pids: [a] });
    assert.deepEqual(await pg.members("g"), [b]);
    assert.deepEqual(await pg.whichGroups(), ["g"]);
    assert.equal(await pg.demonitor(ref), true);
    assert.equal(await pg.demonitor(ref), false);
    await pg.leave("g", b);
    assert.equal(typeof (await receive(() => true, 0)), "symbol");
  });
});

test("a monitor of a scope hears of the changes of all its groups, and of no other scope's", async () => {
  await alone(async () => {
    const [a, b] = [idle(), idle()];
    await pg.join("g", [a, b], "one");
    const [ref, groups] = await pg.monitorScope("one");
    assert.deepEqual([...groups], [["g", [a, b]]]);
    await pg.join("h", a, "two");
    await pg.join("h", a, "one");
    assert.deepEqual(await receive(), { tag: "pg", ref, event: "join", group: "h", pids: [a] });
    kill(a);
    const left = [await receive(isGroupMessage), await receive(isGroupMessage)];
    assert.deepEqual(left.map(({ event, group }) => `${event} ${group}`).sort(), ["leave g", "leave h"]);
    assert.equal(await pg.demonitor(ref), true);
  });
});

test("a dead process joins and leaves at once", async () => {
  await alone(async () => {
    const a = idle();
    kill(a);
    const [ref] = await pg.monitor("g");
    await pg.join("g", a);
    assert.deepEqual(await receive(), { tag: "pg", ref, event: "join", group: "g", pids: [a] });
    assert.deepEqual(await receive(), { tag: "pg", ref, event: "leave", group: "g", pids: [a] });
    assert.deepEqual(await pg.members("g"), []);
  });
});

test("the death of a process that monitors a group changes nothing", async () => {
  await alone(async () => {
    const main = self();
    spawn(async () => {
      await pg.monitor("g");
      send(main, "monitors");
      exit("normal");
    }, []);
    assert.equal(await receive(), "monitors");
    await pg.join("g", main);
    assert.deepEqual(await pg.members("g"), [main]);
  });
});

test("members are known on all threads, and a process may join one of another thread", async () => {
  const shared = allocateShared(2);
  const [one, two] = [boot(shared, 0), boot(shared, 1)];
  connect(one, two);
  const member = await run(two, async () => {
    const pid = idle();
    await pg.join("g", pid);
    return pid;
  });
  await run(one, async () => {
    const [ref] = await pg.monitor("g");
    // Joined through its own thread; here it is known once that one has answered.
    await pg.join("g", member);
    assert.deepEqual(await pg.members("g"), [member, member]);
    assert.deepEqual(await pg.localMembers("g"), []);
    await pg.join("g", self());
    assert.deepEqual(await pg.localMembers("g"), [self()]);
    kill(member);
    for (;;) {
      const change = await receive(isGroupMessage);
      assert.equal(change.ref, ref);
      if (change.event === "leave" && (await pg.members("g")).length === 1) break;
    }
    assert.deepEqual(await pg.members("g"), [self()]);
  });
});

test("a thread that is new learns who is where, and the members of a thread that is gone vanish", async () => {
  const shared = allocateShared(2);
  const one = boot(shared, 0);
  const first = await run(one, async () => {
    await pg.join("g", self());
    const pid = idle();
    await pg.join("g", [pid, pid]);
    return pid;
  });
  const two = boot(shared, 1);
  connect(one, two);
  await run(two, async () => {
    const [, members] = await pg.monitor("g");
    if (members.length === 0) await receive(isGroupMessage);
    assert.deepEqual(await pg.members("g"), [first, first]);
    await pg.join("g", self());
  });
  await run(one, async () => {
    const [ref, members] = await pg.monitor("g");
    const there = members.find((pid) => pid !== first) ?? ((await receive(isGroupMessage)).pids[0] as Pid);
    // Its end and its thread's come close together: either way it leaves.
    one.cells.setThread(1, undefined);
    one.router.disconnect(1);
    one.signals.threadDown(1);
    if ((await pg.members("g")).includes(there)) {
      assert.deepEqual(await receive(isGroupMessage), { tag: "pg", ref, event: "leave", group: "g", pids: [there] });
    }
    assert.deepEqual(await pg.members("g"), [first, first]);
  });
});
