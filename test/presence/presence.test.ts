import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode, RuntimeError } from "../../src/core/errors.js";
import { isDown } from "../../src/core/messages.js";
import type { Pid } from "../../src/core/pid.js";
import { ok } from "../../src/otp/results.js";
import { presence } from "../../src/presence/presence.js";
import type { PresenceOf, Presences } from "../../src/presence/presences.js";
import { kill, monitor, receive, self, send, whereis } from "../../src/runtime/process.js";
import { somebody, Watcher, withoutRefs, withPresence } from "../support/presences.js";

const TOPIC = "room:a";

/** Ends a process and waits until it has ended. */
async function end(pid: Pid): Promise<void> {
  const ref = monitor(pid);
  kill(pid);
  await receive((message) => isDown(message) && message.ref === ref);
}

/** Kills a registered process, and waits until another one has its name. */
async function restarted(name: string): Promise<void> {
  const pid = whereis(name);
  assert.ok(pid !== undefined);
  await end(pid);
  while (whereis(name) === undefined) await new Promise((resolve) => setImmediate(resolve));
}

const code = (expected: string) => (error: unknown) => error instanceof RuntimeError && error.code === expected;

test("who is tracked is listed, and everybody on the topic is told; who is not tracked twice or updated unseen", async () => {
  const Plain = presence<{ n: number }>();
  await withPresence(Plain, async () => {
    const watcher = new Watcher(TOPIC);
    const [tag, ref] = await Plain.track({ topic: TOPIC }, "u", { n: 1 });
    assert.equal(tag, "ok");
    assert.match(ref, /^[\w-]{16}$/);
    assert.deepEqual({ ...(await Plain.list(TOPIC)) }, { u: { metas: [{ phx_ref: ref, n: 1 }] } });
    assert.deepEqual(await watcher.diff(), { joins: { u: { metas: [{ phx_ref: ref, n: 1 }] } }, leaves: {} });

    assert.deepEqual(await Plain.track({ topic: TOPIC }, "u", { n: 2 }), ["error", "already_tracked"]);
    assert.deepEqual(await Plain.update({ topic: TOPIC }, "v", { n: 2 }), ["error", "nopresence"]);
    assert.deepEqual(await Plain.update({ topic: TOPIC }, "v", (meta) => meta), ["error", "nopresence"]);

    const [, next] = await Plain.update({ topic: TOPIC }, "u", { n: 2 });
    assert.deepEqual(await watcher.diff(), {
      joins: { u: { metas: [{ phx_ref: next, phx_ref_prev: ref, n: 2 }] } },
      leaves: { u: { metas: [{ phx_ref: ref, n: 1 }] } },
    });
    assert.deepEqual(await Plain.getByKey({ topic: TOPIC }, "u"), {
      metas: [{ phx_ref: next, phx_ref_prev: ref, n: 2 }],
    });
    assert.equal(await Plain.getByKey(TOPIC, "nobody"), undefined);

    await Plain.untrack({ topic: TOPIC }, "u");
    assert.deepEqual(await watcher.seen(), { joins: {}, leaves: { u: [{ n: 2 }] } });
    await Plain.untrack({ topic: TOPIC }, "u");
    assert.deepEqual(Object.keys(await Plain.list(TOPIC)), []);
    await Plain.track({ topic: TOPIC }, "last", { n: 3 });
    assert.deepEqual(await watcher.seen(), { joins: { last: [{ n: 3 }] }, leaves: {} }); // nothing in between
  });
});

test("numbers become text, and any text is a key", async () => {
  const Plain = presence();
  await withPresence(Plain, async () => {
    const watcher = new Watcher(TOPIC);
    for (const key of [7, "", "__proto__", "constructor", "żółw🙂"]) {
      assert.equal((await Plain.track({ topic: TOPIC }, key, {}))[0], "ok");
      const { joins } = await watcher.diff();
      assert.deepEqual(Object.keys(joins), [String(key)]);
      assert.equal((await Plain.getByKey(TOPIC, key))?.metas.length, 1);
    }
    assert.deepEqual(
      new Set(Object.keys(await Plain.list(TOPIC))),
      new Set(["7", "", "__proto__", "constructor", "żółw🙂"]),
    );
    assert.equal((await Plain.list(TOPIC)).toString, undefined);
    await assert.rejects(Plain.track({ topic: TOPIC }, null as never, {}), code(ErrorCode.badArgument));
    await assert.rejects(Plain.track({ topic: "" }, "u", {}), code(ErrorCode.badArgument));
  });
});

