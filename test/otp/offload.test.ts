/** Offloaded functions, on real threads: of the schedulers and of the pool. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setImmediate as nextTurn, setTimeout as pause } from "node:timers/promises";
import {
  type App,
  isErrorReason,
  kill,
  type OffloadOptions,
  offload,
  proc,
  type Report,
  type StartOptions,
  self,
  spawn,
} from "joist";
import { type Running, withApp } from "../support/app.js";
import type double from "../support/offloaded/work.js";
import type { fail, Shared } from "../support/offloaded/work.js";

const work = new URL("../support/offloaded/work.js", import.meta.url);
const broken = new URL("../support/offloaded/broken.js", import.meta.url);
const offloadApp = new URL("../support/apps/offload.js", import.meta.url);

const withOffload = (use: (running: Running) => Promise<void>, options: StartOptions = {}): Promise<void> =>
  withApp(use, { schedulers: 1, ...options }, offloadApp);

/** Offloads in the name of the host. */
const run = (app: App, name: string, arg?: unknown, options: OffloadOptions = {}): Promise<unknown> =>
  app.run(() => offload(work, arg, { name, ...options }));

/** A process that is one offloaded function. */
const offloader = proc(async (name: string, arg: unknown) => {
  await offload(work, arg, { name });
});

const sharedCells = (): Shared => ({ cells: new Int32Array(new SharedArrayBuffer(8)) });

/** Waits until the function that shares `cells` runs. */
async function begun({ cells }: Shared): Promise<void> {
  while (Atomics.load(cells, 0) === 0) await nextTurn();
}

/** Waits until the counter of a `spin` stands still: if its thread lived on it never would. */
async function stoodStill({ cells }: Shared): Promise<void> {
  for (;;) {
    const before = Atomics.load(cells, 0);
    await pause(20);
    if (Atomics.load(cells, 0) === before) return;
  }
}

const stopSpinning = ({ cells }: Shared): void => void Atomics.store(cells, 1, 1);

for (const schedulers of [2, 0]) {
  const where = schedulers === 0 ? "with everything on one thread" : "with scheduler threads";

  test(`${where}, an offloaded function's value comes back to a process, and to the host`, async () => {
    await withOffload(
      async ({ app }) => {
        assert.equal(await app.call("worker", "offload", ["default", 21]), 42);
        const typed: number = await app.run(() => offload<typeof double>(work, 4));
        assert.equal(typed, 8);
        assert.deepEqual(await run(app, "later", new Map([["a", [1, { b: 2 }]]])), new Map([["a", [1, { b: 2 }]]]));
        assert.equal(await run(app, "later"), undefined);
      },
      { schedulers },
    );
  });

  test(`${where}, what the function throws comes back with its message, stack and code`, async () => {
    await withOffload(
      async ({ app, reports }) => {
        const error = (await app.call("worker", "caught", ["fail"])) as Error & { code: string; cause: unknown };
        assert.equal(error.code, "JOIST_OFFLOAD_FAILED");
        assert.match(error.message, /^fail of file:.*work\.js threw: RangeError: deep inside$/);
        assert.match(error.stack ?? "", /caused by RangeError: deep inside\n\s+at .*fail.*work\.[jt]s/);
        const { tag, name, message, code } = error.cause as Record<string, unknown>;
        assert.deepEqual([tag, name, message, code], ["error", "RangeError", "deep inside", "E_DEEP"]);
        // Uncaught, it is how the process ends.
        await assert.rejects(app.call("worker", "offload", ["fail"]), { code: "JOIST_CALL_FAILED" });
        const crashed = (report: Report): boolean =>
          report.tag === "crash" && isErrorReason(report.reason) && report.reason.message === "deep inside";
        while (!reports.some(crashed)) await nextTurn();
      },
      { schedulers },
    );
  });

  test(`${where}, a function that takes too long is ended, and its thread is free again`, async () => {
    await withOffload(
      async ({ app }) => {
        const shared = sharedCells();
        const spinning = run(app, "spin", shared, { timeoutMs: 200 });
        await assert.rejects(spinning, { code: "JOIST_OFFLOAD_TIMEOUT", message: /did not return within 200 ms/ });
        assert.equal(await run(app, "default", 1), 2);
        await stoodStill(shared);
      },
      { schedulers, offload: { maxThreads: 1 } },
    );
  });

  test(`${where}, stopping the application ends a function in the middle; its caller hears of it`, async () => {
    const shared = sharedCells();
    await withOffload(
      async ({ app }) => {
        const spinning = assert.rejects(run(app, "spin", shared), { code: "JOIST_RUNTIME_STOPPED" });
        const waiting = assert.rejects(run(app, "default", 1), { code: "JOIST_RUNTIME_STOPPED" });
        await begun(shared);
        await app.stop();
        await spinning;
        await waiting;
      },
      { schedulers, offload: { maxThreads: 1 } },
    );
    await stoodStill(shared);
  });
}

