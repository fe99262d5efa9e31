/** Presence as the stock clients see it, over real sockets and threads, while channels and threads die. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { App } from "joist";
import { Presence } from "phoenix";
import { Presence as Presence17 } from "phoenix-1.7";
import { withApp } from "../support/app.js";
import { type StockChannel, StockClient, versions } from "../support/stock-client.js";

const app = new URL("../support/apps/presence.js", import.meta.url);
const TOPIC = "room:lobby";

interface Shown {
  readonly metas: readonly { readonly phx_ref: string; readonly name: string; readonly away?: boolean }[];
}

/** A client with its view of who is there, kept by the `Presence` of its version. */
class Viewer {
  readonly channel: StockChannel;
  /** What its callbacks were told. */
  readonly joined: string[] = [];
  readonly left: string[] = [];
  readonly #presence: Presence;
  readonly #waiting: { readonly until: (keys: string) => boolean; readonly resolve: () => void }[] = [];

  constructor(channel: StockChannel, Stock: typeof Presence) {
    this.channel = channel;
    this.#presence = new Stock(channel.channel);
    this.#presence.onJoin((key = "") => void this.joined.push(key));
    this.#presence.onLeave((key = "", current: Shown) => {
      if (current.metas.length === 0) this.left.push(key);
    });
    this.#presence.onSync(() => {
      for (const { until, resolve } of this.#waiting) if (until(this.keys)) resolve();
    });
  }

  /** Who is there, with how many metas: `a×1 b×2`. */
  get keys(): string {
    const keys = this.#presence.list((key: string, { metas }: Shown) => `${key}×${metas.length}`);
    return keys.sort().join(" ");
  }

  get(key: string): Shown | undefined {
    return this.#presence.list((id: string, shown: Shown) => [id, shown] as const).find(([id]) => id === key)?.[1];
  }

  /** Settles when just these are there. */
  sees(keys: string): Promise<void> {
    return this.until((seen) => seen === keys);
  }

  until(until: (keys: string) => boolean): Promise<void> {
    if (until(this.keys)) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ until, resolve }));
  }
}

/** Joins the lobby; without a key it only looks on. */
async function view(t: TestContext, { port }: App, version: string, key?: string): Promise<Viewer> {
  const Socket = versions.find(([name]) => name === version)?.[1];
  assert.ok(Socket !== undefined);
  const client = await new StockClient(port, { Socket }).connect();
  t.after(() => client.socket.disconnect());
  const viewer = new Viewer(
    client.channel(TOPIC, key === undefined ? {} : { key }),
    version.startsWith("1.7") ? Presence17 : Presence,
  );
  await viewer.channel.join(60_000);
  return viewer;
}

for (const version of ["1.8.16", "1.7.23"]) {
  test(`Presence of phoenix ${version} shows who comes, goes, changes and crashes, once each`, async (t) => {
    await withApp(
      async ({ app }) => {
        const onlooker = await view(t, app, version);
        const a = await view(t, app, version, "a");
        const b = await view(t, app, version, "b");
        const b2 = await view(t, app, version, "b");
        const all = [onlooker, a, b, b2];
        await Promise.all(all.map((viewer) => viewer.sees("a×1 b×2")));
        assert.equal(onlooker.get("a")?.metas[0]?.name, "name of a");

        const away = onlooker.until(() => onlooker.get("a")?.metas[0]?.away === true);
        assert.equal((await a.channel.ask("away")).status, "ok");
        await away;
        assert.equal(onlooker.keys, "a×1 b×2");

        // A crash is a leave, and the rejoin is a join: with another ref.
        const { phx_ref } = b.get("a")?.metas[0] ?? {};
        assert.ok(phx_ref !== undefined);
        const back = Promise.all(
          all.map((viewer) => viewer.until(() => ![undefined, phx_ref].includes(viewer.get("a")?.metas[0]?.phx_ref))),
        );
        a.channel.tell("crash");
        await a.channel.errors.next();
        await back;
        await Promise.all(all.map((viewer) => viewer.sees("a×1 b×2")));

        b2.channel.channel.leave();
        await Promise.all([onlooker, a, b].map((viewer) => viewer.sees("a×1 b×1")));
        b.channel.client.socket.disconnect();
        await Promise.all([onlooker, a].map((viewer) => viewer.sees("a×1")));
        assert.deepEqual(
          onlooker.left.filter((key) => key === "b"),
          ["b"],
        );
        assert.equal(onlooker.channel.errors.count, 0);
      },
      { schedulers: 3 },
      app,
    );
  });
}

