import assert from "node:assert/strict";
import { channel } from "node:diagnostics_channel";
import { type TestContext, test } from "node:test";
import { type App, attachTelemetry, formatReport, type Report, type StartOptions } from "joist";
import { Span, telemetryFields } from "../../src/channels/telemetry.js";
import { withApp } from "../support/app.js";
import type { Told } from "../support/apps/telemetry.js";
import { PollClient } from "../support/poll-client.js";
import { RawClient } from "../support/raw-client.js";

const url = new URL("../support/apps/telemetry.js", import.meta.url);

async function taken(app: App): Promise<readonly Told[]> {
  return (await app.call("collector", "take")) as readonly Told[];
}

/** What is told until an event of that name: casts of another thread may be under way. */
async function toldUntil(app: App, name: string, phase = "stop"): Promise<readonly Told[]> {
  const all: Told[] = [];
  while (!all.some((told) => told.name === name && told.phase === phase)) all.push(...(await taken(app)));
  return all;
}

const short = (told: readonly Told[]): string[] => told.map(({ name, phase }) => `${name.slice(6)}:${phase}`);

function only(told: readonly Told[], name: string, phase: string): Told {
  const [found, more] = told.filter((event) => event.name === `joist.${name}` && event.phase === phase);
  assert.ok(found !== undefined && more === undefined, `one ${name}:${phase} in ${short(told).join(" ")}`);
  return found;
}

const on = (name: string, use: (app: App) => Promise<void>): void => {
  test(name, async (t: TestContext) => {
    process.env.JOIST_TEST_TELEMETRY = "1";
    t.after(() => delete process.env.JOIST_TEST_TELEMETRY);
    await withApp(({ app }) => use(app), { report: () => {} }, url);
  });
};

on(
  "a client that connects, joins, asks and goes is told of in this order, by the processes themselves",
  async (app) => {
    const client = await RawClient.connect(app.port, "vsn=2.0.0&who=ann");
    await client.join("room:a", { p: 1 });
    assert.deepEqual(await client.ask("room:a", "ping", { q: 2 }), { status: "ok", response: { pong: 1 } });
    client.drop();
    const told = await toldUntil(app, "joist.channel.terminate");
    assert.deepEqual(
      short(told),
      ["socket.connect", "channel.join", "channel.handle_in", "channel.terminate"].flatMap((name) => [
        `${name}:start`,
        `${name}:stop`,
      ]),
    );
    assert.ok(told.every(({ isOwn }) => isOwn));

    const { metadata: connect, measurements } = only(told, "socket.connect", "stop");
    const { params, connectInfo, pid, ...rest } = connect;
    assert.deepEqual(rest, { userSocket: "RoomSocket", transport: "websocket", vsn: "2.0.0", result: "ok" });
    assert.equal((params as { who: string }).who, "ann");
    assert.equal((connectInfo as { uri: { path: string } }).uri.path, "/socket/websocket");
    assert.ok((measurements.queueMs ?? -1) >= 0 && (measurements.durationMs ?? -1) >= 0);

    const join = only(told, "channel.join", "stop");
    assert.deepEqual(join.metadata, {
      ...{ pid: join.metadata.pid, topic: "room:a", joinRef: "1", transport: "websocket" },
      ...{ params: { p: 1 }, result: "ok" },
    });
    assert.deepEqual(join.assigns, { who: "ann" });
    assert.ok((join.measurements.queueMs ?? -1) >= 0 && (join.measurements.queueMs ?? 0) < 60_000);
    assert.ok(Math.abs((only(told, "channel.join", "start").measurements.systemTimeMs ?? 0) - Date.now()) < 60_000);

    const handled = only(told, "channel.handle_in", "stop");
    const { event, ref, result, status } = handled.metadata;
    assert.deepEqual([event, ref, handled.metadata.params, result, status], ["ping", "2", { q: 2 }, "reply", "ok"]);
    assert.deepEqual(only(told, "channel.terminate", "stop").metadata.reason, ["shutdown", "closed"]);
  },
);

