/**
 * Shares of a thread: what a flooded or a waiting process leaves to the others. The bounds are shares of the time the flood
 * takes, so that a loaded machine, where everything takes longer, meets them as well; one test shows that without budgets
 * they would be missed by far.
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { From } from "../../src/core/messages.js";
import type { Pid } from "../../src/core/pid.js";
import type { RuntimeOptions } from "../../src/runtime/options.js";
import { receive, replyTo, self, send, spawn } from "../../src/runtime/process.js";
import { withThreads } from "../support/threads.js";

const app = new URL("../support/apps/fairness.js", import.meta.url);

const FLOOD = 1_000_000;
/** What one message of a flood costs its receiver; the whole flood is two seconds of work, five hundred turns. */
const MESSAGE_US = 2;

/** What share of the flood's time a neighbour may wait, but for one time in a hundred; without other load a two-hundredth. */
const MOST_OF_FLOOD = 1 / 8;

interface Flood {
  /** Where it comes from; it goes to scheduler 1. */
  readonly from: number;
  readonly rounds: number;
}

interface Delays {
  /** How long the flood took, in milliseconds. */
  readonly lastedMs: number;
  /** Of a neighbour of the flooded process: from a question of the main thread to the answer. */
  readonly answers: readonly number[];
  /** Of timers of the flooded thread, beyond what they were set to. */
  readonly timers: readonly number[];
}

/** Floods a process on scheduler 1, and measures what its neighbours notice until the last message is handled. */
async function flood({ from, rounds }: Flood, options: RuntimeOptions = {}): Promise<Delays> {
  let delays: Delays | undefined;
  await withThreads(
    options,
    async ({ run }) => {
      let over = false;
      const beganMs = performance.now();
      const flooded = run(async () => {
        const victim = spawn("busy", [MESSAGE_US], { scheduler: 1 });
        spawn("flooder", [victim, self(), rounds, FLOOD / rounds], { scheduler: from });
        assert.equal(await receive(), "done");
        over = true;
      });
      delays = await run(async () => {
        const neighbour = spawn("whoami", [self()], { scheduler: 1 });
        const ticker = spawn("ticker", [self()], { scheduler: 1 });
        const answers: number[] = [];
        while (!over) {
          const start = performance.now();
          send(neighbour, "who?");
          assert.equal(await receive(), neighbour);
          answers.push(performance.now() - start);
        }
        send(ticker, "stop");
        const { late } = (await receive()) as { late: number[] };
        return { lastedMs: performance.now() - beganMs, answers, timers: late };
      });
      await flooded;
    },
    app,
  );
  return delays as Delays; // set, or the body has thrown
}

/** The worst but one in a hundred. */
function p99(times: readonly number[]): number {
  return [...times].sort((a, b) => a - b)[Math.floor(times.length * 0.99)] ?? Number.POSITIVE_INFINITY;
}

function show(t: TestContext, what: string, times: readonly number[]): string {
  const line = `${what}: ${times.length} times, p99 ${p99(times).toFixed(1)} ms, at most ${Math.max(...times).toFixed(1)} ms`;
  t.diagnostic(line);
  return line;
}

for (const [how, given] of [
  ["of the same thread, in 10,000 parts", { from: 1, rounds: 10_000 }],
  ["of another thread, in 1,000 parts", { from: 2, rounds: 1000 }],
  ["of another thread, all in one turn", { from: 2, rounds: 1 }],
] as const) {
  test(`1,000,000 messages from a process ${how} hold up neither the neighbours of their receiver nor timers`, async (t) => {
    const { lastedMs, answers, timers } = await flood(given);
    for (const [what, times] of [
      ["answers", answers],
      ["timers", timers],
    ] as const) {
      const line = show(t, what, times);
      assert.ok(p99(times) < lastedMs * MOST_OF_FLOOD, `${line}, of ${lastedMs.toFixed(0)} ms`);
      // An unfair thread would leave room for a handful of them in all that time.
      assert.ok(times.length >= 50, line);
    }
  });
}

test("that is the work of the budgets: with wide ones the same flood holds up both", async (t) => {
  const { answers, timers } = await flood(
    { from: 1, rounds: 10_000 },
    { messageBudget: 1_000_000, turnBudgetMs: 1000 },
  );
  for (const [what, times] of [
    ["answers", answers],
    ["timers", timers],
  ] as const) {
    const line = show(t, what, times);
    assert.ok(times.length < 50, line);
    assert.ok(Math.max(...times) > 500, line); // half a turn: load makes it longer only
  }
});

test("an async callback holds its own process only: its neighbours go on, its own messages wait in order", async () => {
  await withThreads(
    {},
    async ({ run }) => {
      await run(async () => {
        const holder = spawn("holder", [self()], { scheduler: 1 });
        const neighbour = spawn("whoami", [self()], { scheduler: 1 });
        for (const message of [1, "hold", 2, 3, "hold", 4]) send(holder, message);
        assert.deepEqual(await receive(), { said: 1 });
        for (const next of [[2, 3], [4]]) {
          const { hold } = (await receive()) as { hold: From };
          for (let i = 0; i < 100; i++) {
            send(neighbour, "who?");
            assert.equal(await receive(), neighbour); // and nothing of the holder
          }
          replyTo(hold, "go on");
          assert.deepEqual(await receive(), { said: "hold" });
          for (const said of next) assert.deepEqual(await receive(), { said });
        }
      });
    },
    app,
  );
});

test("many processes that wait at once are resumed one by one, in any order, each with its own messages", async () => {
  await withThreads(
    {},
    async ({ run }) => {
      await run(async () => {
        const holders = Array.from({ length: 200 }, () => spawn("holder", [self()], { scheduler: 1 }));
        const holds = new Map<Pid, From>();
        for (const holder of holders) for (const message of ["hold", holder]) send(holder, message);
        while (holds.size < holders.length) {
          const { hold } = (await receive()) as { hold: From };
          holds.set(hold.pid, hold);
        }
        for (const holder of holders.reverse()) {
          replyTo(holds.get(holder) as From, "go on"); // each has asked
          assert.deepEqual(await receive(), { said: "hold" });
          assert.deepEqual(await receive(), { said: holder });
        }
      });
    },
    app,
  );
});
