/** State machines on other threads: what is postponed there is answered here. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isDown } from "../../src/core/messages.js";
import { type Pid, threadOf } from "../../src/core/pid.js";
import { startProcess } from "../../src/otp/start.js";
import { supervisor } from "../../src/otp/supervisor.js";
import { monitor, receive, register, self, spawn, whereis } from "../../src/runtime/process.js";
import { withThreads } from "../support/threads.js";
import { Gate } from "./state-machine-app.js";

const app = new URL("./state-machine-app.js", import.meta.url);

test("calls from another thread that are postponed are answered in order when the state changes", async () => {
  await withThreads(
    { schedulers: 2 },
    async ({ run }) =>
      run(async () => {
        register("test");
        const options = { link: true, scheduler: 2, name: "gate" } as const;
        const [, pid] = (await startProcess("Gate", [5], options)) as readonly ["ok", Pid];
        assert.notEqual(threadOf(pid), threadOf(self()));
        assert.deepEqual(await receive(), ["shut", "shut"]);
        const first = Gate.call("gate", "pass", 1);
        const second = Gate.call(pid, "pass", 2);
        Gate.cast(pid, "open");
        assert.deepEqual(await Promise.all([first, second]), [[1], [1, 2]]);
        assert.deepEqual(await receive(), ["open"]);
        assert.deepEqual(await receive(), ["shut", "open"]); // by its state timeout
      }),
    app,
  );
});

test("a supervised machine that crashes on its thread begins anew in its first state", async () => {
  await withThreads(
    { schedulers: 1 },
    async ({ run }) =>
      run(async () => {
        register("test");
        const main = self();
        const start = { definition: "Gate", args: [600_000], name: "gate", scheduler: 1 };
        await supervisor({ children: [{ id: "gate", start }] }).startLink();
        assert.deepEqual(await receive(), ["shut", "shut"]);
        Gate.cast("gate", "open");
        assert.deepEqual(await receive(), ["open"]);
        const pid = whereis("gate") as Pid;
        const ref = monitor(pid);
        spawn(async () => Gate.cast(pid, "crash", main), []);
        assert.equal(await receive((message) => message === "crashing"), "crashing");
        const down = await receive(isDown);
        assert.deepEqual([down.ref, (down.reason as { message: string }).message], [ref, "boom"]);
        assert.deepEqual(await receive(Array.isArray), ["shut", "shut"]);
        assert.notEqual(whereis("gate"), pid);
      }),
    app,
  );
});
