/** Two nodes in one OS process, joined by an adapter of the test's own: real threads, real sockets. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { BroadcastChannel } from "node:worker_threads";
import { type App, broadcast, isPid, kill, localBroadcast, PubSub, type Report, spawn, start } from "joist";
import type { Logged } from "../support/apps/nodes.js";
import { RawClient } from "../support/raw-client.js";

interface Nodes {
  readonly a: App;
  readonly b: App;
  readonly reports: Report[];
  /** The next entry of the log that matches and has not been asked for. */
  logged(node: string, ...start: readonly unknown[]): Promise<readonly unknown[]>;
  /** What a node's adapter is told next about what is wanted there. */
  interest(node: string): Promise<string>;
  /** What `who` hears next. */
  heard(node: string, who: string): Promise<unknown>;
  /** Starts a listener and waits until it has subscribed. */
  listen(app: App, who: string, topic: string, options?: { metadata?: unknown; scheduler?: number }): Promise<void>;
}

async function withNodes(use: (nodes: Nodes) => Promise<void>, query: { a?: string; b?: string } = {}): Promise<void> {
  const bus = randomUUID();
  const log = new BroadcastChannel(`${bus}/log`);
  const arrived: Logged[] = [];
  const waiting: { readonly match: (entry: Logged) => boolean; readonly resolve: (entry: Logged) => void }[] = [];
  log.onmessage = ({ data }: { data: Logged }) => {
    const index = waiting.findIndex(({ match }) => match(data));
    if (index === -1) arrived.push(data);
    else waiting.splice(index, 1)[0]?.resolve(data);
  };
  const logged = (...start: readonly unknown[]): Promise<Logged> =>
    next((entry) => start.every((value, i) => entry[i] === value));
  const interest = async (node: string): Promise<string> => {
    const isInterest = (entry: Logged): boolean => entry[1] === "subscribe" || entry[1] === "unsubscribe";
    return (await next((entry) => entry[0] === node && isInterest(entry))).slice(1).join(" ");
  };
  const next = (match: (entry: Logged) => boolean): Promise<Logged> => {
    const index = arrived.findIndex(match);
    if (index !== -1) return Promise.resolve(arrived.splice(index, 1)[0] as Logged);
    return new Promise((resolve) => waiting.push({ match, resolve }));
  };
  const reports: Report[] = [];
  const begin = async (node: string, more = ""): Promise<App> => {
    const url = new URL("../support/apps/nodes.js", import.meta.url);
    url.search = `?bus=${bus}&node=${node}${more}`;
    const options = {
      port: 0,
      address: "127.0.0.1",
      schedulers: 2,
      report: (report: Report) => void reports.push(report),
    };
    const app = await start(url, options);
    if (more === "") await logged(node, "up");
    return app;
  };
  const apps: App[] = [];
  try {
    apps.push(await begin("a", query.a), await begin("b", query.b));
    const [a, b] = apps as [App, App];
    const heard = async (node: string, who: string): Promise<unknown> => (await logged(node, "heard", who))[3];
    const listen: Nodes["listen"] = async (app, who, topic, { metadata = null, scheduler = 1 } = {}) => {
      app.run(() => spawn("Listener", [who, topic, metadata], { scheduler }));
      assert.equal(await heard(app === a ? "a" : "b", who), "subscribed");
    };
    await use({ a, b, reports, logged, interest, heard, listen });
  } finally {
    await Promise.all(apps.map((app) => app.stop()));
    log.close();
  }
}

test("a message reaches the subscribers of all nodes, on all threads, once each and in order", async () => {
  await withNodes(async ({ a, b, logged, heard, listen }) => {
    await listen(a, "a1", "t", { scheduler: 1 });
    await listen(a, "a2", "t", { scheduler: 2 });
    await listen(b, "b1", "t", { scheduler: 1 });
    await listen(b, "b2", "t", { scheduler: 2 });
    await logged("a", "subscribe", "t");
    await logged("b", "subscribe", "t");
    for (let i = 0; i < 50; i++) a.run(() => PubSub.broadcast("t", { i }));
    for (const [node, who] of [
      ["a", "a1"],
      ["a", "a2"],
      ["b", "b1"],
      ["b", "b2"],
    ] as const) {
      for (let i = 0; i < 50; i++) assert.deepEqual(await heard(node, who), { i });
    }
    b.run(() => PubSub.broadcast("t", "back"));
    assert.equal(await heard("a", "a1"), "back");
    assert.equal(await heard("b", "b1"), "back");
  });
});