on("refusals are told of as results, crashes as exceptions", async (app) => {
  await RawClient.refused(app.port, "vsn=2.0.0&who=nobody");
  assert.equal(only(await toldUntil(app, "joist.socket.connect"), "socket.connect", "stop").metadata.result, "error");
  const client = await RawClient.connect(app.port);
  await client.join("room:a", { refuse: true });
  const refused = await toldUntil(app, "joist.channel.terminate");
  assert.equal(only(refused, "channel.join", "stop").metadata.result, "error");
  await client.join("room:b", { crash: true }, "2");
  const crashed = only(await toldUntil(app, "joist.channel.join", "exception"), "channel.join", "exception");
  assert.equal((crashed.metadata.reason as { message: string }).message, "no");
  assert.ok(crashed.measurements.durationMs !== undefined);

  await client.join("room:c", {}, "3");
  client.send("3", "4", "room:c", "crash", {});
  const told = await toldUntil(app, "joist.channel.terminate");
  assert.equal((only(told, "channel.handle_in", "exception").metadata.reason as { name: string }).name, "RangeError");
  assert.equal((only(told, "channel.terminate", "stop").metadata.reason as { name: string }).name, "RangeError");
  assert.ok(!short(told).includes("channel.handle_in:stop"));
  client.drop();
});

on("pushes, broadcasts, handleOut and handleInfo are told of, each inside what made it", async (app) => {
  const client = await RawClient.connect(app.port);
  await client.join("room:a");
  await toldUntil(app, "joist.channel.join");
  client.send("1", "2", "room:a", "push", { n: 1 });
  await client.next();
  assert.deepEqual(short(await toldUntil(app, "joist.channel.handle_in")), [
    ...["channel.handle_in:start", "channel.push:start", "channel.push:stop", "channel.handle_in:stop"],
  ]);
  client.send("1", "3", "room:a", "shout", { n: 2 });
  await client.next();
  const shouted = await toldUntil(app, "joist.channel.handle_out");
  assert.equal(only(shouted, "channel.broadcast", "stop").metadata.event, "shout");
  assert.deepEqual(only(shouted, "channel.handle_out", "start").metadata.payload, { n: 2 });
  assert.equal(only(shouted, "channel.push", "stop").metadata.event, "shouted");
  client.send("1", "4", "room:a", "info", {});
  assert.equal(
    only(await toldUntil(app, "joist.channel.handle_info"), "channel.handle_info", "stop").metadata.message,
    "hello",
  );
  client.send("1", "5", "room:a", "bad", {});
  const bad = await toldUntil(app, "joist.channel.terminate");
  assert.equal((only(bad, "channel.push", "exception").metadata.reason as { code: string }).code, "JOIST_BAD_PAYLOAD");
  client.drop();
});

on("an async handler is measured until it has settled, a waiting message until it is handled", async (app) => {
  const client = await PollClient.connect(app.port);
  await client.join("room:a");
  await client.ask("room:a", "ping");
  await toldUntil(app, "joist.channel.handle_in");
  client.send("1", "3", "room:a", "later", {});
  const later = only(await toldUntil(app, "joist.channel.handle_in"), "channel.handle_in", "stop");
  assert.ok((later.measurements.durationMs ?? 0) >= 4, String(later.measurements.durationMs));
  assert.equal(later.metadata.result, "noreply");
  assert.equal(later.metadata.transport, "longpoll");
  client.send("1", "4", "room:a", "slow", {});
  client.send("1", "5", "room:a", "stop", {});
  const told = await toldUntil(app, "joist.channel.terminate");
  const stopped = told.find(({ metadata, phase }) => metadata.event === "stop" && phase === "stop");
  assert.deepEqual([stopped?.metadata.result, stopped?.metadata.status], ["stop", "done"]);
  assert.ok((stopped?.measurements.queueMs ?? -1) >= 0);
  client.drop();
});

