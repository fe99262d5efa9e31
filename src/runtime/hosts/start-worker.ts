/** Starts the worker thread of a scheduler, in the main process or in one of its own. */
import { getHeapStatistics } from "node:v8";
import { Worker } from "node:worker_threads";
import { threadFlags } from "./thread-flags.js";
import type { ThreadData } from "./thread-protocol.js";

/**
 * A scheduler's stack, as large as the main thread's. With the 4 MiB that Node.js gives to workers one could post what is nested
 * deeper than the main thread can read (3,200 arrays in each other), and the whole batch would be lost there. With this the post
 * fails (at 2,600), which is its sender's error.
 */
const STACK_MIB = 1;

/**
 * A scheduler's young generation: two halves of 4 MiB, and large objects. V8 would let it grow to 48 MiB and not give that back while
 * a thread has something to do. Of two schedulers with 2,000 idle channels that was half of the memory; what a message costs is the
 * same with 3, 6, 12 and 48 MiB (docs/performance.md).
 */
const YOUNG_MIB = 12;

export function startWorker(data: ThreadData): Worker {
  return new Worker(new URL("../../../workers/scheduler.js", import.meta.url), {
    workerData: data,
    transferList: data.peers.flatMap(({ port }) => port ?? []),
    name: `joist ${data.isIo ? "io" : "scheduler"} ${data.slot}`,
    resourceLimits: {
      maxOldGenerationSizeMb: hardLimitMib(data.maxHeapBytes),
      maxYoungGenerationSizeMb: YOUNG_MIB,
      stackSizeMb: STACK_MIB,
    },
    ...threadFlags(),
  });
}

/**
 * V8's own limit for a thread: the last line. As far as possible from the watchdog's, for at that limit V8 ends the OS process
 * in many cases, and a leak runs on for a moment after it is seen.
 */
export function hardLimitMib(maxHeapBytes: number): number {
  const own = getHeapStatistics().heap_size_limit;
  return Math.ceil((Number.isFinite(maxHeapBytes) ? Math.max(own, 2 * maxHeapBytes) : own) / 2 ** 20);
}
