/** Channels with a thread kept for them, by their own wish or for what they did, as their clients and those of others see it. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { App, Pid, Report, StartOptions } from "joist";
import { withApp } from "../support/app.js";
import { RawClient } from "../support/raw-client.js";
import { type StockChannel, StockClient } from "../support/stock-client.js";

const url = new URL("../support/apps/apart.js", import.meta.url);
/** Two schedulers; what is kept for definitions comes after them. */
const FIRST_KEPT = 3;

interface Place {
  readonly pid: Pid;
  readonly scheduler: number;
}

const withApart = (
  use: (app: App, reports: readonly Report[]) => Promise<void>,
  options: StartOptions = {},
): Promise<void> => withApp(({ app, reports }) => use(app, reports), options, url);

async function joinedClient(t: TestContext, app: App, ...topics: readonly string[]): Promise<StockChannel[]> {
  const client = await new StockClient(app.port).connect();
  t.after(() => client.socket.disconnect());
  const channels = topics.map((topic) => client.channel(topic, { calm: true }));
  for (const channel of channels) await channel.join(60_000);
  return channels;
}

async function whereIs(channel: StockChannel): Promise<Place> {
  const { status, response } = await channel.ask("where", {}, 60_000);
  assert.equal(status, "ok");
  return response as Place;
}

const threadsDown = (reports: readonly Report[]): number =>
  reports.filter((report) => report.tag === "thread_down").length;

