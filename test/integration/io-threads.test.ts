/**
 * Connections on several I/O threads, behind the same contracts as on one. Node.js 20 can't share a port between threads, so most
 * of it runs with a port for each; the last test has the real thing.
 */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import { type App, type Report, type StartOptions, start } from "joist";
import { startOn } from "../../src/endpoint/start.js";
import type { FrameClient } from "../support/frame-client.js";
import { type PollAnswer, PollClient } from "../support/poll-client.js";
import { type Frame, RawClient } from "../support/raw-client.js";

const url: URL = new URL("../support/apps/io-threads.js", import.meta.url);
const TOPIC = "room:lobby";

interface Running {
  readonly app: App;
  readonly reports: readonly Report[];
  /** Of each I/O thread, the main one first. */
  readonly ports: () => readonly number[];
}

async function withIoThreads(use: (running: Running) => Promise<void>, options: StartOptions = {}): Promise<void> {
  const reports: Report[] = [];
  const given: StartOptions = {
    ...{ ioThreads: 2, schedulers: 2, port: 0, address: "127.0.0.1", stopOnSignals: false },
    report: (report) => reports.push(report),
  };
  const { app, ports } = await startOn(url, { ...given, ...options }, false);
  try {
    await use({ app, reports, ports });
  } finally {
    await app.stop();
  }
}

/** A client of each I/O thread, which knows the thread it is on. */
async function clientsOf({ ports }: Running, query = "vsn=3.0.0"): Promise<RawClient[]> {
  return await Promise.all(ports().map((port) => RawClient.connect(port, query)));
}

async function threadOf(client: RawClient): Promise<number> {
  client.send(null, "thread", "phoenix", "heartbeat", {});
  const [, , , , payload] = await client.next((frame) => frame[1] === "thread");
  return (payload as { response: { thread: number } }).response.thread;
}

const ofEvent =
  (event: string) =>
  (frame: Frame): boolean =>
    frame[3] === event;

async function join(client: RawClient, user: string): Promise<void> {
  const [, , , , answer] = await client.join(TOPIC, { user });
  assert.equal((answer as { status: string }).status, "ok");
  await client.next(ofEvent("tracked"));
}

/** Asks again and again; what it asks for comes about without a message to wait for. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** The next frames of an event, as many as that. */
async function takeOf(client: FrameClient, events: readonly string[], count: number): Promise<Frame[]> {
  const frames: Frame[] = [];
  while (frames.length < count) frames.push(await client.next((frame) => events.includes(frame[3])));
  return frames;
}

test("clients of different I/O threads share topics, and each gets what a channel sends in its order", async () => {
  await withIoThreads(
    async (running) => {
      const clients = await clientsOf(running);
      const threads = await Promise.all(clients.map(threadOf));
      assert.equal(threads[0], 0);
      assert.equal(new Set(threads).size, 3);
      for (const [index, client] of clients.entries()) await join(client, `user ${index}`);
      await Promise.all(clients.map((client) => client.ask(TOPIC, "burst", { count: 50 })));
      const expected = Array.from({ length: 50 }, (_, i) => i + 1);
      for (const [index, client] of clients.entries()) {
        const frames = await takeOf(client, ["item", "own"], 50 + 3 * 50);
        const shown = frames.map(([, , , event, payload]) => ({ event, ...(payload as { user?: string; i: number }) }));
        for (const user of clients.map((_, other) => `user ${other}`)) {
          assert.deepEqual(
            shown.filter((item) => item.user === user).map(({ i }) => i),
            expected,
          );
        }
        const own = shown.filter(({ event, user }) => event === "own" || user === `user ${index}`);
        assert.deepEqual(
          own.map(({ event, i }) => `${event} ${i}`),
          expected.flatMap((i) => [`item ${i}`, `own ${i}`]),
        );
      }
    },
    { ioThreads: 3 },
  );
});

