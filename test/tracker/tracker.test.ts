import assert from "node:assert/strict";
import { test } from "node:test";
import type { Pid } from "../../src/core/pid.js";
import { call } from "../../src/otp/gen-server-calls.js";
import { presence } from "../../src/presence/presence.js";
import { publish, subscribe } from "../../src/pubsub/pubsub.js";
import { kill, receive, self, service, whereis } from "../../src/runtime/process.js";
import { askCopy, type CopyData, TRACKER } from "../../src/tracker/copies.js";
import { Refs, withRef } from "../../src/tracker/refs.js";
import { gossipTopic } from "../../src/tracker/shard.js";
import { State } from "../../src/tracker/state.js";
import type { StateData } from "../../src/tracker/state-data.js";
import { findKept } from "../../src/tracker/takeover.js";
import { somebody, Watcher, withPresence } from "../support/presences.js";

const TOPIC = "room:a";
const SHARD = "presence_shard0";

interface DeltaMessage {
  readonly tag: string;
  readonly data: StateData;
}

const isDelta = (message: unknown): message is DeltaMessage =>
  typeof message === "object" && (message as DeltaMessage | null)?.tag === "tracker_delta";

test("who asks a shard that has just died waits for the next one, and an answer that was lost is given again", async () => {
  const Plain = presence<{ n: number }>();
  await withPresence(Plain, async () => {
    await Plain.track({ topic: TOPIC }, "u", { n: 1 });
    const before = whereis(SHARD) as Pid;
    // Both are in its mailbox when it dies: one is done by then and the other not, and neither is answered.
    const asked = [Plain.track({ topic: TOPIC }, "v", { n: 2 }), Plain.update({ topic: TOPIC }, "u", { n: 3 })];
    kill(before);
    asked.push(
      Plain.track({ topic: TOPIC }, "w", { n: 4 }),
      Plain.update({ topic: TOPIC }, "u", (meta) => meta),
    );
    const results = await Promise.all(asked);
    assert.deepEqual(new Set(results.map(([tag]) => tag)), new Set(["ok"]));
    assert.notEqual(whereis(SHARD), before);
    assert.deepEqual(Object.keys(await Plain.list(TOPIC)).sort(), ["u", "v", "w"]);
  });
});

test("a question that is asked again, because its answer was lost, is answered and not refused", async () => {
  const Plain = presence<{ n: number }>();
  await withPresence(Plain, async () => {
    const track = [service(TRACKER), self(), TOPIC, "u", { n: 1 }, "ref 1"];
    assert.deepEqual(await call(SHARD, "track", track), ["ok", "ref 1"]);
    assert.deepEqual(await call(SHARD, "track", track), ["ok", "ref 1"]);
    const update = [service(TRACKER), self(), TOPIC, "u", { n: 2 }, "ref 2", "ref 1"];
    assert.deepEqual(await call(SHARD, "update", update), ["ok", "ref 2"]);
    assert.deepEqual(await call(SHARD, "update", update), ["ok", "ref 2"]);
    assert.deepEqual((await Plain.getByKey(TOPIC, "u"))?.metas, [{ phx_ref: "ref 2", phx_ref_prev: "ref 1", n: 2 }]);
  });
});

test("what happened in a period is published as one delta for other machines, without what came and went", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] }); // so that the period is over when the test says so
  const Plain = presence<{ n: number }>({ broadcastPeriodMs: 500 });
  await withPresence(Plain, async () => {
    subscribe(gossipTopic(SHARD));
    await Plain.track({ topic: TOPIC }, "u", { n: 1 });
    await Plain.track({ topic: TOPIC }, "gone", { n: 2 });
    await Plain.untrack({ topic: TOPIC }, "gone");
    t.mock.timers.tick(500);
    const { data } = await receive(isDelta);
    assert.deepEqual(
      data.entries.map(({ key }) => key),
      ["u"],
    );
    const other = new State("elsewhere");
    other.replicaUp(data.replica);
    assert.equal(other.merge(data).joins.length, 1);
    await Plain.untrack({ topic: TOPIC }, "u");
    t.mock.timers.tick(500);
    assert.equal(other.merge((await receive(isDelta)).data).leaves.length, 1);
  });
});

