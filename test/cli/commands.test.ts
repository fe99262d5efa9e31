/** The command line as it is called, in an OS process of its own. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { withApp } from "../support/app.js";

const main = fileURLToPath(new URL("../../src/cli/main.js", import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly problem: string;
}

async function joist(args: readonly string[], started: (child: ChildProcess) => void = () => {}): Promise<Ended> {
  const child = spawn(process.execPath, [main, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let [out, problem] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text) => {
    out += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text) => {
    problem += text;
  });
  started(child);
  const [code] = await once(child, "close");
  return { code, out, problem };
}

test("--help tells the commands and --version the version, both on stdout", async () => {
  const help = await joist(["--help"]);
  assert.deepEqual([help.code, help.problem], [0, ""]);
  assert.match(help.out, /joist load --help/);
  const version = await joist(["--version"]);
  const { version: expected } = JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8"));
  assert.deepEqual([version.code, version.out], [0, `${expected}\n`]);
});

test("no command, one there is none of and wrong options exit with 2, and say why on stderr", async () => {
  for (const [args, expected] of [
    [[], /joist COMMAND/],
    [["laod"], /there is no command "laod", only: load/],
    [["load"], /joist load: which server\?/],
    [["load", "ws://localhost:1/socket", "--rate", "none"], /--rate takes .* not "none"/],
    [
      ["load", "ws://localhost:1/socket", "--json", "/there/is/none.json"],
      /--json can't write "\/there\/is\/none\.json"/,
    ],
  ] as const) {
    const { code, out, problem } = await joist(args);
    assert.deepEqual([code, out], [2, ""]);
    assert.match(problem, expected);
  }
});

const short = ["--connections", "2", "--duration", "0.3", "--warmup", "0", "--reply-timeout", "60000", "--rate", "100"];

test("load prints the result, writes it as JSON, and exits with 0 if all went well", async () => {
  const folder = mkdtempSync(join(tmpdir(), "joist-load-"));
  const file = join(folder, "load.json");
  try {
    await withApp(async ({ app }) => {
      const url = `ws://127.0.0.1:${app.port}/socket`;
      const { code, out, problem } = await joist(["load", url, "--event", "echo", ...short, "--json", file]);
      assert.equal(code, 0, out);
      assert.match(problem, /^connecting 2 to ws:\/\/127/);
      assert.match(out, /^connections +2 of 2 opened/m);
      assert.match(out, /^ +latency +p50 .* p99\.9 .* max /m);
      assert.match(out, /^failures +none$/m);
      const { messages, connections } = JSON.parse(readFileSync(file, "utf8"));
      assert.equal(connections.opened, 2);
      assert.ok(messages.sent > 0 && messages.sent === messages.answered);
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("load exits with 1 if anything failed, and shows it; --quiet keeps stderr empty", async () => {
  await withApp(async ({ app }) => {
    const args = ["--params", '{"reject":true}', ...short, "--quiet"];
    const { code, out, problem } = await joist(["load", `ws://127.0.0.1:${app.port}/socket`, ...args]);
    assert.deepEqual([code, problem], [1, ""]);
    assert.match(out, /2 × could not connect\n +Unexpected server response: 403/);
    assert.match(out, /It ended early/);
  });
});

test("with --json - stdout has the JSON and nothing else", async () => {
  await withApp(async ({ app }) => {
    const args = ["load", `ws://127.0.0.1:${app.port}/socket`, "--event", "echo", ...short, "--json", "-"];
    const { code, out } = await joist(args);
    assert.equal(code, 0);
    assert.equal(JSON.parse(out).ended, "in time");
  });
});

test("Ctrl-C ends the load early, with the results so far", async () => {
  await withApp(async ({ app }) => {
    const args = ["load", `ws://127.0.0.1:${app.port}/socket`, "--event", "echo", ...short, "--duration", "3600"];
    const { code, out } = await joist(args, (child) => {
      child.stderr?.on("data", (text) => {
        if (String(text).includes("channels joined")) child.kill("SIGINT");
      });
    });
    assert.equal(code, 0, out);
    assert.match(out, /It was interrupted/);
  });
});
