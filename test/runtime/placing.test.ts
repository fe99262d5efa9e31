/** Definitions with a thread kept for them, by their own wish or for what they did: on real threads. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { call, cast, ErrorCode, genServer, proc, RuntimeError } from "joist";
import { isDown, isExit } from "../../src/core/messages.js";
import { type Pid, threadOf } from "../../src/core/pid.js";
import { services } from "../../src/endpoint/application.js";
import { type StartProcessOptions, startProcess } from "../../src/otp/start.js";
import type { RuntimeOptions } from "../../src/runtime/options.js";
import {
  link,
  monitor,
  type Placement,
  processInfo,
  receive,
  schedulers,
  schedulersOnline,
  self,
  send,
  spawn,
  trapExit,
  whereis,
} from "../../src/runtime/process.js";
import type { ThreadReport } from "../../src/runtime/report.js";
import { type Threads, withThreads } from "../support/threads.js";

const app = new URL("../support/apps/apart.js", import.meta.url);
const bare = new URL("../support/apps/processes.js", import.meta.url);

/** Two schedulers; the slots from 3 on are kept for definitions: `Apart`, `AlsoApart` and `VaultChannel`, in the order of exports. */
const FIRST_KEPT = 3;

/** Short, but not so short that a busy machine keeps a thread from running for as long. */
const LOOPS: RuntimeOptions = { maxBlockMs: 500 };
/** A window that is not over before the test is, however long threads take to start. */
const EVER_MS = 600_000;

const withApart = (use: (threads: Threads) => Promise<void>, options: RuntimeOptions = {}): Promise<void> =>
  withThreads(options, use, app, services);

async function startOf(key: string, options: Partial<StartProcessOptions> = {}): Promise<Pid> {
  const result = await startProcess(key, [0], { link: false, scheduler: "least_loaded", ...options });
  assert.equal(result[0], "ok", JSON.stringify(result));
  return result[1] as Pid;
}

/** {@link startOf}, as soon as there is a thread: one of those for everybody may be being replaced. */
async function startSoon(key: string, options: Partial<StartProcessOptions> = {}): Promise<Pid> {
  for (;;) {
    const result = await startProcess(key, [0], { link: false, scheduler: "least_loaded", ...options });
    if (result[0] === "ok") return result[1];
    await receive(() => false, 10); // nothing tells the test when
  }
}

const schedulerOf = async (pid: Pid): Promise<number | undefined> => (await processInfo(pid))?.scheduler;

/** Starts a process of that definition, has it do something fatal, and sees it go. */
async function dieOf(key: string, deed: "loop" | "exit", options: Partial<StartProcessOptions> = {}): Promise<void> {
  const pid = await startSoon(key, options);
  const ref = monitor(pid);
  cast(pid, deed);
  await receive((message) => isDown(message) && message.ref === ref);
}

const threadsDown = ({ reports }: Threads): ThreadReport[] =>
  reports.flatMap((report) => (report.tag === "thread_down" ? [report] : []));
const notices = ({ reports }: Threads): string[] =>
  reports.flatMap((report) => (report.tag === "notice" ? [report.message] : []));

test("processes of a dedicated definition run together on a thread of its own, wherever they are asked for", async () => {
  await withApart(async ({ run }) => {
    await run(async () => {
      const placements: Placement[] = ["here", "least_loaded", 1, 2, { beside: await startOf("Plain") }];
      const all = await Promise.all(placements.map((scheduler) => startOf("Apart", { scheduler })));
      const plain = await startOf("Plain", { scheduler: 1 });
      all.push((await call(plain, "spawn", "Apart")) as Pid, (await call(all[0] as Pid, "spawn", "Apart")) as Pid);
      const found = await Promise.all(all.map((pid) => call(pid, "scheduler")));
      const [kept] = found as [number];
      assert.ok(kept >= FIRST_KEPT);
      assert.deepEqual(new Set(found), new Set([kept]));
      assert.deepEqual(new Set(all.map(threadOf)).size, 1);
    });
  });
});