test("app.broadcast, disconnect and presence reach clients of each I/O thread; connections has them all", async () => {
  await withIoThreads(async (running) => {
    const { app } = running;
    const [one, two] = (await clientsOf(running, "vsn=2.0.0&id=user:1")) as [RawClient, RawClient];
    await join(one, "one");
    await join(two, "two");
    const seen = await one.next((frame) => frame[3] === "presence_diff" && JSON.stringify(frame[4]).includes("two"));
    assert.match(JSON.stringify(seen[4]), /"joins":\{"two":/);
    assert.equal(app.connections, 2);
    app.broadcast(TOPIC, "news", { n: 1 });
    for (const client of [one, two]) assert.deepEqual((await client.next(ofEvent("news")))[4], { n: 1 });
    app.disconnect("user:1");
    assert.deepEqual(await Promise.all([one.closed, two.closed]), [1001, 1001]);
    await until(() => app.connections === 0);
  });
});

test("maxConnections and maxConnectionsPerAddress hold for all I/O threads together, and counts adds up", async () => {
  for (const [limits, status, code] of [
    [{ maxConnections: 2 }, 503, "refused.max_connections"],
    [{ maxConnectionsPerAddress: 2 }, 429, "refused.max_connections_per_address"],
  ] as const) {
    await withIoThreads(async (running) => {
      const [first] = (await clientsOf(running)) as [RawClient];
      const statuses = running.ports().map((port) => RawClient.refused(port, "vsn=2.0.0"));
      assert.deepEqual(await Promise.all(statuses), [status, status]);
      await until(() => running.app.counts()[code] === 2);
      first.close();
      await first.closed;
      // There is room on the other thread: the client knows first, a refusal until then is only that.
      const other = running.ports()[1];
      let second: RawClient | null = null;
      while (second === null) second = await RawClient.connect(other).catch(() => null);
      assert.equal(await RawClient.refused(other, "vsn=2.0.0"), status);
    }, limits);
  }
});

for (const [how, cause] of [
  ["die", "exit"],
  ["spin", "stuck"],
] as const) {
  test(`an I/O thread that ends (${cause}) takes its connections along, others go on, and another takes its place`, async () => {
    await withIoThreads(
      async (running) => {
        const { app, reports, ports } = running;
        const [one, two] = (await clientsOf(running)) as [RawClient, RawClient];
        await join(one, "one");
        await join(two, "two");
        const [main, gone] = ports();
        two.send(null, null, "phoenix", how, {});
        assert.equal(await two.closed, 1006);
        // Its channel has ended in order, for what its transport died of.
        const [, , , , told] = await one.next(ofEvent("gone"));
        assert.match(JSON.stringify(told), /"user":"two","reason":.*scheduler_down/);
        await until(() => ports().length === 2 && ports()[1] !== gone);
        const report = reports.find((report) => report.tag === "thread_down" && report.isIo);
        assert.equal(report?.tag === "thread_down" ? report.cause : undefined, cause);
        // What was counted for the dead one counts no more.
        assert.equal(app.connections, 1);
        const three = await RawClient.connect(ports()[1], "vsn=3.0.0");
        await join(three, "three");
        const refused = ports().map((port) => RawClient.refused(port, "vsn=2.0.0"));
        assert.deepEqual(await Promise.all(refused), [429, 429]);
        await three.ask(TOPIC, "burst", { count: 1 });
        assert.deepEqual((await one.next(ofEvent("item")))[4], { user: "three", i: 1 });
        assert.equal(ports()[0], main);
      },
      { maxConnectionsPerAddress: 2 },
    );
  });
}

test("more deaths of I/O threads than maxThreadRestarts stop the application", async () => {
  await withIoThreads(
    async (running) => {
      const [, two] = (await clientsOf(running)) as [RawClient, RawClient];
      two.send(null, null, "phoenix", "die", {});
      assert.match(await running.app.stopped, /threads died more than 0 times/);
    },
    { maxThreadRestarts: 0 },
  );
});

test("a long-poll session is found by requests that come in on any I/O thread", async () => {
  await withIoThreads(
    async (running) => {
      const { app, ports } = running;
      const rotated = ports().map((_, at) => [...ports().slice(at), ...ports().slice(0, at)]);
      const clients = await Promise.all(rotated.map((each) => PollClient.connect(each)));
      for (const [index, client] of clients.entries()) {
        const [, , , , answer] = await client.join(TOPIC, { user: `user ${index}` });
        assert.equal((answer as { status: string }).status, "ok");
      }
      assert.equal(app.connections, 3);
      const expected = Array.from({ length: 30 }, (_, i) => ({ i: i + 1 }));
      for (const client of clients) {
        // One after the other, so that polls and posts come in everywhere.
        for (const n of [1, 2, 3, 4, 5]) {
          assert.deepEqual(await client.ask(TOPIC, "echo", { n }), { status: "ok", response: { n } });
        }
        await client.ask(TOPIC, "burst", { count: 30 });
        const own = await takeOf(client, ["own"], 30);
        assert.deepEqual(
          own.map(([, , , , payload]) => payload),
          expected,
        );
      }
      app.broadcast(TOPIC, "news", { n: 1 });
      for (const client of clients) assert.deepEqual((await client.next(ofEvent("news")))[4], { n: 1 });
      await app.stop();
      assert.equal((await Promise.all(clients.map(({ closed }) => closed))).length, 3);
    },
    { ioThreads: 3 },
  );
});

test("a session whose I/O thread is gone is gone: a post is told so, and a poll begins a new one", async () => {
  await withIoThreads(async (running) => {
    const [main, other] = running.ports();
    const url = (port: number | undefined, token: string): string =>
      `http://127.0.0.1:${port}/socket/longpoll?vsn=2.0.0&token=${token}`;
    const asked = async (port: number | undefined, token = "", init: RequestInit = {}): Promise<PollAnswer> =>
      (await (await fetch(url(port, token), init)).json()) as PollAnswer;
    const { token = "" } = await asked(other);
    // It is there: a post that comes in on the main thread reaches it.
    const post = { method: "POST", headers: { "content-type": "application/x-ndjson" } };
    const heartbeat = { ...post, body: JSON.stringify([null, "1", "phoenix", "heartbeat", {}]) };
    assert.deepEqual(await asked(main, token, heartbeat), { status: 200 });
    const poll = await asked(main, token);
    assert.deepEqual([poll.status, poll.messages?.length], [200, 1]);
    // What its body may not be is answered there, too.
    assert.equal((await fetch(url(main, token), { ...post, body: "x".repeat(9_000_000) })).status, 400);
    assert.equal((await fetch(url(main, `${token}x`), heartbeat)).status, 200);
    const killer = await RawClient.connect(other, "vsn=3.0.0");
    const waiting = asked(main, token).catch(() => ({ status: 0 }));
    killer.send(null, null, "phoenix", "die", {});
    await killer.closed;
    // A poll that was being answered ends, however far that had come.
    assert.notEqual((await waiting).status, 200);
    await until(() => running.ports().length === 2 && running.ports()[1] !== other);
    assert.deepEqual(await asked(main, token, heartbeat), { status: 410 });
    const anew = await asked(running.ports()[1], token);
    assert.equal(anew.status, 410);
    assert.notEqual(anew.token, token);
    assert.deepEqual(await asked(main, anew.token, heartbeat), { status: 200 });
  });
});

test("stop closes the connections of each I/O thread with 1012 and waits for their channels", async () => {
  await withIoThreads(async (running) => {
    const { app, reports, ports } = running;
    const clients = await clientsOf(running);
    for (const [index, client] of clients.entries()) await join(client, `user ${index}`);
    await app.stop();
    assert.deepEqual(await Promise.all(clients.map(({ closed }) => closed)), [1012, 1012]);
    assert.deepEqual(
      reports.filter(({ tag }) => tag !== "log" && tag !== "progress"),
      [],
    );
    assert.equal(app.connections, 0);
    for (const port of ports()) await assert.rejects(RawClient.connect(port));
  });
});

test("ioThreads is refused with what it can't be combined with, and says with what", async () => {
  const port = 0;
  const server = createServer();
  for (const [options, message] of [
    [{ port, ioThreads: 0 }, /bad ioThreads 0/],
    [{ port, ioThreads: 1.5 }, /bad ioThreads 1.5/],
    [{ ioThreads: 2 }, /need a port/],
    [{ server, ioThreads: 2 }, /need a port/],
    [{ port, schedulers: 0, ioThreads: 2 }, /schedulers: 0/],
    [{ port, isolation: "process", ioThreads: 2 }, /isolation "process"/],
    [{ port, schedulers: 31, ioThreads: 2 }, /bad schedulers 31/],
  ] as const) {
    await assert.rejects(startOn(url, options, false), { code: "JOIST_BAD_OPTION", message });
  }
});

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
const canShare = process.platform === "linux" && (major > 22 || (major === 22 && minor >= 12));

test("where threads can't share a port, several are refused, and what is needed is said", {
  skip: canShare ? "here they can" : false,
}, async () => {
  await assert.rejects(start(url, { port: 0, ioThreads: 2 }), {
    code: "JOIST_BAD_OPTION",
    message: new RegExp(`Node.js ${process.version} can't share a port .* 22.12 or newer`),
  });
});

test("several I/O threads share one port, each with a share of the connections", {
  skip: canShare ? false : "it takes Node.js 22.12 or newer on Linux",
}, async () => {
  const options = { ioThreads: 2, schedulers: 2, port: 0, address: "127.0.0.1", stopOnSignals: false } as const;
  const app = await start(url, options);
  try {
    await assert.rejects(start(url, { ...options, port: app.port ?? 0 }), { code: "JOIST_PORT_TAKEN" });
    // The odds that a thread gets none of them are one in 2^63.
    const connecting = Array.from({ length: 64 }, () => RawClient.connect(app.port, "vsn=3.0.0"));
    const clients = await Promise.all(connecting);
    assert.equal(app.connections, 64);
    const threads = await Promise.all(clients.map(threadOf));
    assert.equal(new Set(threads).size, 2);
    const here = clients[threads.indexOf(0)] as RawClient;
    const there = clients[threads.findIndex((thread) => thread !== 0)] as RawClient;
    await join(here, "here");
    await join(there, "there");
    await there.ask(TOPIC, "burst", { count: 1 });
    assert.deepEqual((await here.next(ofEvent("item")))[4], { user: "there", i: 1 });
    there.send(null, null, "phoenix", "die", {});
    await there.closed;
    await until(() => app.connections === threads.filter((thread) => thread === 0).length);
    // The one that takes its place listens on the same port.
    let next: RawClient;
    do next = await RawClient.connect(app.port, "vsn=3.0.0");
    while ((await threadOf(next)) === 0);
  } finally {
    await app.stop();
  }
});