test("any thread may die: its channels leave and come back, no other channel notices, and all views agree", async (t) => {
  await withApp(
    async ({ app, reports }) => {
      const viewers: Viewer[] = [];
      for (let i = 0; i < 12; i++) viewers.push(await view(t, app, i % 2 === 0 ? "1.8.16" : "1.7.23", `u${i}`));
      const everybody = viewers
        .map((_, i) => `u${i}×1`)
        .sort()
        .join(" ");
      await Promise.all(viewers.map((viewer) => viewer.sees(everybody)));
      const where = async (viewer: Viewer): Promise<number> =>
        ((await viewer.channel.ask("where", {}, 60_000)).response as { scheduler: number }).scheduler;
      // Each in turn: two of them have a shard of the presence, and one its supervisor.
      for (const scheduler of [1, 2, 3]) {
        const places = await Promise.all(viewers.map(where));
        const lost = viewers.filter((_, index) => places[index] === scheduler);
        const living = viewers.filter((_, index) => places[index] !== scheduler);
        const errors = living.map((viewer) => viewer.channel.errors.count);
        const refs = new Map(lost.map((viewer) => [viewer, refsOf(viewers[0] as Viewer, keyOf(viewers, viewer))]));
        if (lost.length === 0) continue;
        lost[0]?.channel.tell("kill_thread");
        await Promise.all(lost.map((viewer) => viewer.channel.errors.next()));
        // Back, with refs that nobody had: to everybody.
        const renewed = (seen: Viewer): boolean =>
          lost.every((viewer) => {
            const key = keyOf(viewers, viewer);
            const now = refsOf(seen, key);
            return now.length === 1 && now[0] !== refs.get(viewer)?.[0];
          });
        await Promise.all(viewers.map((viewer) => viewer.until((keys) => keys === everybody && renewed(viewer))));
        assert.deepEqual(
          living.map((viewer) => viewer.channel.errors.count),
          errors,
        );
      }
      const [first, ...others] = viewers.map((viewer) => viewers.map((_, i) => refsOf(viewer, `u${i}`)));
      for (const other of others) assert.deepEqual(other, first);
      assert.ok(reports.length > 0);
      assert.deepEqual(
        reports.filter((report) => report.tag !== "thread_down" && report.tag !== "supervisor"),
        [],
      );
    },
    // The same channel ends one thread after the other: in quarantine it would end its own.
    { schedulers: 3, quarantineAfter: 0 },
    app,
  );
});

function keyOf(viewers: readonly Viewer[], viewer: Viewer): string {
  return `u${viewers.indexOf(viewer)}`;
}

function refsOf(viewer: Viewer, key: string): readonly string[] {
  return (viewer.get(key)?.metas ?? []).map(({ phx_ref }) => phx_ref);
}

test("a stray error in fetch ends neither shard nor channel, and the diff is told without what it adds", async (t) => {
  await withApp(
    async ({ app, reports }) => {
      const client = await new StockClient(app.port).connect();
      t.after(() => client.socket.disconnect());
      const channel = client.channel("stray:a");
      await channel.join();
      const [, , , , diff] = await client.frame((frame) => frame[3] === "presence_diff");
      assert.deepEqual(Object.keys((diff as { joins: object }).joins), ["u"]);
      assert.equal((await channel.ask("ping")).status, "ok");
      assert.deepEqual(
        reports.map((report) => report.tag === "crash" && report.label),
        ["fetch of stray_presence_shard0"],
      );
    },
    {},
    app,
  );
});
