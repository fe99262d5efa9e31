import assert from "node:assert/strict";
import { test } from "node:test";
import { type ExitReason, isErrorReason } from "../../src/core/exit-reason.js";
import { isDown, isExit } from "../../src/core/messages.js";
import { threadOf } from "../../src/core/pid.js";
import {
  kill,
  link,
  monitor,
  processInfo,
  receive,
  register,
  self,
  send,
  spawn,
  spawnLink,
  spawnMonitor,
  trapExit,
  whereis,
} from "../../src/runtime/process.js";
import { withThreads } from "../support/threads.js";

test("a process on a chosen scheduler answers, and its pid tells where it lives", async () => {
  await withThreads({}, async ({ run }) => {
    await run(async () => {
      for (const scheduler of [1, 2]) {
        const pid = spawn("whoami", [self()], { scheduler });
        send(pid, "who?");
        assert.equal(await receive(), pid);
        assert.notEqual(threadOf(pid), threadOf(self()));
        assert.equal((await processInfo(pid))?.scheduler, scheduler);
      }
    });
  });
});

test("processes spread over the schedulers when the least loaded one is asked for", async () => {
  await withThreads({ schedulers: 3 }, async ({ run }) => {
    await run(async () => {
      const seen = new Set<number>();
      for (let i = 0; i < 9; i++) {
        const pid = spawn("whoami", [self()], { scheduler: "least_loaded" });
        send(pid, 0);
        await receive();
        seen.add(threadOf(pid));
      }
      assert.equal(seen.size, 3);
    });
  });
});

test("what a port starts in one turn and is over soon shares a batch, until its thread is well ahead of the others", async () => {
  await withThreads({}, async ({ runtime }) => {
    const port = runtime.openPort({}, "test");
    const threads = Array.from({ length: 40 }, () => {
      const spawned = port.spawn("echo", [port.pid], "echo", "brief");
      assert.ok(spawned !== undefined);
      return threadOf(spawned.pid);
    });
    assert.equal(new Set(threads.slice(0, 8)).size, 1);
    for (const thread of new Set(threads)) assert.ok(threads.filter((other) => other === thread).length >= 5);
    assert.equal(new Set(threads).size, 2);
  });
});

test("a scheduler's young generation stays small: what idle processes once needed does not stay behind", async () => {
  await withThreads({}, async ({ run }) => {
    await run(async () => {
      spawn("memory", [self()], { scheduler: 1 });
      const { maxYoungGenerationSizeMb } = (await receive()) as { maxYoungGenerationSizeMb: number };
      assert.equal(maxYoungGenerationSizeMb, 12);
    });
  });
});

test("100,000 messages from one sender to one receiver on another thread arrive in order", async () => {
  await withThreads({}, async ({ run }) => {
    await run(async () => {
      const receiver = spawn("inOrder", [self(), 100_000], { scheduler: 1 });
      for (let i = 0; i <= 100_000; i++) send(receiver, i);
      assert.equal(await receive(), 0);
    });
  });
});

test("between two schedulers too, and the sender's death is seen after its last message", async () => {
  await withThreads({}, async ({ run }) => {
    await run(async () => {
      const sender = spawnMonitor("counter", [self(), 20_000, "done"], { scheduler: 2 });
      for (let i = 0; i <= 20_000; i++) assert.equal(await receive(), i);
      const down = await receive(isDown);
      assert.deepEqual(down, { tag: "DOWN", ref: sender.ref, from: sender.pid, reason: "done" });
      const receiver = spawn("inOrder", [self(), 20_000], { scheduler: 1 });
      spawn("counter", [receiver, 20_000, "normal"], { scheduler: 2 });
      assert.equal(await receive(), 0);
    });
  });
});