test("a meta is what its JSON says; one that has none costs who made it, and nobody else", async () => {
  const Plain = presence<Record<string, unknown>>();
  await withPresence(Plain, async () => {
    const given = { at: new Date(0), gone: undefined, nested: { list: [1, null] }, phx_ref: "mine" };
    const [, ref] = await Plain.track({ topic: TOPIC }, "u", given);
    given.nested.list.push(2);
    const expected = { phx_ref: ref, at: "1970-01-01T00:00:00.000Z", nested: { list: [1, null] } };
    assert.deepEqual((await Plain.getByKey(TOPIC, "u"))?.metas, [expected]);
    for (const bad of [[], "text", null, { n: 1n }]) {
      await assert.rejects(Plain.track({ topic: TOPIC }, "v", bad as never), code(ErrorCode.badPayload));
      await assert.rejects(
        Plain.update({ topic: TOPIC }, "u", () => bad as never),
        code(ErrorCode.badPayload),
      );
    }
    assert.deepEqual(Object.keys(await Plain.list(TOPIC)), ["u"]);
  });
});

test("a process that ends leaves all its keys in one diff a topic, and a crowd that ends together leaves in one", async () => {
  const Plain = presence();
  await withPresence(Plain, async () => {
    const [a, b] = [new Watcher(TOPIC), new Watcher("room:b")];
    const crowd = Array.from({ length: 5 }, somebody);
    for (const [n, pid] of crowd.entries()) {
      await Plain.track(pid, TOPIC, `u${n}`, {});
      await a.diff();
    }
    const one = somebody();
    await Plain.track(one, TOPIC, "x", { n: 1 });
    await Plain.track(one, TOPIC, "y", { n: 2 });
    await Plain.track(one, "room:b", "x", { n: 3 });
    await a.diff();
    await a.diff();
    await b.diff();
    kill(one);
    assert.deepEqual(await a.seen(), { joins: {}, leaves: { x: [{ n: 1 }], y: [{ n: 2 }] } });
    assert.deepEqual(await b.seen(), { joins: {}, leaves: { x: [{ n: 3 }] } });
    for (const pid of crowd) kill(pid);
    const { leaves } = await a.diff();
    assert.deepEqual(Object.keys(leaves).sort(), ["u0", "u1", "u2", "u3", "u4"]);
    assert.deepEqual(Object.keys(await Plain.list(TOPIC)), []);
  });
});

test("a process that is dead already joins and leaves at once", async () => {
  const Plain = presence();
  await withPresence(Plain, async () => {
    const watcher = new Watcher(TOPIC);
    const pid = somebody();
    await end(pid);
    assert.equal((await Plain.track(pid, TOPIC, "u", {}))[0], "ok");
    assert.deepEqual(Object.keys((await watcher.diff()).joins), ["u"]);
    assert.deepEqual(Object.keys((await watcher.diff()).leaves), ["u"]);
  });
});

test("no change is lost when several update one meta by a function at the same time", async () => {
  const Plain = presence<{ n: number }>();
  await withPresence(Plain, async () => {
    await Plain.track({ topic: TOPIC }, "u", { n: 0 });
    const results = await Promise.all(
      Array.from({ length: 5 }, () => Plain.update({ topic: TOPIC }, "u", ({ n }) => ({ n: n + 1 }))),
    );
    assert.deepEqual(new Set(results.map(([tag]) => tag)), new Set(["ok"]));
    assert.equal((await Plain.getByKey(TOPIC, "u"))?.metas[0]?.n, 5);
  });
});

test("topics are shared out among the shards, and each works as the only one does", async () => {
  const Pooled = presence<{ n: number }>({ poolSize: 4 });
  await withPresence(Pooled, async () => {
    for (let shard = 0; shard < 4; shard++) assert.ok(whereis(`presence_shard${shard}`) !== undefined);
    const topics = Array.from({ length: 20 }, (_, n) => `room:${n}`);
    for (const [n, topic] of topics.entries()) await Pooled.track({ topic }, "u", { n });
    for (const [n, topic] of topics.entries()) assert.equal((await Pooled.getByKey(topic, "u"))?.metas[0]?.n, n);
  });
});

