import assert from "node:assert/strict";
import { test } from "node:test";
import type { DownMessage } from "../../src/core/messages.js";
import { receive, self, send, setMaxMailbox, spawnMonitor } from "../../src/runtime/process.js";
import { inline } from "../support/inline.js";

test("one message more than setMaxMailbox allows ends the process with mailbox_full, and is reported", async () => {
  const { run, reports } = inline();
  await run(async () => {
    const main = self();
    const { pid } = spawnMonitor(async () => {
      setMaxMailbox(3);
      send(main, "ready");
      await receive((message) => message === "never");
    }, []);
    assert.equal(await receive(), "ready");
    for (let i = 0; i < 3; i++) send(pid, i);
    send(pid, "one too many");
    const down = (await receive()) as DownMessage;
    assert.deepEqual([down.from, down.reason], [pid, "mailbox_full"]);
  });
  assert.deepEqual(
    reports.map((report) => report.tag === "crash" && report.reason),
    ["mailbox_full"],
  );
});

test("as many messages as setMaxMailbox allows are handled, again and again", async () => {
  await inline().run(async () => {
    const main = self();
    const { pid } = spawnMonitor(async () => {
      setMaxMailbox(3);
      send(main, "ready");
      for (;;) send(main, await receive());
    }, []);
    assert.equal(await receive(), "ready");
    for (let round = 0; round < 5; round++) {
      for (let i = 0; i < 3; i++) send(pid, i);
      for (let i = 0; i < 3; i++) assert.equal(await receive(), i);
    }
  });
});

test("a limit is a whole number from 1, or Infinity for none", async () => {
  await inline().run(async () => {
    for (const bad of [0, -1, 1.5, Number.NaN]) assert.throws(() => setMaxMailbox(bad), { code: "JOIST_BAD_OPTION" });
    setMaxMailbox(1);
    setMaxMailbox(Number.POSITIVE_INFINITY);
    for (let i = 0; i < 10; i++) send(self(), i);
    assert.equal(await receive(), 0);
  });
});
