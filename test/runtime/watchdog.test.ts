/** What the watchdog decides, look by look. */
import assert from "node:assert/strict";
import { totalmem } from "node:os";
import { test } from "node:test";
import { getHeapStatistics } from "node:v8";
import { makePid } from "../../src/core/pid.js";
import { allocateShared } from "../../src/runtime/boot-scheduler.js";
import { resolveRuntimeOptions } from "../../src/runtime/options.js";
import { Cells } from "../../src/runtime/shared/shared.js";
import type { Vitals } from "../../src/runtime/watchdog/vitals.js";
import { beatMsOf, judge, type Look, type Memory, type WatchdogLimits } from "../../src/runtime/watchdog/watchdog.js";

const MIB = 2 ** 20;
const limits: WatchdogLimits = {
  maxBlockMs: 500,
  maxHeapBytes: 100 * MIB,
  maxRssBytes: 1000 * MIB,
  watchdogIntervalMs: 50,
};

interface Seen {
  readonly rss?: number;
  readonly main?: number;
  readonly leaving?: number;
  /** Of each thread, from 1 on: its beat, MiB of its heap, whether it says it is full. */
  readonly threads: readonly (readonly [beat: number, heap: number, isFull?: boolean])[];
}

function lookOf({ rss = 200, main = 20, leaving = 0, threads }: Seen): Look {
  const vitals = threads.map(([beat, heap, isFull = false], index): [number, Vitals] => {
    const last = { pid: makePid(index + 1, 1, index + 1), label: "worker", definition: 0 };
    return [index + 1, { beat, heapBytes: heap * MIB, isFull, isRunning: false, last }];
  });
  return { rssBytes: rss * MIB, mainBytes: main * MIB, leaving, threads: new Map(vitals) };
}

/** What each look brings, in short. */
function verdicts(looks: readonly Seen[], with_: WatchdogLimits = limits): string[][] {
  let memory: Memory = new Map();
  return looks.map((seen) => {
    const [next, found] = judge(memory, lookOf(seen), with_);
    memory = next;
    return found.map(({ thread, cause, heapBytes }) => `${thread} ${cause} ${Math.round(heapBytes / MIB)}`);
  });
}

const still = (count: number, seen: Seen): Seen[] => Array.from({ length: count }, () => seen);
const nothing = (count: number): string[][] => Array.from({ length: count }, () => []);

test("a thread whose beat is unchanged for maxBlockMs of looks is stuck, and one that beats is not", () => {
  const looks = Array.from({ length: 11 }, (_, i): Seen => ({ threads: [[7, 10], [i, 10]] })); // biome-ignore format: a table
  assert.deepEqual(verdicts(looks), [...nothing(10), ["1 stuck 10"]]);
});

test("a beat in between begins the count anew", () => {
  const looks = [...still(10, { threads: [[1, 10]] }), ...still(11, { threads: [[2, 10]] })];
  assert.deepEqual(verdicts(looks), [...nothing(20), ["1 stuck 10"]]);
});

test("with maxBlockMs 0 nobody is ever stuck", () => {
  assert.deepEqual(verdicts(still(100, { threads: [[1, 10]] }), { ...limits, maxBlockMs: 0 }), nothing(100));
});

test("a thread that says it is full is swollen at once", () => {
  assert.deepEqual(verdicts([{ threads: [[1, 99], [1, 120, true]] }]), [["2 swollen 120"]]); // biome-ignore format: a table
});

test("a heap over its limit is not swollen while the thread beats and does not say so: it may be garbage", () => {
  const looks = Array.from({ length: 20 }, (_, i): Seen => ({ rss: 200 + 20 * i, threads: [[i, 150]] }));
  assert.deepEqual(verdicts(looks), nothing(20));
});

test("a silent thread is swollen once the OS process has grown by more than it had left", () => {
  const at = (rss: number): Seen => ({ rss, threads: [[1, 40]] });
  assert.deepEqual(verdicts([at(200), at(230), at(250), at(259), at(261)]), [...nothing(4), ["1 swollen 101"]]);
});

test("two looks of silence are none, whatever grows: the next beat may be on its way", () => {
  const at = (rss: number): Seen => ({ rss, threads: [[1, 40]] });
  assert.deepEqual(verdicts([at(200), at(400), at(600)]), nothing(3));
});

