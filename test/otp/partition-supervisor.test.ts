import assert from "node:assert/strict";
import { test } from "node:test";
import { isDown } from "../../src/core/messages.js";
import { type Pid, threadOf } from "../../src/core/pid.js";
import { dynamicSupervisor } from "../../src/otp/dynamic-supervisor.js";
import { genServer } from "../../src/otp/gen-server.js";
import { call, cast } from "../../src/otp/gen-server-calls.js";
import { partition, partitionSupervisor, partitions } from "../../src/otp/partition-supervisor.js";
import { proc } from "../../src/otp/proc.js";
import { registry } from "../../src/otp/registry.js";
import { registryService } from "../../src/otp/registry-service.js";
import { reply } from "../../src/otp/results.js";
import { startProcess } from "../../src/otp/start.js";
import { countChildren, startChild, whichChildren } from "../../src/otp/supervisor-api.js";
import { kill, monitor, parent, receive, self, trapExit, whereis } from "../../src/runtime/process.js";
import { inline } from "../support/inline.js";
import { withThreads } from "../support/threads.js";

const Numbered = genServer({
  init: (number: string) => number,
  handleCall: { number: (_, state) => reply(state) },
});
const pool = partitionSupervisor({
  child: Numbered.child("p"),
  partitions: 3,
  withArguments: ([prefix], index) => [`${prefix}${index}`],
});

function alone(body: () => Promise<void>): Promise<void> {
  return inline().run(async () => {
    trapExit(true);
    await body();
  });
}

/** Waits until the partition has a process other than `before`. */
async function restarted(name: string, key: unknown, before: Pid): Promise<Pid> {
  for (;;) {
    const pid = whereis(partition(name, key));
    if (pid !== undefined && pid !== before) return pid;
    await receive(() => false, 1);
  }
}

test("each partition has its number and arguments of its own, and whole numbers stand for themselves", async () => {
  await alone(async () => {
    const started = await pool.startLink({ name: "pool" });
    assert.deepEqual(started, ["ok", whereis("pool")]);
    assert.equal(partitions("pool"), 3);
    const numbers = await Promise.all([0, 1, 2, 3, -4].map((key) => Numbered.call(partition("pool", key), "number")));
    assert.deepEqual(numbers, ["p0", "p1", "p2", "p0", "p1"]);
    assert.deepEqual(
      (await whichChildren("pool")).map(({ id, pid }) => [id, pid]),
      [0, 1, 2].map((index) => [String(index), whereis(partition("pool", index))]),
    );
    assert.deepEqual(await countChildren("pool"), { specs: 3, active: 3, supervisors: 0, workers: 3 });
  });
});

test("a key of any form always has the same partition, and keys are spread over all", async () => {
  await alone(async () => {
    await pool.startLink({ name: "pool" });
    const of = (key: unknown): Pid | undefined => whereis(partition("pool", key));
    assert.equal(of({ user: 1, room: "a" }), of({ room: "a", user: 1 }));
    const hit = new Set(Array.from({ length: 100 }, (_, index) => of(`user:${index}`)));
    assert.equal(hit.size, 3);
    assert.ok(!hit.has(undefined));
  });
});

test("a partition that ends is restarted as the same one", async () => {
  await alone(async () => {
    await pool.startLink({ name: "pool" });
    const first = whereis(partition("pool", 1)) as Pid;
    kill(first);
    await restarted("pool", 1, first);
    assert.equal(await call(partition("pool", 1), "number"), "p1");
    assert.equal((await whichChildren("pool"))[1]?.pid, whereis(partition("pool", 1)));
  });
});

test("a pool of dynamic supervisors takes children by key", async () => {
  const Sitter = proc(async (_name: string) => receive(() => false));
  await alone(async () => {
    await partitionSupervisor({ child: dynamicSupervisor().child(), partitions: 2 }).startLink({ name: "sitters" });
    const result = await startChild(partition("sitters", "tea"), Sitter.child(["tea"]));
    assert.equal(result[0], "ok");
    assert.deepEqual(
      (await whichChildren(partition("sitters", "tea"))).map(({ pid }) => pid),
      [result[1]],
    );
  });
});

test("nobody else can be a partition, and partitions of what is no partition supervisor are refused", async () => {
  await alone(async () => {
    await pool.startLink({ name: "pool" });
    await assert.rejects(Numbered.start("x", { name: partition("pool", 1) }), { code: "JOIST_BAD_ARGUMENT" });
    assert.throws(() => partitions("nobody"), { code: "JOIST_NO_PROCESS" });
    await registry({ name: "rooms", keys: "unique" }).startLink();
    assert.throws(() => partitions("rooms"), { code: "JOIST_NO_PROCESS" });
    const posing = registry({ name: "pool", keys: "unique" });
    assert.throws(() => posing.register(1, 1), { code: "JOIST_BAD_ARGUMENT" });
  });
});

test("without a name or with a bad number of partitions it does not start", async () => {
  await alone(async () => {
    assert.throws(() => pool.child({} as never), { code: "JOIST_BAD_OPTION" });
    for (const bad of [0, -1, 1.5, 65_537]) {
      const started = await partitionSupervisor({ child: Numbered.child("p"), partitions: bad }).startLink({
        name: "b",
      });
      assert.equal((started[1] as { code?: string }).code, "JOIST_BAD_OPTION");
    }
  });
});

test("partitions are spread over the schedulers, and one whose thread died comes back with its number", async () => {
  const app = new URL("./registry-app.js", import.meta.url);
  const body = async (): Promise<void> => {
    trapExit(true);
    const started = await startProcess("Pool", ["pool"], { name: "pool", link: true, scheduler: 1 });
    assert.equal(started[0], "ok");
    const pids = Array.from({ length: 5 }, (_, index) => whereis(partition("pool", index)) as Pid);
    const threads = pids.map(threadOf);
    assert.deepEqual(threads, [threads[0], threads[1], threads[0], threads[1], threads[0]]);
    assert.notEqual(threads[0], threads[1]);
    const [, second] = pids as [Pid, Pid];
    const ref = monitor(second);
    cast(second, "endThread");
    await receive((message) => isDown(message) && message.ref === ref);
    const again = await restarted("pool", 1, second);
    assert.deepEqual(await call(partition("pool", 1), "number"), ["n1", again]);
    assert.notEqual(threadOf(again), threads[0]);
    await restarted("pool", 3, pids[3] as Pid);
  };
  await withThreads({ schedulers: 2 }, ({ run }) => run(body), app, [registryService]);
});

test("a partition's parent is its supervisor", async () => {
  await alone(async () => {
    const main = self();
    const Child = genServer({
      init: () => ({ parent: parent() }),
      handleCall: { parent: (_, state) => reply(state.parent) },
    });
    await partitionSupervisor({ child: Child.child(), partitions: 1 }).startLink({ name: "one" });
    assert.equal(await Child.call(partition("one", main), "parent"), whereis("one"));
  });
});