on("events have the fields that are listed for them, and no other", async (app) => {
  const client = await RawClient.connect(app.port);
  await client.join("room:a");
  await client.ask("room:a", "ping");
  for (const event of ["info", "shout"]) client.send("1", "8", "room:a", event, {});
  await client.next(([, , , event]) => event === "shouted");
  client.send("1", "9", "room:a", "stop", {});
  const told = await toldUntil(app, "joist.channel.terminate");
  client.drop();
  const seen = new Set<string>(["joist.socket.drain", "joist.socket.limit"]); // below, and in limits.test.ts
  for (const { name, phase, fields, measurements } of told) {
    if (phase !== "stop") continue;
    seen.add(name);
    const listed = telemetryFields[name as keyof typeof telemetryFields];
    const optional = ["result", "status"];
    const without = (all: readonly string[]) => all.filter((field) => !optional.includes(field)).toSorted();
    assert.deepEqual(without(fields), without(listed.metadata), name);
    assert.ok(fields.every((field) => (listed.metadata as readonly string[]).includes(field)));
    assert.deepEqual(Object.keys(measurements).toSorted(), ["durationMs", ...listed.measurements].toSorted(), name);
  }
  assert.deepEqual([...seen].toSorted(), Object.keys(telemetryFields).toSorted());
});

test("each batch of a drain is told of on the thread that called start, and logged", async (t) => {
  const told: unknown[] = [];
  const reports: Report[] = [];
  const detach = attachTelemetry("joist.socket.drain:stop", ({ measurements, metadata }) => {
    const { durationMs, ...rest } = measurements;
    told.push({ ...rest, ...metadata });
  });
  t.after(detach);
  const options: StartOptions = {
    drainer: { batchSize: 2, batchIntervalMs: 10, jitter: 0 },
    reportLevel: "info",
    report: (report) => reports.push(report),
  };
  await withApp(
    async ({ app }) => {
      for (let i = 0; i < 3; i++) await RawClient.connect(app.port);
      await app.stop();
    },
    options,
    url,
  );
  assert.deepEqual(told, [
    { count: 2, total: 3, index: 1, rounds: 2, intervalMs: 10 },
    { count: 1, total: 3, index: 2, rounds: 2, intervalMs: 10 },
  ]);
  const logged = reports.flatMap((report) => (report.tag === "log" ? [report.text] : []));
  assert.equal(logged.at(-1), "DRAINING 1 of 3 connections every 10ms - round 2 of 2");
});

const span = new Span("joist.channel.broadcast");
const metadata = () => ({ pid: "<0.1.0>" as never, topic: "t", event: "e", payload: {} });

test("all phases of a run have the same metadata", (t) => {
  const seen: object[] = [];
  const names = (["start", "stop", "exception"] as const).map((phase) => `joist.channel.broadcast:${phase}` as const);
  t.after(attachTelemetry(names, (event) => seen.push(event.metadata)));
  assert.equal(
    span.run(metadata(), {}, () => 7),
    7,
  );
  assert.throws(() => span.run(metadata(), {}, () => assert.fail("no")), { message: "no" });
  assert.equal(seen.length, 4);
  assert.ok(seen[0] === seen[1] && seen[2] === seen[3] && seen[1] !== seen[2]);
});

test("a handler that throws is detached from all its events and reported; what it was told of goes on", (t) => {
  const printed = t.mock.method(console, "error", () => {});
  const events = ["joist.channel.broadcast:start", "joist.channel.broadcast:stop"] as const;
  t.after(
    attachTelemetry(events, () => {
      throw new Error("a bad handler");
    }),
  );
  const others: string[] = [];
  t.after(attachTelemetry("joist.channel.broadcast:stop", ({ phase }) => others.push(phase)));
  for (let i = 0; i < 2; i++)
    assert.equal(
      span.run(metadata(), {}, () => 7),
      7,
    );
  assert.deepEqual(others, ["stop", "stop"]);
  assert.equal(printed.mock.callCount(), 1);
  assert.match(String(printed.mock.calls[0]?.arguments[0]), /joist.channel.broadcast:start .*a bad handler/);
});