test("each dedicated definition has its own, nobody else comes there unasked, and they are no schedulers", async () => {
  await withApart(async ({ run, runtime }) => {
    await run(async () => {
      const apart = await schedulerOf(await startOf("Apart"));
      spawn("AlsoApart", [self()]);
      const alsoApart = await receive((message) => typeof message === "number");
      assert.notEqual(apart, alsoApart);
      const others = await Promise.all(Array.from({ length: 12 }, async () => schedulerOf(await startOf("Plain"))));
      assert.deepEqual(new Set(others), new Set([1, 2]));
      assert.deepEqual([schedulers(), schedulersOnline()], [2, 2]);
      assert.equal(await schedulerOf(await startOf("Plain", { scheduler: { beside: await startOf("Apart") } })), apart);
      assert.throws(() => spawn("Plain", [0], { scheduler: apart as number }), { code: ErrorCode.badOption });
    });
    assert.deepEqual(runtime.quarantined, []);
  });
});

test("of more dedicated definitions than threads for them some share one, and a notice says so", async () => {
  await withApart(
    async (threads) => {
      await threads.run(async () => {
        assert.equal(await schedulerOf(await startOf("Apart")), FIRST_KEPT);
        spawn("AlsoApart", [self()]);
        assert.equal(await receive((message) => typeof message === "number"), FIRST_KEPT);
      });
      assert.match(notices(threads)[0] ?? "", /has no thread of its own: it shares one with/);
    },
    { maxDedicatedThreads: 1 },
  );
});

test("with no threads for them they run on the schedulers, and a notice says so", async () => {
  await withApart(
    async (threads) => {
      await threads.run(async () => {
        assert.ok(((await schedulerOf(await startOf("Apart"))) as number) < FIRST_KEPT);
      });
      assert.match(notices(threads)[0] ?? "", /asks for a thread of its own, and there is none/);
    },
    { maxDedicatedThreads: 0 },
  );
});

test("with no scheduler threads at all everything runs here", async () => {
  await withThreads({ schedulers: 0 }, async ({ run }) => {
    await run(async () => {
      const local = genServer({ init: () => ({}), isolation: "dedicated" });
      assert.equal((await local.start())[0], "ok");
    });
  });
});

test("one that other threads can't find is refused, as on any thread but here", async () => {
  await withApart(async ({ run }) => {
    await run(async () => {
      const local = genServer({ init: () => ({}), isolation: "dedicated" });
      await assert.rejects(local.start(), { code: ErrorCode.unknownDefinition });
      assert.throws(() => spawn(local, [undefined]), { code: ErrorCode.unknownDefinition });
    });
  });
});

test("links, monitors and names work across, and its death is theirs alone: others never notice", async () => {
  await withApart(async (threads) => {
    await threads.run(async () => {
      trapExit(true);
      const plain = await Promise.all([1, 2].map((scheduler) => startOf("Plain", { scheduler })));
      const apart = await startOf("Apart", { name: "apart" });
      assert.equal(whereis("apart"), apart);
      link(apart);
      const other = await startOf("Apart");
      const ref = monitor(other);
      cast(apart, "loop");
      assert.deepEqual(await receive(isExit), { tag: "EXIT", from: apart, reason: ["scheduler_down", "stuck"] });
      const down = { tag: "DOWN", ref, from: other, reason: "scheduler_down" };
      assert.deepEqual(await receive(isDown), down);
      assert.equal(whereis("apart"), undefined);
      for (const pid of plain) assert.equal(typeof (await call(pid, "scheduler")), "number");
    });
    assert.deepEqual(
      threadsDown(threads).map(({ scheduler, culprit }) => [scheduler >= FIRST_KEPT, culprit?.definition]),
      [[true, "Apart"]],
    );
  }, LOOPS);
});

