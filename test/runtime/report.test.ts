import assert from "node:assert/strict";
import { test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { isErrorReason } from "../../src/core/exit-reason.js";
import type { Pid } from "../../src/core/pid.js";
import { formatReport } from "../../src/runtime/format-report.js";
import { resolveRuntimeOptions } from "../../src/runtime/options.js";
import { exit, receive, self, send, setLabel, spawn, spawnLink, spawnMonitor } from "../../src/runtime/process.js";
import { type CrashReport, levelOf, type Report } from "../../src/runtime/report.js";
import { Reports } from "../../src/runtime/reports.js";
import { inline } from "../support/inline.js";
import { withThreads } from "../support/threads.js";

const timeMs = Date.UTC(2024, 0, 2, 3, 4, 5, 678);
const pid = "<0.7.1>" as Pid;
const crash: CrashReport = {
  tag: "crash",
  timeMs,
  pid,
  label: "genServer",
  name: "counter",
  kind: "genServer",
  definition: "Counter",
  scheduler: 1,
  reason: {
    tag: "error",
    name: "RangeError",
    message: "too much",
    stack: "RangeError: too much\n    at add (app.js:1:2)",
  },
  message: ["$call", "<0.3.0>", 99, "add", { by: 1000 }],
  state: { count: 3 },
  mailboxLength: 2,
  handled: 41,
  links: ["<0.2.0>" as Pid],
  ancestors: ["<0.2.0>" as Pid, "<0.1.0>" as Pid],
};
const child = { id: "store", pid, restart: "permanent", type: "worker", shutdown: 5000 } as const;

const texts: readonly (readonly [what: string, report: Report, text: readonly string[]])[] = [
  [
    "a crash",
    crash,
    [
      "[joist] 03:04:05.678 process <0.7.1> (genServer Counter) crashed",
      "  name      counter",
      "  reason    RangeError: too much",
      "                at add (app.js:1:2)",
      "  message   call add { by: 1000 } from <0.3.0>",
      "  state     { count: 3 }",
      "  mailbox   2 messages were waiting",
      "  handled   41 messages, on scheduler 1",
      "  links     <0.2.0>",
      "  started   by <0.2.0>, by <0.1.0>",
    ],
  ],
  [
    "a supervisor that restarts",
    {
      ...{ tag: "supervisor", timeMs, pid: "<0.1.0>" as Pid, label: "supervisor", name: "storage" },
      ...{ context: "child_terminated", reason: "boom", child, decision: "restart" },
      restarts: { count: 2, maxRestarts: 3, maxSeconds: 5 },
    } as Report,
    [
      '[joist] 03:04:05.678 supervisor <0.1.0> (storage): child "store" <0.7.1> ended',
      "  reason    'boom'",
      "  child     permanent worker, shutdown 5000 ms",
      "  decision  restarts it",
      "  restarts  2 within 5 s; 3 are allowed",
    ],
  ],
  [
    "progress",
    { tag: "progress", timeMs, pid: "<0.1.0>" as Pid, label: "supervisor", name: null, child },
    ['[joist] 03:04:05.678 supervisor <0.1.0> (supervisor) started child "store" <0.7.1>'],
  ],
  [
    "a lost thread",
    { tag: "thread_down", timeMs, scheduler: 1, thread: 3, reason: "it exited with code 1", cause: "exit" },
    ["[joist] 03:04:05.678 scheduler 1 (thread 3) is down: it exited with code 1"],
  ],
  ["a notice", { tag: "notice", timeMs, message: "stopping" }, ["[joist] 03:04:05.678 stopping"]],
  [
    "what was left out",
    { tag: "left_out", timeMs, of: "crash", count: 12, scheduler: 2 },
    ["[joist] 03:04:05.678 12 more crash reports of scheduler 2 were left out"],
  ],
  [
    "a thread the watchdog ended, with the process that was running",
    {
      tag: "thread_down",
      timeMs,
      scheduler: 1,
      thread: 3,
      reason: "it stood still for 2000 ms (maxBlockMs is 2000)",
      cause: "stuck",
      culprit: { pid, label: "channel", definition: "RoomChannel", isCertain: true },
      blockedMs: 2000,
      heapBytes: 1,
    },
    [
      "[joist] 03:04:05.678 scheduler 1 (thread 3) is down: it stood still for 2000 ms (maxBlockMs is 2000)",
      "  culprit   <0.7.1> (channel) was running",
    ],
  ],
  [
    "a black box of a thread that told it",
    {
      tag: "black_box",
      ...{
        timeMs,
        scheduler: 1,
        thread: 3,
        cause: "stuck",
        blockedMs: 2000,
        heapBytes: 1,
        source: "interrupted",
        tookMs: 12,
      },
      running: {
        ...{
          pid,
          label: "channel room:1",
          isCertain: true,
          mailboxLength: 1,
          name: null,
          kind: "channel",
          definition: "Room",
        },
        handled: 7,
        message: { event: "say", payload: { password: "[FILTERED]" } },
      },
      stack:
        "    at RegExp.test (<anonymous>)\n    at say (file:///app.js:1:2)\n    at process.processImmediate (node:internal/timers:483:21)",
      processes: 2,
      waiting: 6,
      mailboxes: [{ pid, label: "channel room:1", length: 6 }],
      recent: [
        { pid, label: "channel room:1" },
        { pid: "<0.7.2>" as Pid, label: null },
      ],
    },
    [
      "[joist] 03:04:05.678 scheduler 1 (thread 3) was stuck: its black box",
      "  running   <0.7.1> (channel room:1), channel Room, stood still for 2000 ms",
      "  message   { event: 'say', payload: { password: '[FILTERED]' } }",
      "  mailbox   1 message, after 7 handled",
      "  stack     at RegExp.test (<anonymous>)",
      "            at say (file:///app.js:1:2)",
      "  waiting   6 messages waiting for 2 processes",
      "            6 in <0.7.1> (channel room:1)",
      "  before    <0.7.1> (channel room:1)",
      "            <0.7.2>",
      "  source    it was interrupted, and told this itself (12 ms)",
    ],
  ],
  [
    "a black box of a thread that said nothing",
    {
      tag: "black_box",
      ...{
        timeMs,
        scheduler: 1,
        thread: 3,
        cause: "swollen",
        blockedMs: 150,
        heapBytes: 1,
        source: "memory",
        tookMs: 0,
      },
      running: { pid, label: "worker", isCertain: false, mailboxLength: 3 },
      recent: [],
    },
    [
      "[joist] 03:04:05.678 scheduler 1 (thread 3) was swollen: its black box",
      "  last ran  <0.7.1> (worker), stood still for 150 ms",
      "  mailbox   3 messages",
      "  source    it could not be asked: this is what it showed before (0 ms)",
    ],
  ],
  [
    "a definition in quarantine, with who is there already",
    {
      ...{ tag: "quarantined", timeMs, definition: "RoomChannel", count: 3, windowMs: 60_000, scheduler: 4 },
      with: ["LobbyChannel"],
    },
    [
      "[joist] 03:04:05.678 RoomChannel is in quarantine, on scheduler 4: 3 threads died of it within 60000 ms",
      "  with      LobbyChannel",
    ],
  ],
  [
    "a mailbox that has grown long",
    {
      ...{
        tag: "long_mailbox",
        timeMs,
        pid,
        label: "room:lobby",
        name: null,
        kind: "channel",
        definition: "RoomChannel",
      },
      ...{ scheduler: 2, length: 10_001, handled: 12 },
    },
    [
      "[joist] 03:04:05.678 process <0.7.1> (room:lobby, channel RoomChannel) is sent more than it handles: 10001 messages wait",
      "  handled   12 messages, on scheduler 2",
    ],
  ],
  [
    "a trace",
    { tag: "trace", timeMs, pid, label: "genServer", name: "counter", event: null, text: "got cast reset 0" },
    ["[joist] 03:04:05.678 *DBG* counter <0.7.1> got cast reset 0"],
  ],
];

for (const [what, report, text] of texts) {
  test(`as text: ${what}`, () => {
    assert.equal(formatReport(report), text.join("\n"));
  });
}

test("colour is put around the same text", () => {
  const coloured = formatReport(crash, { colour: true });
  assert.ok(coloured.includes("\u001b[31m"));
  assert.equal(stripVTControlCharacters(coloured), formatReport(crash));
});

test("a value of many lines is cut, and it says how many are missing", () => {
  const state = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`key${i}`, "a rather long text ".repeat(3)]));
  const lines = formatReport({ ...crash, state }).split("\n");
  assert.ok(lines.length < 35, `${lines.length} lines`);
  assert.ok(lines.some((line) => /^ {12}… \d+ more lines$/.test(line)));
});

