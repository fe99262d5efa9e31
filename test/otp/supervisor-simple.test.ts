import assert from "node:assert/strict";
import { test } from "node:test";
import { isDown, isExit } from "../../src/core/messages.js";
import type { Pid } from "../../src/core/pid.js";
import { type ChildSpecInput, resolveChildSpec } from "../../src/otp/child-spec.js";
import { genServer } from "../../src/otp/gen-server.js";
import { ignore } from "../../src/otp/results.js";
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
import { exit, kill, monitor, receive, spawn, trapExit } from "../../src/runtime/process.js";
import { inline } from "../support/inline.js";

/** Runs `body` with a `simple_one_for_one` supervisor; `starts` gets the arguments of each start. */
async function withSimple(
  template: Partial<ChildSpecInput>,
  body: (sup: Pid, starts: readonly unknown[]) => Promise<void>,
  options: Partial<SupervisorOptions> = {},
): Promise<void> {
  await inline().run(async () => {
    trapExit(true);
    const starts: unknown[] = [];
    // The one that ignores does so from the third start on.
    const Idle = genServer({ init: (arg: string) => (starts.push(arg) > 2 && arg === "ignores" ? ignore() : { arg }) });
    const child = resolveChildSpec({ id: "w", start: { definition: Idle, args: [] }, ...template });
    const [, sup] = await supervisor({ strategy: "simple_one_for_one", ...options, children: [child] }).startLink();
    await body(sup as Pid, starts);
  });
}

const down = async (pid: Pid): Promise<void> => {
  const ref = monitor(pid);
  kill(pid);
  await receive((message) => isDown(message) && message.ref === ref, 2000);
};

test("children are made of the template with the arguments given, at restarts too", async () => {
  await withSimple({}, async (sup, starts) => {
    assert.deepEqual(await countChildren(sup), { specs: 1, active: 0, supervisors: 0, workers: 0 });
    const [, first] = await startChild(sup, ["one"]);
    await startChild(sup, ["two"]);
    await down(first as Pid);
    const children = await whichChildren(sup);
    assert.deepEqual(starts, ["one", "two", "one"]);
    assert.deepEqual(
      children.map(({ id, type }) => [id, type]),
      [
        [undefined, "worker"],
        [undefined, "worker"],
      ],
    );
    assert.deepEqual(await countChildren(sup), { specs: 1, active: 2, supervisors: 0, workers: 2 });
  });
});

test("terminateChild of a pid is ok if that process is gone, whatever it was, and not_found if it lives elsewhere", async () => {
  await withSimple({}, async (sup) => {
    const [, pid] = await startChild(sup, ["one"]);
    assert.deepEqual(await terminateChild(sup, pid as Pid), ["ok"]);
    assert.deepEqual(await terminateChild(sup, pid as Pid), ["ok"]);
    const stranger = spawn(async () => receive(() => false), []);
    assert.deepEqual(await terminateChild(sup, stranger), ["error", "not_found"]);
    kill(stranger);
  });
});

test("requests by id are refused", async () => {
  await withSimple({}, async (sup) => {
    for (const request of [terminateChild, restartChild, deleteChild]) {
      assert.deepEqual(await request(sup, "w"), ["error", "simple_one_for_one"]);
    }
  });
});

test("a child that ignores its start is forgotten, one that ignores a restart stays listed and counts as active", async () => {
  await withSimple({}, async (sup) => {
    const [, pid] = await startChild(sup, ["ignores"]);
    await startChild(sup, ["other"]);
    assert.deepEqual(await startChild(sup, ["ignores"]), ["ok", undefined]);
    await down(pid as Pid);
    assert.deepEqual((await whichChildren(sup)).at(-1), { id: undefined, pid: undefined, type: "worker" });
    assert.deepEqual(await countChildren(sup), { specs: 1, active: 2, supervisors: 0, workers: 2 });
  });
});

test("the end of a significant child ends the supervisor, which stops the others", async () => {
  const options = { autoShutdown: "any_significant" } as const;
  await withSimple(
    { restart: "temporary", significant: true },
    async (sup) => {
      const [, first] = await startChild(sup, ["one"]);
      const [, second] = await startChild(sup, ["two"]);
      const ref = monitor(second as Pid);
      exit(first as Pid, "boom");
      const end = await receive((message) => isExit(message) && message.from === sup, 2000);
      assert.ok(isExit(end) && end.reason === "shutdown");
      const gone = await receive(isDown, 2000);
      assert.ok(typeof gone === "object" && gone.ref === ref && gone.reason === "shutdown");
    },
    options,
  );
});

test("there has to be exactly one template", async () => {
  await inline().run(async () => {
    trapExit(true);
    const result = await supervisor({ strategy: "simple_one_for_one", children: [] }).startLink();
    assert.deepEqual(result, ["error", ["start_spec", ["bad_start_spec", 0]]]);
  });
});
