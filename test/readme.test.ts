/** The README's first example runs as it stands, and the other blocks type-check: a newcomer will copy them. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, test } from "node:test";
import { findRoot } from "./architecture/imports.js";
import { RawClient } from "./support/raw-client.js";

const root = findRoot();
// Inside the package, so that `joist` resolves to it as it does for who has installed it.
const folder = join(root, "dist", "readme");
const blocks = [...readFileSync(join(root, "README.md"), "utf8").matchAll(/^```ts\n([\s\S]*?)^```/gm)].map(
  (match) => match[1] as string,
);

function compile(): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const named = blocks.map((block, index) => ({
    block,
    name: /^\/\/ (\w+\.ts)$/m.exec(block)?.[1] ?? `block${index}.ts`,
  }));
  for (const { block, name } of named) {
    writeFileSync(join(folder, name), block.replace("{ port: 4000 }", "{ port: 0, host: 'localhost' }"));
  }
  const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
  const files = named.map(({ name }) => join(folder, name));
  const flags = [
    "--ignoreConfig",
    "--strict",
    "--module",
    "nodenext",
    "--target",
    "es2023",
    "--types",
    "node",
    "--skipLibCheck",
  ];
  execFileSync(process.execPath, [compiler, ...flags, ...files], { cwd: root, stdio: "pipe", encoding: "utf8" });
}

after(() => rmSync(folder, { recursive: true, force: true }));

test("the README's blocks compile, and its first example serves a client", async () => {
  try {
    compile();
  } catch (error) {
    assert.fail(String((error as { stdout?: string }).stdout ?? error));
  }
  const server = spawn(process.execPath, [join(folder, "server.js")], { stdio: ["ignore", "pipe", "inherit"] });
  try {
    const [line] = (await once(createInterface(server.stdout), "line")) as [string];
    const port = Number(/^listening on port (\d+)$/.exec(line)?.[1]);
    const client = await RawClient.connect(port, "vsn=2.0.0&user_id=1");
    const ok = (response: unknown) => ({ status: "ok", response });
    assert.deepEqual((await client.join("ping:1"))[4], ok({}));
    assert.deepEqual(await client.ask("ping:1", "ping"), ok({ ping: "pong" }));
    assert.deepEqual(await client.ask("ping:1", "count", {}, "3"), ok({ count: 1 }));
    client.send("1", "4", "ping:1", "shout", { hello: "all" });
    assert.deepEqual(await client.next(), [null, null, "ping:1", "shout", { hello: "all" }]);
    client.drop();
  } finally {
    server.kill();
    await once(server, "exit");
  }
});