test("links and kill work across threads", async () => {
  await withThreads({}, async ({ run }) => {
    await run(async () => {
      trapExit(true);
      const pid = spawnLink("echo", [self()], { scheduler: 1 });
      kill(pid);
      assert.deepEqual(await receive(isExit), { tag: "EXIT", from: pid, reason: "killed" });
      link(pid);
      assert.deepEqual(await receive(isExit), { tag: "EXIT", from: pid, reason: "noproc" });
      assert.equal(await processInfo(pid), undefined);
    });
  });
});

test("a name registered on one thread is known on all at once, taken for all, and free when DOWN arrives", async () => {
  await withThreads({}, async ({ run }) => {
    await run(async () => {
      const first = spawnMonitor("named", [self(), "the name"], { scheduler: 1 });
      assert.equal(await receive(), "registered");
      assert.equal(whereis("the name"), first.pid);
      const second = spawnMonitor("named", [self(), "the name"], { scheduler: 2 });
      const down = await receive(isDown);
      assert.equal(down.ref, second.ref);
      assert.deepEqual(down.reason, ["already_started", first.pid]);
      kill(first.pid);
      await receive(isDown);
      assert.equal(whereis("the name"), undefined);
      spawn("named", [self(), "the name"], { scheduler: 2 });
      assert.equal(await receive(), "registered");
    });
  });
});

test("a process of another thread can be given a name, which is free again when it ends, or was taken for nobody", async () => {
  await withThreads({}, async ({ run }) => {
    await run(async () => {
      const { pid } = spawnMonitor("echo", [self()], { scheduler: 1 });
      register("given", pid);
      assert.equal(whereis("given"), pid);
      register("second", pid);
      assert.equal((await processInfo(pid))?.name, "given");
      assert.equal(whereis("second"), undefined);
      kill(pid);
      await receive(isDown);
      assert.equal(whereis("given"), undefined);
      register("given", pid);
      const other = spawn("whoami", [self()], { scheduler: 1 });
      send(other, 0);
      await receive();
      assert.equal(whereis("given"), undefined);
    });
  });
});

for (const way of ["throw", "timer", "immediate", "nextTick", "microtask", "fs", "rejection", "emitter"]) {
  test(`an error from ${way} ends the process it belongs to, with its stack, and nothing else`, async () => {
    await withThreads({}, async ({ run, reports }) => {
      await run(async () => {
        const neighbour = spawn("whoami", [self()], { scheduler: 1 });
        const { pid } = spawnMonitor("stray", [self()], { scheduler: 1 });
        assert.equal(await receive(), "ready");
        send(pid, way);
        const { reason }: { reason: ExitReason } = await receive(isDown);
        assert.ok(isErrorReason(reason));
        assert.equal(reason.message, "stray");
        assert.match(reason.stack, /processes\.[jt]s/);
        send(neighbour, "still there?");
        assert.equal(await receive(), neighbour);
      });
      assert.deepEqual(
        reports.map((report) => report.tag),
        ["crash"],
      );
    });
  });
}

for (const [what, key] of [
  ["process.exit in user code", "stray"],
  ["an error nobody owns", "unowned"],
] as const) {
  test(`${what} is the death of a thread: its processes exit with scheduler_down, others live, it is replaced`, async () => {
    await withThreads({}, async ({ run, reports }) => {
      await run(async () => {
        trapExit(true);
        const elsewhere = spawn("whoami", [self()], { scheduler: 2 });
        const linked = spawnLink("named", [self(), "freed"], { scheduler: 1 });
        assert.equal(await receive(), "registered");
        const watched = spawn("echo", [self()], { scheduler: 1 });
        const ref = monitor(watched);
        const culprit = spawn(key, [self()], { scheduler: 1 });
        if (key === "stray") {
          assert.equal(await receive(), "ready");
          send(culprit, "process.exit");
        }
        assert.deepEqual(await receive(isExit), { tag: "EXIT", from: linked, reason: "scheduler_down" });
        assert.deepEqual(await receive(isDown), { tag: "DOWN", ref, from: watched, reason: "scheduler_down" });
        assert.equal(whereis("freed"), undefined);
        send(elsewhere, 0);
        assert.equal(await receive(), elsewhere);
        assert.equal(reports.filter((report) => report.tag === "thread_down").length, 1);
        const again = await onScheduler(1);
        assert.notEqual(threadOf(again), threadOf(linked));
      });
    });
  });
}

