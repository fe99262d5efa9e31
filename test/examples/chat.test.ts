/** The chat example as a visitor has it: a program, its page, and the stock client. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { type StockChannel, StockClient } from "../support/stock-client.js";

const program = fileURLToPath(new URL("../../examples/chat/server.js", import.meta.url));

interface Where {
  readonly pid: string;
  readonly scheduler: number;
}

interface Stats {
  readonly pid: string;
  readonly messages: number;
}

interface ChatMessage {
  readonly id: string;
  readonly name: string;
  readonly body: string;
}

interface Ended {
  readonly code: number | null;
  readonly stderr: string;
}

let server: ChildProcess;
let url: URL;
const clients: StockClient[] = [];

before(async () => {
  server = run("--port", "0", "--schedulers", "2");
  server.stderr?.resume(); // reports of the crashes below
  url = new URL(await printedUrl(server));
});

after(async () => {
  for (const client of clients) client.socket.disconnect();
  server.kill("SIGKILL");
});

test("the page, its files and the stock client are served, and nothing else", async () => {
  for (const [path, type, part] of [
    ["/", "text/html; charset=utf-8", "<!doctype html>"],
    ["/style.css", "text/css; charset=utf-8", "prefers-color-scheme: dark"],
    ["/client.js", "text/javascript; charset=utf-8", 'from "./phoenix.mjs"'],
    ["/phoenix.mjs", "text/javascript; charset=utf-8", "var Socket = class"],
  ] as const) {
    const response = await fetch(new URL(path, url));
    assert.deepEqual([path, response.status, response.headers.get("content-type")], [path, 200, type]);
    assert.ok((await response.text()).includes(part), `${path} holds ${part}`);
  }
  for (const path of ["/server.ts", "/public/index.html", "/..%2fserver.ts", "/phoenix.mjs/", "//etc/passwd"]) {
    assert.deepEqual([path, (await fetch(`${url.origin}${path}`)).status], [path, 404]);
  }
  assert.equal((await fetch(url, { method: "POST" })).status, 405);
});

test("a message reaches everybody in the room, and those who join later", async () => {
  const ada = (await client()).channel("room:lobby", { name: "Ada" });
  const grace = (await client()).channel("room:lobby", { name: "Grace" });
  await ada.join();
  await grace.join();

  assert.deepEqual(await ada.ask("new_msg", { body: "hello" }), { status: "ok", response: {} });
  const [, , , , heard] = await grace.client.frame(isMessage);
  const { id, name, body } = heard as ChatMessage;
  assert.deepEqual([name, body], ["Ada", "hello"]);
  assert.deepEqual((await ada.client.frame(isMessage))[4], heard);

  const late = (await client()).channel("room:lobby", { name: "Linus" });
  const { messages } = (await late.join()) as { messages: readonly ChatMessage[] };
  assert.deepEqual(messages.at(-1)?.id, id);
});

test("a message is 1 to 500 characters, a name 1 to 30", async () => {
  const visitor = await client();
  const room = visitor.channel("room:limits", { name: "Ada" });
  await room.join();
  const tooLong = { reason: "a message has 1 to 500 characters" };
  assert.deepEqual(await room.ask("new_msg", { body: "x".repeat(501) }), { status: "error", response: tooLong });
  assert.deepEqual(await room.ask("new_msg", { body: " " }), { status: "error", response: tooLong });
  assert.deepEqual(await room.ask("new_msg", {}), { status: "error", response: tooLong });
  assert.equal((await room.ask("new_msg", { body: "x".repeat(500) })).status, "ok");

  const nameless = visitor.channel("room:nameless", { name: "x".repeat(31) });
  void nameless.join();
  assert.deepEqual(await nameless.refused.next(), { reason: "a name has 1 to 30 characters" });
  await leave(nameless);
});

for (const event of ["throw", "reject_later"]) {
  test(`${event} costs one channel, which rejoins as a new process over the same socket`, async () => {
    const visitor = await client();
    const [victim, other] = [visitor.channel("lab:a"), visitor.channel("lab:b")];
    await victim.join();
    await other.join();
    const [first, untouched] = [await whereIs(victim), await whereIs(other)];

    victim.tell(event);
    assert.deepEqual(await victim.errors.next(), { reason: "channel_crash" });
    await victim.joined.next();

    assert.notEqual((await whereIs(victim)).pid, first.pid);
    assert.equal((await whereIs(other)).pid, untouched.pid);
    await visitor.settle();
    assert.deepEqual([victim.frames("phx_error").length, other.frames("phx_error").length], [1, 0]);
    assert.deepEqual([visitor.opened.count, visitor.closed.count], [1, 0]);
  });
}

for (const [event, what] of [
  ["kill_thread", "the death of a scheduler thread"],
  ["loop", "an endless loop"],
  ["eat_memory", "a leak without end"],
] as const)
  test(`${what} crashes the channels of its thread, and leaves every socket open`, async () => {
    const visitor = await client();
    const victim = visitor.channel("lab:a");
    await victim.join();
    const first = await whereIs(victim);

    victim.tell(event);
    assert.deepEqual(await victim.errors.next(), { reason: "channel_crash" });
    await victim.joined.next();

    assert.notEqual((await whereIs(victim)).pid, first.pid);
    for (const { opened, closed } of clients) assert.deepEqual([opened.count, closed.count], [1, 0]);
  });

test("a stats server that crashes is restarted, and counts from 0", async () => {
  const visitor = await client();
  const [stats, room] = [visitor.channel("stats"), visitor.channel("room:stats", { name: "Ada" })];
  const { pid } = (await stats.join()) as Stats;
  await room.join();
  const told = (matches: (stats: Stats) => boolean): Promise<unknown> =>
    visitor.frame(([, , topic, event, payload]) => topic === "stats" && event === "stats" && matches(payload as Stats));

  await room.ask("new_msg", { body: "count me" });
  await told((now) => now.pid === pid && now.messages > 0);
  stats.tell("crash");
  await told((now) => now.pid !== pid && now.messages === 0);
  assert.equal(stats.errors.count, 0);
});

test("flags that are wrong end it with one line that says what is allowed", async () => {
  const options = "--port N, --schedulers N, --help";
  const ports = "whole numbers from 0 to 65535";
  for (const [args, line] of [
    [["--prot", "4001"], `chat: unknown option "--prot"; allowed are ${options}`],
    [["4001"], `chat: unknown option "4001"; allowed are ${options}`],
    [["--port", "http"], `chat: --port is "http"; allowed are ${ports}`],
    [["--port=65536"], `chat: --port is "65536"; allowed are ${ports}`],
    [["--port", "-1"], `chat: --port is "-1"; allowed are ${ports}`],
    [["--port"], `chat: --port has no value; allowed are ${ports}`],
    [["--schedulers", "0"], 'chat: --schedulers is "0"; allowed are whole numbers from 1 to 31'],
  ] as const) {
    assert.deepEqual(await end(run(...args)), { code: 1, stderr: `${line}\n` });
  }
});

test("a port that is taken ends it with one line that names another", async () => {
  const holder = createServer().listen(0);
  try {
    await once(holder, "listening");
    const { port } = holder.address() as AddressInfo;
    const next = port < 65_535 ? port + 1 : 4000;
    const line = `chat: port ${port} is taken; try: npm start -- --port ${next}\n`;
    assert.deepEqual(await end(run("--port", String(port))), { code: 1, stderr: line });
  } finally {
    holder.close();
  }
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  test(`${signal} stops it in order, clients and all`, async () => {
    const child = run("--port", "0", "--schedulers", "2");
    const ended = end(child);
    const visitor = await new StockClient(Number(new URL(await printedUrl(child)).port)).connect();
    await visitor.channel("room:lobby", { name: "Ada" }).join();
    child.kill(signal);
    assert.equal(await visitor.closed.next(), 1012);
    visitor.socket.disconnect();
    assert.deepEqual(await ended, { code: 0, stderr: "" });
  });
}

// ---- the program ----

function run(...args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [program, ...args], { stdio: ["ignore", "pipe", "pipe"] });
}

/** What the program says its address is: it listens when it says so. */
function printedUrl(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    assert.ok(child.stdout !== null);
    createInterface({ input: child.stdout }).once("line", (line) => resolve(line.replace("Joist chat: ", "")));
    child.once("exit", (code) => reject(new Error(`the program ended with code ${code}`)));
  });
}

async function end(child: ChildProcess): Promise<Ended> {
  let stderr = "";
  child.stderr?.on("data", (data) => {
    stderr += data;
  });
  const [code] = (await once(child, "close")) as [number | null];
  return { code, stderr };
}

// ---- clients ----

async function client(): Promise<StockClient> {
  const connected = await new StockClient(Number(url.port)).connect();
  clients.push(connected);
  return connected;
}

async function whereIs(channel: StockChannel): Promise<Where> {
  const { status, response } = await channel.ask("where");
  assert.equal(status, "ok");
  return response as Where;
}

function leave({ channel }: StockChannel): Promise<void> {
  return new Promise((resolve) => channel.leave().receive("ok", () => resolve()));
}

function isMessage([, , , event]: readonly unknown[]): boolean {
  return event === "new_msg";
}