// ---- the death of its own processes ----

test("when a shard dies nobody who is tracked does: all are still there, and who died meanwhile leaves", async () => {
  const Plain = presence<{ n: number }>();
  await withPresence(Plain, async () => {
    const watcher = new Watcher(TOPIC);
    const [living, dying] = [somebody(), somebody()];
    const [, ref] = await Plain.track(living, TOPIC, "living", { n: 1 });
    await Plain.track(dying, TOPIC, "dying", { n: 2 });
    await watcher.diff();
    await watcher.diff();
    const shard = whereis("presence_shard0") as Pid;
    kill(shard);
    kill(dying); // the shard that would have heard of it is gone
    assert.deepEqual(Object.keys(await Plain.list(TOPIC)), ["living", "dying"]); // reading needs no shard
    assert.deepEqual(await watcher.seen(), { joins: {}, leaves: { dying: [{ n: 2 }] } });
    assert.notEqual(whereis("presence_shard0"), shard);
    assert.deepEqual({ ...(await Plain.list(TOPIC)) }, { living: { metas: [{ phx_ref: ref, n: 1 }] } });
    // And it goes on as if nothing had been.
    assert.deepEqual(await Plain.track(living, TOPIC, "living", { n: 3 }), ["error", "already_tracked"]);
    const [, next] = await Plain.update(living, TOPIC, "living", { n: 3 });
    assert.deepEqual((await watcher.diff()).joins.living?.metas, [{ phx_ref: next, phx_ref_prev: ref, n: 3 }]);
    await restarted("presence_shard0");
    kill(living);
    assert.deepEqual(await watcher.seen(), { joins: {}, leaves: { living: [{ n: 3 }] } });
  });
});

test("what was waiting for fetch when its shard died is told by the next one", async () => {
  let fetches = 0;
  const Slow = presence({
    fetch: async (_topic, presences: Presences<PresenceOf<Record<string, unknown>>>) => {
      if (++fetches === 1) await new Promise(() => {}); // the first one never comes back
      return presences;
    },
  });
  await withPresence(Slow, async () => {
    const watcher = new Watcher(TOPIC);
    const pid = somebody();
    await Slow.track(pid, TOPIC, "u", { n: 1 });
    await Slow.track(pid, TOPIC, "v", { n: 2 });
    await restarted("presence_shard0");
    assert.deepEqual(await watcher.seen(), { joins: { u: [{ n: 1 }] }, leaves: {} });
    assert.deepEqual(await watcher.seen(), { joins: { v: [{ n: 2 }] }, leaves: {} });
    kill(pid);
    assert.deepEqual(Object.keys((await watcher.diff()).leaves), ["u", "v"]);
  });
});

// ---- fetch ----

type Users = Presences<PresenceOf<{ n: number }> & { readonly user?: string }>;

function named(presences: Presences<PresenceOf<{ n: number }>>): Users {
  return Object.fromEntries(Object.entries(presences).map(([key, { metas }]) => [key, { metas, user: `user ${key}` }]));
}

test("fetch adds to lists, single keys and both sides of a diff", async () => {
  const asked: string[] = [];
  const Fetching = presence({
    fetch: async (topic, presences: Presences<PresenceOf<{ n: number }>>) => {
      asked.push(`${topic} ${Object.keys(presences).join(",")}`);
      return named(presences);
    },
  });
  await withPresence(Fetching, async () => {
    const watcher = new Watcher(TOPIC);
    await Fetching.track({ topic: TOPIC }, "u", { n: 1 });
    assert.deepEqual(await watcher.seen(), { joins: { u: [{ n: 1 }, { user: "user u" }] }, leaves: {} });
    await Fetching.update({ topic: TOPIC }, "u", ({ n }) => ({ n: n + 1 }));
    assert.deepEqual(await watcher.seen(), {
      joins: { u: [{ n: 2 }, { user: "user u" }] },
      leaves: { u: [{ n: 1 }, { user: "user u" }] },
    });
    assert.deepEqual(asked, ["room:a u", "room:a u", "room:a u"]); // nothing is asked about nobody
    assert.equal((await Fetching.list(TOPIC)).u?.user, "user u");
    assert.equal((await Fetching.getByKey(TOPIC, "u"))?.user, "user u");
    assert.deepEqual({ ...(await Fetching.list("room:empty")) }, {});
    assert.equal(asked.length, 5);
  });
});

