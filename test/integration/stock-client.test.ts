/** The official client, in three versions, unmodified, over both of its transports, against real threads and sockets. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { type TestContext, test } from "node:test";
import { start } from "joist";
import { channelsApp, withApp } from "../support/app.js";
import { requestBy } from "../support/browser-globals.js";
import { Polls } from "../support/polls.js";
import { answer, Series, StockClient, type StockClientOptions, versions } from "../support/stock-client.js";

const crashed = { reason: "channel_crash" };

const ways = [
  ...["throw", "reject", "timer", "immediate", "tick", "microtask", "unhandled"],
  ...["bad_return", "bad_payload", "exit_normal", "overflow", "no_such_event"],
];

/** Close codes: what the server sends with a WebSocket, what the client makes of a poll that its session ended under. */
const webSocket = { transport: "WebSocket", disconnected: 1001, stopped: 1012, patience: 1 };
/** An answer over long poll takes two requests: what the client times out needs more room for those that shall not. */
const longPoll = { transport: "long poll", disconnected: 1011, stopped: 1011, patience: 5 };

const clientsOf = versions.flatMap(([version, Socket, LongPoll]) => [
  { version, Socket, ...webSocket, over: {} },
  { version, Socket, ...longPoll, over: { transport: LongPoll } },
]);