test("a node is subscribed from its first subscriber of a topic to its last, whatever threads they are on", async () => {
  await withNodes(async ({ a, interest, heard, listen }) => {
    await listen(a, "first", "t", { scheduler: 1 });
    await listen(a, "marker", "m", { scheduler: 1 });
    assert.deepEqual([await interest("a"), await interest("a")], ["subscribe t", "subscribe m"]);
    // What one thread says comes in order: when its last is there, so is all before it.
    await listen(a, "second", "t", { scheduler: 2 });
    await listen(a, "marker 2", "m2", { scheduler: 2 });
    assert.equal(await interest("a"), "subscribe m2");
    a.send("first", "leave");
    assert.equal(await heard("a", "first"), "leave");
    await listen(a, "marker 3", "m3", { scheduler: 1 });
    assert.equal(await interest("a"), "subscribe m3");
    const second = a.whereis("second");
    assert.ok(isPid(second));
    a.run(() => kill(second));
    assert.equal(await interest("a"), "unsubscribe t");
  });
});

test("clients are subscribers: an event goes to those of all nodes, localBroadcast to those of its own", async () => {
  await withNodes(async ({ a, b, logged }) => {
    const [ofA, ofB] = [await RawClient.connect(a.port), await RawClient.connect(b.port)];
    await ofA.join("room:1");
    await ofB.join("room:1");
    await logged("a", "subscribe", "room:1");
    await logged("b", "subscribe", "room:1");
    a.run(() => localBroadcast("room:1", "here", {}));
    a.run(() => broadcast("room:1", "everywhere", { n: 1 }));
    assert.deepEqual(
      (await ofA.take(2)).map(([, , , event]) => event),
      ["here", "everywhere"],
    );
    assert.deepEqual(await ofB.next(), [null, null, "room:1", "everywhere", { n: 1 }]);
    const envelope = ["event", "everywhere", '{"n":1}'];
    assert.deepEqual(await logged("a", "broadcast"), ["a", "broadcast", "room:1", envelope]);
    a.run(() => broadcast("room:2", "bytes", Uint8Array.of(1)));
    assert.deepEqual((await logged("a", "broadcast"))[3], ["event", "bytes", Uint8Array.of(1)]);
    // Of which only the newest matters: the other node's clients may be slow, too.
    a.run(() => broadcast("room:1", "moved", { x: 1 }, { latest: "ada" }));
    assert.deepEqual((await logged("a", "broadcast"))[3], ["event", "moved", '{"x":1}', "ada"]);
    assert.deepEqual(await ofB.next(), [null, null, "room:1", "moved", { x: 1 }]);
    ofA.drop();
    ofB.drop();
  });
});

test("local broadcasts stay on their node, on all its threads; a direct one goes to its node alone", async () => {
  await withNodes(async ({ a, b, logged, heard, listen }) => {
    await listen(a, "a1", "t", { scheduler: 1 });
    await listen(a, "a2", "t", { scheduler: 2 });
    await listen(b, "b1", "t");
    await logged("b", "subscribe", "t");
    a.run(() => PubSub.localBroadcast("t", "local"));
    a.run(() => PubSub.directBroadcast("nobody", "t", "lost"));
    a.run(() => PubSub.directBroadcast("b", "t", "for b"));
    a.run(() => PubSub.directBroadcast("a", "t", "for a"));
    for (const who of ["a1", "a2"]) {
      // A direct broadcast goes by way of the adapter's thread, so it may be late, or early on a third one.
      const both = [await heard("a", who), await heard("a", who)];
      assert.deepEqual(both.sort(), ["for a", "local"]);
    }
    assert.equal(await heard("b", "b1"), "for b");
  });
});

test("broadcastFrom leaves out the publisher, here; other nodes deliver to all", async () => {
  await withNodes(async ({ a, b, logged, heard, listen }) => {
    await listen(a, "a1", "t");
    await listen(b, "b1", "t");
    await logged("a", "subscribe", "t"); // so the thread of the publisher knows the adapter
    await logged("b", "subscribe", "t");
    a.run(() => spawn("Publisher", ["publisher", "t"], { scheduler: 1 }));
    assert.equal(await heard("a", "publisher"), "to all");
    assert.equal(await heard("a", "a1"), "from the publisher");
    assert.equal(await heard("a", "a1"), "from the publisher, here");
    assert.equal(await heard("b", "b1"), "from the publisher");
    assert.equal(await heard("b", "b1"), "to all");
  });
});

