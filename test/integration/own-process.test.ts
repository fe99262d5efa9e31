/** Channels and servers with an OS process of their own, as stock clients and those on threads see them. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { App, Pid, Report } from "joist";
import { withApp } from "../support/app.js";
import { Parser } from "../support/apps/own-process.js";
import { type StockChannel, StockClient } from "../support/stock-client.js";

const url = new URL("../support/apps/own-process.js", import.meta.url);
const skip = process.platform === "win32";

const withApart = (use: (app: App, reports: readonly Report[]) => Promise<void>): Promise<void> =>
  withApp(({ app, reports }) => use(app, reports), { isolation: "thread" }, url);

async function joinedClient(t: TestContext, app: App, ...topics: readonly string[]): Promise<StockChannel[]> {
  const client = await new StockClient(app.port).connect();
  t.after(() => client.socket.disconnect());
  const channels = topics.map((topic) => client.channel(topic));
  for (const channel of channels) await channel.join(60_000);
  return channels;
}

async function osProcessOf(channel: StockChannel): Promise<number> {
  const { status, response } = await channel.ask("where", {}, 60_000);
  assert.equal(status, "ok");
  return (response as { osProcess: number }).osProcess;
}

for (const signal of ["SIGABRT", "SIGSEGV"]) {
  test(`${signal} in a channel costs its OS process: one phx_error each, and they rejoin; all others never notice`, {
    skip,
  }, async (t) => {
    await withApart(async (app, reports) => {
      const rows = await Promise.all(Array.from({ length: 4 }, () => joinedClient(t, app, "room:1", "vault:1")));
      const rooms = rows.map(([room]) => room as StockChannel);
      const vaults = rows.map(([, vault]) => vault as StockChannel);
      const [before] = await Promise.all(vaults.map(osProcessOf));
      assert.notEqual(before, process.pid);
      for (const osProcess of await Promise.all(rooms.map(osProcessOf))) assert.equal(osProcess, process.pid);
      vaults[0]?.tell("raise", { signal });
      await Promise.all(vaults.map((vault) => vault.errors.next()));
      await Promise.all(vaults.map((vault) => vault.joined.next()));
      const [after] = await Promise.all(vaults.map(osProcessOf));
      assert.ok(after !== before && after !== process.pid);
      for (const osProcess of await Promise.all(rooms.map(osProcessOf))) assert.equal(osProcess, process.pid);
      for (const channel of [...rooms, ...vaults]) {
        await channel.client.settle();
        assert.equal(channel.frames("phx_error").length, vaults.includes(channel) ? 1 : 0);
        assert.equal(channel.client.closed.count, 0);
      }
      const downs = reports.filter(({ tag }) => tag === "thread_down");
      assert.deepEqual(
        downs.map((report) => "reason" in report && report.reason),
        [`its OS process was ended by ${signal}`],
      );
    });
  });
}

test("a broadcast reaches channels on threads from an OS process and the other way, from the first after a join", {
  skip,
}, async (t) => {
  await withApart(async (app) => {
    for (let round = 0; round < 20; round++) {
      const [room, vault] = (await joinedClient(t, app, `room:${round}`, `vault:${round}`)) as [
        StockChannel,
        StockChannel,
      ];
      const [farRoom, farVault] = (await joinedClient(t, app, `room:${round}`, `vault:${round}`)) as [
        StockChannel,
        StockChannel,
      ];
      vault.tell("shout", { topic: `room:${round}`, from: "vault" });
      room.tell("shout", { topic: `vault:${round}`, from: "room" });
      for (const channel of [room, farRoom, vault, farVault]) {
        const { client, channel: { topic } } = channel; // biome-ignore format: one line
        const [, , , , payload] = await client.frame((frame) => frame[2] === topic && frame[3] === "shout");
        assert.deepEqual(payload, { topic, from: topic.startsWith("room") ? "vault" : "room" });
      }
      for (const { client } of [room, farRoom]) await client.disconnect();
    }
  });
});

test("a supervisor on a thread starts its child again in the next OS process when a fault has ended that one", {
  skip,
}, async (t) => {
  await withApart(async (app, reports) => {
    const [room] = (await joinedClient(t, app, "room:1")) as [StockChannel];
    const parse = (): Promise<unknown> => room.ask("parse", { text: "1 + 1" }, 60_000);
    const where = async (): Promise<[Pid, number]> => (await app.call("parser", "where")) as [Pid, number];
    const first = await where();
    assert.notEqual(first[1], process.pid);
    assert.deepEqual(await parse(), { status: "ok", response: { parsed: 1 } });
    await app.run(() => Parser.cast("parser", "raise", "SIGABRT"));
    let next = first;
    while (next[0] === first[0]) {
      try {
        next = await where();
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 5)); // nobody has the name, or that one is dying
      }
    }
    assert.notEqual(next[1], first[1]);
    assert.deepEqual(await parse(), { status: "ok", response: { parsed: 1 } });
    assert.equal(room.errors.count, 0);
    assert.equal(reports.filter(({ tag }) => tag === "thread_down").length, 1);
  });
});