test("when the caller is killed, the thread of its function ends, and who waited has its turn", async () => {
  await withOffload(
    async ({ app }) => {
      const shared = sharedCells();
      const victim = app.whereis("worker");
      assert.ok(victim !== undefined);
      assert.equal(await app.call("worker", "spin", shared), "begins");
      await begun(shared);
      const waiting = run(app, "default", 5);
      app.run(() => kill(victim));
      // There is one thread, and one that is being ended counts: that this runs says that the other one is gone.
      assert.equal(await waiting, 10);
      await stoodStill(shared);
    },
    { offload: { maxThreads: 1 } },
  );
});

test("when the caller's thread dies, so does its function", async () => {
  await withOffload(
    async ({ app, reports }) => {
      const shared = sharedCells();
      assert.equal(await app.call("worker", "spin", shared), "begins");
      await begun(shared);
      app.cast("neighbour", "die");
      assert.equal(await run(app, "default", 5), 10);
      await stoodStill(shared);
      assert.ok(reports.some((report) => report.tag === "thread_down"));
    },
    { offload: { maxThreads: 1 } },
  );
});

test("a caller that is killed while its task waits leaves nothing: the task never begins", async () => {
  await withOffload(
    async ({ app }) => {
      const [first, second] = [sharedCells(), sharedCells()];
      const spinning = run(app, "spin", first);
      await begun(first);
      const victim = app.whereis("worker");
      assert.ok(victim !== undefined);
      assert.equal(await app.call("worker", "spin", second), "begins");
      app.run(() => kill(victim));
      assert.equal(await app.processInfo(victim), undefined); // the service's DOWN came before this
      const last = run(app, "default", 5);
      stopSpinning(first);
      await spinning;
      assert.equal(await last, 10);
      assert.equal(Atomics.load(second.cells, 0), 0);
    },
    { offload: { maxThreads: 1 } },
  );
});

test("beyond maxThreads tasks wait, in order; beyond maxQueue they are refused", async () => {
  await withOffload(
    async ({ app }) => {
      const shared = sharedCells();
      const order: number[] = [];
      const spinning = run(app, "spin", shared);
      const waiting = [1, 2].map(async (n) => {
        await run(app, "later", n);
        order.push(n);
      });
      await assert.rejects(run(app, "default", 3), {
        code: "JOIST_OFFLOAD_QUEUE_FULL",
        message: /maxThreads 1, maxQueue 2/,
      });
      await begun(shared);
      assert.deepEqual(order, []);
      stopSpinning(shared);
      await spinning;
      await Promise.all(waiting);
      assert.deepEqual(order, [1, 2]);
      assert.equal(await run(app, "default", 3), 6);
    },
    { offload: { maxThreads: 1, maxQueue: 2 } },
  );
});

test("a function that runs on several threads at once uses no more than maxThreads", async () => {
  await withOffload(
    async ({ app }) => {
      const shared = [sharedCells(), sharedCells()];
      const spinning = shared.map((cells) => run(app, "spin", cells));
      await Promise.all(shared.map(begun)); // both at once
      const third = run(app, "where");
      for (const cells of shared) stopSpinning(cells);
      await Promise.all(spinning);
      const used = new Set([await third, ...(await Promise.all([1, 2, 3, 4].map(() => run(app, "where"))))]);
      assert.ok(used.size <= 2, `${used.size} threads`);
    },
    { offload: { maxThreads: 2 } },
  );
});

