/** What the watchdog decides of schedulers in OS processes of their own, look by look. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { makePid } from "../../src/core/pid.js";
import type { Memory, WatchdogLimits } from "../../src/runtime/watchdog/watchdog.js";
import { judgeProcesses, type SeenProcess } from "../../src/runtime/watchdog/watchdog-processes.js";

const MIB = 2 ** 20;
const limits: WatchdogLimits = {
  maxBlockMs: 500,
  maxHeapBytes: 100 * MIB,
  maxRssBytes: 1000 * MIB,
  watchdogIntervalMs: 50,
};

interface Seen {
  readonly main?: number;
  readonly leaving?: number;
  /** Of each process, from 1 on: its beat, MiB of its heap, MiB resident; how often it has told of itself, by default at each look. */
  readonly processes: readonly (readonly [beat: number, heap: number, rss: number, told?: number])[];
}

/** What each look brings, in short. */
function verdicts(looks: readonly Seen[]): string[][] {
  let memory: Memory = new Map();
  return looks.map(({ main = 50, leaving = 0, processes }, index) => {
    const seen = processes.map(([beat, heap, rss, told = index], at): [number, SeenProcess] => {
      const last = { pid: makePid(at + 1, 1, at + 1), label: "worker", definition: 0 };
      const vitals = { beat, heapBytes: heap * MIB, isFull: false, isRunning: true, last };
      return [at + 1, { vitals, memory: { rssBytes: rss * MIB, ownBytes: 10 * MIB, told } }];
    });
    const look = { mainRssBytes: main * MIB, leaving, processes: new Map(seen) };
    const [next, found] = judgeProcesses(memory, look, limits);
    memory = next;
    return found.map(({ thread, cause, heapBytes }) => `${thread} ${cause} ${Math.round(heapBytes / MIB)}`);
  });
}

test("two that grow in silence at the same time are both found, each by its own memory", () => {
  const looks: Seen[] = Array.from({ length: 5 }, (_, i) => ({
    processes: [[3, 20, 60 + 30 * i], [i, 20, 60], [3, 20, 60 + 25 * i]], // biome-ignore format: a table
  }));
  assert.deepEqual(verdicts(looks), [[], [], [], ["1 swollen 110"], ["3 swollen 120"]]);
});

test("a process that tells nothing is not counted for its scheduler, and is stuck itself after 5 s", () => {
  const looks: Seen[] = Array.from({ length: 101 }, () => ({ processes: [[7, 10, 60, 1]] }));
  assert.deepEqual(verdicts(looks.slice(0, 100)).flat(), []);
  assert.deepEqual(verdicts(looks).flat(), ["1 stuck 10"]);
});

test("one that is told not to beat for maxBlockMs is stuck", () => {
  const looks: Seen[] = Array.from({ length: 11 }, (_, i) => ({ processes: [[7, 10, 60], [i, 10, 60]] })); // biome-ignore format: a table
  assert.deepEqual(verdicts(looks).flat(), ["1 stuck 10"]);
});

test("maxRssBytes is for all of them together, and costs the largest", () => {
  const processes: Seen["processes"] = [[1, 60, 300], [1, 90, 500], [1, 50, 180]]; // biome-ignore format: a table
  assert.deepEqual(
    verdicts([
      { main: 10, processes },
      { main: 50, processes },
    ]),
    [[], ["2 swollen 90"]],
  );
  // What is about to be freed is not waited for by ending another one.
  assert.deepEqual(verdicts([{ main: 50, leaving: 1, processes }]), [[]]);
});

test("processes that hold little are not ended for what the main process has grown to", () => {
  assert.deepEqual(verdicts([{ main: 900, processes: [[1, 20, 80], [1, 20, 90]] }]), [[]]); // biome-ignore format: a table
});
