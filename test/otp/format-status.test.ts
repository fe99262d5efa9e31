/** `formatStatus`: what people are shown of a process. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isDown } from "../../src/core/messages.js";
import type { Pid } from "../../src/core/pid.js";
import { genServer } from "../../src/otp/gen-server.js";
import { cast } from "../../src/otp/gen-server-calls.js";
import { stop } from "../../src/otp/results.js";
import type { StartResult } from "../../src/otp/start.js";
import { stateMachine } from "../../src/otp/state-machine.js";
import { nextState } from "../../src/otp/state-machine-results.js";
import { sys } from "../../src/otp/sys.js";
import { monitor, receive } from "../../src/runtime/process.js";
import type { CrashReport } from "../../src/runtime/report.js";
import { inline } from "../support/inline.js";

const Vault = genServer({
  init: () => ({ user: "u1", password: "s3cret" }),
  handleCast: {
    login: (_password: string) => {
      throw new Error("refused");
    },
    leave: (password: string) => stop(["left", password]),
  },
  formatStatus: ({ state, message, reason }) => ({
    state: { ...state, password: "…" },
    ...(message === undefined ? {} : { message: (message as readonly unknown[]).slice(0, 2) }),
    ...(Array.isArray(reason) ? { reason: ["left", "…"] } : {}),
  }),
});

const Lock = stateMachine({
  init: (code: string) => nextState("locked", { code, tries: 0 }),
  states: {
    locked: {
      cast: {
        enter: (_code: string) => {
          throw new Error("jammed");
        },
      },
    },
  },
  formatStatus: ({ data, message }) => ({
    data: { ...data, code: "…" },
    ...(message === undefined ? {} : { message: "…" }),
  }),
});

function started(result: StartResult): Pid {
  assert.equal(result[0], "ok", JSON.stringify(result));
  return result[1] as Pid;
}

/** The crash report after `event`. */
async function crashOf(start: () => Promise<StartResult>, event: string, arg: unknown): Promise<CrashReport> {
  const { run, reports } = inline();
  await run(async () => {
    const pid = started(await start());
    monitor(pid);
    cast(pid, event, arg);
    await receive(isDown);
  });
  const crash = reports.find(({ tag }) => tag === "crash");
  assert.ok(crash?.tag === "crash");
  return crash;
}

test("getStatus shows of a server and a machine what formatStatus makes of it, and getState all", async () => {
  await inline().run(async () => {
    const vault = started(await Vault.start());
    assert.deepEqual((await sys.getStatus(vault)).state, { user: "u1", password: "…" });
    assert.deepEqual(await sys.getState(vault), { user: "u1", password: "s3cret" });
    const lock = started(await Lock.start("1234"));
    assert.deepEqual((await sys.getStatus(lock)).state, ["locked", { code: "…", tries: 0 }]);
    assert.deepEqual(await sys.getState(lock), ["locked", { code: "1234", tries: 0 }]);
  });
});

test("a crash report shows state and message as formatStatus does, and what that leaves out as it is", async () => {
  const crash = await crashOf(() => Vault.start(), "login", "s3cret");
  assert.deepEqual(crash.state, { user: "u1", password: "…" });
  assert.deepEqual(crash.message, ["$cast", "login"]);
  assert.equal((crash.reason as { readonly message: string }).message, "refused");
  const jammed = await crashOf(() => Lock.start("1234"), "enter", "1234");
  assert.deepEqual(jammed.state, ["locked", { code: "…", tries: 0 }]);
  assert.equal(jammed.message, "…");
  assert.doesNotMatch(JSON.stringify([crash, jammed]), /s3cret|1234/);
});

test("the reason in the report can be another one; the true one is what links and monitors get", async () => {
  const { run, reports } = inline();
  await run(async () => {
    const pid = started(await Vault.start());
    monitor(pid);
    cast(pid, "leave", "s3cret");
    const down = await receive(isDown);
    assert.deepEqual(down.reason, ["left", "s3cret"]);
  });
  assert.deepEqual(
    reports.flatMap((report) => (report.tag === "crash" ? [report.reason] : [])),
    [["left", "…"]],
  );
});

for (const [what, formatStatus, why] of [
  ["throws", () => assert.fail("no idea"), "threw"],
  ["is async", async () => ({}), "returned no object"],
] as const) {
  test(`a formatStatus that ${what} lets nothing out, and does not hide the reason`, async () => {
    const Careless = genServer({
      init: () => ({ password: "s3cret" }),
      handleCast: {
        login: (_password: string) => {
          throw new Error("refused");
        },
      },
      formatStatus: formatStatus as () => object,
    });
    const crash = await crashOf(() => Careless.start(), "login", "s3cret");
    assert.match(crash.state as string, new RegExp(`withheld.*${why}`));
    assert.match(crash.message as string, /withheld/);
    assert.equal((crash.reason as { readonly message: string }).message, "refused");
    assert.doesNotMatch(JSON.stringify(crash), /s3cret/);
  });
}
