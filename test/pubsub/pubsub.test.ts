import assert from "node:assert/strict";
import { test } from "node:test";
import type { Pid } from "../../src/core/pid.js";
import { type DispatchEntry, dispatcher } from "../../src/pubsub/dispatcher.js";
import { checkEnvelope } from "../../src/pubsub/envelope.js";
import { PubSub } from "../../src/pubsub/pubsub.js";
import { pubsubService } from "../../src/pubsub/topics.js";
import { openServices } from "../../src/runtime/port.js";
import { receive, self, send, spawn } from "../../src/runtime/process.js";
import { type Inline, inline } from "../support/inline.js";

function withPubSub(): Inline {
  const threads = inline();
  openServices(threads.scheduler, [pubsubService]);
  return threads;
}

/** A process that is subscribed and passes on what comes, with its name. */
async function listener(name: string, topic: string, metadata?: unknown): Promise<Pid> {
  const to = self();
  const pid = spawn(async () => {
    PubSub.subscribe(topic, { metadata });
    send(to, "subscribed");
    for (;;) send(to, [name, await receive()]);
  }, []);
  assert.equal(await receive(), "subscribed");
  return pid;
}

test("a message reaches each subscription of each subscriber, and nobody after unsubscribe", async () => {
  await withPubSub().run(async () => {
    PubSub.subscribe("t");
    PubSub.subscribe("t");
    await listener("other", "t");
    PubSub.broadcast("t", 1);
    assert.deepEqual([await receive(), await receive(), await receive()], [1, 1, ["other", 1]]);
    PubSub.unsubscribe("t");
    PubSub.broadcast("t", 2);
    assert.deepEqual(await receive(), ["other", 2]);
  });
});

test("broadcastFrom and localBroadcastFrom leave out the caller only", async () => {
  await withPubSub().run(async () => {
    PubSub.subscribe("t");
    await listener("other", "t");
    PubSub.broadcastFrom("t", 1);
    PubSub.localBroadcastFrom("t", 2);
    PubSub.localBroadcast("t", 3);
    assert.deepEqual([await receive(), await receive(), await receive(), await receive()].sort(), [
      3,
      ["other", 1],
      ["other", 2],
      ["other", 3],
    ]);
  });
});

test("a dispatcher is told each subscription with its metadata, the message, and whom to leave out", async () => {
  const threads = withPubSub();
  const calls: (readonly [readonly DispatchEntry[], Pid | null, unknown])[] = [];
  let called = (): void => {};
  const Collect = dispatcher((entries, from, message) => {
    calls.push([entries, from, message]);
    called();
  });
  threads.scheduler.definitions.add("Collect", Collect);
  await threads.run(async () => {
    const pid = await listener("one", "t", { role: "admin" });
    PubSub.subscribe("t");
    const done = new Promise<void>((resolve) => {
      called = () => calls.length === 3 && resolve();
    });
    PubSub.broadcast("t", "a", Collect);
    PubSub.broadcastFrom("t", "b", Collect);
    PubSub.localBroadcast("t", "c", "Collect");
    PubSub.broadcast("nobody is there", "d", Collect);
    await done;
    const entries = [
      { pid, metadata: { role: "admin" } },
      { pid: self(), metadata: null },
    ];
    assert.deepEqual(calls, [
      [entries, null, "a"],
      [entries, self(), "b"],
      [entries, null, "c"],
    ]);
  });
});

test("a dispatcher that throws costs the message it was given, and nothing else", async () => {
  const threads = withPubSub();
  const Picky = dispatcher((entries, _from, message) => {
    if (message === "bad") throw new Error("the dispatcher is broken");
    for (const { pid } of entries) send(pid, message);
  });
  threads.scheduler.definitions.add("Picky", Picky);
  await threads.run(async () => {
    PubSub.subscribe("t");
    PubSub.broadcast("t", "bad", Picky);
    PubSub.broadcast("t", "plain");
    assert.equal(await receive(), "plain");
    while (threads.reports.length === 0) await new Promise((resolve) => setImmediate(resolve));
    assert.match(JSON.stringify(threads.reports[0]), /the dispatcher is broken/);
    PubSub.broadcast("t", "good", Picky);
    assert.equal(await receive(), "good");
  });
});

test("a dispatcher that is not exported is refused to the publisher, and it cannot be started", async () => {
  await withPubSub().run(async () => {
    PubSub.subscribe("t");
    const hidden = dispatcher(() => {});
    assert.throws(() => PubSub.broadcast("t", 1, hidden), { code: "JOIST_UNKNOWN_DEFINITION" });
    assert.throws(() => hidden.boot(), { code: "JOIST_BAD_ARGUMENT", message: /no process/ });
    PubSub.broadcast("t", 2);
    assert.equal(await receive(), 2);
  });
});

test("a message that cannot go to other threads is refused, whoever listens, before anybody gets it", async () => {
  await withPubSub().run(async () => {
    PubSub.subscribe("t");
    const refused = { code: "JOIST_NOT_SENDABLE", message: /for topic "t"/ };
    const deep = (inner: unknown, levels: number): unknown => (levels === 0 ? inner : [deep(inner, levels - 1)]);
    for (const bad of [
      () => {},
      { a: [Symbol("s")] },
      new Map([[1, () => {}]]),
      Promise.resolve(),
      deep(() => {}, 40),
    ]) {
      assert.throws(() => PubSub.broadcast("t", bad), refused);
      assert.throws(() => PubSub.localBroadcast("t", bad), refused);
      assert.throws(() => PubSub.directBroadcast("n", "t", bad), refused);
    }
    const cycle: unknown[] = [];
    cycle.push(cycle);
    const good = [
      undefined,
      null,
      1n,
      new Date(0),
      new Map([[1, { a: 2 }]]),
      /x/,
      Uint8Array.of(1),
      new Error("e"),
      cycle,
    ];
    for (const message of good) {
      PubSub.broadcast("t", message);
      assert.equal(await receive(), message);
    }
  });
});

test("a topic and a node are non-empty strings", async () => {
  await withPubSub().run(async () => {
    for (const bad of ["", 7 as never, undefined as never]) {
      assert.throws(() => PubSub.broadcast(bad, 1), { code: "JOIST_BAD_ARGUMENT", message: /topic/ });
      assert.throws(() => PubSub.directBroadcast(bad, "t", 1), { code: "JOIST_BAD_ARGUMENT", message: /node/ });
    }
  });
});

test("what an adapter delivers is an event or a message, and nothing else", () => {
  for (const good of [
    ["event", "e", "{}"],
    ["event", "e", Uint8Array.of(1)],
    ["message", undefined, null],
    ["message", 1, "Key"],
  ]) {
    assert.equal(checkEnvelope(good), good);
  }
  for (const bad of [
    null,
    {},
    [],
    ["event", "e"],
    ["event", 1, "{}"],
    ["event", "e", {}],
    ["message", 1, 2],
    ["other", "e", "{}"],
  ]) {
    assert.throws(() => checkEnvelope(bad), { code: "JOIST_BAD_ARGUMENT" });
  }
});