for (const { version, Socket, transport, over, disconnected, stopped, patience } of clientsOf) {
  test(`phoenix ${version}, ${transport}`, async (t) => {
    // Of those that know both, one each: clients take what is there when they ask.
    requestBy(version === "1.8.16" ? "fetch" : "XMLHttpRequest");
    const polls = new Polls();
    t.after(() => polls.stop());
    await withApp(async ({ app }) => {
      let clients = 0;
      const others: StockClient[] = [];
      /** One more client; it leaves with the first one. */
      const another = async (params: object = {}): Promise<StockClient> => {
        const client = new StockClient(app.port, { Socket, params, options: over });
        others.push(client);
        return await client.connect();
      };
      // One application for all: whatever crashes in it, the next client must find it whole.
      const on = (
        name: string,
        use: (client: StockClient, user: string, t: TestContext) => Promise<void>,
        options: StockClientOptions = {},
      ): Promise<void> =>
        t.test(name, async (t) => {
          const user = `${version}/${transport}/${++clients}`;
          const client = new StockClient(app.port, { Socket, params: { user_id: user }, options: over, ...options });
          try {
            await use(client, user, t);
          } finally {
            for (const each of [client, ...others.splice(0)]) each.socket.disconnect();
          }
        });

      await on("connects, and has its heartbeats answered", async (client) => {
        await client.connect();
        assert.equal(client.socket.isConnected(), true);
        await client.settle();
        assert.equal(client.errors.count + client.closed.count, 0);
      });

      await on("joins three channels over one connection, each with a state of its own", async (client, user) => {
        await client.connect();
        const channels = ["room:a", "room:b", "room:c"].map((topic) => client.channel(topic));
        for (const channel of channels) assert.deepEqual(await channel.join(), { userId: user });
        for (const [index, channel] of channels.entries()) {
          for (let count = 1; count <= index + 1; count++) {
            assert.deepEqual(await channel.ask("count"), { status: "ok", response: { count } });
          }
        }
      });

      for (const way of ways) {
        await on(
          `crash by ${way}: one phx_error, the others answer, the client rejoins into fresh state`,
          async (client) => {
            await client.connect();
            const [victim, left, right] = ["victim", "left", "right"].map((name) =>
              client.channel(`room:${version}:${way}:${name}`),
            );
            assert.ok(victim !== undefined && left !== undefined && right !== undefined);
            for (const channel of [victim, left, right]) await channel.join();
            for (const channel of [victim, left, right]) await channel.ask("count");

            victim.tell(way);
            for (const sibling of [left, right]) {
              assert.deepEqual(await sibling.ask("count"), { status: "ok", response: { count: 2 } });
            }
            await victim.joined.next(); // the client does that by itself
            assert.deepEqual(await victim.ask("count"), { status: "ok", response: { count: 1 } });
            for (const sibling of [left, right]) {
              assert.deepEqual(await sibling.ask("count"), { status: "ok", response: { count: 3 } });
            }

            await client.settle();
            assert.deepEqual(
              client.frames
                .filter((frame) => frame[3] === "phx_error" || frame[3] === "phx_close")
                .map((frame) => frame.slice(2)),
              [[victim.channel.topic, "phx_error", crashed]],
            );
            assert.equal(victim.errors.count, 1);
            assert.equal(victim.joined.count, 2);
            assert.equal(client.opened.count, 1);
            assert.equal(client.closed.count, 0);
          },
        );
      }

      await on(
        "with its default timing it rejoins after about a second",
        async (client, _user, t) => {
          await client.connect();
          const channel = client.channel("room:default");
          await channel.join();
          await channel.ask("count");
          const before = performance.now();
          channel.tell("throw");
          await channel.errors.next();
          const told = performance.now();
          await channel.joined.next();
          t.diagnostic(
            `phoenix ${version}: crash to phx_error ${(told - before).toFixed(1)} ms, phx_error to rejoin ${(performance.now() - told).toFixed(0)} ms`,
          );
          assert.deepEqual(await channel.ask("count"), { status: "ok", response: { count: 1 } });
          assert.equal(channel.frames("phx_error").length, 1);
        },
        { rejoinMs: null },
      );

      await on("a channel that crashes again and again is joined again and again", async (client) => {
        await client.connect();
        const channel = client.channel("room:again");
        await channel.join();
        for (let crashes = 1; crashes <= 10; crashes++) {
          assert.deepEqual(await channel.ask("count"), { status: "ok", response: { count: 1 } });
          channel.tell("throw");
          await channel.joined.next();
          assert.equal(channel.frames("phx_error").length, crashes);
        }
      });

      await on("pushes made before the join is answered are sent after it, in order", async (client) => {
        await client.connect();
        const channel = client.channel("room:early", { slowMs: 20 });
        const joined = channel.join();
        const answers = Promise.all([1, 2, 3].map(() => channel.ask("count")));
        await joined;
        assert.deepEqual(
          (await answers).map(({ response }) => response),
          [{ count: 1 }, { count: 2 }, { count: 3 }],
        );
      });

      await on("a join that is refused says why and is tried again, until it is let in", async (client) => {
        await client.connect();
        let tries = 0;
        const channel = client.channel("room:refused", () =>
          ++tries < 3 ? { refuse: { reason: `try ${tries}` } } : {},
        );
        await channel.join();
        assert.deepEqual(await channel.refused.next(), { reason: "try 1" });
        assert.deepEqual(await channel.refused.next(), { reason: "try 2" });
        assert.equal(channel.refused.count, 2);
        assert.equal(channel.channel.state, "joined");
      });

      await on("a join that times out is left and tried again, and only the last try stays", async (client) => {
        await client.connect();
        let tries = 0;
        const channel = client.channel("room:slow", () => ({ slowMs: tries++ === 0 ? 150 * patience : 0 }));
        const timedOut = new Series<void>();
        channel.channel.join(30 * patience).receive("timeout", () => timedOut.add());
        await timedOut.next();
        await client.frame((frame) => frame[3] === "phx_close"); // the first try was let in at last, after its leave had come
        while (channel.channel.state !== "joined") await client.settle();
        assert.deepEqual(await channel.ask("count"), { status: "ok", response: { count: 1 } });
      });

      await on("leaves: the topic closes once, its channel is not rejoined, and may be joined anew", async (client) => {
        await client.connect();
        const channel = client.channel("room:leave");
        const other = client.channel("room:stay");
        await channel.join();
        await other.join();
        await channel.ask("count");
        assert.equal((await answer(channel.channel.leave())).status, "ok");
        await client.frame((frame) => frame[2] === "room:leave" && frame[3] === "phx_close");
        const again = client.channel("room:leave");
        await again.join();
        assert.deepEqual(await again.ask("count"), { status: "ok", response: { count: 1 } });
        assert.deepEqual(await other.ask("count"), { status: "ok", response: { count: 1 } });
        await client.settle();
        assert.equal(channel.closed.count, 1);
        assert.equal(channel.joined.count, 1);
        assert.equal(channel.frames("phx_close").length, 1);
        assert.equal(channel.frames("phx_error").length, 0);
        assert.equal(other.closed.count, 0);
      });

      await on("the hooks of a push: ok, error, any other status, timeout", async (client) => {
        await client.connect();
        const channel = client.channel("room:push");
        await channel.join();
        assert.deepEqual(await channel.ask("echo", { a: [1] }), { status: "ok", response: { a: [1] } });
        assert.deepEqual(await channel.ask("status", { status: "error", response: { reason: "no" } }), {
          status: "error",
          response: { reason: "no" },
        });
        const teapot = new Series<unknown>();
        const push = channel.channel.push("status", { status: "teapot", response: { short: true } });
        push.receive("teapot" as "ok", (response) => teapot.add(response)); // any string may be a status; the types know three
        assert.deepEqual(await teapot.next(), { short: true });
        assert.equal((await channel.ask("nothing", {}, 30)).status, "timeout");
        // An answer that comes after the timeout is no answer any more.
        let late = 0;
        const slow = channel.channel.push("slow", { ms: 120 }, 30).receive("ok", () => late++);
        assert.equal((await answer(slow)).status, "timeout");
        assert.equal((await channel.ask("echo")).status, "ok");
        assert.equal(channel.frames("phx_reply").length, 6); // the join, three answers, the late one, the last one
        assert.equal(late, 0);
      });

      await on("a second channel object for a topic takes the place of the first", async (client) => {
        await client.connect();
        const first = client.channel("room:twice");
        await first.join();
        await first.ask("count");
        const second = client.channel("room:twice");
        const heard = { first: 0, second: 0 };
        first.channel.on("shout", () => void heard.first++);
        second.channel.on("shout", () => void heard.second++);
        await second.join();
        assert.deepEqual(await second.ask("count"), { status: "ok", response: { count: 1 } });
        assert.equal((await second.ask("shout")).status, "ok");
        await client.settle();
        assert.deepEqual(heard, { first: 0, second: 1 });
        assert.equal(first.closed.count, 1);
        assert.equal(first.channel.state, "closed");
        assert.equal(second.channel.state, "joined");
        assert.equal(second.frames("phx_error").length, 0);
      });

      await on("two clients of a topic hear each other, and not themselves where they are left out", async (client) => {
        const other = await another();
        await client.connect();
        const heard = new Series<unknown>();
        const mine = client.channel("room:pair");
        const theirs = other.channel("room:pair");
        theirs.channel.on("shout", (payload) => heard.add(payload));
        await mine.join();
        await theirs.join();
        await mine.ask("shout_from", { n: 1 });
        await mine.ask("shout", { n: 2 });
        assert.deepEqual([await heard.next(), await heard.next()], [{ n: 1 }, { n: 2 }]);
        assert.deepEqual(
          mine.frames("shout").map((frame) => frame[4]),
          [{ n: 2 }],
        );
      });

      const refusal: { reject?: string } = { reject: "true" };
      await on(
        "a connection that is refused is an error, and tried again until it is let in",
        async (client) => {
          const channel = client.channel("room:refused-connection");
          const joined = channel.join();
          client.socket.connect();
          await client.errors.next();
          await client.closed.next();
          assert.equal(client.socket.isConnected(), false);
          await client.errors.next(); // the second try
          delete refusal.reject;
          await client.opened.next();
          await joined;
          assert.deepEqual(await channel.ask("count"), { status: "ok", response: { count: 1 } });
        },
        { params: () => refusal },
      );

      await on(
        `disconnected by its id (${disconnected}), it reconnects and rejoins; others stay`,
        async (client, user) => {
          const other = await another({ user_id: `not ${user}` });
          const twin = await another({ user_id: user });
          await client.connect();
          const channels = ["room:x", "room:y"].map((topic) => client.channel(topic));
          for (const channel of channels) await channel.join();
          for (const channel of channels) await channel.ask("count");
          // Who comes with a poll only after that is told 410, and clients before 1.8 make nothing of it.
          if (transport === "long poll") await polls.waiting(`user_id=${encodeURIComponent(user)}`, 2);
          app.disconnect(`user:${user}`);
          assert.equal(await client.closed.next(), disconnected);
          assert.equal(await twin.closed.next(), disconnected);
          await client.opened.next();
          for (const channel of channels) {
            await channel.joined.next();
            assert.deepEqual(await channel.ask("count"), { status: "ok", response: { count: 1 } });
            assert.equal(channel.frames("phx_error").length, 0); // the client errors its channels itself
          }
          await other.settle();
          assert.equal(other.closed.count, 0);
        },
      );

      await on("what the client sends on the way out is no concern of the others", async (client) => {
        const other = await another();
        const observer = other.channel("room:observer");
        await observer.join();
        await client.connect();
        const channel = client.channel("room:leaver", { observer: "room:observer" });
        await channel.join();
        client.socket.disconnect();
        const terminated = await other.frame((frame) => frame[3] === "terminated");
        assert.deepEqual(terminated[4], { topic: "room:leaver", reason: "crash" }); // {shutdown, closed}, so called by the fixture
      });
    });
  });

  test(`phoenix ${version}, ${transport}: a server that stops closes with ${stopped}, and its clients come back to the next one`, async () => {
    const server = createServer((_request, response) => response.writeHead(503).end());
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo; // of a TCP server
    const first = await start(channelsApp, { server, schedulers: 1 });
    const client = await new StockClient(port, { Socket, options: over }).connect();
    try {
      const channel = client.channel("room:a");
      await channel.join();
      await channel.ask("count");
      await first.stop();
      assert.equal(await client.closed.next(), stopped);
      await client.errors.next(); // nobody is there, and it tries
      const second = await start(channelsApp, { server, schedulers: 1 });
      await client.opened.next();
      await channel.joined.next();
      assert.deepEqual(await channel.ask("count"), { status: "ok", response: { count: 1 } });
      assert.equal(channel.frames("phx_error").length, 0);
      client.socket.disconnect();
      await second.stop();
    } finally {
      client.socket.disconnect();
      server.close();
    }
  });
}