test("a stack is shown down to the last frame of the user's own, and whole if there is none", () => {
  const own = `    at handle (${new URL("../../src/otp/gen-server-process.js", import.meta.url).href}:1:2)`;
  const shown = (frames: readonly string[]): string => {
    const stack = ["Error: x", "more", ...frames].join("\n");
    const text = formatReport({ ...crash, reason: { tag: "error", name: "Error", message: "x", stack } });
    return text.slice(text.indexOf("Error: x"), text.indexOf("  message")).replaceAll(/\n +/g, "\n").trim();
  };
  const user = "    at add (file:///app.js:1:2)";
  const node = "    at AsyncLocalStorage.run (node:async_hooks:346:14)";
  assert.equal(
    shown([own, user, own, node, own]),
    ["Error: x", "more", own, user].join("\n").replaceAll(/\n +/g, "\n"),
  );
  assert.equal(shown([own, node]), ["Error: x", "more", own, node].join("\n").replaceAll(/\n +/g, "\n"));
});

test("a supervisor's report names the error and leaves the stack to the crash's", () => {
  const { reason } = crash;
  const report = { ...(texts[1]?.[1] as Report), reason } as Report;
  assert.match(formatReport(report), /reason {4}RangeError: too much\n {2}child/);
});

test("a crash is reported with who, what, why, where, the message being handled, and what waited", async () => {
  const { run, reports } = inline();
  const parent = await run(async () => {
    const handler = {
      kind: "handler",
      boot: () => ({
        handle: (message: unknown) => {
          if (message === "first") return;
          throw new RangeError("too much");
        },
        state: () => ({ count: 1, add: () => {} }),
      }),
    };
    const { pid } = spawnMonitor(handler, [], { name: "victim", label: "my victim" });
    for (const message of ["first", { bad: 1n }, "lost", "lost too"]) send(pid, message);
    await receive();
    return self();
  });
  const [report] = reports;
  assert.ok(report?.tag === "crash");
  assert.ok(isErrorReason(report.reason));
  assert.match(report.reason.stack, /report\.test/);
  assert.ok(Math.abs(report.timeMs - Date.now()) < 60_000);
  const { label, name, kind, definition, message, state, mailboxLength, handled, ancestors } = report;
  assert.deepEqual(
    { label, name, kind, definition, message, state, mailboxLength, handled, ancestors },
    {
      ...{ label: "my victim", name: "victim", kind: "handler", definition: null, message: { bad: "1n" } },
      ...{ state: { count: 1, add: "[Function add]" }, mailboxLength: 2, handled: 2, ancestors: [parent] },
    },
  );
  assert.deepEqual(JSON.parse(JSON.stringify(report)), report);
});

