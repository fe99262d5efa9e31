/** Requests to a supervisor with named children. Those to a dynamic one are in dynamic-supervisor.test.ts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode, RuntimeError } from "../../src/core/errors.js";
import { isExit } from "../../src/core/messages.js";
import type { Pid } from "../../src/core/pid.js";
import type { ChildSpec, ChildSpecInput } from "../../src/otp/child-spec.js";
import { supervisor } from "../../src/otp/supervisor.js";
import {
  countChildren,
  deleteChild,
  restartChild,
  startChild,
  terminateChild,
  whichChildren,
} from "../../src/otp/supervisor-api.js";
import type { SupervisorOptions } from "../../src/otp/supervisor-flags.js";
import { exit, receive, trapExit } from "../../src/runtime/process.js";
import { inline } from "../support/inline.js";
import { type WorkerOptions, Workers } from "./supervisor-worker.js";

type Options = Omit<SupervisorOptions, "children">;

/** Runs `body` with a running supervisor of these workers, and forgets what their starts said. */
async function withSupervisor(
  children: Readonly<Record<string, WorkerOptions>>,
  body: (sup: Pid, workers: Workers) => Promise<void>,
  options: Options = {},
): Promise<void> {
  await inline().run(async () => {
    trapExit(true);
    const workers = new Workers();
    const specs = Object.entries(children).map(([id, worker]) => workers.worker(id, worker));
    const [, sup] = await supervisor({ ...options, children: specs }).startLink(undefined, { name: "sup" });
    await workers.did(...Object.keys(children).map((id) => `${id}#1 up`));
    await body(sup as Pid, workers);
  });
}

test("a child added with startChild is the last one: stopped first, and restarted with rest_for_one groups", async () => {
  const options = { strategy: "rest_for_one" } as const;
  await withSupervisor(
    { a: {}, b: {} },
    async (sup, workers) => {
      const result = await startChild("sup", workers.worker("c"));
      assert.deepEqual(result, ["ok", workers.pid("c")]);
      workers.ends("b", "boom");
      await workers.did("c#1 up", "b#1 stops: boom", "c#1 stops: shutdown", "b#2 up", "c#2 up");
      exit(sup, "shutdown");
      await receive(isExit);
      await workers.did("c#2 stops: shutdown", "b#2 stops: shutdown", "a#1 stops: shutdown");
    },
    options,
  );
});

test("startChild refuses an id that is in use: already_started with the pid, or already_present", async () => {
  await withSupervisor({ a: {}, b: {} }, async (sup, workers) => {
    assert.deepEqual(await startChild(sup, workers.worker("a")), ["error", ["already_started", workers.pid("a")]]);
    await terminateChild(sup, "b");
    assert.deepEqual(await startChild(sup, workers.worker("b")), ["error", "already_present"]);
  });
});

test("a start that fails gives the reason with the specification, keeps nothing and counts as no restart", async () => {
  await withSupervisor(
    { a: {} },
    async (sup, workers) => {
      const [tag, error] = await startChild(sup, workers.worker("x", { fails: [1] }));
      const [reason, spec] = error as unknown as [unknown, ChildSpec];
      assert.deepEqual([tag, reason, spec.id, spec.restart], ["error", "bad", "x", "permanent"]);
      assert.equal((await whichChildren(sup)).length, 1);
    },
    { maxRestarts: 0 },
  );
});

test("an ignored start is ok without a pid; only a temporary child's specification is dropped", async () => {
  await withSupervisor({}, async (sup, workers) => {
    const temporary = workers.worker("t", { ignores: [1], restart: "temporary" });
    assert.deepEqual(await startChild(sup, temporary), ["ok", undefined]);
    assert.deepEqual(await startChild(sup, workers.worker("p", { ignores: [1] })), ["ok", undefined]);
    assert.deepEqual(await whichChildren(sup), [{ id: "p", pid: undefined, type: "worker" }]);
    assert.deepEqual(await restartChild(sup, "p"), ["ok", workers.pid("p")]);
  });
});

test("startChild refuses a wrong specification in OTP's words", async () => {
  await withSupervisor({ a: {} }, async (sup, workers) => {
    const x = workers.worker("x");
    const table = [
      [{ ...x, restart: "often" }, ["invalid_restart_type", "often"]],
      [{ ...x, shutdown: "soon" }, ["invalid_shutdown", "soon"]],
      [{ start: x.start }, "missing_id"],
      [{ id: "x" }, "missing_start"],
      [
        { ...x, significant: true },
        [
          "bad_combination",
          [
            ["auto_shutdown", "never"],
            ["significant", true],
          ],
        ],
      ],
    ] as const;
    for (const [spec, fault] of table) {
      assert.deepEqual(await startChild(sup, spec as ChildSpecInput), ["error", fault]); // as without types
    }
    const unknown = await startChild(sup, { id: "x", start: { definition: "Nothing", args: [] } });
    assert.match(JSON.stringify(unknown), new RegExp(ErrorCode.unknownDefinition));
  });
});

