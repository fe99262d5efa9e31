import assert from "node:assert/strict";
import { test } from "node:test";
import type { From } from "../../src/core/messages.js";
import type { Pid } from "../../src/core/pid.js";
import type { Destination } from "../../src/core/via.js";
import { genServer } from "../../src/otp/gen-server.js";
import { call } from "../../src/otp/gen-server-calls.js";
import { abcast, multiCall } from "../../src/otp/gen-server-many.js";
import { registry } from "../../src/otp/registry.js";
import { noreply, reply } from "../../src/otp/results.js";
import { exit, kill, receive, replyTo, self, send } from "../../src/runtime/process.js";
import { inline } from "../support/inline.js";

/** Answers with what it got and its own number, unless it is to do otherwise; tells `owner` who waits for it. */
const Server = genServer({
  init: ([number, owner]: readonly [number, Pid]) => ({ number, owner, got: [] as unknown[] }),
  handleCall: {
    add: (by: number, state) => reply(by + state.number),
    exit: (victim: number, state) => (state.number === victim ? exit("boom") : reply(state.number)),
    wait: (waiting: number, state, from) => {
      if (state.number !== waiting) return reply(state.number);
      send(state.owner, from);
      return noreply();
    },
    got: (_, state) => reply(state.got),
  },
  handleCast: {
    put: (what: unknown, state) => {
      state.got.push(what);
    },
  },
});

async function servers(count: number): Promise<Pid[]> {
  const started = await Promise.all(Array.from({ length: count }, (_, number) => Server.start([number, self()])));
  return started.map(([, pid]) => pid as Pid);
}

test("multiCall answers who replied what, in the order of the targets", async () => {
  await inline().run(async () => {
    const [a, b, c] = (await servers(3)) as [Pid, Pid, Pid];
    const { replies, bad } = await Server.multiCall([c, a, b], "add", 10);
    const [, first]: readonly [Pid, number] | undefined[] = replies[0] ?? [];
    assert.equal(first, 12);
    assert.deepEqual(replies, [
      [c, 12],
      [a, 10],
      [b, 11],
    ]);
    assert.deepEqual(bad, []);
    assert.deepEqual(await multiCall([], "add", 1), { replies: [], bad: [] });
  });
});

test("a server that is gone, ends, or is the caller itself is bad, and the others reply", async () => {
  await inline().run(async () => {
    const [a, b, c] = (await servers(3)) as [Pid, Pid, Pid];
    kill(a);
    const targets: readonly Destination[] = [a, "nobody", b, self(), c];
    assert.deepEqual(await multiCall(targets, "exit", 1), { replies: [[c, 2]], bad: [a, "nobody", b, self()] });
  });
});

test("a server that is too slow is bad, and its late reply is dropped", async () => {
  await inline().run(async () => {
    const [a, b] = (await servers(2)) as [Pid, Pid];
    assert.deepEqual(await multiCall([a, b], "wait", 0, 20), { replies: [[b, 1]], bad: [a] });
    replyTo((await receive()) as From, "late");
    assert.equal(await call(b, "add", 1), 2);
    assert.equal(typeof (await receive(() => true, 0)), "symbol");
    await assert.rejects(multiCall([b], "add", 1, -1), { code: "JOIST_BAD_ARGUMENT" });
  });
});

test("names and keys of a registry are targets too", async () => {
  await inline().run(async () => {
    const Rooms = registry<string>({ name: "rooms", keys: "unique" });
    await Rooms.startLink();
    await Server.start([1, self()], { name: Rooms.via("lobby") });
    await Server.start([2, self()], { name: "two" });
    const targets = [Rooms.via("lobby"), "two", Rooms.via("attic")];
    assert.deepEqual(await multiCall(targets, "add", 0), {
      replies: [
        [targets[0], 1],
        ["two", 2],
      ],
      bad: [targets[2]],
    });
  });
});

test("abcast casts to all, and to those who are not there nothing happens", async () => {
  await inline().run(async () => {
    const [a, b] = (await servers(2)) as [Pid, Pid];
    abcast([a, "nobody"], "put", "x");
    Server.abcast([b], "put", "x");
    assert.deepEqual(await multiCall([a, b], "got"), {
      replies: [
        [a, ["x"]],
        [b, ["x"]],
      ],
      bad: [],
    });
  });
});
