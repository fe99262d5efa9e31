import assert from "node:assert/strict";
import { test } from "node:test";
import { isExit } from "../../src/core/messages.js";
import type { Pid } from "../../src/core/pid.js";
import { dynamicSupervisor } from "../../src/otp/dynamic-supervisor.js";
import type { StartResult } from "../../src/otp/start.js";
import { supervisor } from "../../src/otp/supervisor.js";
import { startChild, terminateChild } from "../../src/otp/supervisor-api.js";
import type { Strategy } from "../../src/otp/supervisor-flags.js";
import { isExpectedStop } from "../../src/otp/supervisor-reports.js";
import { exit, receive, register, self, send, spawn, trapExit } from "../../src/runtime/process.js";
import type { ProgressReport, Report, SupervisorReport } from "../../src/runtime/report.js";
import { inline } from "../support/inline.js";
import { withThreads } from "../support/threads.js";
import { Workers } from "./supervisor-worker.js";

/** Runs `body`, and answers what was reported. */
async function reported(
  body: (workers: Workers) => Promise<void>,
  level: "notice" | "info" = "notice",
): Promise<Report[]> {
  const { run, reports } = inline({}, { level, maxPerSecond: 1000 });
  await run(async () => {
    trapExit(true);
    await body(new Workers());
  });
  return [...reports];
}

function started(result: StartResult): Pid {
  assert.equal(result[0], "ok", JSON.stringify(result));
  return result[1] as Pid;
}

async function endOf(pid: Pid): Promise<void> {
  const end = await receive((message) => isExit(message) && message.from === pid, 2000);
  assert.ok(isExit(end), "the supervisor did not end");
}

/** What matters of the reports of supervisors. */
function told(reports: readonly Report[]): unknown[] {
  return reports
    .filter((report): report is SupervisorReport => report.tag === "supervisor")
    .map(({ context, child, reason, decision }) => [context, child.id, reason, decision]);
}

for (const [strategy, decision] of [
  ["one_for_one", "restart"],
  ["rest_for_one", "restart_group"],
  ["one_for_all", "restart_group"],
] as const satisfies readonly (readonly [Strategy, string])[]) {
  test(`${strategy}: the end of a child is reported with its reason, what is decided, and how many restarts count`, async () => {
    const pids: Pid[] = [];
    const reports = await reported(async (workers) => {
      const children = [workers.worker("a", { traps: false }), workers.worker("b")];
      const sup = started(await supervisor({ strategy, children }).startLink(undefined, { name: "sup" }));
      await workers.did("a#1 up", "b#1 up");
      pids.push(sup, workers.pid("a"));
      exit(workers.pid("a"), "boom");
      await (strategy === "one_for_one"
        ? workers.did("a#2 up")
        : workers.did("b#1 stops: shutdown", "a#2 up", "b#2 up"));
    });
    const report = reports.find((one) => one.tag === "supervisor");
    assert.deepEqual(report, {
      ...{ tag: "supervisor", timeMs: report?.timeMs, pid: pids[0], label: "supervisor", name: "sup" },
      ...{ context: "child_terminated", reason: "boom", decision },
      child: { id: "a", pid: pids[1], restart: "permanent", type: "worker", shutdown: 5000 },
      restarts: { count: 1, maxRestarts: 3, maxSeconds: 5 },
    });
    assert.equal(told(reports).length, 1);
  });
}

test("a supervisor that gives up says so twice, as in OTP: about the child, and about itself", async () => {
  const reports = await reported(async (workers) => {
    const sup = started(
      await supervisor({ maxRestarts: 0, children: [workers.worker("a", { traps: false })] }).startLink(),
    );
    exit(workers.pid("a"), "boom");
    await endOf(sup);
  });
  assert.deepEqual(told(reports), [
    ["child_terminated", "a", "boom", "give_up"],
    ["shutdown", "a", "reached_max_restart_intensity", "give_up"],
  ]);
});

test("a normal end is worth a report only if the child is permanent", async () => {
  for (const [restart, expected] of [
    ["permanent", [["child_terminated", "a", "normal", "restart"]]],
    ["transient", []],
    ["temporary", []],
  ] as const) {
    const reports = await reported(async (workers) => {
      started(await supervisor({ children: [workers.worker("a", { restart }), workers.worker("b")] }).startLink());
      await workers.did("a#1 up", "b#1 up");
      workers.ends("a", "normal");
      await workers.did("a#1 stops: normal");
      if (restart === "permanent") await workers.did("a#2 up");
    });
    assert.deepEqual(told(reports), expected, restart);
  }
});

