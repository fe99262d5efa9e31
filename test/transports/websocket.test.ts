import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { WebSocket } from "ws";
import { WebSocketMount } from "../../src/transports/websocket.js";
import type { WebSocketOptions } from "../../src/transports/websocket-options.js";
import { HostileSocket } from "../support/hostile-socket.js";

const bad: readonly (readonly [WebSocketOptions, RegExp])[] = [
  [{ timeoutMs: 0 }, /bad timeoutMs 0: allowed are whole numbers from 1 to 2147483647/],
  [{ pingIntervalMs: -1 }, /bad pingIntervalMs -1: allowed are whole numbers from 0/],
  [{ pongTimeoutMs: 0 }, /bad pongTimeoutMs 0/],
  [{ maxFrameBytes: -1 }, /bad maxFrameBytes -1/],
  [{ maxBufferedBytes: 1.5 }, /bad maxBufferedBytes 1.5/],
];
for (const [options, message] of bad) {
  test(`${JSON.stringify(options)} is refused, with what is allowed`, () => {
    assert.throws(() => new WebSocketMount(options, () => {}), { code: "JOIST_BAD_OPTION", message });
  });
}

async function withMount(options: WebSocketOptions, use: (port: number) => Promise<void>): Promise<void> {
  const mount = new WebSocketMount(options, setImmediate);
  const server = createServer();
  server.on("upgrade", (request, socket, head) => {
    const driver = { receive: () => {}, channels: [], limited: () => {}, closed: () => {} };
    mount.upgrade(request, socket, head, null, () => driver);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await use((server.address() as AddressInfo).port); // of a TCP server
  } finally {
    mount.stop();
    server.close();
  }
}

test("a client that answers no ping is closed with 1000, long before the idle timeout", async () => {
  await withMount({ timeoutMs: 600_000, pingIntervalMs: 20, pongTimeoutMs: 20 }, async (port) => {
    const client = await HostileSocket.upgraded(port);
    assert.equal(await client.closeCode(), 1000);
    client.drop();
  });
});

test("a client that answers pings stays beyond the idle timeout, though it sends nothing else", async () => {
  await withMount({ timeoutMs: 800, pingIntervalMs: 200, pongTimeoutMs: 5000 }, async (port) => {
    const client = new WebSocket(`ws://127.0.0.1:${port}/`);
    let closed = false;
    client.on("close", () => {
      closed = true;
    });
    // As many pings as come in twice the idle timeout: the client of ws answers them.
    for (let pings = 0; pings < 7; pings++) await once(client, "ping");
    assert.equal(closed, false);
    client.terminate();
  });
});

test("without pingIntervalMs nobody is pinged, and who is silent is closed after the idle timeout", async () => {
  await withMount({ timeoutMs: 100 }, async (port) => {
    const client = new WebSocket(`ws://127.0.0.1:${port}/`);
    client.on("ping", () => assert.fail("it was pinged"));
    const [code] = (await once(client, "close")) as [number];
    assert.equal(code, 1000);
  });
});