test("deltas of other machines are shown, told and listed; their processes are not taken for ours", async () => {
  const Plain = presence<{ n: number }>();
  await withPresence(Plain, async () => {
    const watcher = new Watcher(TOPIC);
    const other = new State(`${SHARD}@elsewhere`);
    // The same pid as ours: on another machine it is somebody else.
    other.join(self(), TOPIC, "u", { phx_ref: "theirs", n: 1 });
    publish(gossipTopic(SHARD), { tag: "tracker_delta", data: other.delta() });
    assert.deepEqual(await watcher.seen(), { joins: { u: [{ n: 1 }] }, leaves: {} });
    assert.deepEqual(await Plain.update({ topic: TOPIC }, "u", (meta) => meta), ["error", "nopresence"]);
    await Plain.track({ topic: TOPIC }, "u", { n: 2 });
    assert.deepEqual(await watcher.seen(), { joins: { u: [{ n: 2 }] }, leaves: {} });
    await Plain.update({ topic: TOPIC }, "u", ({ n }) => ({ n: n + 1 }));
    assert.deepEqual(await watcher.seen(), { joins: { u: [{ n: 3 }] }, leaves: { u: [{ n: 2 }] } });
    other.resetDelta();
    other.leaveAll(self());
    publish(gossipTopic(SHARD), { tag: "tracker_delta", data: other.delta() });
    assert.deepEqual(await watcher.seen(), { joins: {}, leaves: { u: [{ n: 1 }] } });
    assert.equal((await Plain.getByKey(TOPIC, "u"))?.metas.length, 1);
  });
});

test("a copy has what its shard has, knows how far it is, and is kept by threads that use the shard only", async () => {
  const Plain = presence<{ n: number }>();
  await withPresence(Plain, async () => {
    assert.equal(await askCopy(service(TRACKER), ["position", SHARD]), null);
    assert.deepEqual(await findKept(SHARD, [service(TRACKER)]), { copy: null, holders: [] });
    await Plain.list(TOPIC); // asking is using
    assert.deepEqual(await askCopy(service(TRACKER), ["position", SHARD]), { life: 1, seq: 0 });
    const pid = somebody();
    await Plain.track(pid, TOPIC, "u", { n: 1 });
    await Plain.update(pid, TOPIC, "u", { n: 2 });
    assert.deepEqual(await askCopy(service(TRACKER), ["position", SHARD]), { life: 1, seq: 2 });
    const dead = somebody();
    kill(dead);
    // One that hangs, as far as anybody can tell, holds up nothing, and must not keep what is out of date.
    const hanging = somebody();
    const kept = await findKept(SHARD, [dead, hanging, service(TRACKER)]);
    assert.deepEqual(kept.holders, [hanging, service(TRACKER)]);
    const copy = kept.copy as CopyData;
    assert.deepEqual([copy.life, copy.seq, copy.untold], [1, 2, []]);
    assert.deepEqual(
      copy.entries.map(({ pid, meta }) => [pid, meta.n]),
      [[pid, 2]],
    );
  });
});

test("refs are 16 characters that fit an address, and none is made twice", () => {
  const refs = new Refs(Buffer.from([255, 254, 253, 252, 251, 250]));
  const others = new Refs(Buffer.from([255, 254, 253, 252, 251, 249]));
  const made = new Set(Array.from({ length: 1000 }, (_, n) => (n % 2 === 0 ? refs : others).next()));
  assert.equal(made.size, 1000);
  for (const ref of made) assert.match(ref, /^[\w-]{16}$/);
  assert.deepEqual(withRef({ phx_ref: "a", phx_ref_prev: "b", n: 1 }, "c"), { phx_ref: "c", n: 1 });
  assert.deepEqual(withRef({ phx_ref: "a", n: 1 }, "c", "a"), { phx_ref: "c", phx_ref_prev: "a", n: 1 });
});
