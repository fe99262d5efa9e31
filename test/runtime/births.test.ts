import assert from "node:assert/strict";
import { test } from "node:test";
import { isDown } from "../../src/core/messages.js";
import { makePid, type Pid } from "../../src/core/pid.js";
import { Births } from "../../src/runtime/births.js";
import { receive, self, spawn, spawnMonitor } from "../../src/runtime/process.js";
import { withThreads } from "../support/threads.js";

/** On thread 1: made there, or by thread 2 or 3. */
const pid = (serial: number, creator: number): Pid => makePid(1, serial, creator);

test("a process that another thread has asked for is expected until its spawn has arrived, and then never again", () => {
  const births = new Births();
  assert.equal(births.isExpected(pid(5, 2)), true);
  births.born(pid(5, 2));
  assert.equal(births.isExpected(pid(5, 2)), false);
  assert.equal(births.isExpected(pid(4, 2)), false);
  assert.equal(births.isExpected(pid(6, 2)), true);
  assert.equal(births.isExpected(pid(5, 3)), true, "each creator counts for itself");
  assert.equal(births.isExpected(pid(9, 1)), false, "what the own thread made is there at once");
});

test("what waited comes in order with the spawn; what waited for one that never came comes with the next, or with the creator's end", () => {
  const births = new Births();
  births.hold(pid(5, 2), ["a"]);
  births.hold(pid(4, 2), ["never sent"]);
  births.hold(pid(5, 2), ["b"]);
  births.hold(pid(7, 2), ["later"]);
  births.hold(pid(5, 3), ["another creator's"]);
  assert.deepEqual(births.born(pid(5, 2)), [["a"], ["b"], ["never sent"]]);
  assert.deepEqual(births.creatorGone(2), [["later"]]);
  assert.equal(births.isExpected(pid(99, 2)), false);
});

test("a message that comes by way of a third thread before the process itself is not lost, nor is a kill", async () => {
  await withThreads({}, async ({ run }) => {
    await run(async () => {
      for (let round = 0; round < 300; round++) {
        // Thread 2 sends to the receiver as soon as it hears of it, while the receiver's spawn is on its way to thread 1.
        const receiver = spawn("inOrder", [self(), 20], { scheduler: 1 });
        spawn("counter", [receiver, 20, "normal"], { scheduler: 2 });
        assert.equal(await receive(), 0);
        const victim = spawnMonitor("echo", [self()], { scheduler: 1 });
        spawn("killer", [victim.pid], { scheduler: 2 });
        assert.deepEqual(await receive(isDown), { tag: "DOWN", ref: victim.ref, from: victim.pid, reason: "killed" });
      }
    });
  });
});
