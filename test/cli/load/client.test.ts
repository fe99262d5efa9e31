import assert from "node:assert/strict";
import { test } from "node:test";
import { Client, type ClientHandler, type ClientSetup } from "../../../src/cli/load/client.js";
import { withApp } from "../../support/app.js";

test("a heartbeat keeps the connection, and its answer is that of no message", async () => {
  await withApp(async ({ app }) => {
    const setup: ClientSetup = {
      ...{ headers: {}, channels: 1, event: '"echo"', replyTimeoutMs: 60_000, awaitsBroadcast: false },
      urlOf: () => new URL(`ws://127.0.0.1:${app.port}/socket/websocket?vsn=2.0.0`),
      ...{ topicOf: () => '"room:a"', joinParamsOf: () => "{}", payloadOf: () => "{}" },
    };
    const told: string[] = [];
    const tell = (what: string) => () => void told.push(what);
    await new Promise<void>((resolve) => {
      const handler: ClientHandler = {
        ...{ connected: tell("connected"), notConnected: tell("not connected"), joined: tell("joined") },
        ...{ notJoined: tell("not joined"), pushed: tell("pushed"), unreadable: tell("unreadable") },
        ...{ channelGone: tell("channel gone"), gone: tell("gone"), written: () => {} },
        settled: (client) => {
          client.beat();
          client.push(client.nextChannel(), 7);
        },
        answered: (client, ref, problem) => {
          told.push(`answered ${ref} ${problem}`);
          if (ref === 7) {
            client.beat();
            client.push(client.nextChannel(), 8);
          } else {
            client.drop();
            resolve();
          }
          return true;
        },
      };
      new Client(0, setup, handler, performance.now());
    });
    assert.deepEqual(told, ["connected", "joined", "answered 7 null", "answered 8 null"]);
  });
});