test("a detached handler hears nothing, and then nobody is watching", () => {
  const detach = attachTelemetry("joist.channel.broadcast:start", () => assert.fail("detached"));
  assert.equal(span.isWatched, true);
  detach();
  assert.equal(span.isWatched, false);
  assert.equal(channel("joist.channel.broadcast:start").hasSubscribers, false);
});

test("an event that does not exist is refused", () => {
  for (const name of ["joist.channel.joined:stop", "joist.channel.join", "joist.channel.join:end", "toString:stop"]) {
    assert.throws(() => attachTelemetry(name as never, () => {}), { code: "JOIST_BAD_ARGUMENT" });
  }
});

/** What is logged at a level while a client connects, is refused, joins and asks. */
async function logged(reportLevel: "notice" | "info" | "debug"): Promise<readonly Report[]> {
  const reports: Report[] = [];
  await withApp(
    async ({ app }) => {
      await RawClient.refused(app.port, "vsn=2.0.0&who=nobody&secret=1");
      const client = await RawClient.connect(app.port, "vsn=2.0.0&secret=1&a=2");
      await client.join("room:a", { a: [{ my_secret: 1 }] });
      await client.join("room:b", { refuse: true });
      await client.join("quiet:a");
      await client.join("phoenix:a");
      for (const topic of ["room:a", "quiet:a", "phoenix:a"]) await client.ask(topic, "ping", { secret: 1, b: 2 });
      await client.settle();
      client.drop();
    },
    { reportLevel, report: (report) => reports.push(report), drainer: { log: false } },
    url,
  );
  return reports.filter(({ tag }) => tag === "log");
}

const lines = (reports: readonly Report[]) =>
  reports
    .flatMap((report) => (report.tag === "log" ? [`${report.level} ${report.text.replace(/\d+(ms|µs)$/, "T")}`] : []))
    .toSorted();

const quiet = "warning HANDLED ping INCOMING ON quiet:a (Quiet) in T";
const infos = [
  "info CONNECTED TO RoomSocket in T",
  "info JOINED room:a in T",
  "info REFUSED CONNECTION TO RoomSocket in T",
  "info REFUSED JOIN room:b in T",
];
const debugs = ["debug HANDLED ping INCOMING ON room:a (Room) in T"];

test("with the default level only what channels log at a higher one is heard", async () => {
  assert.deepEqual(lines(await logged("notice")), [quiet]);
});

test("connects and joins are logged at info, with Phoenix's words and filtered parameters", async () => {
  const reports = await logged("info");
  assert.deepEqual(lines(reports), [...infos, quiet]);
  const details = (text: string) =>
    reports.flatMap((report) => (report.tag === "log" && report.text.startsWith(text) ? [report.details] : []));
  assert.deepEqual(details("CONNECTED"), [
    { transport: "websocket", serializer: "2.0.0", params: { vsn: "2.0.0", secret: "[FILTERED]", a: "2" } },
  ]);
  assert.deepEqual(details("JOINED"), [{ params: { a: [{ my_secret: "[FILTERED]" }] } }]);
  const [joined] = reports.filter((report) => report.tag === "log" && report.text.startsWith("JOINED"));
  assert.ok(joined !== undefined);
  assert.match(
    formatReport(joined),
    /^\[joist\] [\d:.]+ JOINED room:a in \d+(ms|µs)\n {2}params {4}\{ a: \[ \{ my_secret: '\[FILTERED\]' \} \] \}$/,
  );
});

test("the client's events are logged at debug, but for topics of the protocol itself", async () => {
  assert.deepEqual(lines(await logged("debug")), [...debugs, ...infos, quiet]);
});
