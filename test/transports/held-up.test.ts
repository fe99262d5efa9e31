/** WebSocket clients that stop reading: what waits for them, what they get when they go on, and what is closed. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { WebSocket } from "ws";
import { SharedMessage, type Transport } from "../../src/channels/transport.js";
import { Counts } from "../../src/core/counts.js";
import { OutboundBudget } from "../../src/transports/outbound-budget.js";
import { WebSocketMount } from "../../src/transports/websocket.js";
import type { WebSocketOptions } from "../../src/transports/websocket-options.js";

const MIB = 2 ** 20;

interface Connected {
  readonly transport: Transport;
  readonly counts: Counts;
  readonly client: WebSocket;
  /** The client's. */
  readonly socket: Socket;
  /** What the client got so far: the first word of each message. */
  readonly got: string[];
  /** What its connection was told that limits did. */
  readonly told: (readonly [code: string, count: number])[];
  /** Settles with the close code. */
  readonly closed: Promise<number>;
}

async function withClient(
  options: WebSocketOptions,
  use: (connected: Connected) => Promise<void>,
  budget?: OutboundBudget,
): Promise<void> {
  const counts = new Counts();
  const mount = new WebSocketMount(options, setImmediate, counts, budget);
  const server = createServer();
  const told: (readonly [string, number])[] = [];
  let transport: Transport | null = null;
  server.on("upgrade", (request, raw, head) => {
    mount.upgrade(request, raw, head, null, (opened) => {
      transport = opened;
      return { receive: () => {}, channels: [], limited: (code, count) => told.push([code, count]), closed: () => {} };
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/`); // of a TCP server
  try {
    await once(client, "open");
    const socket = (client as unknown as { readonly _socket: Socket })._socket; // it is open, so it has one
    const got: string[] = [];
    client.on("message", (data) => got.push(String(data).split(" ", 1)[0] as string)); // a split has a first part
    const closed = once(client, "close").then(([code]) => code as number);
    assert.ok(transport !== null);
    await use({ transport, counts, client, socket, got, told, closed });
  } finally {
    client.terminate();
    mount.stop();
    server.close();
  }
}

/** Nothing that could be compressed. */
const filler = randomBytes(75_000).toString("base64");
const large = (name: string): string => `${name} ${filler}`;

/** Sends until TCP takes no more. Answers how many messages that took. */
async function holdUp({ socket, transport }: Connected): Promise<string[]> {
  socket.pause();
  const sent: string[] = [];
  while (!transport.isHeldUp) {
    sent.push(`f${sent.length}`);
    transport.send(large(sent.at(-1) as string));
    await turn();
  }
  return sent;
}

/** Lets the client read until it has got a last message, which must arrive. */
async function readAll({ socket, transport, got, client }: Connected): Promise<void> {
  transport.send("end");
  socket.resume();
  while (got.at(-1) !== "end") await once(client, "message");
}

const names = (prefix: string, count: number): string[] => Array.from({ length: count }, (_, n) => `${prefix}${n}`);

for (const compress of [false, true]) {
  const how = compress ? "compressed" : "not compressed";
  test(`a client that stops reading for a while gets everything, in order: ${how}`, async () => {
    await withClient({ compress }, async (connected) => {
      const { transport, got, client, counts } = connected;
      const before = await holdUp(connected);
      for (const name of names("s", 50)) transport.send(large(name));
      for (const name of names("b", 50)) transport.sendShared(new SharedMessage(large(name), true));
      await readAll(connected);
      assert.deepEqual(got, [...before, ...names("s", 50), ...names("b", 50), "end"]);
      // When the queue is empty it is as if nothing had been.
      while (transport.isHeldUp) await turn();
      transport.send("after");
      await once(client, "message");
      assert.equal(got.at(-1), "after");
      assert.deepEqual(counts.snapshot(), {});
    });
  });

  test(`disconnect closes with 1013, and counts: ${how}`, async () => {
    await withClient({ compress, maxBufferedBytes: MIB }, async (connected) => {
      const { transport, counts, closed, socket } = connected;
      await holdUp(connected);
      for (const name of names("b", 50)) transport.sendShared(new SharedMessage(large(name), true));
      await turn();
      socket.resume();
      assert.equal(await closed, 1013);
      assert.deepEqual(counts.snapshot(), { "closed.outbound": 1 });
    });
  });
}

test("drop_newest: the client gets what waited first, and all that must arrive", async () => {
  const options = { maxBufferedBytes: 4 * MIB, outbound: { policy: "drop_newest" } } as const;
  await withClient(options, async (connected) => {
    const { transport, got, counts } = connected;
    const before = await holdUp(connected);
    for (const name of names("b", 100)) transport.sendDroppable(large(name), null);
    transport.send("reply");
    await readAll(connected);
    const kept = got.length - before.length - 2;
    assert.ok(kept > 10 && kept < 45, `${kept} were kept`);
    assert.deepEqual(got, [...before, ...names("b", kept), "reply", "end"]);
    assert.equal(counts.snapshot()["dropped.outbound.newest"], 100 - kept);
  });
});

test("drop_oldest: the client gets what came last, and all that must arrive in its place", async () => {
  const options = { maxBufferedBytes: 4 * MIB, outbound: { policy: "drop_oldest" } } as const;
  await withClient(options, async (connected) => {
    const { transport, got, counts } = connected;
    const before = await holdUp(connected);
    const shared = names("b", 100).map((name) => new SharedMessage(large(name), true));
    for (const one of shared.slice(0, 50)) transport.sendShared(one);
    transport.send("reply");
    for (const one of shared.slice(50)) transport.sendShared(one);
    await readAll(connected);
    const kept = got.length - before.length - 2;
    assert.ok(kept > 10 && kept < 45, `${kept} were kept`);
    assert.deepEqual(got, [...before, "reply", ...names("b", 100).slice(-kept), "end"]);
    assert.equal(counts.snapshot()["dropped.outbound.oldest"], 100 - kept);
  });
});

for (const policy of ["disconnect", "drop_newest", "drop_oldest"] as const) {
  test(`of what has a slot the client gets the newest, with all else in its place, and nothing is full: ${policy}`, async () => {
    await withClient({ maxBufferedBytes: 4 * MIB, outbound: { policy } }, async (connected) => {
      const { transport, got, counts, told } = connected;
      const before = await holdUp(connected);
      for (const [n, name] of names("p", 100).entries()) {
        transport.sendDroppable(large(name), `push ${n % 3}`);
        transport.sendShared(new SharedMessage(large(`b${name}`), true, `shared ${n % 2}`));
        if (n === 50) transport.send("reply");
      }
      await readAll(connected);
      assert.deepEqual(got, [...before, "reply", "p97", "p98", "bp98", "p99", "bp99", "end"]);
      assert.deepEqual(counts.snapshot(), { "dropped.outbound.latest": 195 });
      while (transport.isHeldUp) await turn();
      assert.deepEqual(told, [["dropped.outbound.latest", 195]]);
    });
  });
}

test("a client that keeps up gets every message of a slot", async () => {
  await withClient({}, async ({ transport, got, client }) => {
    const sent = names("p", 100);
    for (const name of sent) transport.sendShared(new SharedMessage(name, true, "one"));
    while (got.length < sent.length) await once(client, "message");
    assert.deepEqual(got, sent);
  });
});

test("replies that find no room close the connection with 1013, whatever the policy", async () => {
  const options = { maxBufferedBytes: MIB, outbound: { policy: "drop_oldest" } } as const;
  await withClient(options, async (connected) => {
    const { transport, closed, socket, counts, told } = connected;
    await holdUp(connected);
    transport.sendDroppable(large("b"), null);
    for (const name of names("r", 50)) transport.send(large(name));
    await turn();
    socket.resume();
    assert.equal(await closed, 1013);
    assert.equal(counts.snapshot()["closed.outbound"], 1);
    assert.deepEqual(told, [
      ["dropped.outbound.oldest", 1],
      ["closed.outbound", 1],
    ]);
  });
});

test("beyond the total of all mounts a client is closed with 1013 though its own limit is far", async () => {
  const budget = new OutboundBudget(2 * MIB, setImmediate);
  await withClient(
    {},
    async (connected) => {
      const { transport, closed, socket, counts } = connected;
      await holdUp(connected);
      for (const name of names("s", 30)) transport.send(large(name));
      assert.ok(budget.bytes > 2 * MIB);
      await turn();
      assert.equal(budget.bytes, 0);
      socket.resume();
      assert.equal(await closed, 1013);
      assert.deepEqual(counts.snapshot(), { "closed.outbound.total": 1 });
    },
    budget,
  );
});

test("what a client that went on, or went away, has kept waiting is paid back", async () => {
  const budget = new OutboundBudget(100 * MIB, setImmediate);
  const use = (end: (connected: Connected) => Promise<void>) =>
    withClient(
      {},
      async (connected) => {
        await holdUp(connected);
        for (const name of names("s", 30)) connected.transport.send(large(name));
        assert.ok(budget.bytes > 2 * MIB);
        await end(connected);
        while (connected.transport.isHeldUp) await turn();
        assert.equal(budget.bytes, 0);
      },
      budget,
    );
  await use((connected) => readAll(connected));
  await use(async ({ socket }) => {
    socket.destroy();
  });
});

test("what waited for a client that is closed arrives before the close", async () => {
  await withClient({}, async (connected) => {
    const { transport, got, socket, closed } = connected;
    const before = await holdUp(connected);
    for (const name of names("s", 20)) transport.send(large(name));
    transport.close(1001, "");
    socket.resume();
    assert.equal(await closed, 1001);
    assert.deepEqual(got, [...before, ...names("s", 20)]);
  });
});