test("what the others and the main thread say they have grown by is not the silent one's", () => {
  const looks = Array.from({ length: 8 }, (_, i): Seen => {
    const [main, other] = [20 + 10 * i, 20 + 20 * i];
    return { rss: 200 + 30 * i, main, threads: [[1, 40], [i, other]] }; // biome-ignore format: a table
  });
  assert.deepEqual(verdicts(looks), nothing(8));
});

test("of two silent threads one is swollen: the other is judged by what grows from then on", () => {
  const at = (rss: number): Seen => ({ rss, threads: [[1, 40], [1, 60]] }); // biome-ignore format: a table
  const without = (rss: number): Seen => ({ rss, threads: [[1, 40]] });
  assert.deepEqual(verdicts([at(200), at(200), at(200), at(270), without(270), without(270), without(390)]), [
    ...nothing(3),
    ["2 swollen 130"],
    [],
    [],
    ["1 swollen 160"],
  ]);
});

test("over maxRssBytes the largest thread goes", () => {
  const looks = [{ rss: 1001, threads: [[1, 50], [1, 300], [1, 20]] }] satisfies Seen[]; // biome-ignore format: a table
  assert.deepEqual(verdicts(looks), [["2 swollen 300"]]);
});

test("over maxRssBytes nobody goes while a swollen one is leaving, or if no thread has much", () => {
  assert.deepEqual(verdicts([{ rss: 1001, leaving: 1, threads: [[1, 500]] }]), nothing(1));
  assert.deepEqual(verdicts([{ rss: 1001, main: 900, threads: [[1, 30]] }]), nothing(1));
});

test("nothing is limited by Infinity", () => {
  const endless = { ...limits, maxHeapBytes: Number.POSITIVE_INFINITY, maxRssBytes: Number.POSITIVE_INFINITY };
  const looks = Array.from({ length: 9 }, (_, i): Seen => ({ rss: 1000 * i, threads: [[1, 40]] }));
  assert.deepEqual(verdicts(looks, endless), nothing(9));
});

test("a thread beats ten times within maxBlockMs at least, and at every look at most", () => {
  const beat = (maxBlockMs: number, watchdogIntervalMs: number): number =>
    beatMsOf({ ...limits, maxBlockMs, watchdogIntervalMs });
  assert.deepEqual([beat(2000, 50), beat(100, 50), beat(0, 50), beat(5, 50), beat(60_000, 5000)], [50, 10, 50, 1, 100]);
});

test("a thread that was given up changes nothing for its successor", () => {
  const shared = allocateShared(2);
  const cells = new Cells(shared);
  cells.setThread(1, 5);
  cells.addLoad(1, 5, 3);
  cells.setThread(1, undefined);
  cells.setThread(1, 6);
  cells.addLoad(1, 5, 9);
  cells.addLoad(1, 6, 1);
  cells.addLoad(1, 5, -4);
  assert.equal(new Int32Array(shared.cells)[8 + 1], 1); // row 1, load
});

for (const [options, message] of [
  [{ maxBlockMs: -1 }, "bad maxBlockMs -1: allowed are whole numbers from 0 to 2147483647"],
  [{ maxHeapBytes: 1000 }, "bad maxHeapBytes 1000: allowed are whole numbers from 16777216 to 17592186044416"],
  [{ maxRssBytes: Number.NaN }, "bad maxRssBytes NaN: allowed are whole numbers from 16777216 to 17592186044416"],
  [{ watchdogIntervalMs: 0 }, "bad watchdogIntervalMs 0: allowed are whole numbers from 1 to 10000"],
  [{ blackBoxMs: 20_000 }, "bad blackBoxMs 20000: allowed are whole numbers from 0 to 10000"],
  [{ blackBoxFile: "" }, "bad blackBoxFile : allowed are a path, a file URL, null"],
] as const) {
  test(`options: ${message}`, () => {
    assert.throws(() => resolveRuntimeOptions(options), { code: "JOIST_BAD_OPTION", message });
  });
}

test("options: by default a thread may hold half of what V8 allows, and block for 2 s", () => {
  const { maxBlockMs, maxHeapBytes, maxRssBytes, watchdogIntervalMs } = resolveRuntimeOptions({});
  assert.deepEqual([maxBlockMs, watchdogIntervalMs], [2000, 50]);
  assert.equal(maxHeapBytes, Math.floor(getHeapStatistics().heap_size_limit / 2));
  assert.ok(maxRssBytes > 0 && maxRssBytes <= totalmem());
});