test("terminateChild stops a child for good and keeps its specification, unless it is temporary", async () => {
  await withSupervisor({ a: {}, b: { restart: "temporary" } }, async (sup, workers) => {
    assert.deepEqual(await terminateChild(sup, "a"), ["ok"]);
    await workers.did("a#1 stops: shutdown");
    assert.deepEqual(await terminateChild(sup, "a"), ["ok"]);
    assert.deepEqual(await terminateChild(sup, "b"), ["ok"]);
    assert.deepEqual(await terminateChild(sup, "b"), ["error", "not_found"]);
    assert.deepEqual(await terminateChild(sup, workers.pid("a")), ["error", "not_found"]);
    assert.deepEqual(await countChildren(sup), { specs: 1, active: 0, supervisors: 0, workers: 1 });
  });
});

test("a child stopped with terminateChild comes back with a later restart of its group", async () => {
  const options = { strategy: "one_for_all" } as const;
  await withSupervisor(
    { a: {}, b: {} },
    async (sup, workers) => {
      await terminateChild(sup, "b");
      workers.ends("a", "boom");
      await workers.did("b#1 stops: shutdown", "a#1 stops: boom", "a#2 up", "b#2 up");
    },
    options,
  );
});

test("restartChild starts a stopped child, counts as no restart, and gives the plain reason of a failed start", async () => {
  await withSupervisor(
    { a: { fails: [2, 3] } },
    async (sup, workers) => {
      assert.deepEqual(await restartChild(sup, "a"), ["error", "running"]);
      await terminateChild(sup, "a");
      assert.deepEqual(await restartChild(sup, "a"), ["error", "bad"]);
      assert.deepEqual(await restartChild(sup, "a"), ["error", "bad"]);
      assert.deepEqual(await restartChild(sup, "a"), ["ok", workers.pid("a")]);
      assert.deepEqual(await restartChild(sup, "x"), ["error", "not_found"]);
    },
    { maxRestarts: 0 },
  );
});

test("deleteChild forgets a child that isn't running, and its id is free again", async () => {
  await withSupervisor({ a: {} }, async (sup, workers) => {
    assert.deepEqual(await deleteChild(sup, "a"), ["error", "running"]);
    await terminateChild(sup, "a");
    assert.deepEqual(await deleteChild(sup, "a"), ["ok"]);
    assert.deepEqual(await deleteChild(sup, "a"), ["error", "not_found"]);
    assert.equal((await startChild(sup, workers.worker("a")))[0], "ok");
  });
});

test("while a restart keeps failing the child is restarting: not to be restarted or deleted, but to be stopped", async () => {
  const fails = Array.from({ length: 1000 }, (_, i) => i + 2);
  await withSupervisor(
    { a: {}, b: { fails } },
    async (sup, workers) => {
      workers.ends("b", "boom");
      await workers.did("b#1 stops: boom", "b#2 fails");
      assert.deepEqual(await restartChild(sup, "b"), ["error", "restarting"]);
      assert.deepEqual(await deleteChild(sup, "b"), ["error", "restarting"]);
      assert.deepEqual(await startChild(sup, workers.worker("b")), ["error", "already_present"]);
      assert.deepEqual((await whichChildren(sup))[1], { id: "b", pid: "restarting", type: "worker" });
      assert.deepEqual(await countChildren(sup), { specs: 2, active: 1, supervisors: 0, workers: 2 });
      assert.deepEqual(await terminateChild(sup, "b"), ["ok"]);
      assert.deepEqual((await whichChildren(sup))[1], { id: "b", pid: undefined, type: "worker" });
    },
    { maxRestarts: 1000 },
  );
});

test("a request to a supervisor that is gone, or ends before it answers, fails with its reason", async () => {
  await withSupervisor({ a: { stopsInMs: 10 } }, async (sup) => {
    const failsWith = (reason: string) => (error: unknown) => {
      assert.ok(error instanceof RuntimeError && error.code === ErrorCode.callFailed);
      assert.deepEqual((error.exitReason as unknown[])[0], reason);
      return true;
    };
    exit(sup, "shutdown");
    await assert.rejects(async () => whichChildren(sup), failsWith("shutdown"));
    await assert.rejects(async () => whichChildren(sup), failsWith("noproc"));
    await assert.rejects(async () => whichChildren("sup"), failsWith("noproc"));
  });
});