/** Waits until what a report or a thread tells in its own time has come true. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5));
}

test("channels of a dedicated definition are on one thread; the others of the connection stay together, elsewhere", async (t) => {
  await withApart(async (app) => {
    const rows = await Promise.all(
      Array.from({ length: 6 }, () => joinedClient(t, app, "room:1", "vault:1", "room:2", "vault:2", "room:3")),
    );
    const places = await Promise.all(rows.map((row) => Promise.all(row.map(whereIs))));
    const vaults = places.flatMap(([, first, , second]) => [first?.scheduler, second?.scheduler]);
    assert.equal(new Set(vaults).size, 1);
    assert.ok((vaults[0] as number) >= FIRST_KEPT);
    for (const [first, , second, , third] of places) {
      assert.ok((first as Place).scheduler < FIRST_KEPT);
      assert.deepEqual([second?.scheduler, third?.scheduler], [first?.scheduler, first?.scheduler]);
    }
    const spread = new Set(places.map(([first]) => first?.scheduler));
    assert.deepEqual(spread, new Set([1, 2]));
  });
});

test("the end of their thread is theirs alone: one phx_error each, and a fresh start there; the same clients' others stay", async (t) => {
  await withApart(async (app, reports) => {
    const rows = await Promise.all(Array.from({ length: 4 }, () => joinedClient(t, app, "room:1", "vault:1")));
    const rooms = rows.map(([room]) => room as StockChannel);
    const vaults = rows.map(([, vault]) => vault as StockChannel);
    const roomsBefore = await Promise.all(rooms.map(whereIs));
    const [{ scheduler }] = (await Promise.all(vaults.map(whereIs))) as [Place];
    vaults[0]?.tell("exit");
    await Promise.all(vaults.map((vault) => vault.errors.next()));
    await Promise.all(vaults.map((vault) => vault.joined.next()));
    for (const place of await Promise.all(vaults.map(whereIs))) assert.equal(place.scheduler, scheduler);
    assert.deepEqual(await Promise.all(rooms.map(whereIs)), roomsBefore);
    for (const channel of [...rooms, ...vaults]) {
      await channel.client.settle();
      const isVault = vaults.includes(channel);
      assert.deepEqual([channel.frames("phx_error").length, channel.refused.count], [isVault ? 1 : 0, 0]);
    }
    assert.equal(threadsDown(reports), 1);
  });
});

test("a join of a definition whose own thread dies too often is answered with join crashed, later it is let in", async (t) => {
  const limits = { maxThreadRestarts: 0, dedicatedRetryMs: 2000 };
  await withApart(async (app) => {
    const client = await RawClient.connect(app.port);
    t.after(() => client.drop());
    await client.join("vault:1");
    await client.join("room:1");
    client.send("1", null, "vault:1", "exit", {});
    await client.next((frame) => frame[3] === "phx_error");
    const [, , , , refused] = await client.join("vault:1", {}, "7");
    assert.deepEqual(refused, { status: "error", response: { reason: "join crashed" } });
    assert.equal(((await client.ask("room:1", "where")) as { status: string }).status, "ok");
    for (let ref = 8; ; ref++) {
      const [, , , , answer] = await client.join("vault:1", {}, String(ref));
      if ((answer as { status: string }).status === "ok") break;
      await new Promise((resolve) => setTimeout(resolve, 20)); // as a client does, only sooner
    }
  }, limits);
});

test("a client that is fatal at each of its joins costs others three threads, then nobody but its own kind, for ever", async (t) => {
  // Less than a second, and on a machine that is busy with other work somebody else would be called stuck.
  await withApart(
    async (app, reports) => {
      const rows = await Promise.all(Array.from({ length: 5 }, () => joinedClient(t, app, "room:1", "room:2")));
      const others = rows.flat();
      const [kin] = (await joinedClient(t, app, "trap:kin")) as [StockChannel];

      const villain = await new StockClient(app.port).connect();
      t.after(() => villain.socket.disconnect());
      const trap = villain.channel("trap:1");
      void trap.join(60_000).catch(() => {}); // never answered with ok
      await until(() => app.quarantined.length > 0);
      assert.deepEqual(app.quarantined, ["TrapChannel"]);
      assert.equal(threadsDown(reports), 3);
      // Those that the third death has cost their thread are told so, and come back.
      await Promise.all(others.map(({ client }) => client.settle()));
      await until(() => others.every(({ channel }) => channel.state === "joined"));
      const before = await Promise.all(others.map(whereIs));
      const errors = others.map((channel) => channel.frames("phx_error").length);

      // Far beyond maxThreadRestarts. Meanwhile everybody else answers.
      for (let deaths = 4; deaths <= 10; deaths++) {
        await until(() => threadsDown(reports) >= deaths);
        assert.deepEqual(await Promise.all(others.map(whereIs)), before);
      }
      assert.deepEqual(
        others.map((channel) => channel.frames("phx_error").length),
        errors,
      );
      for (const report of reports.filter(({ tag }) => tag === "thread_down").slice(3)) {
        assert.ok("scheduler" in report && report.scheduler >= FIRST_KEPT);
      }
      assert.ok(others.every(({ client }) => client.closed.count === 0));
      // Its own kind had to die with it. It is there again when that client is gone.
      await villain.disconnect();
      // It may look joined while the last loop has the thread: what it asks then goes down with that.
      let answer = await kin.ask("where", {}, 2000);
      while (answer.status !== "ok") answer = await kin.ask("where", {}, 2000);
      assert.ok((answer.response as Place).scheduler >= FIRST_KEPT);
      assert.equal(await Promise.race([app.stopped, "it runs"]), "it runs");
    },
    { maxBlockMs: 1000, maxThreadRestarts: 4, threadRestartWindowMs: 60_000, dedicatedRetryMs: 100 },
  );
});

test("loops after an await and in timers are found out too: the third death of one puts its definition into quarantine", async (t) => {
  await withApart(
    async (app, reports) => {
      // Far more of them run, right before the loop: on their word alone it would be their definition.
      const rooms = await Promise.all(Array.from({ length: 8 }, () => joinedClient(t, app, "room:1", "room:2")));
      const isJoined = (): boolean => rooms.flat().every(({ channel }) => channel.state === "joined");
      const villain = await RawClient.connect(app.port);
      t.after(() => villain.drop());
      let ref = 1;
      for (const deed of ["loopLater", "loopInATimer", "loopLater"]) {
        await until(isJoined);
        // A join may meet a thread that is being replaced.
        const join = async (): Promise<unknown> => (await villain.join("sleeper:1", {}, String(ref)))[4];
        while (((await join()) as { status: string }).status !== "ok") ref++;
        villain.send(String(ref++), null, "sleeper:1", deed, {});
        const before = threadsDown(reports);
        while (threadsDown(reports) === before) for (const [room] of rooms) await room?.ask("where", {}, 100);
        await villain.next((frame) => frame[3] === "phx_error");
      }
      await until(() => app.quarantined.length > 0);
      assert.deepEqual(app.quarantined, ["SleeperChannel"]);
      // None of them counts against the runtime, either.
      assert.equal(await Promise.race([app.stopped, "it runs"]), "it runs");
    },
    { maxThreadRestarts: 2, threadRestartWindowMs: 60_000, blackBoxMs: 5000 },
  );
});
