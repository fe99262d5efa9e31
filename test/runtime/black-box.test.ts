/** What is left of a thread that the watchdog ended. */
import assert from "node:assert/strict";
import { readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { isDown } from "../../src/core/messages.js";
import { makePid, type Pid } from "../../src/core/pid.js";
import type { SchedulerThread } from "../../src/runtime/hosts/scheduler-thread.js";
import type { RuntimeOptions } from "../../src/runtime/options.js";
import { receive, self, send, spawn, spawnMonitor } from "../../src/runtime/process.js";
import type { BlackBoxReport, Report } from "../../src/runtime/report.js";
import { definitionFound, takeBlackBox } from "../../src/runtime/watchdog/black-box-recorder.js";
import { type Threads, withThreads } from "../support/threads.js";

/** Soon stuck; and an interruption is waited for as long as it takes, as far as there is one. */
const limits: RuntimeOptions = { maxBlockMs: 300, blackBoxMs: 10_000 };

/** Runs `body`, and answers the first report of the tag. What was reported until it returns is in its argument. */
async function reportAfter<T extends Report["tag"]>(
  tag: T,
  options: RuntimeOptions,
  body: (reports: readonly Report[]) => Promise<void>,
  then: (threads: Threads) => Promise<void> = async () => {},
): Promise<Extract<Report, { readonly tag: T }>> {
  const reports: Report[] = [];
  const { promise, resolve } = withResolvers<Report>();
  const report = (one: Report): void => {
    reports.push(one);
    if (one.tag === tag) resolve(one);
  };
  await withThreads({ ...limits, report, ...options }, async (threads) => {
    await threads.run(() => body(reports));
    await promise;
    await then(threads);
  });
  return (await promise) as Extract<Report, { readonly tag: T }>; // it was the tag that was waited for
}

function withResolvers<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

/** A process on scheduler 1, with a neighbour that has three messages more to handle. */
async function stick(definition: string, message: unknown): Promise<Pid> {
  const { pid } = spawnMonitor(definition, [], { scheduler: 1 });
  const neighbour = spawn("whoami", [self()], { scheduler: 1 });
  send(neighbour, 0);
  await receive((other) => other === neighbour);
  send(pid, message);
  for (let i = 0; i < 3; i++) send(neighbour, i);
  send(pid, "later");
  await receive((other) => isDown(other) && other.from === pid, 20_000);
  return pid;
}

test("a thread that stands still tells who is running, the message, the stack, the mailboxes and who ran before", async () => {
  let pid: Pid | undefined;
  const box = await reportAfter("black_box", {}, async () => {
    pid = await stick("endless", { go: ["on"], and: 7n });
  });
  const { running, stack, mailboxes, recent, timeMs, tookMs, ...rest } = box;
  const { handled, ...shown } = running ?? {};
  assert.equal(handled, 1);
  assert.deepEqual(shown, {
    ...{ pid, label: "endless", isCertain: true, mailboxLength: 1, name: null, kind: "endless", definition: "endless" },
    message: { go: ["on"], and: "7n" },
  });
  assert.match(stack ?? "", /^ {4}at Object\.handle \(.*processes\.[jt]s:\d+:\d+\)\n/);
  assert.deepEqual(
    mailboxes?.map(({ label, length }) => [label, length]),
    [
      ["whoami", 3],
      ["endless", 1],
    ],
  );
  assert.deepEqual([recent[0], recent[1]?.label], [{ pid, label: "endless" }, "whoami"]);
  assert.ok(timeMs > 0 && tookMs >= 0);
  const { processes, heapBytes, blockedMs, thread, ...told } = rest;
  assert.ok((processes ?? 0) >= 2 && heapBytes > 0 && blockedMs >= 300 && thread > 0);
  assert.deepEqual(told, { tag: "black_box", scheduler: 1, cause: "stuck", source: "interrupted", waiting: 4 });
});

test("code that came back from an await, and a timer's, is known by its process for certain", async () => {
  const box = await reportAfter("black_box", {}, async () => {
    const { pid } = spawnMonitor("spinsLater", [], { scheduler: 1 });
    await receive((other) => isDown(other) && other.from === pid, 20_000);
  });
  assert.equal(box.running?.label, "spinsLater");
  assert.equal(box.running?.isCertain, true);
  assert.match(box.stack ?? "", /processes\.[jt]s:\d+:\d+/);
});

test("a message is shown as the process wants it seen", async () => {
  const box = await reportAfter("black_box", {}, async () => {
    await stick("discreet", { open: 1, secret: "hunter2" });
  });
  assert.deepEqual(box.running?.message, { open: 1, secret: "hidden" });
  assert.ok(!JSON.stringify(box).includes("hunter2"));
});

test("of a thread in a native call there is what it had shown after blackBoxMs, for which its monitors don't wait", async () => {
  let pid: Pid | undefined;
  const box = await reportAfter("black_box", { blackBoxMs: 400 }, async (reports) => {
    pid = await stick("native", "go");
    assert.ok(!reports.some(({ tag }) => tag === "black_box"));
  });
  assert.equal(box.source, "memory");
  assert.ok(box.tookMs >= 390, `${box.tookMs} ms`);
  assert.deepEqual(box.running, { pid, label: "native", isCertain: true, mailboxLength: box.running?.mailboxLength });
  assert.equal(box.recent[1]?.label, "whoami");
  assert.equal("stack" in box, false);
});

test("a thread that swells and still takes orders answers by itself", async () => {
  // Looks so far apart that three of them don't find it silent, however little the machine gives it.
  const swollen = { maxBlockMs: 30_000, maxHeapBytes: 64 * 2 ** 20, watchdogIntervalMs: 500 };
  const box = await reportAfter("black_box", swollen, async () => {
    const { pid } = spawnMonitor("swelling", [80], { scheduler: 1 });
    await receive((other) => isDown(other) && other.from === pid, 60_000);
  });
  assert.deepEqual([box.cause, box.scheduler, box.blockedMs, box.source], ["swollen", 1, 0, "answered"]);
  assert.ok((box.processes ?? 0) >= 1);
});

test("with blackBoxMs 0 the thread is ended at once, and there is no such report", async () => {
  const tags: string[] = [];
  const then = async ({ runtime }: Threads): Promise<void> => {
    while (runtime.zombies > 0) await new Promise((resolve) => setImmediate(resolve));
  };
  await reportAfter(
    "thread_down",
    { blackBoxMs: 0 },
    async (reports) => {
      await stick("endless", "go");
      tags.push(...reports.map(({ tag }) => tag));
    },
    then,
  );
  assert.ok(!tags.includes("black_box"));
});

test("each black box is a line of JSON in blackBoxFile", async () => {
  const blackBoxFile = join(tmpdir(), `joist-black-box-${process.pid}.jsonl`);
  const lines = async (): Promise<string[]> => (await readFile(blackBoxFile, "utf8").catch(() => "")).split("\n");
  try {
    const box = await reportAfter(
      "black_box",
      { blackBoxFile },
      async () => {
        await stick("endless", "go");
      },
      async () => {
        while ((await lines()).length < 2); // it is written after it is told
      },
    );
    const [line = "", end] = await lines();
    assert.equal(end, "");
    const { timeMs, ...written } = JSON.parse(line) as BlackBoxReport;
    const { timeMs: toldMs, ...told } = box;
    assert.deepEqual(written, JSON.parse(JSON.stringify(told)));
    assert.ok(Math.abs(timeMs - toldMs) < 60_000);
  } finally {
    await rm(blackBoxFile, { force: true });
  }
});

test("a blackBoxFile that can't be written is worth a notice", async () => {
  const notice = await reportAfter("notice", { blackBoxFile: join(tmpdir(), "joist", "no", "such", "x") }, async () => {
    await stick("endless", "go");
  });
  assert.match(notice.message, /^the black box of scheduler 1 could not be written to a file: Error: ENOENT/);
});

test("a thread that fills its memory in a loop is not left running for a stack", async () => {
  const last = { pid: "<0.3.1>" as Pid, label: "leak" };
  const thread = {
    ...{ number: 3, slot: 1, id: -1, hardLimitBytes: 1000, lastSlices: [{ ...last, mailboxLength: 2 }] },
    vitals: { beat: 1, heapBytes: 0, isFull: false, last, isRunning: true },
  } as unknown as SchedulerThread; // what a black box needs of one
  const verdict = { thread: 3, cause: "swollen", reason: "", blockedMs: 150, heapBytes: 251 } as const;
  const { tookMs, ...box } = await takeBlackBox(thread, verdict, 60_000);
  assert.ok(tookMs < 60_000, `${tookMs} ms`);
  assert.deepEqual(box, {
    ...{ tag: "black_box", scheduler: 1, thread: 3, cause: "swollen", blockedMs: 150, heapBytes: 251 },
    source: "memory",
    running: { ...last, isCertain: true, mailboxLength: 2 },
    recent: [last],
  });
});

test("whose code a thread stood still in is only known of one that has not gone on, and that has said it itself", () => {
  const last = { pid: makePid(1, 7, 1), label: "channel", definition: 1, mailboxLength: 0 };
  const given = { beat: 9, heapBytes: 0, isFull: false, isRunning: false, last };
  const running = { pid: makePid(1, 8, 1), label: "channel", isCertain: true, mailboxLength: 0, definition: "Sleeper" };
  const box = {
    ...({ tag: "black_box", scheduler: 1, thread: 1, cause: "stuck", source: "interrupted", running } as const),
    ...{ blockedMs: 2000, heapBytes: 0, tookMs: 20, recent: [] },
  };
  assert.equal(definitionFound(box, given, given), "Sleeper");
  assert.equal(definitionFound(box, given, { ...given, beat: 10 }), null);
  assert.equal(definitionFound(box, given, { ...given, isRunning: true }), null);
  assert.equal(definitionFound(box, given, { ...given, last: { ...last, pid: makePid(1, 8, 1) } }), null);
  assert.equal(definitionFound({ ...box, source: "memory" }, given, given), null);
  assert.equal(definitionFound({ ...box, cause: "deaf" }, given, given), null);
});
