/** What processes print goes by way of the main thread: the end of their own must not come first. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { findRoot } from "../architecture/imports.js";

/** As many as the printer of the application is told to print. */
const LINES = 200;
const app = new URL("../support/apps/printing.js", import.meta.url).href;
const programWith = (isolation: string): string => `
  import { start } from "joist";
  const app = await start(${JSON.stringify(app)}, { schedulers: 2, isolation: "${isolation}" });
  await app.stop();
`;

const printed = (isolation: string): void => {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ["--input-type=module", "-e", programWith(isolation)],
    {
      cwd: findRoot(),
      encoding: "utf8",
      timeout: 60_000,
    },
  );
  const lines = (text: string): string[] => text.split("\n").filter((line) => line.startsWith("line "));
  assert.equal(status, 0);
  assert.deepEqual([lines(stdout).length, lines(stderr).length], [LINES / 2, LINES / 2]);
  assert.deepEqual([lines(stdout).at(-1), lines(stderr).at(-1)], [`line ${LINES}`, `line ${LINES - 1}`]);
};

test("what a process prints in its terminate, at a stop, is printed", () => printed("thread"));

test("from an OS process of its own, too", { skip: process.platform === "win32" }, () => printed("process"));

test("a signal to the whole group, as of a terminal, stops OS processes in order, too", {
  skip: process.platform === "win32",
}, async () => {
  const program = `
    import { start } from "joist";
    await start(${JSON.stringify(app)}, { port: 0, address: "127.0.0.1", schedulers: 2, isolation: "process" });
    console.log("up");
  `;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    ...{ cwd: findRoot(), detached: true }, // a group of its own
    stdio: ["ignore", "pipe", "ignore"],
  });
  let stdout = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    if (stdout === "") process.kill(-(child.pid as number), "SIGINT"); // it runs: it has printed
    stdout += text;
  });
  const [, signal] = await once(child, "close");
  assert.equal(signal, "SIGINT");
  const lines = stdout.split("\n").filter((line) => line.startsWith("line "));
  assert.deepEqual([lines.length, lines.at(-1)], [LINES / 2, `line ${LINES}`]);
});