for (const [version, Socket, LongPoll] of versions) {
  const longPolls = (client: StockClient): boolean =>
    (client.socket as unknown as { transport: unknown }).transport === LongPoll; // untyped

  for (const [name, refuse] of [
    ["refused", (socket: Duplex) => socket.end("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")],
    ["swallowed", () => {}],
  ] as const) {
    test(`phoenix ${version}: where WebSockets are ${name} it falls back to long poll, and remembers`, async () => {
      requestBy(version === "1.8.16" ? "fetch" : "XMLHttpRequest");
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const { port } = server.address() as AddressInfo; // of a TCP server
      const app = await start(channelsApp, { server, schedulers: 1 });
      // What stands in front of the server and lets no WebSocket through.
      server.removeAllListeners("upgrade").on("upgrade", (_request, socket: Duplex) => {
        socket.on("error", () => socket.destroy());
        refuse(socket);
      });
      const remembered = new Map<string, string>();
      const sessionStorage = {
        getItem: (key: string) => remembered.get(key) ?? null,
        setItem: (key: string, value: string) => remembered.set(key, value),
      };
      const client = new StockClient(port, { Socket, options: { longPollFallbackMs: 100, sessionStorage } });
      try {
        const channel = client.channel("room:fallback");
        client.socket.connect();
        await channel.join();
        assert.deepEqual(await channel.ask("count"), { status: "ok", response: { count: 1 } });
        assert.ok(longPolls(client));
        assert.equal(remembered.get("phx:fallback:LongPoll"), "true");
      } finally {
        client.socket.disconnect();
        await app.stop();
        server.closeAllConnections();
        server.close();
      }
    });
  }

  test(`phoenix ${version}: its bytes arrive over long poll, and batches of any size, in order`, async () => {
    requestBy(version === "1.8.16" ? "fetch" : "XMLHttpRequest");
    await withApp(async ({ app }) => {
      const client = await new StockClient(app.port, { Socket, options: { transport: LongPoll } }).connect();
      const channel = client.channel("room:bytes");
      await channel.join();
      const bytes = new Uint8Array([0, 10, 13, 91, 255]).buffer;
      assert.deepEqual(await answer(channel.channel.push("bytes", bytes)), {
        status: "ok",
        response: { hex: "000a0d5bff" },
      });
      // More than fit into one POST.
      const answers = await Promise.all(Array.from({ length: 250 }, () => channel.ask("count")));
      assert.deepEqual(
        answers.map(({ response }) => (response as { count: number }).count),
        Array.from({ length: 250 }, (_, i) => i + 1),
      );
      client.socket.disconnect();
    });
  });
}
