import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { planBatches, resolveDrainerOptions } from "../../src/endpoint/drainer.js";
import { findRoot } from "../architecture/imports.js";
import { withApp } from "../support/app.js";
import { RawClient } from "../support/raw-client.js";

const drainingApp = new URL("../support/apps/draining.js", import.meta.url);
const entry = new URL("../../src/index.js", import.meta.url).href;

test("connections are closed in batches, an interval apart, each interval shorter or longer by the jitter", () => {
  const options = resolveDrainerOptions({ batchSize: 2, batchIntervalMs: 1000, jitter: 0.5 });
  assert.deepEqual(
    planBatches(0, options, () => 0),
    [],
  );
  assert.deepEqual(
    planBatches(2, options, () => 0),
    [{ atMs: 0, from: 0, to: 2 }],
  );
  const at = (random: number): number[] => planBatches(5, options, () => random).map(({ atMs }) => atMs);
  assert.deepEqual(at(0), [0, 500, 1000]);
  assert.deepEqual(at(0.5), [0, 1000, 2000]);
  assert.deepEqual(at(0.75), [0, 1250, 2500]);
  const ends = planBatches(5, options, () => 0).map(({ from, to }) => [from, to]);
  assert.deepEqual(ends, [
    [0, 2],
    [2, 4],
    [4, 5],
  ]);
});

test("what does not fit into the drainer's time is closed at its end", () => {
  const options = resolveDrainerOptions({ batchSize: 1, batchIntervalMs: 1000, jitter: 0, timeoutMs: 1500 });
  assert.deepEqual(
    planBatches(4, options, () => 0).map(({ atMs }) => atMs),
    [0, 1000, 1500, 1500],
  );
});

test("bad options of the drainer are refused, with the value and what is allowed", () => {
  for (const [options, message] of [
    [{ batchSize: 0 }, "bad drainer.batchSize 0: allowed are whole numbers from 1 to 9007199254740991"],
    [{ batchIntervalMs: -1 }, "bad drainer.batchIntervalMs -1: allowed are whole numbers from 0 to 2147483647"],
    [{ timeoutMs: 0.5 }, "bad drainer.timeoutMs 0.5: allowed are whole numbers from 0 to 2147483647"],
    [{ jitter: 2 }, "bad drainer.jitter 2: allowed are numbers from 0 to 1"],
  ] as const) {
    assert.throws(() => resolveDrainerOptions(options), { code: "JOIST_BAD_OPTION", message });
  }
});

test("stop closes one batch after the other with 1012, and takes nobody in meanwhile", async () => {
  const drainer = { batchSize: 1, batchIntervalMs: 2000, jitter: 0 };
  await withApp(
    async ({ app }) => {
      const first = await RawClient.connect(app.port);
      const second = await RawClient.connect(app.port);
      await second.join("slow:2");
      const stopping = app.stop();
      assert.equal(await first.closed, 1012);
      // The second one is served until its turn comes; a third one finds the door closed.
      second.send(null, "9", "phoenix", "heartbeat", {});
      assert.equal((await second.next())[1], "9");
      await assert.rejects(RawClient.connect(app.port), { code: "ECONNREFUSED" });
      assert.equal(await second.closed, 1012);
      await stopping;
    },
    { drainer },
    drainingApp,
  );
});

test("a channel that does not end in the drainer's time is not waited for any longer", async () => {
  await withApp(
    async ({ app }) => {
      const client = await RawClient.connect(app.port);
      await client.join("stuck");
      await app.stop();
      assert.equal(await client.closed, 1012);
      assert.equal(await app.stopped, "stopped");
    },
    { drainer: { timeoutMs: 50 } },
    drainingApp,
  );
});

/** The application as a program of its own, a client in one of its channels, and the lines it prints from then on. */
async function program(topic: string) {
  const source = `
    const { start } = await import(${JSON.stringify(entry)});
    const app = await start(${JSON.stringify(drainingApp.href)}, { port: 0, address: "127.0.0.1" });
    console.log(app.port);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", source], {
    cwd: findRoot(),
    env: { ...process.env, SAY_WHAT_ENDS: "1" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const line = async (): Promise<string> => (await lines.next()).value;
  const exited = once(child, "exit");
  const client = await RawClient.connect(Number(await line()));
  await client.join(topic);
  return { child, client, line, exited };
}

test("SIGTERM: connections are closed with 1012, channels end, then children in reverse order, then the signal ends the program", async () => {
  const { child, client, line, exited } = await program("slow:a");
  child.kill("SIGTERM");
  assert.equal(await client.closed, 1012);
  assert.equal(await line(), 'slow:a ended: ["shutdown","draining"]');
  assert.equal(await line(), "child 2 ended");
  assert.equal(await line(), "child 1 ended");
  assert.deepEqual(await exited, [null, "SIGTERM"]);
});

test("a second signal does not wait", async () => {
  const { child, client, exited } = await program("stuck");
  child.kill("SIGINT");
  assert.equal(await client.closed, 1012); // its channel would take a minute
  child.kill("SIGINT");
  assert.deepEqual(await exited, [null, "SIGINT"]);
});
