/** A `terminate` that never settles keeps neither its process nor its client's `phx_error` for ever. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { withApp } from "../support/app.js";
import { RawClient } from "../support/raw-client.js";

const MAX_TERMINATE_MS = 30_000;
const chaosApp = new URL("../chaos/app.js", import.meta.url);

test("a channel whose terminate never settles ends when 30 s are over", async (t) => {
  await withApp(
    async ({ app }) => {
      const client = await RawClient.connect(app.port);
      await client.join("room:a");
      t.mock.timers.enable({ apis: ["setTimeout"] });
      client.send("1", null, "room:a", "deed", { name: "hang_in_terminate" });
      assert.deepEqual(await client.settle(), []);
      t.mock.timers.tick(MAX_TERMINATE_MS - 1);
      assert.deepEqual(await client.settle(), []);
      t.mock.timers.tick(1);
      assert.equal((await client.next())[3], "phx_error");
      t.mock.timers.reset();
      client.drop();
    },
    { schedulers: 0 }, // so that its time is the test's
    chaosApp,
  );
});
