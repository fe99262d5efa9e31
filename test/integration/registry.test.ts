/** Registries and pools in a running application, as their users see them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { multiCall, partition, partitions, startChild } from "joist";
import { withApp } from "../support/app.js";
import { Counter, Room, Rooms } from "../support/apps/registry.js";

const app = new URL("../support/apps/registry.js", import.meta.url);

for (const schedulers of [2, 0]) {
  test(`processes are reached by key from outside, with ${schedulers} schedulers`, async () => {
    await withApp(
      async ({ app }) => {
        const lobby = Rooms.via("lobby");
        assert.equal(await app.run(() => Room.call(lobby, "topic")), "tea");
        assert.equal(await app.call(lobby, "topic"), "tea");
        const pid = app.whereis(lobby);
        assert.deepEqual(await app.call(lobby, "grow"), ["ok", { seats: 3 }, { seats: 2 }]);
        assert.deepEqual(await app.run(() => Rooms.lookup("lobby")), [[pid, { seats: 3 }]]);
        const attic = { id: "attic", start: { definition: "Room", args: ["dust"], name: Rooms.via("attic") } };
        const [tag] = await app.run(() => startChild("guests", attic));
        assert.equal(tag, "ok");
        assert.deepEqual(await app.run(() => startChild("guests", { ...attic, id: "again" })), [
          "error",
          ["already_started", app.whereis(Rooms.via("attic"))],
        ]);
        assert.deepEqual(await app.run(() => multiCall([lobby, Rooms.via("attic"), Rooms.via("cellar")], "topic")), {
          replies: [
            [lobby, "tea"],
            [Rooms.via("attic"), "dust"],
          ],
          bad: [Rooms.via("cellar")],
        });
        assert.throws(() => app.run(() => Rooms.register("host", { seats: 0 })), { code: "JOIST_NOT_IN_PROCESS" });
      },
      { schedulers },
      app,
    );
  });

  test(`a pool has one partition a scheduler, and a key stays with its partition, with ${schedulers}`, async () => {
    await withApp(
      async ({ app }) => {
        assert.equal(
          app.run(() => partitions("counters")),
          Math.max(1, schedulers),
        );
        const add = (key: unknown): Promise<number> =>
          app.run(() => Counter.call(partition("counters", key), "add", 1));
        assert.equal(await add("user:1"), 101);
        assert.equal(await add("user:1"), 102);
      },
      { schedulers },
      app,
    );
  });
}
