/**
 * `npm run check:pack`: what a user gets from `npm install joist` works. Packs the package, looks at what is in it, installs
 * it into an empty folder, and there starts, joins, answers and stops the first example of the README, then tests it with the test kit
 * and puts load on it with `joist load`.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join, relative, sep } from "node:path";
import { ensureInstalled, fail, listFiles, posix, root, runNpm } from "./setup.mjs";

/** From the start of the server to its end; starting takes about a second. */
const runTimeoutMs = 60_000;
/** A stopped application leaves nothing behind that keeps Node.js running. */
const exitTimeoutMs = 10_000;

const app = `
import { application, channel, genServer, ok, reply, socket } from "joist";

export const Counter = genServer({
  init: (start) => ({ count: start }),
  handleCall: {
    add: (by, state) => { state.count += by; return reply(state.count); },
  },
});

export const PingChannel = channel({
  join: () => ok(),
  handleIn: {
    ping: () => reply("ok", { ping: "pong" }),
    shout: (payload, socket) => { socket.broadcast("shout", payload); },
  },
});

export const UserSocket = socket({
  connect: (params) => ok({ id: \`user:\${params.user_id}\`, assigns: { userId: params.user_id } }),
  channels: { "ping": PingChannel, "ping:*": PingChannel },
});

export default application({
  sockets: { "/socket": UserSocket },
  children: [Counter.child(0, { name: "counter" })],
});
`;

const server = `
import assert from "node:assert/strict";
import { once } from "node:events";
import { start } from "joist";
import { load } from "./load.js";
import { WebSocket } from "ws";

const app = await start(new URL("./app.js", import.meta.url), { port: 0 });
const client = new WebSocket(\`ws://127.0.0.1:\${app.port}/socket/websocket?vsn=2.0.0&user_id=1\`);
await once(client, "open");
const ask = async (frame) => {
  client.send(JSON.stringify(frame));
  const [data] = await once(client, "message");
  return JSON.parse(data.toString());
};
assert.deepEqual(await ask(["1", "1", "ping", "phx_join", {}]), [
  "1", "1", "ping", "phx_reply", { status: "ok", response: {} },
]);
assert.deepEqual(await ask(["1", "2", "ping", "ping", {}]), [
  "1", "2", "ping", "phx_reply", { status: "ok", response: { ping: "pong" } },
]);
client.close();
await load(\`ws://127.0.0.1:\${app.port}/socket?user_id=1\`);
await app.stop();
await import("./kit.js");
console.log("stopped");
`;

const kit = `
import { startTest } from "joist/testing";
import { UserSocket } from "./app.js";

const t = await startTest(new URL("./app.js", import.meta.url));
const channel = await t.join(await t.connect(UserSocket, { user_id: 1 }), "ping");
await t.assertReply(t.push(channel, "ping"), "ok", { ping: "pong" }, 10_000);
await t.stop();
`;

/** As a user runs it: npm puts the command into the folder that its scripts have in their path. */
const load = `
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { promisify } from "node:util";

const npx = async (...args) => {
  const shell = process.platform === "win32";
  const { stdout } = await promisify(execFile)("npx", ["--no-install", "joist", ...args], { shell });
  return stdout;
};
export async function load(url) {
  assert.match(await npx("load", "--help"), /--in-flight N/);
  const short = ["--topic", "ping", "--connections", "2", "--duration", "0.5", "--warmup", "0", "--json", "-"];
  const { messages, failures } = JSON.parse(await npx("load", url, ...short));
  assert.deepEqual(failures, []);
  assert.ok(messages.answered > 0 && messages.answered === messages.sent);
}
`;

ensureInstalled();
const folder = mkdtempSync(join(tmpdir(), "joist-pack-"));
try {
  await check();
  console.log("packed package: server started, joined, answered, loaded, stopped");
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
if (process.exitCode) fail("the packed package does not work; the reason is above.");

async function check() {
  const env = cleanEnvironment();
  mustSucceed(runNpm(["pack", "--loglevel=error", "--pack-destination", folder], { env }), "npm pack");
  const tarball = readdirSync(folder).find((name) => name.endsWith(".tgz"));
  assert.ok(tarball, "npm pack left no tarball");

  const user = join(folder, "user");
  mkdirSync(user);
  writeFileSync(join(user, "package.json"), JSON.stringify({ name: "user", private: true, type: "module" }));
  writeFileSync(join(user, "app.js"), app);
  writeFileSync(join(user, "server.js"), server);
  writeFileSync(join(user, "kit.js"), kit);
  writeFileSync(join(user, "load.js"), load);
  const install = ["install", `../${tarball}`, "--no-audit", "--no-fund", "--loglevel=error"];
  mustSucceed(runNpm(install, { cwd: user, env }), "npm install of the tarball");

  checkContents(join(user, "node_modules", "joist"));
  await runServer(user, env);
}

function mustSucceed(code, what) {
  assert.equal(code, 0, `${what} failed with exit code ${code}`);
}

/** npm tells its scripts about the package it runs them for; an npm inside must not take that for its own. */
function cleanEnvironment() {
  const isOfTheOuterNpm = /^(npm_package_|npm_lifecycle_|npm_command$|npm_config_local_prefix$|INIT_CWD$)/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !isOfTheOuterNpm.test(name)));
}

/** The package holds what it needs to run, its types and its papers; nothing of this machine. */
function checkContents(installed) {
  const files = listFiles(installed);
  const expected = /^(dist\/(src|workers)\/.*\.(js|js\.map|d\.ts)|package\.json|README\.md|CHANGELOG\.md|LICENSE)$/;
  const unexpected = files.map((file) => posix(relative(installed, file))).filter((file) => !expected.test(file));
  assert.deepEqual(unexpected, [], "the package holds files that are not for users");

  const sources = listFiles(join(root, "src")).filter((file) => file.endsWith(".ts") && !file.endsWith(".d.ts"));
  const compiled = files.filter((file) => posix(relative(installed, file)).match(/^dist\/src\/.*\.js$/));
  assert.equal(compiled.length, sources.length, "the package does not hold exactly one .js file for each source");

  const ofThisMachine = [root, homedir()].map((path) => path + sep).filter((path) => path.length > 2);
  const telling = files.filter((file) => {
    const text = readFileSync(file, "utf8");
    return ofThisMachine.some((path) => text.includes(path));
  });
  assert.deepEqual(telling, [], "the package holds absolute paths of this machine");
}

/** Resolves if the server says that it has stopped, and then exits with 0 without being told to. */
function runServer(cwd, env) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["server.js"], { cwd, env, stdio: ["ignore", "pipe", "inherit"] });
    const endAfter = (ms, why) =>
      setTimeout(() => {
        reject(new Error(why));
        child.kill("SIGKILL");
      }, ms);
    let timer = endAfter(runTimeoutMs, `the server has not answered and stopped within ${runTimeoutMs} ms`);
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text) => {
      const hadStopped = output.includes("stopped");
      output += text;
      if (hadStopped || !output.includes("stopped")) return;
      clearTimeout(timer);
      timer = endAfter(exitTimeoutMs, `the process is still running ${exitTimeoutMs} ms after the application stopped`);
    });
    child.on("exit", (code, signal) => {
      clearTimeout(timer);
      if (code === 0 && output.includes("stopped")) resolve();
      else
        reject(new Error(`the server ended with ${signal ?? `exit code ${code}`} before it had stopped:\n${output}`));
    });
  });
}
