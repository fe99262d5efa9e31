/**
 * The blocks of the README and the guides compile, and the applications they consist of run: a newcomer will copy them.
 * A block that begins with a file's name is that file; blocks of a page find each other, as files of one folder.
 */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { findRoot } from "./architecture/imports.js";
import { RawClient } from "./support/raw-client.js";

const pages = {
  readme: "README.md",
  guide: "docs/channels/guide.md",
  "from-phoenix": "docs/channels/from-phoenix.md",
  "from-socket-io": "docs/channels/from-socket-io.md",
} as const;

const root = findRoot();
// Inside the package, so that `joist` resolves to it as it does for who has installed it.
const folder = join(root, "dist", "readme");
const ok = (response: unknown): unknown => ({ status: "ok", response });

/** Writes the blocks of a page to its folder. Answers their files. */
function filesOf(name: string, page: string): string[] {
  const blocks = [...readFileSync(join(root, page), "utf8").matchAll(/^```ts\n([\s\S]*?)^```/gm)];
  const files = blocks.map(([, block = ""], index) => {
    const file = join(folder, name, /^\/\/ ([\w/-]+\.ts)\n/.exec(block)?.[1] ?? `block${index}.ts`);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, block.replace("{ port: 4000 }", "{ port: 0, host: 'localhost' }"));
    return file;
  });
  assert.deepEqual(files, [...new Set(files)], `two blocks of ${page} are the same file`);
  return files;
}

before(() => {
  rmSync(folder, { recursive: true, force: true });
  const files = Object.entries(pages).flatMap(([name, page]) => filesOf(name, page));
  const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
  const flags = "--ignoreConfig --strict --module nodenext --target es2023 --types node --skipLibCheck".split(" ");
  try {
    execFileSync(process.execPath, [compiler, ...flags, ...files], { cwd: root, stdio: "pipe", encoding: "utf8" });
  } catch (error) {
    assert.fail(String((error as { stdout?: string }).stdout ?? error));
  }
});

after(() => rmSync(folder, { recursive: true, force: true }));

/** Runs the program of a page while `body` talks to it. */
async function withServer(program: string, body: (port: number) => Promise<void>): Promise<void> {
  const server = spawn(process.execPath, [join(folder, program)], { stdio: ["ignore", "pipe", "inherit"] });
  try {
    const [line] = (await once(createInterface(server.stdout), "line")) as [string];
    await body(Number(/^listening on port (\d+)$/.exec(line)?.[1]));
  } finally {
    server.kill();
    await once(server, "exit");
  }
}

test("the README's first example serves a client", async () => {
  await withServer("readme/server.js", async (port) => {
    const client = await RawClient.connect(port, "vsn=2.0.0&user_id=1");
    assert.deepEqual((await client.join("ping:1"))[4], ok({}));
    assert.deepEqual(await client.ask("ping:1", "ping"), ok({ ping: "pong" }));
    assert.deepEqual(await client.ask("ping:1", "count", {}, "3"), ok({ count: 1 }));
    client.send("1", "4", "ping:1", "shout", { hello: "all" });
    assert.deepEqual(await client.next(), [null, null, "ping:1", "shout", { hello: "all" }]);
    client.drop();
  });
});

test("the guide's first application greets", async () => {
  await withServer("guide/hello/server.js", async (port) => {
    const client = await RawClient.connect(port);
    assert.deepEqual((await client.join("hello:world"))[4], ok({ topic: "hello:world" }));
    assert.deepEqual(await client.ask("hello:world", "greet", { name: "Ada" }), ok({ text: "hello Ada" }));
    client.drop();
  });
});

test("the guide's room knows tokens, who may join, whom not to show, and who is there; its reports are answered later", async () => {
  const { tokenFor } = (await import(pathToFileURL(join(folder, "guide", "user-socket.js")).href)) as {
    tokenFor(user: { userId: string; rooms: readonly string[] }): string;
  };
  await withServer("guide/server.js", async (port) => {
    const query = (userId: string) =>
      `vsn=2.0.0&token=${encodeURIComponent(tokenFor({ userId, rooms: ["room:lobby"] }))}`;
    assert.equal(await RawClient.refused(port, "vsn=2.0.0&token=forged"), 403);
    const ada = await RawClient.connect(port, query("ada"));
    const bob = await RawClient.connect(port, query("bob"));

    const refused = { status: "error", response: { reason: "unauthorized" } };
    assert.deepEqual((await ada.join("room:secret"))[4], refused);
    assert.deepEqual((await ada.join("room:lobby"))[4], ok({}));
    const event = (name: string) => (frame: readonly unknown[]) => frame[3] === name;
    assert.deepEqual((await ada.next(event("presence_state")))[4], {});
    await ada.next(event("presence_diff"));
    assert.deepEqual((await bob.join("room:lobby"))[4], ok({}));
    assert.deepEqual(Object.keys((await bob.next(event("presence_state")))[4] as object), ["ada"]);
    const { joins } = (await ada.next(event("presence_diff")))[4] as { joins: object };
    assert.deepEqual(Object.keys(joins), ["bob"]);

    assert.deepEqual(await bob.ask("room:lobby", "mute", { userId: "ada" }), ok({}));
    ada.send("1", "5", "room:lobby", "shout", { text: "one" });
    assert.deepEqual((await ada.next(event("shout")))[4], { from: "ada", text: "one" });
    bob.send("1", "5", "room:lobby", "shout", { text: "two" });
    assert.deepEqual((await bob.next(event("shout")))[4], { from: "bob", text: "two" }); // and not ada's, which came first

    await ada.join("report", {}, "6");
    assert.deepEqual(await ada.ask("report", "build", { rows: 3 }, "7", "6"), ok({ number: 1, rows: 3 }));
    ada.drop();
    bob.drop();
  });
});
