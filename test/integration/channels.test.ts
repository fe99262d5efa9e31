/** Channels over real sockets and real threads, frame by frame. Numbers like W24 and G3 are those of Phoenix's own behaviour. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isErrorReason, type Pid, type StartOptions, stopServer, sys } from "joist";
import { withApp } from "../support/app.js";
import type { FrameClient } from "../support/frame-client.js";
import { PollClient } from "../support/poll-client.js";
import { RawClient } from "../support/raw-client.js";

const ok = (response: unknown = {}) => ({ status: "ok", response });
const error = (response: unknown) => ({ status: "error", response });
const crashed = { reason: "channel_crash" };

/** The transports, and how a client of theirs learns that its connection is gone: `closed` settles with one of these. */
const webSocket = { name: "WebSocket", Client: RawClient, malformed: [1011], disconnected: [1001] };
// Who polls at that moment is told 500, who posts 408, and who comes later 410.
const longPoll = { name: "long poll", Client: PollClient, malformed: [500, 408, 410], disconnected: [500, 410] };

const placements = [
  ...[webSocket, longPoll].map((transport) => ["threads", { schedulers: 2 } as StartOptions, transport] as const),
  ...[webSocket, longPoll].map((transport) => ["inline", { schedulers: 0 } as StartOptions, transport] as const),
];

type Use = (client: FrameClient, again: () => Promise<FrameClient>) => Promise<void>;