test("a fetch that throws, forgets a key or returns what has no JSON costs what it adds, and nothing else", async () => {
  const ways = [
    () => {
      throw new Error("the database is away");
    },
    () => Promise.reject(new Error("the database is away")),
    () => ({}),
    () => ({ u: { user: "no metas" } }),
    () => null,
    (presences: Users) => ({ u: { ...presences.u, user: 1n } }),
  ];
  let way = 0;
  const Failing = presence({
    fetch: (_topic, presences: Presences<PresenceOf<{ n: number }>>) => ways[way]?.(presences) as Users,
  });
  const reports = await withPresence(Failing, async () => {
    const watcher = new Watcher(TOPIC);
    const shard = whereis("presence_shard0");
    for (way = 0; way < ways.length; way++) {
      await Failing.track({ topic: TOPIC }, "u", { n: way });
      assert.deepEqual(await watcher.seen(), { joins: { u: [{ n: way }] }, leaves: {} });
      if (way < 5) assert.deepEqual(withoutRefs(await Failing.list(TOPIC)), { u: [{ n: way }] });
      await Failing.untrack({ topic: TOPIC }, "u");
      assert.deepEqual(await watcher.seen(), { joins: {}, leaves: { u: [{ n: way }] } });
    }
    assert.equal(whereis("presence_shard0"), shard);
  });
  assert.ok(reports.every((report) => report.tag === "notice"));
  assert.ok(reports.some((report) => report.tag === "notice" && report.message.includes("the database is away")));
});

test("a fetch that never answers is given up after its time, and the diffs after it come as they should", async () => {
  let never = true;
  const Slow = presence({
    fetchTimeoutMs: 20,
    fetch: (_topic, presences: Presences<PresenceOf<{ n: number }>>) =>
      never ? new Promise<Users>(() => {}) : named(presences),
  });
  await withPresence(Slow, async () => {
    const watcher = new Watcher(TOPIC);
    await Slow.track({ topic: TOPIC }, "u", { n: 1 });
    assert.deepEqual(await watcher.seen(), { joins: { u: [{ n: 1 }] }, leaves: {} });
    assert.deepEqual(withoutRefs(await Slow.list(TOPIC)), { u: [{ n: 1 }] });
    never = false;
    await Slow.track({ topic: TOPIC }, "v", { n: 2 });
    assert.deepEqual(await watcher.seen(), { joins: { v: [{ n: 2 }, { user: "user v" }] }, leaves: {} });
  });
});

test("what happens during a slow fetch is one diff behind it, and shards and reads do not wait", async () => {
  const answers: (() => void)[] = [];
  const Slow = presence({
    fetch: async (_topic, presences: Presences<PresenceOf<{ n: number }>>) => {
      await new Promise<void>((resolve) => answers.push(resolve));
      return presences;
    },
  });
  await withPresence(Slow, async () => {
    const watcher = new Watcher(TOPIC);
    for (let n = 0; n < 5; n++) await Slow.track({ topic: TOPIC }, `u${n}`, { n });
    await Slow.untrack({ topic: TOPIC }, "u4");
    assert.equal(answers.length, 1);
    answers.pop()?.();
    assert.deepEqual(await watcher.seen(), { joins: { u0: [{ n: 0 }] }, leaves: {} });
    while (answers.length < 2) await new Promise((resolve) => setImmediate(resolve)); // joins and leaves side by side
    for (const answer of answers) answer();
    assert.deepEqual(await watcher.seen(), {
      joins: { u1: [{ n: 1 }], u2: [{ n: 2 }], u3: [{ n: 3 }], u4: [{ n: 4 }] },
      leaves: { u4: [{ n: 4 }] },
    });
  });
});

// ---- handleMetas ----