test("a thread in a native call counts as busy until that returns, however long ago its task was given up", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "joist-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const fifo = join(folder, "fifo");
  if (spawnSync("mkfifo", [fifo]).status !== 0) return t.skip("no named pipes here");
  const pipe = openSync(fifo, "r+");
  t.after(() => closeSync(pipe));
  await withOffload(
    async ({ app }) => {
      // A thread that is ended on its way into the call is gone at once; that it was inside can't be seen, but tried again.
      for (let attempt = 1; ; attempt++) {
        const cells = new Int32Array(new SharedArrayBuffer(8));
        const victim = app.run(() => spawn(offloader, ["native", { cells, fifo }]));
        await begun({ cells });
        app.run(() => kill(victim));
        const next = run(app, "default", 3);
        const first = await Promise.race([next, pause(100, "held")]);
        writeSync(pipe, "x");
        assert.equal(await next, 6);
        if (first === "held") return;
        assert.ok(attempt < 5, "a thread was started beside the one that had not ended");
      }
    },
    { schedulers: 0, offload: { maxThreads: 1 } },
  );
});

test("a function that needs more memory than maxHeapBytes fails alone", async () => {
  await withOffload(
    async ({ app }) => {
      const error = (await app.call("worker", "caught", ["leak"], 120_000)) as { code: string; message: string };
      assert.equal(error.code, "JOIST_OFFLOAD_FAILED");
      assert.match(error.message, /the thread of leak of .* ended: .*memory limit/);
      assert.equal(await app.call("worker", "offload", ["default", 2]), 4);
    },
    { offload: { maxThreads: 1, maxHeapBytes: 32 * 2 ** 20 } },
  );
});

test("a function that ends its thread fails alone", async () => {
  await withOffload(async ({ app }) => {
    await assert.rejects(run(app, "leave"), { code: "JOIST_OFFLOAD_FAILED", message: /ended: .*exited with code: 3/ });
    assert.equal(await run(app, "default", 2), 4);
  });
});

test("what a function left behind and throws later ends its thread, is told, and fails no task", async () => {
  await withOffload(
    async ({ app, reports }) => {
      await run(app, "mine");
      while (!reports.some((report) => report.tag === "notice" && /left behind/.test(report.message))) await nextTurn();
      assert.equal(await run(app, "default", 2), 4);
    },
    { offload: { maxThreads: 1 } },
  );
});

test("with everything on one thread too, a thread of the pool belongs to no process, whoever offloaded first", async () => {
  const owners: unknown[] = [];
  const report = (given: Report): void => {
    if (given.tag !== "notice" || !/left behind/.test(given.message)) return;
    try {
      owners.push(self());
    } catch (error) {
      owners.push((error as { code?: unknown }).code);
    }
  };
  await withOffload(
    async ({ app }) => {
      await app.call("worker", "offload", ["mine"]);
      while (owners.length === 0) await nextTurn();
    },
    { schedulers: 0, report },
  );
  assert.deepEqual(owners, ["JOIST_NOT_IN_PROCESS"]);
});

test("threads that cannot start are told, and fail their tasks", async () => {
  const before = process.execArgv;
  // Flags are given to threads only if one of them must go.
  process.execArgv = ["--input-type=module", "--import=data:text/javascript,throw(new Error('no start'))"];
  try {
    await withOffload(
      async ({ app }) => {
        await assert.rejects(run(app, "default", 2), { code: "JOIST_OFFLOAD_FAILED", message: /no start/ });
      },
      { schedulers: 0 },
    );
  } finally {
    process.execArgv = before;
  }
});

test("an argument that cannot be sent is named at once, and so is a result", async () => {
  await withOffload(async ({ app }) => {
    await assert.rejects(run(app, "later", { on: { done: () => {} } }), {
      code: "JOIST_NOT_SENDABLE",
      message: /the function at argument\.on\.done/,
    });
    await assert.rejects(run(app, "unsendable"), {
      code: "JOIST_NOT_SENDABLE",
      message: /unsendable of .* returned what cannot be sent: the function at result\.deep\.handler/,
    });
    await assert.rejects(run(app, "failOddly"), { code: "JOIST_OFFLOAD_FAILED", message: /threw: Thrown: / });
  });
});

test("a buffer is handed over on request: the function has it, the caller has it no longer", async () => {
  await withOffload(async ({ app }) => {
    assert.deepEqual(await app.call("worker", "handOver", new Uint8Array([1, 2, 3])), [6, 0]);
  });
});

