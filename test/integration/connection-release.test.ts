/** What connections and their channels hold is given back when they are gone. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { context } from "../../src/runtime/context.js";
import type { Scheduler } from "../../src/runtime/scheduler.js";
import { withApp } from "../support/app.js";
import { RawClient } from "../support/raw-client.js";

const CONNECTIONS = 500;
const AT_A_TIME = 25;

// With 0 schedulers, channels and `connect` are on the thread of the ports, and counted with them.
for (const schedulers of [0, 2]) {
  test(`after ${CONNECTIONS} connections that came, joined and went, no port or process of theirs is left (${schedulers} schedulers)`, () =>
    withApp(
      async ({ app }) => {
        const { processes } = app.run(() => context.getStore()?.scheduler) as Scheduler; // the host is a process
        const before = processes.size;
        const come = async (_: unknown, index: number): Promise<RawClient> => {
          const client = await RawClient.connect(app.port, `vsn=2.0.0&user_id=${index}`);
          await client.join("room:a");
          return client;
        };
        for (let round = 0; round < CONNECTIONS / AT_A_TIME; round++) {
          const clients = await Promise.all(Array.from({ length: AT_A_TIME }, come));
          // Two ports each, and with no schedulers a channel; not that of its `connect`.
          assert.equal(processes.size - before, AT_A_TIME * (schedulers === 0 ? 3 : 2));
          for (const client of clients) client.drop();
          while (app.connections > 0 || processes.size > before) await nextTurn();
        }
        assert.equal(processes.size, before);
      },
      { schedulers },
    ));
}