test("while its thread starts again, starts and what is sent wait, and names are taken", async () => {
  await withApart(async (threads) => {
    await threads.run(async () => {
      for (let round = 1; round <= 3; round++) {
        await dieOf("Apart", "exit");
        // Now there is no such thread yet: it takes some 30 ms to start.
        const pid = spawn("Apart", [0], { name: "again" });
        assert.equal(whereis("again"), pid);
        assert.throws(() => spawn("Apart", [0], { name: "again" }), { code: ErrorCode.nameTaken });
        const ref = monitor(pid);
        assert.equal(await call("again", "scheduler"), await schedulerOf(await startOf("Apart")));
        send(pid, "unexpected");
        assert.equal(threadOf(await startOf("Apart")), threadOf(pid));
        cast(pid, "exit");
        await receive((message) => isDown(message) && message.ref === ref);
      }
    });
    assert.equal(threadsDown(threads).length, 6);
  });
});

test("a supervised child comes back on its thread when that dies, its siblings on others stay", async () => {
  await withApart(async ({ run }) => {
    await run(async () => {
      await startProcess("Tree", [undefined], { link: false, scheduler: 1 });
      const [apart, plain] = [whereis("apart"), whereis("plain")];
      assert.ok(apart !== undefined && plain !== undefined);
      const ref = monitor(apart);
      cast(apart, "exit");
      await receive((message) => isDown(message) && message.ref === ref);
      while ([undefined, apart].includes(whereis("apart"))) await receive(() => false, 1); // the supervisor works by itself
      assert.ok(((await call("apart", "scheduler")) as number) >= FIRST_KEPT);
      assert.equal(whereis("plain"), plain);
    });
  });
});

test("a thread of its own that dies too often: its definition is refused for a while, all others go on", async () => {
  await withApart(
    async (threads) => {
      await threads.run(async () => {
        const plain = await startOf("Plain");
        for (let i = 0; i < 3; i++) await dieOf("Apart", "exit");
        assert.deepEqual(await startProcess("Apart", [0], { link: false }), ["error", "scheduler_down"]);
        assert.throws(() => spawn("Apart", [0]), { code: ErrorCode.noScheduler, message: /Apart.*died too often/ });
        spawn("AlsoApart", [self()]);
        assert.equal(typeof (await receive((message) => typeof message === "number")), "number");
        assert.equal(typeof (await call(plain, "scheduler")), "number");
        while ((await startProcess("Apart", [0], { link: false }))[0] === "error") await receive(() => false, 10);
      });
      assert.equal(threads.runtime.isStopping, false);
      assert.match(
        notices(threads).at(-1) ?? "",
        /^Apart can't be started for 2000 ms: their thread died more than 2 times/,
      );
    },
    { maxThreadRestarts: 2, threadRestartWindowMs: EVER_MS, dedicatedRetryMs: 2000 },
  );
});

test("one whose threads sit in calls that don't return is refused until they have: they are never more than three", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "joist-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const fifo = join(folder, "fifo");
  if (spawnSync("mkfifo", [fifo]).status !== 0) return t.skip("no named pipes here");
  /** Lets all return that wait for somebody to write to it. */
  const release = (): void => closeSync(openSync(fifo, "r+"));
  await withApart(
    async (threads) => {
      const { run, runtime } = threads;
      await run(async () => {
        for (let i = 0; i < 3; i++) {
          const pid = await startOf("Apart");
          const ref = monitor(pid);
          cast(pid, "native", fifo);
          await receive((message) => isDown(message) && message.ref === ref);
        }
        assert.deepEqual(await startProcess("Apart", [0], { link: false }), ["error", "scheduler_down"]);
        assert.equal(runtime.zombies, 3);
        assert.match(
          notices(threads).at(-1) ?? "",
          /^Apart can't be started for 50 ms: 3 threads .* don't come to an end$/,
        );
        release();
        await startSoon("Apart");
        assert.ok(runtime.zombies < 3);
      }).finally(release);
    },
    { ...LOOPS, dedicatedRetryMs: 50 },
  );
});

