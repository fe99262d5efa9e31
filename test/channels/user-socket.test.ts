import assert from "node:assert/strict";
import { test } from "node:test";
import { packInfo } from "../../src/channels/packed-info.js";
import type { ConnectArgs } from "../../src/channels/requests.js";
import type { ConnectInfo } from "../../src/channels/transport.js";
import { type SocketOptions, socket } from "../../src/channels/user-socket.js";
import type { ErrorReason } from "../../src/core/exit-reason.js";
import { isDown } from "../../src/core/messages.js";
import { error, ok } from "../../src/otp/results.js";
import { receive, self, send, spawn, spawnMonitor } from "../../src/runtime/process.js";
import { inline } from "../support/inline.js";

const INFO: ConnectInfo = {
  peer: { address: "127.0.0.1", port: 1234 },
  uri: { scheme: "http", host: "localhost", path: "/socket/websocket", query: "vsn=2.0.0" },
  userAgent: null,
  xHeaders: { "x-real-ip": "10.0.0.1", "x-request-id": "7" },
  traceContextHeaders: {},
  secWebSocketHeaders: { "sec-websocket-version": "13" },
  authToken: null,
  custom: { tenant: { id: 1 } },
};
const ARGS: ConnectArgs = [{ name: "Ada" }, packInfo(INFO), "test", "2.0.0", 0, ["password"]];

/** What the starter of a process that runs `connect` gets, in order, and when another process that was started after it ran. */
function order(options: Omit<SocketOptions, "channels">): Promise<unknown[]> {
  return inline().run(async () => {
    const main = self();
    const door = socket({ ...options, log: false, channels: {} });
    const { pid } = spawnMonitor(door, ARGS);
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

test("a connect that awaits something answers when that is there, and then ends", async () => {
  const refusal = async () => ({ status: 404 });
  const ofItsOwn = async (options: Omit<SocketOptions, "channels">): Promise<unknown[]> =>
    (await order(options)).filter((message) => message !== "the next one ran"); // which may be before it or after it
  assert.deepEqual(await ofItsOwn({ connect: async () => ok() }), [["accepted", "its pid", null, {}], "normal"]);
  assert.deepEqual(await ofItsOwn({ connect: async () => error("no"), refusal }), [
    ["refused", "its pid", { status: 404 }],
    "normal",
  ]);
});

test("a connect that returns what is not allowed refuses its client, and crashes", async () => {
  for (const result of [
    ok({ id: 7 as never }),
    ok({ assigns: 7 as never }),
    ok({ assigns: null as never }),
    7 as never,
  ]) {
    const [answer, reason] = await order({ connect: () => result });
    assert.deepEqual(answer, ["refused", "its pid", null]);
    assert.match(String((reason as ErrorReason).message), /^connect returned (an id|assigns|a number)/);
  }
});

test("connect gets its parameters and what is known of the request as they were", async () => {
  let got: unknown;
  await order({
    connect: (...args) => {
      got = args;
      return ok();
    },
  });
  assert.deepEqual(got, [{ name: "Ada" }, INFO]);
});