for (const [threads, options, { name: transport, Client, malformed, disconnected }] of placements) {
  const where = `${transport}, ${threads}`;
  const uses: (readonly [name: string, use: Use])[] = [];
  const on = (name: string, use: Use): void => {
    uses.push([name, use]);
  };

  // One application for all: whatever crashes in it, the next client must find it whole.
  test(`what a client sees (${where})`, async (t) => {
    await withApp(async ({ app }) => {
      for (const [name, use] of uses) {
        await t.test(`${name} (${where})`, async () => {
          const clients: FrameClient[] = [];
          const connect = async (): Promise<FrameClient> => {
            const client = await Client.connect(app.port, "vsn=2.0.0&user_id=7");
            clients.push(client);
            return client;
          };
          try {
            await use(await connect(), connect);
          } finally {
            for (const client of clients) client.drop();
          }
        });
      }
    }, options);
  });

  on("a heartbeat is answered by the connection itself", async (client) => {
    client.send(null, "15", "phoenix", "heartbeat", {});
    assert.deepEqual(await client.next(), [null, "15", "phoenix", "phx_reply", ok()]);
  });

  on("a join is answered with the reply of join", async (client) => {
    client.send("3", "3", "room:a", "phx_join", {});
    assert.deepEqual(await client.next(), ["3", "3", "room:a", "phx_reply", ok({ userId: "7" })]);
  });

  on("a join that is refused says why, and the topic is free", async (client) => {
    assert.deepEqual((await client.join("room:a", { refuse: { reason: "full" } }))[4], error({ reason: "full" }));
    client.send("1", "2", "room:a", "echo", {});
    assert.deepEqual(await client.next(), [null, "2", "room:a", "phx_reply", error({ reason: "unmatched topic" })]);
    assert.deepEqual((await client.join("room:a", {}, "4"))[4], ok({ userId: "7" }));
  });

  on("a join that crashes, or pushes too early, is answered with join crashed", async (client) => {
    assert.deepEqual((await client.join("room:a", { crash: true }))[4], error({ reason: "join crashed" }));
    assert.deepEqual((await client.join("room:b", { early: true }))[4], error({ reason: "join crashed" }));
    assert.deepEqual((await client.join("room:c", null))[4], error({ reason: "join crashed" }));
    assert.deepEqual(await client.settle(), []);
  });

  on("topics that no route matches, and topics not joined, are unmatched", async (client) => {
    client.send("1", "1", "nowhere", "phx_join", {});
    client.send("1", "2", "room:a", "echo", {});
    client.send("1", "3", "phoenix", "other", {});
    const unmatched = (ref: string, topic: string) => [
      null,
      ref,
      topic,
      "phx_reply",
      error({ reason: "unmatched topic" }),
    ];
    assert.deepEqual(await client.take(3), [
      unmatched("1", "nowhere"),
      unmatched("2", "room:a"),
      unmatched("3", "phoenix"),
    ]);
  });

  on("a handler replies with any status, and refs come back as the JSON values they were", async (client) => {
    await client.join("room:a");
    assert.deepEqual(await client.ask("room:a", "echo", { x: [1, null] }), ok({ x: [1, null] }));
    assert.deepEqual(await client.ask("room:a", "status", { status: "weird", response: [1] }), {
      status: "weird",
      response: [1],
    });
    client.send("5", 5, "room:b", "phx_join", {});
    assert.deepEqual(await client.next(), ["5", 5, "room:b", "phx_reply", ok({ userId: "7" })]);
  });

  on("a leave is answered, and then the topic closes", async (client) => {
    await client.join("room:a", { bye: "see you" });
    client.send("1", "2", "room:a", "phx_leave", {});
    assert.deepEqual(await client.take(3), [
      ["1", "2", "room:a", "phx_reply", ok()],
      ["1", "1", "room:a", "phx_close", {}],
      ["1", null, "room:a", "bye", { bye: "see you" }],
    ]);
    assert.deepEqual(await client.ask("room:a", "phx_leave", {}, "3"), ok());
  });

  on("messages with a stale join ref are dropped, those with none are taken", async (client) => {
    await client.join("room:a");
    await client.join("room:a", {}, "2");
    assert.deepEqual(await client.next(), ["1", "1", "room:a", "phx_close", {}]);
    client.send("1", "3", "room:a", "echo", {});
    client.send("1", "4", "room:a", "phx_leave", {});
    client.send(null, "5", "room:a", "echo", { x: 1 });
    assert.deepEqual(await client.next(), ["2", "5", "room:a", "phx_reply", ok({ x: 1 })]);
    assert.deepEqual(await client.settle(), []);
  });

  on(
    "a second join takes the place of the first: its reply, then the first one's close, and fresh state",
    async (client) => {
      await client.join("room:a");
      assert.deepEqual(await client.ask("room:a", "count"), ok({ count: 1 }));
      client.send("9", "9", "room:a", "phx_join", {});
      assert.deepEqual(await client.take(2), [
        ["9", "9", "room:a", "phx_reply", ok({ userId: "7" })],
        ["1", "1", "room:a", "phx_close", {}],
      ]);
      assert.deepEqual(await client.ask("room:a", "count", {}, "10", "9"), ok({ count: 1 }));
    },
  );

  on("a slow join holds up its own topic only, and what came for it meanwhile is handled after", async (client) => {
    client.send("1", "1", "room:slow", "phx_join", { waits: true });
    client.send("1", "2", "room:slow", "echo", { n: 2 });
    client.send("3", "3", "room:quick", "phx_join", {});
    client.send("3", "4", "room:quick", "echo", { n: 4 });
    client.send(null, "5", "phoenix", "heartbeat", {});
    const before = new Set((await client.take(3)).map((frame) => frame[1]));
    assert.deepEqual(before, new Set(["3", "4", "5"]));
    client.send("3", null, "room:quick", "let_in", {});
    assert.deepEqual(
      (await client.take(2)).map((frame) => frame[1]),
      ["1", "2"],
    );
  });

  on("the reply to the join comes first, then what the channel pushed and broadcast after it", async (client) => {
    client.send("1", "1", "room:a", "phx_join", { after: "x" });
    assert.deepEqual(await client.take(3), [
      ["1", "1", "room:a", "phx_reply", ok({ userId: "7" })],
      ["1", null, "room:a", "after", { value: "x" }],
      [null, null, "room:a", "shout", { value: "x" }],
    ]);
    assert.deepEqual(await client.settle(), []); // the broadcast made inside join is from before it was subscribed
  });

  on("pushes, broadcasts and replies of a channel reach its client in the order it made them", async (client) => {
    await client.join("room:a");
    client.send("1", "2", "room:a", "mixed", {});
    assert.deepEqual(
      (await client.take(4)).map((frame) => (frame[4] as { n?: number; response?: { n: number } }).n ?? 4),
      [1, 2, 3, 4],
    );
    client.send("1", "3", "room:a", "burst", { count: 500 });
    const burst = await client.take(501);
    assert.deepEqual(
      burst.slice(0, 500).map((frame) => (frame[4] as { i: number }).i),
      Array.from({ length: 500 }, (_, i) => i + 1),
    );
    assert.equal(burst[500]?.[1], "3");
  });

  on("a broadcast reaches all on the topic, broadcastFrom all others", async (client, connect) => {
    const other = await connect();
    const elsewhere = await connect();
    await client.join("room:a");
    await other.join("room:a");
    await elsewhere.join("room:b");
    assert.deepEqual(await client.ask("room:a", "shout", { n: 1 }), ok());
    assert.deepEqual(await client.ask("room:a", "shout_from", { n: 2 }), ok());
    const shout = (n: number) => [null, null, "room:a", "shout", { n }];
    assert.deepEqual(await other.take(2), [shout(1), shout(2)]);
    assert.deepEqual(await client.settle(), [shout(1)]);
    assert.deepEqual(await elsewhere.settle(), []);
  });

  on("an intercepted event passes through each channel's handleOut", async (client, connect) => {
    const other = await connect();
    await client.join("room:a");
    await other.join("room:a");
    client.send("1", "2", "room:a", "whisper", { w: 1 });
    assert.deepEqual(await other.next(), ["1", null, "room:a", "whisper", { w: 1, for: "7" }]);
    assert.deepEqual(new Set((await client.take(2)).map((frame) => frame[3])), new Set(["phx_reply", "whisper"]));
  });

  on(
    "a reply by socket ref comes later, also from another process, also when the channel has ended",
    async (client) => {
      await client.join("room:a");
      client.send("1", "2", "room:a", "later", { ms: 10 });
      assert.deepEqual(await client.next(), ["1", "2", "room:a", "phx_reply", ok({ late: true })]);
      client.send("1", "3", "room:a", "outside", { x: 1 });
      const frames = await client.take(2);
      assert.deepEqual(
        frames.find((frame) => frame[3] === "phx_reply"),
        ["1", "3", "room:a", "phx_reply", ok({ x: 1 })],
      );
      assert.deepEqual(
        frames.find((frame) => frame[3] === "phx_close"),
        ["1", "1", "room:a", "phx_close", {}],
      );
    },
  );

  on("messages of other processes reach handleInfo, and servers are called by name", async (client) => {
    await client.join("room:a");
    client.send("1", "2", "room:a", "info", { message: "hello" });
    assert.deepEqual(new Set((await client.take(2)).map((frame) => frame[3])), new Set(["phx_reply", "info"]));
    assert.deepEqual(await client.ask("room:a", "call_counter", { by: 5 }, "3"), ok({ count: 5 }));
  });

  on("a stop with a normal reason answers, closes, and its client need not rejoin", async (client) => {
    await client.join("room:a", { bye: 1 });
    client.send("1", "2", "room:a", "stop", { reason: "normal" });
    assert.deepEqual(await client.take(3), [
      ["1", "2", "room:a", "phx_reply", ok({ stopping: "normal" })],
      ["1", "1", "room:a", "phx_close", {}],
      ["1", null, "room:a", "bye", { bye: 1 }],
    ]);
  });

  on("a stop with any other reason is an error to the client, after what terminate pushed", async (client) => {
    await client.join("room:a", { bye: 1 });
    client.send("1", "2", "room:a", "stop", { reason: "oops" });
    assert.deepEqual(await client.take(3), [
      ["1", "2", "room:a", "phx_reply", ok({ stopping: "oops" })],
      ["1", null, "room:a", "bye", { bye: 1 }],
      ["1", "1", "room:a", "phx_error", crashed],
    ]);
  });

  for (const way of [
    ...["throw", "reject", "timer", "immediate", "tick", "microtask", "unhandled"],
    ...["bad_return", "bad_payload", "exit_normal", "overflow", "no_such_event", "constructor", "__proto__"],
  ]) {
    // On the test's own thread node:test hears stray errors as well, and fails the test.
    if (threads === "inline" && ["timer", "immediate", "tick", "unhandled"].includes(way)) continue;
    on(`crash by ${way}: exactly one phx_error, siblings answer, the rejoin finds fresh state`, async (client) => {
      await client.join("room:victim");
      await client.join("room:sibling", {}, "5");
      await client.ask("room:victim", "count");
      client.send("1", "7", "room:victim", way, {});
      assert.deepEqual(await client.ask("room:sibling", "count", {}, "8", "5"), ok({ count: 1 }));
      assert.deepEqual(await client.next((frame) => frame[2] === "room:victim"), [
        ...["1", "1", "room:victim", "phx_error"],
        crashed,
      ]);
      await client.join("room:victim", {}, "9");
      assert.deepEqual(await client.ask("room:victim", "count", {}, "10", "9"), ok({ count: 1 }));
      assert.deepEqual(await client.settle(), []);
    });
  }

  on("terminate is told when its client is gone", async (client, connect) => {
    const observer = await connect();
    await observer.join("room:observer");
    await client.join("room:a", { observer: "room:observer" });
    client.drop();
    const terminated = await observer.next((frame) => frame[3] === "terminated");
    assert.deepEqual(terminated[4], { topic: "room:a", reason: "crash" }); // {shutdown, closed}, which the fixture calls so
  });

  on("one channel more than allowed is refused, the others live", async (client) => {
    for (let i = 1; i <= 5; i++) await client.join(`room:${i}`, {}, String(i));
    assert.deepEqual((await client.join("room:6", {}, "6"))[4], error({ reason: "too many channels joined" }));
    assert.deepEqual(await client.ask("room:5", "echo", {}, "7", "5"), ok());
  });

  on("a malformed frame closes its connection, and no other", async (client, connect) => {
    const other = await connect();
    await other.join("room:a");
    await client.join("room:a");
    client.sendText('["1","2","room:a","echo",{"x":}]');
    assert.ok(malformed.includes(await client.closed));
    const third = await connect();
    third.sendText("nonsense");
    assert.ok(malformed.includes(await third.closed));
    assert.deepEqual(await other.ask("room:a", "echo"), ok());
  });

  test(`connect refuses with 403, a crash in it is 500, an unknown path 404, and others may come (${where})`, () =>
    withApp(async ({ app }) => {
      assert.equal(await Client.refused(app.port, "vsn=2.0.0&reject=true"), 403);
      assert.equal(await Client.refused(app.port, "vsn=3.0.0"), 403);
      assert.equal(await Client.refused(app.port, "vsn=2.0.0&raise=true"), 500);
      assert.equal(await Client.refused(app.port, "vsn=2.0.0", "/nowhere/transport"), 404);
      const client = await Client.connect(app.port);
      assert.deepEqual((await client.join("room:a"))[4], ok({ userId: null }));
      client.drop();
    }, options));

  test(`a channel can be looked at, changed, traced, suspended and stopped from outside (${where})`, () =>
    withApp(async ({ app }) => {
      const client = await RawClient.connect(app.port, "vsn=2.0.0&user_id=9");
      await client.join("room:a");
      const { pid } = ((await client.ask("room:a", "where")) as { response: { pid: Pid } }).response;
      const state = { topic: "room:a", joinRef: "1", id: "user:9", transport: "websocket" };
      assert.deepEqual(await app.run(() => sys.getState(pid)), { ...state, assigns: { userId: "9" } });
      await app.run(() => sys.replaceState(pid, { assigns: { userId: "9", count: 41 } }));
      await assert.rejects(
        app.run(() => sys.replaceState(pid, 5)),
        { code: "JOIST_BAD_ARGUMENT" },
      );
      await app.run(() => sys.log(pid, true));
      assert.deepEqual(await client.ask("room:a", "count", {}, "3"), ok({ count: 42 }));
      const events = await app.run(() => sys.log(pid, "get"));
      assert.deepEqual(
        events.map((event) => event.tag),
        ["in", "out"],
      );
      await app.run(() => sys.suspend(pid));
      client.send("1", "4", "room:a", "count", {});
      client.send(null, "5", "phoenix", "heartbeat", {});
      assert.deepEqual(await client.next(), [null, "5", "phoenix", "phx_reply", ok()]);
      assert.equal((await app.run(() => sys.getStatus(pid))).status, "suspended");
      await app.run(() => sys.resume(pid));
      assert.deepEqual((await client.next())[4], ok({ count: 43 }));
      await app.run(() => sys.suspend(pid));
      await app.run(() => stopServer(pid));
      assert.deepEqual(await client.next(), ["1", "1", "room:a", "phx_close", {}]);
      await client.join("room:a", {}, "6");
      const again = ((await client.ask("room:a", "where", {}, "7", "6")) as { response: { pid: Pid } }).response.pid;
      await app.run(() => sys.suspend(again));
      client.drop();
      // Its connection is gone, and so it is, suspended or not.
      while ((await app.processInfo(again)) !== undefined) await new Promise((resolve) => setImmediate(resolve));
    }, options));

  test(`a channel's crash is reported with the frame it was handling and its assigns (${where})`, () =>
    withApp(async ({ app, reports }) => {
      const client = await RawClient.connect(app.port, "vsn=2.0.0&user_id=9");
      await client.join("room:a");
      client.send("1", "2", "room:a", "no_such_event", { x: 1 });
      await client.next((frame) => frame[3] === "phx_error");
      // Reports and frames come by different ways.
      while (!reports.some((report) => report.tag === "crash")) await new Promise((resolve) => setImmediate(resolve));
      const report = reports.find((one) => one.tag === "crash");
      assert.ok(report?.tag === "crash" && isErrorReason(report.reason));
      assert.equal(report.reason.code, "JOIST_UNKNOWN_EVENT");
      assert.deepEqual(report.message, { event: "no_such_event", ref: "2", payload: { x: 1 } });
      assert.deepEqual((report.state as { assigns: unknown }).assigns, { userId: "9" });
      assert.equal(report.kind, "channel");
      client.drop();
    }, options));

  test(`the host broadcasts, calls, casts and disconnects (${where})`, () =>
    withApp(async ({ app }) => {
      const client = await Client.connect(app.port, "vsn=2.0.0&user_id=9");
      await client.join("room:a");
      app.broadcast("room:a", "shout", { from: "host" });
      assert.deepEqual(await client.next(), [null, null, "room:a", "shout", { from: "host" }]);
      assert.throws(() => app.broadcast("room:a", "shout", 5), { code: "JOIST_BAD_PAYLOAD" });
      assert.equal(await app.call("counter", "add", 3), 3);
      assert.equal(await app.call("counter", "add", 3), 6);
      const before = app.whereis("counter");
      await assert.rejects(app.call("counter", "crash"), { code: "JOIST_CALL_FAILED" });
      while (app.whereis("counter") === undefined) await new Promise((resolve) => setImmediate(resolve));
      assert.notEqual(app.whereis("counter"), before);
      assert.equal(await app.call("counter", "add", 1), 1);
      app.disconnect("user:9");
      assert.ok(disconnected.includes(await client.closed));
    }, options));
}

test("a join that takes longer than it may is refused, its channel killed, and the topic can be joined anew", async () => {
  await withApp(async ({ app }) => {
    const client = await RawClient.connect(app.port, "vsn=2.0.0", "/hasty/websocket");
    client.send("1", "1", "room:late", "phx_join", { slowMs: 60_000 });
    const refused = { status: "error", response: { reason: "join timeout" } };
    assert.deepEqual(await client.next(), ["1", "1", "room:late", "phx_reply", refused]);
    // A machine may be so slow that a join that does nothing takes too long as well.
    for (let ref = 2; ; ref++) {
      client.send(`${ref}`, `${ref}`, "room:late", "phx_join", {});
      const answer = await client.next();
      assert.deepEqual(answer.slice(0, 4), [`${ref}`, `${ref}`, "room:late", "phx_reply"]);
      if ((answer[4] as { status: string }).status === "ok") {
        client.send(`${ref}`, "echo", "room:late", "echo", { n: 1 });
        assert.equal((await client.next())[1], "echo"); // nothing of the first join in between
        return client.drop();
      }
      assert.deepEqual(answer[4], refused);
    }
  });
});