test("the message is also known when an async callback fails, and is not that of an earlier one", async () => {
  const { run, reports, scheduler } = inline();
  await run(async () => {
    const main = self();
    const handler = {
      kind: "handler",
      boot: () => ({
        handle: async (message: unknown) => {
          await null;
          if (message === "bad") throw new Error("late");
          send(main, "done");
        },
      }),
    };
    const { pid } = spawnMonitor(handler, []);
    send(pid, "good");
    send(pid, "bad");
    await receive();
    await receive();
    const { pid: other } = spawnMonitor(handler, []);
    send(other, "good");
    await receive();
    await new Promise(setImmediate); // its callback has settled
    const record = scheduler.processes.get(other);
    assert.ok(record !== undefined);
    scheduler.end(record, new Error("stray")); // as strays.ts does
    await receive();
  });
  assert.deepEqual(
    reports.map((report) => report.tag === "crash" && "message" in report && report.message),
    ["bad", false],
  );
});

test("a process that fails while it boots was handling no message", async () => {
  const { run, reports } = inline();
  await run(async () => {
    spawnMonitor({ kind: "bad", boot: () => Promise.reject(new Error("no")) }, []);
    await receive();
  });
  assert.ok(reports[0]?.tag === "crash" && !("message" in reports[0]) && reports[0].kind === "bad");
});

test("normal ends and exit signals are no crashes", async () => {
  const { run, reports } = inline();
  await run(async () => {
    for (const reason of ["normal", "shutdown", ["shutdown", "x"]]) {
      const ends = { kind: "ends", boot: () => ({ handle: () => {}, terminate: () => reason }) };
      const { pid } = spawnMonitor(ends, []);
      send(pid, 1);
      spawn(async () => {}, []);
      exit(pid, "kill");
      await receive();
    }
  });
  assert.deepEqual(reports, []);
});

