import assert from "node:assert/strict";
import { test } from "node:test";
import { isErrorReason } from "../../src/core/exit-reason.js";
import { isDown, isExit, isTimeout } from "../../src/core/messages.js";
import type { Pid } from "../../src/core/pid.js";
import {
  cancelTimer,
  demonitor,
  exit,
  hibernate,
  kill,
  link,
  monitor,
  readTimer,
  receive,
  register,
  self,
  send,
  sendAfter,
  spawn,
  spawnLink,
  spawnMonitor,
  startTimer,
  timeout,
  trapExit,
  unregister,
  whereis,
} from "../../src/runtime/process.js";
import { inline } from "../support/inline.js";

test("a message sent to a process is received by it, in order", async () => {
  await inline().run(async () => {
    const main = self();
    const echo = spawn(async () => {
      for (;;) send(main, await receive());
    }, []);
    for (let i = 0; i < 1000; i++) send(echo, i);
    for (let i = 0; i < 1000; i++) assert.equal(await receive(), i);
  });
});

test("receive takes the oldest message that matches and leaves the others where they are", async () => {
  await inline().run(async () => {
    for (const message of ["a", "b", "c"]) send(self(), message);
    assert.equal(await receive((message) => message === "c"), "c");
    assert.equal(await receive(), "a");
    assert.equal(await receive(), "b");
    assert.equal(await receive((message) => message === "x", 5), timeout);
  });
});

test("who only looks for a message, again and again, keeps neither timers nor other processes from their turn", async () => {
  await inline().run(async () => {
    sendAfter(self(), "by a timer", 20);
    const echo = spawn(async () => send((await receive()) as Pid, "by a process"), []);
    const seen: unknown[] = [];
    while (seen.length < 2) {
      const message = await receive((other) => typeof other === "string", 0);
      if (message === timeout && seen.length === 1) send(echo, self()); // its first slice is long over
      if (message !== timeout) seen.push(message);
    }
    assert.deepEqual(seen, ["by a timer", "by a process"]);
  });
});

test("a monitor gives one DOWN with the reason, and noproc for a process that is gone", async () => {
  await inline().run(async () => {
    const { pid, ref } = spawnMonitor(async () => exit("oops"), []);
    assert.deepEqual(await receive(isDown), { tag: "DOWN", ref, from: pid, reason: "oops" });
    const again = monitor(pid);
    assert.deepEqual(await receive(isDown), { tag: "DOWN", ref: again, from: pid, reason: "noproc" });
  });
});

test("a link carries an abnormal exit to a process that does not trap, and becomes a message for one that does", async () => {
  await inline().run(async () => {
    trapExit(true);
    const middle = spawnLink(async () => {
      spawnLink(async () => exit("boom"), []);
      await receive(() => false);
    }, []);
    assert.deepEqual(await receive(isExit), { tag: "EXIT", from: middle, reason: "boom" });
    const { pid: gone } = spawnMonitor(async () => {}, []);
    await receive(isDown);
    link(gone);
    assert.deepEqual(await receive(isExit), { tag: "EXIT", from: gone, reason: "noproc" });
  });
});

test("linking to a process that is gone is an error that can be caught, if exits are not trapped", async () => {
  await inline().run(async () => {
    const { pid: gone } = spawnMonitor(async () => {}, []);
    await receive(isDown);
    assert.throws(() => link(gone), { code: "JOIST_NO_PROCESS" });
    spawnMonitor(async () => link(gone), []);
    const { reason } = await receive(isDown);
    assert.ok(isErrorReason(reason) && reason.code === "JOIST_NO_PROCESS");
  });
});

test("a process that monitors itself has no monitor", async () => {
  await inline().run(async () => {
    assert.equal(demonitor(monitor(self())), false);
  });
});

test("a process can have one name, given by itself or by another of its thread", async () => {
  await inline().run(async () => {
    const pid = spawn(async () => {
      await receive(() => false);
    }, []);
    register("first", pid);
    assert.equal(whereis("first"), pid);
    assert.throws(() => register("second", pid), { code: "JOIST_BAD_ARGUMENT" });
    assert.throws(() => register("first"), { code: "JOIST_NAME_TAKEN" });
    kill(pid);
    assert.equal(whereis("first"), undefined);
    assert.throws(() => register("first", pid), { code: "JOIST_BAD_ARGUMENT" });
    register("first");
    assert.equal(unregister("first"), true);
    assert.equal(unregister("first"), false);
    register("second");
  });
});

test("kill ends a process that traps exits, and others see killed", async () => {
  await inline().run(async () => {
    const { pid } = spawnMonitor(async () => {
      trapExit(true);
      await receive(() => false);
    }, []);
    await receive(() => false, 1);
    kill(pid);
    assert.equal((await receive(isDown)).reason, "killed");
  });
});

test("a timer sends its message after the delay", async () => {
  await inline().run(async () => {
    sendAfter(self(), "late", 5);
    assert.equal(await receive(), "late");
  });
});

test("a timer ends with the process its message is for, not with the one that started it", async () => {
  await inline().run(async () => {
    const { pid: receiver } = spawnMonitor(async () => receive(() => false), []);
    const toIt = [sendAfter(receiver, "late", 600_000), startTimer(receiver, "late", 600_000)];
    const test = self();
    const { ref: creator } = spawnMonitor(async () => {
      sendAfter(test, "from the dead", 5);
    }, []);
    assert.equal((await receive(isDown)).ref, creator);
    assert.equal(await receive(), "from the dead");
    for (const ref of toIt) assert.ok(Number(readTimer(ref)) > 0);
    kill(receiver);
    await receive(isDown);
    for (const ref of toIt) assert.equal(readTimer(ref), false);
    for (const ref of toIt) assert.equal(cancelTimer(ref), false);
  });
});

test("the message of startTimer carries the timer's ref; a cancelled timer sends nothing", async () => {
  await inline().run(async () => {
    const gone = startTimer(self(), "gone", 1);
    const left = cancelTimer(gone);
    assert.ok(left !== false && left <= 1);
    assert.equal(cancelTimer(gone), false);
    const ref = startTimer(self(), { n: 1 }, 5);
    assert.ok(Number(readTimer(ref)) <= 5);
    const message = await receive();
    assert.ok(isTimeout(message));
    assert.deepEqual(message, { tag: "timeout", ref, message: { n: 1 } });
    assert.equal(readTimer(ref), false);
  });
});

test("a process that hibernates keeps its messages, links and monitors", async () => {
  await inline().run(async () => {
    const main = self();
    const other = spawn(async () => {
      const watched = await receive();
      monitor(watched as Pid);
      send(main, "ready");
      hibernate();
      send(main, await receive((message) => message === "kept"));
      send(main, await receive(isDown));
    }, []);
    const watched = spawn(async () => await receive(), []);
    send(other, watched);
    assert.equal(await receive(), "ready");
    send(other, "kept");
    assert.equal(await receive(), "kept");
    kill(watched);
    assert.equal(((await receive(isDown)) as { reason: unknown }).reason, "killed");
  });
});
