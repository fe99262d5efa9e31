import assert from "node:assert/strict";
import { test } from "node:test";
import type { ConnectCall } from "../../src/channels/requests.js";
import { type SocketOptions, socket } from "../../src/channels/user-socket.js";
import { isDown } from "../../src/core/messages.js";
import { error, ok } from "../../src/otp/results.js";
import { receive, self, send, spawn, spawnMonitor } from "../../src/runtime/process.js";
import { inline } from "../support/inline.js";

const CALL: ConnectCall = { params: {}, info: {}, transport: "test", vsn: "2.0.0", sentMs: 0, filter: ["password"] };

/** What the starter of a process that runs `connect` gets, in order, and when another process that was started after it ran. */
function order(options: Omit<SocketOptions, "channels">): Promise<unknown[]> {
  return inline().run(async () => {
    const main = self();
    const door = socket({ ...options, log: false, channels: {} });
    const { pid } = spawnMonitor(door, [CALL]);
    spawn(async () => send(main, "the next one ran"), []);
    const got: unknown[] = [];
    while (got.length < 3) {
      const message = await receive();
      if (isDown(message)) got.push(message.reason);
      else got.push(Array.isArray(message) ? message.map((part) => (part === pid ? "its pid" : part)) : message);
    }
    return got;
  });
}

test("a connect that awaits nothing has answered and ended before the next process runs", async () => {
  assert.deepEqual(await order({ connect: () => ok({ id: "user:1" }) }), [
    ["accepted", "its pid", "user:1", {}],
    "normal",
    "the next one ran",
  ]);
  assert.deepEqual(await order({ connect: () => error("no"), refusal: () => ({ status: 404 }) }), [
    ["refused", "its pid", { status: 404 }],
    "normal",
    "the next one ran",
  ]);
});

test("a connect that awaits something answers and ends when that is there", async () => {
  const refusal = async () => ({ status: 404 });
  assert.deepEqual(await order({ connect: async () => ok() }), [
    "the next one ran",
    ["accepted", "its pid", null, {}],
    "normal",
  ]);
  assert.deepEqual(await order({ connect: async () => error("no"), refusal }), [
    "the next one ran",
    ["refused", "its pid", { status: 404 }],
    "normal",
  ]);
});
