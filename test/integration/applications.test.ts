/** An application and those it depends on: in which order they live, and what the end of one means for the others. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { type App, kill, type Report, type StartOptions, start, stopServer } from "joist";
import { endsAll } from "../../src/endpoint/applications.js";
import type { Plan } from "../support/apps/shop/journal.js";
import { RawClient } from "../support/raw-client.js";

const shop = new URL("../support/apps/shop/shop.js", import.meta.url);

interface Shop {
  readonly app: App;
  readonly reports: readonly Report[];
  journal(): string[];
}

/** Starts the shop as planned. With inline schedulers its modules keep the plan they were loaded with, so threads it is. */
async function open(t: TestContext, plan: Plan = {}, options: StartOptions = {}): Promise<Shop> {
  const { journal, reports, started } = prepare(t, plan, options);
  const app = await started;
  t.after(() => app.stop());
  return { app, reports, journal };
}

function prepare(t: TestContext, plan: Plan, options: StartOptions = {}) {
  const folder = mkdtempSync(join(tmpdir(), "joist-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "journal");
  writeFileSync(file, "");
  process.env.JOIST_TEST_SHOP = JSON.stringify({ ...plan, journal: file });
  const reports: Report[] = [];
  const report = (given: Report): void => void reports.push(given);
  const started = start(shop, { schedulers: 2, port: 0, address: "127.0.0.1", report, ...options });
  return { journal: () => readFileSync(file, "utf8").split("\n").slice(0, -1), reports, started };
}

const began = ["metrics", "accounts", "mail", "shop"].flatMap((name) => [`${name}.start`, `${name}.init`]);
const ended = (...names: string[]): string[] =>
  names.flatMap((name) => [`${name}.prepStop 1`, `${name}.prepStop`, `${name}.terminate`, `${name}.stop 2`]);

test("dependencies start first, each once, each tree after its callback; all stop in reverse order", async (t) => {
  const { app, journal } = await open(t);
  assert.deepEqual(app.applications, ["metrics", "accounts", "mail", "shop"]);
  assert.deepEqual(journal(), began);
  await app.stop();
  assert.deepEqual(journal(), [...began, ...ended("shop", "mail", "accounts", "metrics")]);
  assert.equal(await app.stopped, "stopped");
});

test("servers of dependencies are called by name; what a dependency's module exports starts on any thread", async (t) => {
  const { app } = await open(t);
  assert.equal(await app.call("gauge", "read"), "metrics");
  assert.equal(await app.call("outbox", "read"), "mail");
  for (const scheduler of [1, 2]) {
    assert.deepEqual(await app.call("ledger", "session", { user: "ann", scheduler }), ["ann", scheduler]);
  }
});

test("sockets of dependencies are mounted", async (t) => {
  const { app } = await open(t);
  const joined = async (path: string, topic: string): Promise<unknown> => {
    const client = await RawClient.connect(app.port, "vsn=2.0.0", `${path}/websocket`);
    t.after(() => client.drop());
    return (await client.join(topic))[4];
  };
  const ok = (response: object) => ({ status: "ok", response });
  assert.deepEqual(await joined("/accounts", "account:1"), ok({ topic: "account:1" }));
  assert.deepEqual(await joined("/mail", "mail:1"), ok({ mail: true }));
  assert.deepEqual(await joined("/shop", "till"), ok({ shop: true }));
});

test("two applications with a socket at one path cannot start, and the message names both", async (t) => {
  const { started, journal } = prepare(t, { mailPath: "/accounts/" });
  const message = /applications "accounts" and "mail" both mount a socket at "\/accounts\/"/;
  await assert.rejects(started, { code: "JOIST_START_FAILED", message });
  assert.deepEqual(journal(), []);
});

test("when a start callback throws, what has started is stopped, and what comes after never starts", async (t) => {
  const { started, journal } = prepare(t, { fail: ["mail.start"] });
  const message = /application "mail" could not be started: Error: mail\.start fails on purpose/;
  await assert.rejects(started, { code: "JOIST_START_FAILED", message });
  const before = began.slice(0, 4);
  assert.deepEqual(journal(), [...before, "mail.start", ...ended("accounts", "metrics")]);
});

test("when children cannot be started, what the start callback made goes to the stop callback", async (t) => {
  const { started, journal } = prepare(t, { fail: ["accounts.init"] });
  const message = /children of application "accounts" could not be started: .*accounts\.init fails on purpose/;
  await assert.rejects(started, { code: "JOIST_START_FAILED", message });
  assert.deepEqual(journal(), [...began.slice(0, 4), "accounts.stop 1", ...ended("metrics")]);
});

test("a callback that crashes while stopping is reported, and stopping goes on", async (t) => {
  const { app, journal, reports } = await open(t, { fail: ["mail.prepStop"] });
  await app.stop();
  const mail = ["mail.prepStop 1", "mail.prepStop", "mail.terminate", "mail.stop 1"]; // with the state as it was
  assert.deepEqual(journal(), [...began, ...ended("shop"), ...mail, ...ended("accounts", "metrics")]);
  assert.ok(reports.some((report) => report.tag === "crash" && report.label === "mail: prepStop"));
});

test("a stop callback that never ends holds up the others no longer than shutdownMs", async (t) => {
  const { app, journal } = await open(t, { hang: ["mail.stop"] }, { shutdownMs: 2000 });
  await app.stop();
  assert.equal(journal().at(-1), "mail.stop 2");
  assert.equal(await app.stopped, "stopped");
});

/** Has the supervisor of an application end with a reason. */
async function endRoot(app: App, server: string, reason: unknown): Promise<void> {
  const pid = app.whereis(server);
  assert.ok(pid !== undefined);
  const root = (await app.processInfo(pid))?.parent;
  assert.ok(root !== null && root !== undefined);
  if (reason === "killed") app.run(() => kill(root));
  else await app.run(() => stopServer(root, reason));
}

test("when the supervisor of a temporary application gives up, that is reported and the others live on", async (t) => {
  const { app, journal, reports } = await open(t, { restart: { mail: "temporary" } });
  await endRoot(app, "outbox", "shutdown");
  while (!journal().includes("mail.stop 2")) await nextTurn();
  assert.deepEqual(app.applications, ["metrics", "accounts", "shop"]);
  assert.equal(await app.call("gauge", "read"), "metrics");
  const notice = /application "mail" gave up: shutdown; it is temporary, the others live on/;
  assert.ok(reports.some((report) => report.tag === "notice" && notice.test(report.message)));
  await app.stop();
  const rest = journal().slice(began.length);
  // Its callbacks ran once, when it ended.
  assert.deepEqual(rest, [
    "mail.terminate",
    "mail.prepStop 1",
    "mail.prepStop",
    "mail.stop 2",
    ...ended("shop", "accounts", "metrics"),
  ]);
});

test("when the supervisor of a permanent application gives up, all stop, in order, with the reason", async (t) => {
  const { app, journal } = await open(t);
  await endRoot(app, "gauge", "shutdown");
  assert.equal(await app.stopped, 'the supervisor of application "metrics" gave up: shutdown');
  assert.deepEqual(app.applications, []);
  const stops = journal().filter((line) => /\.stop/.test(line));
  assert.deepEqual(new Set(stops), new Set(["metrics.stop 2", "shop.stop 2", "mail.stop 2", "accounts.stop 2"]));
});

test("a killed supervisor counts as one that gave up", async (t) => {
  const { app } = await open(t, { restart: { mail: "transient" } });
  await endRoot(app, "outbox", "killed");
  assert.equal(await app.stopped, 'the supervisor of application "mail" gave up: killed');
});

test("a transient application may end normally", async (t) => {
  const { app, journal } = await open(t, { restart: { mail: "transient" } });
  await endRoot(app, "outbox", "normal");
  while (!journal().includes("mail.stop 2")) await nextTurn();
  assert.deepEqual(app.applications, ["metrics", "accounts", "shop"]);
  assert.equal(await app.call("gauge", "read"), "metrics");
});

test("whose end is the end of all: permanent always, transient unless it was normal, temporary never", () => {
  const table = (["permanent", "transient", "temporary"] as const).map((restart) =>
    ["normal", "shutdown", "killed", { tag: "error" }].map((reason) => endsAll(restart, reason)),
  );
  assert.deepEqual(table, [
    [true, true, true, true],
    [false, true, true, true],
    [false, false, false, false],
  ]);
});

test("with everything on one thread dependencies work the same", async (t) => {
  const { app } = await open(t, {}, { schedulers: 0 });
  assert.deepEqual(app.applications, ["metrics", "accounts", "mail", "shop"]);
  assert.equal(await app.call("outbox", "read"), "mail");
  assert.deepEqual(await app.call("ledger", "session", { user: "bob", scheduler: 0 }), ["bob", 0]);
  await app.stop();
});