test("a dispatcher delivers on every thread of every node, with the metadata of the subscriptions", async () => {
  await withNodes(async ({ a, b, logged, heard, listen }) => {
    for (const [app, node] of [
      [a, "a"],
      [b, "b"],
    ] as const) {
      await listen(app, `${node}-admin`, "t", { metadata: "admin", scheduler: 1 });
      await listen(app, `${node}-admin-too`, "t", { metadata: "admin", scheduler: 2 });
      await listen(app, `${node}-user`, "t", { metadata: { role: "user" }, scheduler: 2 });
    }
    await logged("b", "subscribe", "t");
    a.run(() => PubSub.broadcast("t", "secret", "ToAdmins"));
    a.run(() => PubSub.broadcast("t", "public"));
    for (const node of ["a", "b"]) {
      for (const who of ["admin", "admin-too"]) {
        const both = [await heard(node, `${node}-${who}`), await heard(node, `${node}-${who}`)];
        // By two ways: which is first is not said.
        assert.ok(both.includes("public"));
        assert.deepEqual(
          both.find((message) => message !== "public"),
          { for: "admin", message: "secret" },
        );
      }
      assert.equal(await heard(node, `${node}-user`), "public");
    }
  });
});

test("the nodes are known by the names their adapters give them, and other messages reach the adapter", async () => {
  await withNodes(async ({ a, b, heard }) => {
    assert.equal(await a.run(() => PubSub.nodeName()), "a");
    assert.equal(await b.run(() => PubSub.nodeName()), "b");
    a.send("adapter", { tick: 1 });
    assert.deepEqual(await heard("a", "adapter"), { tick: 1 });
  });
});

test("an adapter takes leave of its broker when the application stops", async () => {
  await withNodes(async ({ a, heard }) => {
    await a.stop();
    assert.deepEqual(await heard("a", "adapter"), ["terminate", "shutdown"]);
  });
});

test("an adapter that dies costs this node nothing, and its successor is told what is wanted", async () => {
  await withNodes(async ({ a, b, reports, logged, heard, listen }) => {
    await listen(a, "a1", "t");
    await listen(b, "b1", "t");
    await logged("a", "subscribe", "t");
    await logged("b", "subscribe", "t");
    a.run(() => PubSub.broadcast("t", "reject")); // the adapter does not catch what its broker says to this
    assert.equal(await heard("a", "a1"), "reject");
    await logged("a", "up");
    await logged("a", "subscribe", "t");
    assert.ok(reports.some((report) => JSON.stringify(report).includes("the broker is away")));
    // The I/O thread, from where the test publishes, may hear of the new one last.
    while ((await a.run(() => PubSub.nodeName())) === null) await new Promise((resolve) => setImmediate(resolve));
    a.run(() => PubSub.broadcast("t", "after"));
    assert.equal(await heard("a", "a1"), "after");
    assert.equal(await heard("b", "b1"), "after");
  });
});

test("without an adapter a broadcast reaches this node, and a direct one nobody", async () => {
  await withNodes(
    async ({ a, heard, listen }) => {
      await listen(a, "a1", "t");
      assert.equal(await a.run(() => PubSub.nodeName()), null);
      a.run(() => PubSub.directBroadcast("a", "t", "direct"));
      a.run(() => PubSub.broadcast("t", "all"));
      assert.equal(await heard("a", "a1"), "all");
    },
    { a: "&adapter=none", b: "&adapter=none" },
  );
});

test("a thread that dies wants nothing any more, and the one that takes its place is asked anew", async () => {
  await withNodes(async ({ a, b, logged, heard, listen }) => {
    // The adapter is on one of the threads, we don't know which; a listener on each.
    await listen(b, "b1", "t", { scheduler: 1 });
    await listen(b, "b2", "u", { scheduler: 2 });
    await logged("b", "subscribe", "t");
    await logged("b", "subscribe", "u");
    const adapter = b.whereis("adapter");
    assert.ok(adapter !== undefined);
    const { scheduler: home } = (await b.processInfo(adapter)) as { scheduler: number };
    const [gone, topic] = home === 1 ? [2, "u"] : [1, "t"];
    b.run(() => spawn("Exiter", [], { scheduler: gone }));
    await logged("b", "unsubscribe", topic);
    await eventually(() => listen(b, "b3", topic, { scheduler: gone }));
    await logged("b", "subscribe", topic);
    a.run(() => PubSub.broadcast(topic, "hello"));
    assert.equal(await heard("b", "b3"), "hello");
  });
});

/** Tries again while the thread is being replaced. */
async function eventually(action: () => Promise<void>): Promise<void> {
  for (;;) {
    try {
      return await action();
    } catch (error) {
      if ((error as { code?: unknown }).code !== "JOIST_NO_SCHEDULER") throw error;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}
