/** Clients that are not let in: each reason has its status, and its counter in `app.counts()`. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { attachTelemetry, type TelemetryEvent } from "joist";
import { withApp } from "../support/app.js";
import { HostileSocket, upgradeRequest } from "../support/hostile-socket.js";

const refusalsApp: URL = new URL("../support/apps/refusals.js", import.meta.url);
const target = (query: string): string => `/socket/websocket?vsn=2.0.0${query}`;
const offer = (protocol: string): string => upgradeRequest(`Sec-WebSocket-Protocol: ${protocol}\r\n`);

const upgrades: readonly (readonly [code: string, request: string, status: number])[] = [
  ["refused.upgrade.path", upgradeRequest("", "/nowhere/websocket"), 404],
  ["refused.upgrade.query", upgradeRequest("", "/socket/websocket?%ff=%ff"), 400],
  ["refused.upgrade.origin", upgradeRequest("Origin: http://elsewhere.test\r\n"), 403],
  ["refused.upgrade.subprotocol", offer("unheard-of"), 403],
  ["refused.upgrade.auth_token", offer("known, base64url.bearer.phx.!"), 500],
  ["refused.upgrade.handshake", upgradeRequest().replace("Upgrade: websocket", "Upgrade: h2c"), 400],
  ["refused.version", upgradeRequest("", "/socket/websocket?vsn=9.0.0"), 403],
  ["refused.connect", upgradeRequest("", target("&how=refuse")), 403],
  ["refused.connect_failed", upgradeRequest("", target("&how=crash")), 500],
];

test("an upgrade that is refused is counted by its reason, and told of", async () => {
  const told: TelemetryEvent<"joist.socket.limit">[] = [];
  const detach = attachTelemetry(["joist.socket.limit:stop"], (event) => void told.push(event));
  await withApp(
    async ({ app }) => {
      for (const [code, request, status] of upgrades) {
        const client = new HostileSocket(app.port);
        client.write(request);
        assert.equal(await client.status(), status, code);
        await client.closed;
      }
      assert.deepEqual(app.counts(), Object.fromEntries(upgrades.map(([code]) => [code, 1])));
      const { metadata } = told[0] as TelemetryEvent<"joist.socket.limit">;
      assert.deepEqual(metadata, { code: "refused.upgrade.path", transport: "websocket", id: null, topic: null });
      assert.deepEqual(
        told.map(({ metadata: { code } }) => code),
        upgrades.map(([code]) => code),
      );
      const accepted = await HostileSocket.upgraded(app.port, target(""));
      accepted.drop();
    },
    {},
    refusalsApp,
  ).finally(detach);
});

test("a session of long poll that is refused is counted by its reason", async () => {
  const polls = [
    ["refused.longpoll.origin", "", { origin: "http://elsewhere.test" }],
    ["refused.version", "&vsn=9.0.0", {}],
    ["refused.connect", "&how=refuse", {}],
    ["refused.connect_failed", "&how=crash", {}],
  ] as const;
  await withApp(
    async ({ app }) => {
      for (const [code, query, headers] of polls) {
        const vsn = query.includes("vsn") ? "" : "vsn=2.0.0";
        const response = await fetch(`http://127.0.0.1:${app.port}/socket/longpoll?${vsn}${query}`, { headers });
        await response.text();
        assert.equal(app.counts()[code], 1, code);
      }
      assert.equal(Object.keys(app.counts()).length, polls.length);
    },
    {},
    refusalsApp,
  );
});
