/** What happens to a client that sends more than it may: slowed down, refused, closed; and that nothing of it is lost before. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type App, attachTelemetry, type TelemetryEvent } from "joist";
import { withApp } from "../support/app.js";
import type { FrameClient } from "../support/frame-client.js";
import { PollClient } from "../support/poll-client.js";
import { RawClient } from "../support/raw-client.js";

const limitsApp: URL = new URL("../support/apps/limits.js", import.meta.url);
const limited = { status: "error", response: { reason: "rate_limited" } };

const onlyWebSocket = (port: number | undefined, at: string): Promise<FrameClient> =>
  RawClient.connect(port, "vsn=2.0.0", `${at}/websocket`);
const onlyLongPoll = (port: number | undefined, at: string): Promise<FrameClient> =>
  PollClient.connect(port, "vsn=2.0.0", `${at}/longpoll`);
const transports = [
  ["websocket", onlyWebSocket],
  ["longpoll", onlyLongPoll],
] as const;

/** Sends so many messages at once, and answers what each is answered with. Refusals come before what channels answer. */
async function burst(client: FrameClient, topic: string, event: string, count: number): Promise<unknown[]> {
  for (let i = 0; i < count; i++) client.send("1", `m${i}`, topic, event, { i });
  const answers: unknown[] = [];
  for (let i = 0; i < count; i++) answers.push((await client.next((frame) => frame[1] === `m${i}`))[4]);
  return answers;
}

for (const [name, connect] of transports) {
  test(`a client that is too fast is slowed down, and loses nothing: ${name}`, async () => {
    await withApp(
      async ({ app }) => {
        const client = await connect(app.port, "/slowed");
        const beganMs = performance.now();
        await client.join("room:a");
        const expected = Array.from({ length: 150 }, (_, i) => ({ status: "ok", response: { i } }));
        assert.deepEqual(await burst(client, "room:a", "echo", 150), expected);
        await client.settle();
        // 152 messages, 20 of them at once, and 200 a second. The clock that is asked is as coarse as a turn.
        assert.ok(performance.now() - beganMs > 600, `it took ${performance.now() - beganMs} ms`);
        const counts = app.counts();
        assert.ok((counts["paused.rate.connection"] ?? 0) >= 1);
        assert.equal(counts["refused.rate.connection"], undefined);
        client.drop();
      },
      {},
      limitsApp,
    );
  });

  test(`a client that can't be slowed down further is refused, and closed in the end: ${name}`, async () => {
    await withApp(
      async ({ app }) => {
        const client = await connect(app.port, "/refusing");
        const beganMs = performance.now();
        await client.join("room:a");
        const answers = (await burst(client, "room:a", "echo", 30)) as { status: string }[];
        const refused = answers.filter(({ status }) => status !== "ok");
        // Ten at once, of which the join was one, and one more for each second that this machine has taken.
        const most = 9 + Math.ceil((performance.now() - beganMs) / 1000);
        assert.deepEqual(
          answers.slice(0, 9),
          Array.from({ length: 9 }, (_, i) => ({ status: "ok", response: { i } })),
        );
        assert.ok(refused.length >= 30 - most, `${refused.length} of 30 were refused, with ${most} to pass at most`);
        assert.deepEqual(refused, Array(refused.length).fill(limited));
        let isOver = false;
        void client.closed.then(() => {
          isOver = true;
        });
        for (; !isOver; await nextTurn()) client.send("1", null, "room:a", "echo", {}); // refused without a word
        // Of a session the POST learns it, or the poll that waits; or it is gone by the next POST.
        assert.ok((name === "websocket" ? [1008] : [408, 410, 500]).includes(await client.closed));
        const counts = app.counts();
        assert.equal(counts["closed.rate"], 1);
        assert.ok((counts["refused.rate.connection"] ?? 0) > 50);
      },
      {},
      limitsApp,
    );
  });

  test(`a channel that gets more than it can handle makes its client wait, and loses nothing: ${name}`, async () => {
    await withApp(
      async ({ app }) => {
        for (const [path, topic, code] of [
          ["/usual", "tiny:a", "paused.unhandled.messages"],
          ["/bytes", "slow:a", "paused.unhandled.bytes"],
        ] as const) {
          const client = await connect(app.port, path);
          await client.join(topic);
          client.send("1", null, topic, "wait", {});
          for (let n = 0; n < 200; n++) client.send("1", null, topic, "n", { n });
          const answer = await client.ask(topic, "done");
          assert.deepEqual(answer, { status: "ok", response: { count: 200, disorder: 0 } });
          assert.ok((app.counts()[code] ?? 0) >= 1, code);
          client.drop();
        }
      },
      {},
      limitsApp,
    );
  });
}