test("links and ancestors are told, a label set later too", async () => {
  const { run, reports } = inline();
  const pids = await run(async () => {
    const main = self();
    const { pid } = spawnMonitor(async () => {
      const inner = spawnLink(async () => {
        setLabel("renamed");
        await receive();
        throw new Error("boom");
      }, []);
      send(main, inner);
      await receive();
    }, []);
    const inner = (await receive()) as Pid;
    send(inner, "go");
    await receive();
    return { main, pid, inner };
  });
  const report = reports.find((one) => one.tag === "crash" && one.pid === pids.inner);
  assert.ok(report?.tag === "crash");
  assert.equal(report.label, "renamed");
  assert.deepEqual(report.links, [pids.pid]);
  assert.deepEqual(report.ancestors, [pids.pid, pids.main]);
});

test("what cannot be copied comes from another thread as plain data, with the definition's key", async () => {
  await withThreads({}, async ({ run, reports }) => {
    await run(async () => {
      send(spawnMonitor("unclonable", [], { scheduler: 2 }).pid, "end");
      await receive();
    });
    const report = reports.find((one) => one.tag === "crash");
    assert.ok(report?.tag === "crash");
    assert.deepEqual(
      [report.reason, report.state, report.definition, report.scheduler],
      ["why", { because: "[Function because]" }, "unclonable", 2],
    );
  });
});

test("a storm is cut per second and kind, and its size is told when it is over", () => {
  const told: Report[] = [];
  const clock = { ms: 0, now: () => clock.ms };
  const reports = new Reports((report) => told.push(report), { level: "notice", maxPerSecond: 3 }, clock, 4);
  const notice = (message: string) => reports.send({ tag: "notice", message });
  for (let i = 0; i < 10; i++) notice("storm");
  reports.send({ tag: "thread_down", scheduler: 1, thread: 1, reason: "other kinds are heard", cause: "exit" });
  clock.ms = 1000;
  notice("after");
  assert.deepEqual(
    told.map((report) => (report.tag === "notice" ? report.message : report.tag)),
    ["storm", "storm", "storm", "thread_down", "left_out", "after"],
  );
  const left = told[4];
  assert.deepEqual(left, { tag: "left_out", timeMs: told[4]?.timeMs, of: "notice", count: 7, scheduler: 4 });
});

test("a storm with no report after it is told by a timer", async () => {
  const told: Report[] = [];
  await new Promise<void>((resolve) => {
    const alive = setTimeout(resolve, 30_000); // the timer of the reports keeps no program alive
    const hear = (report: Report): void => {
      told.push(report);
      clearTimeout(alive);
      resolve();
    };
    const reports = new Reports(hear, { level: "notice", maxPerSecond: 0 }, { now: () => 0 }, 1);
    for (let i = 0; i < 5; i++) reports.send({ tag: "notice", message: "x" });
  });
  assert.deepEqual(
    told.map((report) => report.tag === "left_out" && report.count),
    [5],
  );
});

test("only reports of the chosen level and above are made", () => {
  const all: Report["tag"][] = ["crash", "supervisor", "progress", "black_box", "trace", "notice", "left_out"];
  assert.deepEqual(
    all.map((tag) => levelOf({ tag })),
    ["error", "error", "info", "error", "notice", "notice", "notice"],
  );
  for (const [level, heard] of [
    ["error", ["thread_down"]],
    ["notice", ["thread_down", "notice"]],
    ["info", ["thread_down", "notice", "progress"]],
  ] as const) {
    const told: string[] = [];
    const reports = new Reports((report) => told.push(report.tag), { level, maxPerSecond: 10 }, { now: () => 0 }, 0);
    reports.send({ tag: "thread_down", scheduler: 1, thread: 1, reason: "", cause: "exit" });
    reports.send({ tag: "notice", message: "" });
    reports.send({ tag: "progress", pid, label: "", name: null, child });
    assert.deepEqual(told, heard);
  }
});

test("options of reports are checked", () => {
  assert.throws(() => resolveRuntimeOptions({ reportLevel: "loud" as "error" }), { code: "JOIST_BAD_OPTION" });
  assert.throws(() => resolveRuntimeOptions({ maxReportsPerSecond: -1 }), { code: "JOIST_BAD_OPTION" });
  assert.equal(resolveRuntimeOptions({ maxReportsPerSecond: Infinity }).maxReportsPerSecond, Infinity);
});

test("a reporter that throws on the main thread does not end it", async (t) => {
  t.mock.method(console, "error", () => {});
  const report = (): void => {
    throw new Error("the reporter's own");
  };
  await withThreads({ report }, async ({ run }) => {
    await run(async () => {
      send(spawnMonitor("unclonable", [], { scheduler: 1 }).pid, "end");
      await receive();
    });
  });
});