test("from an OS process of its own, too: arguments and outcomes are the same, but memory cannot be shared", {
  skip: process.platform === "win32",
}, async () => {
  await withOffload(
    async ({ app }) => {
      const offloaded = (name: string, arg?: unknown, options?: OffloadOptions): Promise<unknown> =>
        app.call("worker", "caught", [name, arg, options]);
      assert.equal(await offloaded("default", 21), 42);
      assert.deepEqual(await offloaded("later", new Map([["a", [1n]]])), new Map([["a", [1n]]]));
      assert.deepEqual(await app.call("worker", "handOver", new Uint8Array([1, 2, 3])), [6, 0]);
      const failed = (await offloaded("fail")) as { code: string; cause: { code: string; message: string } };
      assert.deepEqual([failed.code, failed.cause.code], ["JOIST_OFFLOAD_FAILED", "E_DEEP"]);
      assert.equal(((await offloaded("unsendable")) as { code: string }).code, "JOIST_NOT_SENDABLE");
      assert.equal(((await app.call("worker", "share")) as { code: string }).code, "JOIST_NOT_SENDABLE");
      // There is one thread, and it is free again when the time of its task is up.
      const late = (await offloaded("spin", { cells: new Int32Array(2) }, { timeoutMs: 50 })) as { code: string };
      assert.equal(late.code, "JOIST_OFFLOAD_TIMEOUT");
      assert.equal(await offloaded("default", 2), 4);
      // The host is in the main process, where there are ports.
      assert.equal(await run(app, "default", 3), 6);
    },
    { isolation: "process", offload: { maxThreads: 1 } },
  );
});

test("a module that is missing or broken, and an export that is no function, are named", async () => {
  await withOffload(async ({ app }) => {
    const missing = new URL("./no-such-module.js", import.meta.url);
    await assert.rejects(
      app.run(() => offload(missing)),
      { code: "JOIST_OFFLOAD_FAILED", message: /cannot be loaded: .*no-such-module\.js/ },
    );
    await assert.rejects(
      app.run(() => offload(broken)),
      { code: "JOIST_OFFLOAD_FAILED", message: /cannot be loaded: Error: broken on purpose/ },
    );
    await assert.rejects(run(app, "nothing"), { code: "JOIST_BAD_ARGUMENT", message: /exports .*\bdefault\b/ });
    await assert.rejects(run(app, "notCallable"), { code: "JOIST_BAD_ARGUMENT", message: /is no function/ });
  });
});

test("bad arguments and options are refused with what is allowed", async () => {
  await withOffload(async ({ app }) => {
    const badArgument = { code: "JOIST_BAD_ARGUMENT" };
    await assert.rejects(
      app.run(() => offload("./resize.js")),
      { ...badArgument, message: /"\.\/resize\.js".*new URL/ },
    );
    await assert.rejects(run(app, "default", 1, { timeoutMs: 0 }), { ...badArgument, message: /timeoutMs 0/ });
    await assert.rejects(run(app, 5 as never), badArgument);
    await assert.rejects(offload(work), { code: "JOIST_NOT_IN_PROCESS" });
  });
  await assert.rejects(
    withOffload(async () => {}, { offload: { maxThreads: 0 } }),
    { code: "JOIST_BAD_OPTION", message: /offload\.maxThreads 0/ },
  );
});

test("while a function runs, its caller's neighbours on the same scheduler answer", async (t) => {
  await withOffload(async ({ app }) => {
    const quiet = (await app.call("client", "calls", 1000)) as number[];
    const shared = sharedCells();
    assert.equal(await app.call("worker", "spin", shared), "begins");
    await begun(shared);
    const busy = (await app.call("client", "calls", 1000, 60_000)) as number[];
    assert.equal(Atomics.load(shared.cells, 1), 0); // it ran all the while: only now it may end
    stopSpinning(shared);
    const p99 = (tookMs: readonly number[]): string => (tookMs.toSorted((a, b) => a - b)[989] ?? 0).toFixed(3);
    t.diagnostic(`p99 of 1000 calls: ${p99(quiet)} ms with nothing offloaded, ${p99(busy)} ms while a function runs`);
  });
});

test("a caller may have many tasks at once, and each gets its own result", async () => {
  await withOffload(
    async ({ app }) => {
      const numbers = Array.from({ length: 200 }, (_, n) => n);
      assert.deepEqual(
        await Promise.all(numbers.map((n) => run(app, "default", n))),
        numbers.map((n) => 2 * n),
      );
    },
    { offload: { maxThreads: 2 } },
  );
});

// The function's type says what it takes and gives.
export const typed = async (): Promise<void> => {
  const never: never = await offload<typeof fail>(work, undefined as never);
  // @ts-expect-error: it takes a number
  await offload<typeof double>(work, "four");
  return never;
};