test("a thread that is started after the death of another one knows that its processes are gone", async () => {
  await withThreads({}, async ({ run }) => {
    await run(async () => {
      const gone = spawn("stray", [self()], { scheduler: 1 });
      assert.equal(await receive(), "ready");
      const ref = monitor(gone);
      send(gone, "process.exit");
      await receive((message) => isDown(message) && message.ref === ref);
      const replacement = await onScheduler(1);
      spawn("watcher", [self(), gone], { scheduler: { beside: replacement } });
      const told = [await receive(isDown, 5000), await receive(isExit, 5000)];
      assert.deepEqual(
        told.map((message) => typeof message === "object" && [message.from, message.reason]),
        [
          [gone, "noproc"],
          [gone, "noproc"],
        ],
      );
    });
  });
});

test("a process that never returns costs its thread: its links and monitors say why, those of others what, and it is named", async () => {
  await withThreads({ maxBlockMs: 200 }, async ({ run, runtime, reports }) => {
    await run(async () => {
      trapExit(true);
      const { pid: culprit, ref: culpritRef } = spawnMonitor("endless", [], { scheduler: 1 });
      link(culprit);
      const { pid: neighbour, ref: neighbourRef } = spawnMonitor("whoami", [self()], { scheduler: 1 });
      const elsewhere = spawn("whoami", [self()], { scheduler: 2 });
      send(culprit, "go");
      const reason = ["scheduler_down", "stuck"];
      assert.deepEqual(await receive(isExit), { tag: "EXIT", from: culprit, reason });
      const downs = [await receive(isDown), await receive(isDown)];
      assert.deepEqual(
        new Map(downs.map((down) => [down.ref, down.reason])),
        new Map<unknown, unknown>([
          [culpritRef, reason],
          [neighbourRef, "scheduler_down"],
        ]),
      );
      assert.equal(await processInfo(neighbour), undefined);
      send(elsewhere, 0);
      assert.equal(await receive(), elsewhere);
      const replacement = await onScheduler(1);
      assert.notEqual(threadOf(replacement), threadOf(culprit));
      const told = reports.flatMap((report) => (report.tag === "thread_down" ? [report] : []));
      assert.deepEqual(
        told.map(({ cause, culprit, scheduler }) => ({ cause, culprit, scheduler })),
        [
          {
            cause: "stuck",
            culprit: { pid: culprit, label: "endless", definition: "endless", isCertain: true },
            scheduler: 1,
          },
        ],
      );
      while (runtime.zombies > 0) await new Promise((resolve) => setImmediate(resolve)); // a loop can be ended
    });
  });
});

test("threads that die too often stop the runtime, with a reason", async () => {
  await withThreads({ maxThreadRestarts: 2, threadRestartWindowMs: 600_000 }, async ({ run, runtime }) => {
    void run(async () => {
      for (;;) {
        const culprit = await onScheduler(1, "stray");
        const ref = monitor(culprit);
        send(culprit, "process.exit");
        await receive((message) => isDown(message) && message.ref === ref);
      }
    });
    assert.match(await runtime.stopped, /died more than 2 times within 600000 ms/);
  });
});

test("what cannot be copied ends its sender with an error that names the place, and loses nothing else", async () => {
  await withThreads({}, async ({ run }) => {
    await run(async () => {
      const main = self();
      const echo = spawn("echo", [main], { scheduler: 1 });
      const { pid } = spawnMonitor(async () => {
        send(echo, "before");
        send(echo, { callback: () => 1 });
        send(echo, "after");
        await receive(() => false);
      }, []);
      const { from, reason } = await receive(isDown);
      assert.equal(from, pid);
      assert.ok(isErrorReason(reason));
      assert.equal(reason.code, "JOIST_NOT_SENDABLE");
      assert.match(reason.message, /the function at message\.callback/);
      assert.equal(await receive(), "before");
      assert.equal(await receive(), "after");
    });
  });
});