test("the end of a channel is the end of what was to be handled: its client goes on", async () => {
  await withApp(
    async ({ app }) => {
      const client = await onlyWebSocket(app.port, "/usual");
      await client.join("tiny:a");
      client.send("1", null, "tiny:a", "crash", {});
      for (let n = 0; n < 50; n++) client.send("1", null, "tiny:a", "n", { n });
      await client.next((frame) => frame[3] === "phx_error");
      assert.equal(((await client.join("tiny:a", {}, "7"))[4] as { status: string }).status, "ok");
      assert.ok((app.counts()["paused.unhandled.messages"] ?? 0) >= 1);
      client.drop();
    },
    {},
    limitsApp,
  );
});

test("joins have a limit of their own", async () => {
  await withApp(
    async ({ app }) => {
      const client = await onlyWebSocket(app.port, "/joins");
      // All at once: each second brings one more.
      const joins = await Promise.all(["room:a", "room:b", "room:c"].map((topic) => client.join(topic)));
      const answers = joins.map((frame) => frame[4]);
      assert.deepEqual(answers[2], limited);
      assert.equal((answers[1] as { status: string }).status, "ok");
      assert.equal(app.counts()["refused.rate.joins"], 1);
      client.drop();
    },
    {},
    limitsApp,
  );
});

test("a channel and its events have limits, and other topics don't notice", async () => {
  await withApp(
    async ({ app }) => {
      const client = await onlyWebSocket(app.port, "/usual");
      await client.join("strict:a");
      await client.join("room:a");
      const ok = { status: "ok", response: {} };
      // All at once: each second brings one more.
      const events = ["typing", "typing", "typing", "echo", "echo", "echo"];
      for (const [i, event] of events.entries()) client.send("1", `m${i}`, "strict:a", event, {});
      const answers: unknown[] = [];
      for (const i of events.keys()) answers.push((await client.next((frame) => frame[1] === `m${i}`))[4]);
      assert.deepEqual(answers, [ok, ok, limited, ok, ok, limited]);
      assert.equal((await burst(client, "room:a", "echo", 50)).length, 50);
      const counts = app.counts();
      assert.deepEqual([counts["refused.rate.event"], counts["refused.rate.channel"]], [1, 1]);
      // A leave is never one too many: the client would believe it has left.
      client.send("1", "leave", "strict:a", "phx_leave", {});
      assert.deepEqual((await client.next((frame) => frame[1] === "leave"))[4], ok);
      client.drop();
    },
    {},
    limitsApp,
  );
});

test("what limits do is told by telemetry, with the code that is counted", async () => {
  const told: TelemetryEvent<"joist.socket.limit">[] = [];
  const detach = attachTelemetry("joist.socket.limit:stop", (event) => told.push(event));
  await withApp(
    async ({ app }) => {
      const client = await onlyWebSocket(app.port, "/usual");
      await client.join("strict:a");
      await burst(client, "strict:a", "typing", 3);
      client.drop();
    },
    {},
    limitsApp,
  );
  detach();
  assert.deepEqual(
    told.map(({ metadata }) => metadata),
    [{ code: "refused.rate.event", transport: "websocket", id: null, topic: "strict:a" }],
  );
});

