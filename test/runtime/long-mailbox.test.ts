import assert from "node:assert/strict";
import { test } from "node:test";
import type { Pid } from "../../src/core/pid.js";
import { resolveRuntimeOptions } from "../../src/runtime/options.js";
import { receive, register, self, send, setMaxMailbox, spawn, spawnMonitor } from "../../src/runtime/process.js";
import type { LongMailboxReport, Report } from "../../src/runtime/report.js";
import { inline } from "../support/inline.js";
import { withThreads } from "../support/threads.js";

const longOnes = (reports: readonly Report[]): LongMailboxReport[] =>
  reports.filter((report) => report.tag === "long_mailbox");

/** Handles nothing until it is told to go on, then so many messages; answers when it has. */
async function slow(main: Pid): Promise<void> {
  for (;;) {
    const [, count] = (await receive(isGoOn)) as readonly ["go on", number];
    for (let i = 0; i < count; i++) await receive((message) => typeof message === "number");
    send(main, "handled");
  }
}
async function named(main: Pid): Promise<void> {
  register("slow");
  send(main, "ready");
  await slow(main);
}

const isGoOn = (message: unknown): boolean => Array.isArray(message) && message[0] === "go on";

test("a mailbox that grows longer than longMailbox is reported once, with who it is", async () => {
  const { run, reports } = inline({ longMailbox: 10 });
  await run(async () => {
    const pid = spawn(named, [self()], { label: "slow one" });
    assert.equal(await receive(), "ready");
    for (let i = 0; i < 10; i++) send(pid, i);
    assert.deepEqual(longOnes(reports), []);
    for (let i = 0; i < 100; i++) send(pid, i);
    const [report, ...others] = longOnes(reports);
    assert.deepEqual(others, []);
    assert.deepEqual(
      { ...report, timeMs: 0 },
      {
        ...{
          tag: "long_mailbox",
          timeMs: 0,
          pid,
          label: "slow one",
          name: "slow",
          kind: "process function",
          definition: null,
        },
        ...{ scheduler: 0, length: 11, handled: 0 },
      },
    );
  });
});

test("it is reported again only if it has been down to half of that in between", async () => {
  const { run, reports } = inline({ longMailbox: 10 });
  await run(async () => {
    const pid = spawn(slow, [self()]);
    const fill = (count: number): void => {
      for (let i = 0; i < count; i++) send(pid, i);
    };
    const handle = async (count: number): Promise<void> => {
      send(pid, ["go on", count]);
      assert.equal(await receive(), "handled");
    };
    fill(12);
    assert.equal(longOnes(reports).length, 1);
    await handle(6); // 6 are left: more than half
    fill(10);
    assert.equal(longOnes(reports).length, 1);
    await handle(11); // 5
    await new Promise((resolve) => setImmediate(resolve)); // at the end of a turn it is looked at
    fill(5);
    assert.equal(longOnes(reports).length, 1);
    fill(1);
    assert.equal(longOnes(reports).length, 2);
  });
});

test("a limit of its own holds above and below that length", async () => {
  const { run, reports } = inline({ longMailbox: 10 });
  const limited = async (main: Pid, limit: number): Promise<void> => {
    setMaxMailbox(limit);
    send(main, "ready");
    await receive((message) => message === "never");
  };
  await run(async () => {
    for (const limit of [5, 20]) {
      const { pid } = spawnMonitor(limited, [self(), limit]);
      assert.equal(await receive(), "ready");
      for (let i = 0; i <= limit; i++) send(pid, i);
      assert.deepEqual(((await receive()) as { reason: unknown }).reason, "mailbox_full");
      const mailboxes = reports.map((report) => report.tag === "crash" && report.mailboxLength);
      assert.equal(mailboxes.at(-1), limit + 1);
    }
  });
  assert.deepEqual(
    reports.map(({ tag }) => tag),
    ["crash", "long_mailbox", "crash"],
  );
});

test("a process on another thread is reported by that thread", async () => {
  let tell: (report: LongMailboxReport) => void = () => {};
  const told = new Promise<LongMailboxReport>((resolve) => {
    tell = resolve;
  });
  const report = (one: Report): void => {
    if (one.tag === "long_mailbox") tell(one);
  };
  await withThreads({ longMailbox: 10, report }, async ({ run }) => {
    await run(async () => {
      const pid = spawn("inOrder", [self(), 999], { scheduler: 2 });
      for (let i = 0; i < 1000; i++) send(pid, i); // in one turn, so they come in batches
      assert.equal(await receive(), 0);
      const { definition, kind, scheduler, length, ...others } = await told;
      assert.deepEqual([definition, kind, scheduler, length, others.pid], ["inOrder", "inOrder", 2, 11, pid]);
    });
  });
});

test("with longMailbox 0 none is reported", async () => {
  const { run, reports } = inline({ longMailbox: 0 });
  await run(async () => {
    const pid = spawn(slow, [self()]);
    for (let i = 0; i < 20_000; i++) send(pid, i);
  });
  assert.deepEqual(reports, []);
});

test("longMailbox is 10,000 unless it is given, and a whole number", () => {
  assert.equal(resolveRuntimeOptions({}).longMailbox, 10_000);
  for (const longMailbox of [-1, 1.5, Number.POSITIVE_INFINITY]) {
    assert.throws(() => resolveRuntimeOptions({ longMailbox }), { code: "JOIST_BAD_OPTION" });
  }
});