test("what cannot be copied from one scheduler to another ends its sender, of which the main thread hears", async () => {
  await withThreads({ schedulers: 2 }, async ({ run, reports }) => {
    await run(async () => {
      const echo = spawn("echo", [self()], { scheduler: 2 });
      const { pid } = spawnMonitor("unsendable", [echo], { scheduler: 1 });
      const down = await receive(isDown);
      assert.equal(down.from, pid);
      assert.ok(isErrorReason(down.reason), JSON.stringify(down.reason)); // and not that its thread had to be replaced
      assert.equal(down.reason.code, "JOIST_NOT_SENDABLE");
    });
    assert.deepEqual(
      reports.filter(({ tag }) => tag !== "crash"),
      [],
    );
  });
});

/** Starts a process on a scheduler as soon as that one has a thread again. */
async function onScheduler(scheduler: number, key = "whoami"): Promise<ReturnType<typeof self>> {
  for (;;) {
    try {
      const pid = spawn(key, [self()], { scheduler });
      if (key === "stray") assert.equal(await receive((message) => message === "ready"), "ready");
      return pid;
    } catch {
      await receive(() => false, 20); // being replaced: nothing tells the test when, so it asks again
    }
  }
}

test("an end whose reason cannot be copied is told to other threads all the same, with the reason described", async () => {
  await withThreads({}, async ({ run }) => {
    await run(async () => {
      trapExit(true);
      const { pid, ref } = spawnMonitor("unclonable", [], { scheduler: 1 });
      link(pid);
      send(pid, "function");
      const reason = ["why", "[Function (anonymous)]"];
      assert.deepEqual(await receive(isExit, 2000), { tag: "EXIT", from: pid, reason });
      assert.deepEqual(await receive(isDown, 2000), { tag: "DOWN", ref, from: pid, reason });
    });
  });
});

test("placements made in one turn spread, too", async () => {
  await withThreads({ schedulers: 3 }, async ({ run }) => {
    await run(async () => {
      const pids = Array.from({ length: 30 }, () => spawn("echo", [self()], { scheduler: "least_loaded" }));
      const counts = pids.reduce(
        (all, pid) => all.set(threadOf(pid), (all.get(threadOf(pid)) ?? 0) + 1),
        new Map<number, number>(),
      );
      assert.deepEqual([...counts.values()], [10, 10, 10]);
    });
  });
});

test("a name is free again if the thread that started its process died before it could say so", async () => {
  await withThreads({}, async ({ run }) => {
    await run(async () => {
      const { ref } = spawnMonitor("lostName", ["lost", 2], { scheduler: 1 });
      assert.equal((await receive(isDown)).ref, ref);
      // The other thread finds out when it hears of the death, which may be after us.
      while (whereis("lost") !== undefined) await receive(() => false, 1);
      register("lost");
    });
  });
});

test("what is nested too deep for another thread ends its sender, and takes nothing else of the batch along", async () => {
  await withThreads({}, async ({ run, reports }) => {
    await run(async () => {
      for (const depth of [2000, 6000]) {
        const { ref } = spawnMonitor("nesting", [self(), depth], { scheduler: 1 });
        assert.equal(await receive((message) => typeof message === "string"), "before");
        if (depth === 2000) {
          let levels = 0;
          let inner = await receive(Array.isArray);
          for (; Array.isArray(inner); inner = inner[0]) levels++;
          assert.equal(levels, depth);
        }
        const { reason } = await receive((message) => isDown(message) && message.ref === ref).then(
          (message) => message as { reason: unknown },
        );
        if (depth === 2000) assert.equal(reason, "normal");
        else assert.ok(isErrorReason(reason) && reason.code === "JOIST_NOT_SENDABLE", JSON.stringify(reason));
      }
    });
    assert.deepEqual(
      reports.filter((report) => report.tag === "notice"),
      [],
    );
  });
});