test("an abnormal end of a child that stays down is reported, and so is the shutdown that follows from a significant one", async () => {
  const reports = await reported(async (workers) => {
    const significant = { restart: "temporary", significant: true, traps: false } as const;
    const children = [workers.worker("a", { restart: "temporary", traps: false }), workers.worker("b", significant)];
    const sup = started(await supervisor({ autoShutdown: "any_significant", children }).startLink());
    exit(workers.pid("a"), "boom");
    exit(workers.pid("b"), "bang");
    await endOf(sup);
  });
  assert.deepEqual(told(reports), [
    ["child_terminated", "a", "boom", "none"],
    ["child_terminated", "b", "bang", "auto_shutdown"],
  ]);
});

test("a start that fails is reported: the first time the supervisor gives up, later it tries again", async () => {
  const first = await reported(async (workers) => {
    await supervisor({ children: [workers.worker("a"), workers.worker("b", { fails: [1] })] }).startLink();
  });
  assert.deepEqual(told(first), [["start_error", "b", "bad", "give_up"]]);
  const later = await reported(async (workers) => {
    started(await supervisor({ children: [workers.worker("a", { fails: [2], traps: false })] }).startLink());
    await workers.did("a#1 up");
    exit(workers.pid("a"), "boom");
    await workers.did("a#2 fails", "a#3 up");
  });
  assert.deepEqual(told(later), [
    ["child_terminated", "a", "boom", "restart"],
    ["start_error", "a", "bad", "retry"],
  ]);
});

test("a child that does not stop in time is killed, and that is reported; one that does is not", async () => {
  const reports = await reported(async (workers) => {
    const children = [workers.worker("quick"), workers.worker("slow", { stopsInMs: 60_000, shutdown: 10 })];
    const sup = started(await supervisor({ children }).startLink());
    exit(sup, "shutdown");
    await endOf(sup);
  });
  assert.deepEqual(told(reports), [["shutdown_error", "slow", "killed", "none"]]);
});

test("what a child may end with when it is told to stop is as in OTP", () => {
  const permanent = { restart: "permanent", shutdown: 5000 } as const;
  const transient = { restart: "transient", shutdown: 5000 } as const;
  const brutal = { restart: "permanent", shutdown: "brutal_kill" } as const;
  for (const [spec, reason, expected] of [
    [permanent, "shutdown", true],
    [permanent, "normal", false],
    [permanent, ["shutdown", "x"], false],
    [permanent, "killed", false],
    [transient, "normal", true],
    [transient, ["shutdown", "x"], true],
    [transient, "boom", false],
    [brutal, "killed", true],
    [brutal, "shutdown", false],
  ] as const) {
    assert.equal(isExpectedStop(spec, reason), expected, JSON.stringify([spec, reason]));
  }
});

test("a dynamic supervisor reports its children's ends too", async () => {
  const reports = await reported(async (workers) => {
    const sup = started(await dynamicSupervisor({ maxRestarts: 1 }).startLink());
    await startChild(sup, workers.worker("a", { traps: false, fails: [2] }));
    await workers.did("a#1 up");
    const temporary = await startChild(sup, workers.worker("t", { traps: false, restart: "temporary" }));
    await workers.did("t#1 up");
    exit(temporary[1] as Pid, "bang");
    exit(workers.pid("a"), "boom");
    await endOf(sup);
  });
  assert.deepEqual(told(reports), [
    ["child_terminated", "t", "bang", "none"],
    ["child_terminated", "a", "boom", "restart"],
    ["start_error", "a", "bad", "retry"],
    ["shutdown", "a", "reached_max_restart_intensity", "give_up"],
  ]);
});

test("each start of a child is reported as progress, if such reports are heard", async () => {
  const reports = await reported(async (workers) => {
    const sup = started(await supervisor({ children: [workers.worker("a")] }).startLink());
    await startChild(sup, workers.worker("b"));
    await terminateChild(sup, "b");
  }, "info");
  const progress = reports.filter((report): report is ProgressReport => report.tag === "progress");
  assert.deepEqual(
    progress.map(({ child }) => child.id),
    ["a", "b"],
  );
  assert.ok(progress.every(({ child }) => child.pid !== undefined));
});

test("reports of supervisors on other threads arrive, also about children lost with a thread", async () => {
  const app = new URL("./supervisor-app.js", import.meta.url);
  await withThreads(
    {},
    async ({ run, reports }) => {
      await run(async () => {
        register("test", self());
        spawn("Tree", [undefined], { scheduler: 2 });
        const members = [await receive(), await receive(), await receive()] as { readonly pid: Pid }[];
        const first = members[0];
        assert.ok(first !== undefined);
        send(first.pid, ["$cast", "endThread", undefined]);
        await receive();
        await receive();
      });
      assert.deepEqual(told(reports), [
        ["child_terminated", "a", ["scheduler_down", "exit"], "restart"],
        ["child_terminated", "b", "scheduler_down", "restart"],
      ]);
    },
    app,
  );
});