test("a limit of the whole connection tells of itself with the same fields", async () => {
  const told: TelemetryEvent<"joist.socket.limit">[] = [];
  const detach = attachTelemetry("joist.socket.limit:stop", (event) => told.push(event));
  await withApp(
    async ({ app }) => {
      const client = await onlyWebSocket(app.port, "/slowed");
      await client.join("room:a");
      await burst(client, "room:a", "echo", 50);
      client.drop();
    },
    {},
    limitsApp,
  ).finally(detach);
  assert.deepEqual(told[0]?.metadata, {
    code: "paused.rate.connection",
    transport: "websocket",
    id: null,
    topic: null,
  });
});

test("usual clients never meet the default limits: 16 messages in flight, 100 topics joined at once", async () => {
  await withApp(
    async ({ app }) => {
      const client = await onlyWebSocket(app.port, "/usual");
      const topics = Array.from({ length: 100 }, (_, i) => `room:${i}`);
      await Promise.all(topics.map((topic) => client.join(topic)));
      for (let round = 0; round < 200; round++) await burst(client, "room:0", "echo", 16);
      assert.deepEqual(app.counts(), {});
      client.drop();
    },
    {},
    limitsApp,
  );
});

/** What share of a flood's time a neighbour may wait: on a loaded machine everything takes longer. */
const MOST_OF_FLOOD = 1 / 8;

interface Flood {
  readonly lastedMs: number;
  /** How long the neighbour waited for an answer, but for one time in a hundred. */
  readonly p99Ms: number;
}

/** Floods a slow channel from another OS process; meanwhile a neighbour asks. */
async function flood(app: App, neighbour: FrameClient, topic: string, count: number): Promise<Flood> {
  let over = false;
  const beganMs = performance.now();
  const flooding = promisify(execFile)(process.execPath, [
    ...[fileURLToPath(new URL("../support/flood.js", import.meta.url)), String(app.port), "/unlimited", topic],
    String(count),
  ]).finally(() => {
    over = true;
  });
  const waitedMs: number[] = [];
  for (let i = 0; !over; i++) {
    const askedMs = performance.now();
    await neighbour.ask("room:neighbour", "echo", {}, `${topic}${i}`);
    waitedMs.push(performance.now() - askedMs);
    await new Promise((resolve) => setTimeout(resolve, 5)); // or its own questions would be a flood
  }
  const answer = JSON.parse((await flooding).stdout) as unknown;
  assert.deepEqual(answer, { status: "ok", response: { count, disorder: 0 } });
  const lastedMs = performance.now() - beganMs;
  const p99Ms = waitedMs.sort((a, b) => a - b)[Math.floor(waitedMs.length * 0.99)] ?? Number.POSITIVE_INFINITY;
  return { lastedMs, p99Ms };
}

test("a million messages to a slow channel: all handled in order, memory bounded, neighbours answered", async () => {
  await withApp(
    async ({ app }) => {
      const neighbour = await onlyWebSocket(app.port, "/usual");
      await neighbour.join("room:neighbour");
      await flood(app, neighbour, "slow:first", 50_000); // heaps grow with the first work they get
      const rssBefore = process.memoryUsage.rss();
      let peakRss = rssBefore;
      const gauge = setInterval(() => {
        peakRss = Math.max(peakRss, process.memoryUsage.rss());
      }, 10);
      const { p99Ms, lastedMs } = await flood(app, neighbour, "slow:a", 1_000_000);
      clearInterval(gauge);
      const grownMib = (peakRss - rssBefore) / 2 ** 20;
      assert.ok(grownMib < 50, `grown by ${grownMib} MiB`);
      // Without limits it waits for most of that time.
      assert.ok(p99Ms < lastedMs * MOST_OF_FLOOD, `a neighbour waited ${p99Ms} of ${lastedMs} ms`);
      assert.ok((app.counts()["paused.unhandled.messages"] ?? 0) > 1);
      neighbour.drop();
    },
    {},
    limitsApp,
  );
});