for (const [deed, cause] of [
  ["loop", "stuck"],
  ["exit", "exit"],
] as const) {
  test(`what threads die of again and again (${deed}) goes into quarantine: on its own it may do so for ever`, async () => {
    await withApart(
      async (threads) => {
        const { runtime, run } = threads;
        await run(async () => {
          for (let i = 0; i < 3; i++) await dieOf("Fatal", deed);
          assert.deepEqual(runtime.quarantined, ["Fatal"]);
          const plain = [await startSoon("Plain", { scheduler: 1 }), await startSoon("Plain", { scheduler: 2 })];
          for (let i = 0; i < 6; i++) await dieOf("Fatal", deed, { scheduler: i % 2 === 0 ? "least_loaded" : "here" });
          for (const pid of plain) assert.equal(typeof (await call(pid, "scheduler")), "number");
          assert.ok(((await schedulerOf(await startOf("Fatal"))) as number) >= FIRST_KEPT);
        });
        assert.equal(runtime.isStopping, false);
        assert.deepEqual(new Set(threadsDown(threads).map((down) => down.cause)), new Set([cause]));
        const where = threadsDown(threads).map(({ scheduler }) => scheduler >= FIRST_KEPT);
        assert.deepEqual(where, [false, false, false, true, true, true, true, true, true]);
        const told = threads.reports.filter((report) => report.tag === "quarantined");
        assert.deepEqual(
          told.map(({ definition, count, windowMs }) => [definition, count, windowMs]),
          [["Fatal", 3, 60_000]],
        );
      },
      { ...(deed === "loop" ? LOOPS : {}), threadRestartWindowMs: 50 },
    );
  });
}

test("deaths that a definition is to blame for do not count against the runtime, others do", async () => {
  await withApart(
    async (threads) => {
      const { run, runtime } = threads;
      await run(async () => {
        for (const key of ["Fatal", "Deadly"]) for (let i = 0; i < 2; i++) await dieOf(key, "exit");
      });
      assert.equal(runtime.isStopping, false);
      const blamed = threadsDown(threads).map(({ culprit }) => culprit?.definition);
      assert.deepEqual(blamed, ["Fatal", "Fatal", "Deadly", "Deadly"]);
      assert.deepEqual(runtime.quarantined, []);
    },
    { maxThreadRestarts: 1 },
  );
});

test("with quarantineAfter 0 nothing is put in quarantine, and all deaths count", async () => {
  await withApart(
    async ({ run, runtime }) => {
      void run(async () => {
        for (;;) await dieOf("Fatal", "exit").catch(() => receive(() => false, 10));
      });
      assert.match(await runtime.stopped, /died more than 2 times/);
      assert.deepEqual(runtime.quarantined, []);
    },
    { maxThreadRestarts: 2, threadRestartWindowMs: EVER_MS, quarantineAfter: 0 },
  );
});

test("one in quarantine that is given what can't be copied runs beside its starter, and what it does counts", async () => {
  await withApart(
    async ({ run, runtime }) => {
      await run(async () => {
        const nearby = async (): Promise<Pid> => {
          while (schedulersOnline() < 2) await receive(() => false, 10);
          spawn("Starter", [self()], { scheduler: "least_loaded" });
          const [ok, pid] = (await receive(Array.isArray)) as [string, Pid];
          assert.equal(ok, "ok");
          return pid;
        };
        for (let i = 0; i < 2; i++) {
          const pid = await nearby();
          const ref = monitor(pid);
          cast(pid, "exit");
          await receive((message) => isDown(message) && message.ref === ref);
        }
        assert.deepEqual(runtime.quarantined, ["Nearby"]);
        const pid = await nearby();
        cast(pid, "tell");
        assert.ok(((await receive((message) => typeof message === "number")) as number) < FIRST_KEPT);
        cast(pid, "exit");
      });
      assert.match(await runtime.stopped, /died more than 0 times/);
    },
    { maxThreadRestarts: 0, quarantineAfter: 2 },
  );
});

test("an isolation that is none is refused where it is given", () => {
  const isolation = "apart" as "dedicated";
  for (const define of [() => genServer({ init: () => 0, isolation }), () => proc(async () => {}, { isolation })]) {
    assert.throws(define, { code: ErrorCode.badOption, message: /bad isolation apart: allowed are shared, dedicated/ });
  }
});

test("more threads than there can be are refused", async () => {
  const options = { schedulers: 30, maxDedicatedThreads: 2 };
  await assert.rejects(
    withThreads(options, async () => {}, bare),
    (error) => error instanceof RuntimeError && error.message.startsWith("bad maxDedicatedThreads 2: allowed are"),
  );
});