test("handleMetas hears of each diff in order with who is there after it, and keeps its state", async () => {
  const observer = { pid: null as Pid | null };
  const Counting = presence({
    init: () => ({ calls: 0 }),
    handleMetas: (topic, { joins, leaves }: { joins: object; leaves: object }, presences, state) => {
      const there = Object.entries(presences).map(([key, metas]) => `${key}×${metas.length}`);
      const seen = { topic, joins: Object.keys(joins), leaves: Object.keys(leaves), there, calls: state.calls };
      if (observer.pid !== null) send(observer.pid, ["metas", seen]);
      return ok({ calls: state.calls + 1 });
    },
  });
  const next = async (): Promise<unknown> => {
    const isMetas = (message: unknown): message is [string, unknown] =>
      Array.isArray(message) && message[0] === "metas";
    return (await receive(isMetas))[1];
  };
  await withPresence(Counting, async () => {
    observer.pid = self();
    const other = somebody();
    await Counting.track({ topic: TOPIC }, "u", {});
    await Counting.track(other, TOPIC, "u", {});
    await Counting.update({ topic: TOPIC }, "u", {});
    kill(other);
    await Counting.untrack({ topic: TOPIC }, "u");
    const common = { topic: TOPIC };
    assert.deepEqual(await next(), { ...common, joins: ["u"], leaves: [], there: ["u×1"], calls: 0 });
    assert.deepEqual(await next(), { ...common, joins: ["u"], leaves: [], there: ["u×2"], calls: 1 });
    assert.deepEqual(await next(), { ...common, joins: ["u"], leaves: ["u"], there: ["u×2"], calls: 2 });
    assert.deepEqual(await next(), { ...common, joins: [], leaves: ["u"], there: ["u×1"], calls: 3 });
    assert.deepEqual(await next(), { ...common, joins: [], leaves: ["u"], there: [], calls: 4 });
  });
});

test("a handleMetas that crashes begins anew with all who are there as joins; clients never notice", async () => {
  const observer = { pid: null as Pid | null };
  const Crashing = presence({
    fetch: (_topic, presences: Presences<PresenceOf<{ n: number }>>) => named(presences),
    init: () => ({ fresh: true }),
    handleMetas: (_topic, { joins }, presences, state) => {
      if ("bomb" in joins && !state.fresh) throw new Error("as asked");
      const users = Object.entries(joins).map(([key, { user }]) => `${key}: ${user}`);
      if (observer.pid !== null) send(observer.pid, ["metas", users, Object.keys(presences), state.fresh]);
      state.fresh = false;
    },
  });
  const next = async (): Promise<readonly unknown[]> => {
    const message = await receive((message) => Array.isArray(message) && message[0] === "metas");
    return (message as unknown[]).slice(1);
  };
  const reports = await withPresence(Crashing, async () => {
    observer.pid = self();
    const watcher = new Watcher(TOPIC);
    const shard = whereis("presence_shard0");
    await Crashing.track({ topic: TOPIC }, "u", { n: 1 });
    assert.deepEqual(await next(), [["u: user u"], ["u"], true]);
    await Crashing.track({ topic: TOPIC }, "bomb", { n: 2 });
    assert.deepEqual(await next(), [["u: user u", "bomb: user bomb"], ["u", "bomb"], true]);
    await Crashing.track({ topic: TOPIC }, "v", { n: 3 });
    assert.deepEqual(await next(), [["v: user v"], ["u", "bomb", "v"], false]);
    for (const key of ["u", "bomb", "v"]) assert.deepEqual(Object.keys((await watcher.diff()).joins), [key]);
    assert.equal(whereis("presence_shard0"), shard);
  });
  assert.equal(reports.filter((report) => report.tag === "crash").length, 1);
});

test("options are checked where they are given", () => {
  for (const options of [
    { name: "" },
    { name: "<x" },
    { poolSize: 0 },
    { broadcastPeriodMs: 0.5 },
    { fetchTimeoutMs: 0 },
  ]) {
    assert.throws(() => presence(options), code(ErrorCode.badOption), JSON.stringify(options));
  }
});

test("what is inferred: metas from fetch's argument, presences from its result", async () => {
  const Typed = presence({
    fetch: (_topic, presences: Presences<PresenceOf<{ name: string }>>) =>
      Object.fromEntries(Object.entries(presences).map(([key, { metas }]) => [key, { metas, age: 1 }])),
  });
  const list = async (): Promise<number | undefined> => (await Typed.list(TOPIC)).u?.age;
  // @ts-expect-error: a meta of another type
  const track = () => Typed.track({ topic: TOPIC }, "u", { name: 1 });
  // @ts-expect-error: fetch adds no such thing
  const wrong = async () => (await Typed.list(TOPIC)).u?.size;
  assert.equal(typeof list, typeof track);
  assert.equal(typeof wrong, "function");
});
