/** Clients for whom there is no room: what they are told, over both transports, and that there is room again later. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type App, socket } from "joist";
import { withApp } from "../support/app.js";
import { HostileSocket, upgradeRequest } from "../support/hostile-socket.js";
import { PollClient } from "../support/poll-client.js";
import { RawClient } from "../support/raw-client.js";

const limitsApp: URL = new URL("../support/apps/limits.js", import.meta.url);
const WEBSOCKET = "/usual/websocket";
const LONGPOLL = "/usual/longpoll";

/** The answer to an upgrade, as it came. */
async function upgrade(port: number | undefined): Promise<string> {
  const client = new HostileSocket(port);
  let text = "";
  client.socket.on("data", (chunk) => {
    text += String(chunk);
  });
  client.write(upgradeRequest("", `${WEBSOCKET}?vsn=2.0.0`));
  await client.closed;
  return text;
}

async function open(port: number | undefined): Promise<Response> {
  return await fetch(`http://127.0.0.1:${port}${LONGPOLL}?vsn=2.0.0`);
}

const connect = (app: App): Promise<RawClient> => RawClient.connect(app.port, "vsn=2.0.0", WEBSOCKET);

test("one more than maxConnections is answered with 503 and a reason, until somebody goes", async () => {
  await withApp(
    async ({ app }) => {
      const first = await connect(app);
      const poller = await PollClient.connect(app.port, "vsn=2.0.0", LONGPOLL);
      const answer = await upgrade(app.port);
      assert.match(answer, /^HTTP\/1.1 503 .*\r\nretry-after: 5\r\n.*\r\n\r\nmax_connections$/s);
      const response = await open(app.port);
      assert.deepEqual([response.status, response.headers.get("retry-after")], [503, "5"]);
      assert.equal(await response.text(), "max_connections");
      assert.equal(app.counts()["refused.max_connections"], 2);
      first.close();
      await first.closed;
      // The client knows first; a refusal until then is only that.
      let second: RawClient | null = null;
      while (second === null) second = await connect(app).catch(() => null);
      poller.drop();
      second.drop();
    },
    { maxConnections: 2 },
    limitsApp,
  );
});

test("one more than maxConnectionsPerAddress is answered with 429; a session that ends makes room", async () => {
  await withApp(
    async ({ app }) => {
      const poller = await PollClient.connect(app.port, "vsn=2.0.0", LONGPOLL);
      assert.match(await upgrade(app.port), /^HTTP\/1.1 429 .*\r\n\r\nmax_connections_per_address$/s);
      assert.equal((await open(app.port)).status, 429);
      poller.sendText("[1]"); // no message, so the session ends
      await poller.closed;
      const client = await connect(app);
      client.drop();
      assert.equal(app.counts()["refused.max_connections_per_address"], 2);
    },
    { maxConnectionsPerAddress: 1 },
    limitsApp,
  );
});

test("a client that is refused for another reason takes no place", async () => {
  await withApp(
    async ({ app }) => {
      for (let i = 0; i < 5; i++) {
        assert.equal(await RawClient.refused(app.port, "vsn=9.0.0", WEBSOCKET), 403);
        assert.equal(await PollClient.refused(app.port, "vsn=9.0.0", LONGPOLL), 403);
      }
      let client: RawClient | null = null;
      while (client === null) client = await connect(app).catch(() => null);
      client.drop();
    },
    { maxConnections: 1 },
    limitsApp,
  );
});

test("connectTimeoutMs ends a connect that takes too long: 503", async () => {
  await withApp(
    async ({ app }) => {
      assert.equal(await RawClient.refused(app.port, "vsn=2.0.0", "/never/websocket"), 503);
      assert.equal(app.counts()["refused.connect_timeout"], 1);
    },
    {},
    limitsApp,
  );
});

test("limits that are out of range or misspelt are refused where they are given", () => {
  const describe = (limits: object): void => void socket({ channels: {}, limits }).describe(() => "", []);
  for (const limits of [
    { messages: { perSecond: 0 } },
    { messages: { perSecond: 10, burst: 0.5 } },
    { messages: 10 },
    { message: { perSecond: 10 } },
    { throttleMs: -1 },
  ]) {
    assert.throws(() => describe(limits), { code: "JOIST_BAD_OPTION" }, JSON.stringify(limits));
  }
});
