/** What the watchdog decides where some schedulers are threads and others OS processes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { makePid } from "../../src/core/pid.js";
import { judgeAll } from "../../src/runtime/watchdog/judge-hosts.js";
import type { Vitals } from "../../src/runtime/watchdog/vitals.js";
import type { Memory, WatchdogLimits } from "../../src/runtime/watchdog/watchdog.js";

const MIB = 2 ** 20;
const limits: WatchdogLimits = {
  maxBlockMs: 500,
  maxHeapBytes: 400 * MIB,
  maxRssBytes: 1000 * MIB,
  watchdogIntervalMs: 50,
};

interface Seen {
  /** MiB resident in the main process. */
  readonly main: number;
  /** Threads, from 1 on: beat, and MiB of heap. */
  readonly threads: readonly (readonly [beat: number, heap: number])[];
  /** OS processes, from 11 on: beat, MiB of heap, MiB resident. */
  readonly processes: readonly (readonly [beat: number, heap: number, rss: number])[];
}

const vitalsOf = (thread: number, beat: number, heap: number): Vitals => ({
  ...{ beat, heapBytes: heap * MIB, isFull: false, isRunning: true },
  last: { pid: makePid(thread, 1, thread), label: "worker", definition: 0 },
});

/** What each look brings, in short. */
function verdicts(looks: readonly Seen[]): string[][] {
  let memory: Memory = new Map();
  return looks.map(({ main, threads, processes }, told) => {
    const [next, found] = judgeAll(
      memory,
      {
        ...{ rssBytes: main * MIB, mainBytes: 20 * MIB, leaving: 0 },
        threads: new Map(threads.map(([beat, heap], at) => [at + 1, vitalsOf(at + 1, beat, heap)])),
        processes: new Map(
          processes.map(([beat, heap, rss], at) => [
            at + 11,
            { vitals: vitalsOf(at + 11, beat, heap), memory: { rssBytes: rss * MIB, ownBytes: 10 * MIB, told } },
          ]),
        ),
      },
      limits,
    );
    memory = next;
    return found.map(({ thread, cause }) => `${thread} ${cause}`);
  });
}

const many = (seen: (look: number) => Seen, count = 11): Seen[] => Array.from({ length: count }, (_, i) => seen(i));

test("one of either kind that stands still is stuck, and the other kind is not", () => {
  const thread = many((i) => ({ main: 100, threads: [[3, 20], [i, 20]], processes: [[i, 20, 60]] })); // biome-ignore format: a table
  assert.deepEqual(verdicts(thread).flat(), ["1 stuck"]);
  const process = many((i) => ({ main: 100, threads: [[i, 20], [i, 20]], processes: [[3, 20, 60]] })); // biome-ignore format: a table
  assert.deepEqual(verdicts(process).flat(), ["11 stuck"]);
});

test("what an OS process has grown by is not taken for a silent thread's", () => {
  const looks = many((i) => ({ main: 100, threads: [[3, 20]], processes: [[i, 20 + 30 * i, 60 + 40 * i]] }), 8);
  assert.deepEqual(verdicts(looks).flat(), []);
});

test("maxRssBytes is for all together, and costs the largest one of the OS process that has the most", () => {
  const mainLargest: Seen = { main: 700, threads: [[1, 200], [1, 300]], processes: [[1, 250, 400]] }; // biome-ignore format: a table
  assert.deepEqual(verdicts([mainLargest]), [["2 swollen"]]);
  const ownLargest: Seen = { main: 500, threads: [[1, 200], [1, 100]], processes: [[1, 100, 200], [1, 350, 520]] }; // biome-ignore format: a table
  assert.deepEqual(verdicts([ownLargest]), [["12 swollen"]]);
  const within: Seen = { main: 500, threads: [[1, 300]], processes: [[1, 250, 400]] };
  assert.deepEqual(verdicts([within]), [[]]);
});

test("nobody is ended for what nobody has: neither in the main process nor in the largest of the others", () => {
  const main: Seen = { main: 1100, threads: [[1, 20]], processes: [[1, 20, 60]] };
  assert.deepEqual(verdicts([main]), [[]]);
});
