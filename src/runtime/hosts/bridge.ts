/**
 * The main thread of a scheduler's OS process: starts the scheduler thread, tells the main process how that one is, and ends with it.
 * No user code runs here, so what it tells is true also of a scheduler that is stuck. It has nothing to do with messages.
 *
 * It never outlives the main process: when that is gone, in whatever way, the channel to it closes.
 */
import { getHeapStatistics } from "node:v8";
import type { Worker } from "node:worker_threads";
import { OPEN_BLACK_BOX } from "../watchdog/black-box.js";
import { interrupt } from "../watchdog/interrupt.js";
import { allocateVitals, readLastSlices, readVitals } from "../watchdog/vitals.js";
import { BROKEN_PIPE_EXIT_CODE, type BridgeNews, type BridgeOrder, type BridgeStart } from "./bridge-protocol.js";
import { startWorker } from "./start-worker.js";

/** Signals a terminal or a service manager sends to all processes of a group. The main process decides what they mean. */
const SHARED_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Runs the calling OS process as the home of one scheduler. */
export function runBridge(): void {
  for (const signal of SHARED_SIGNALS) process.on(signal, () => {});
  // Not `process.exit`: that waits for the scheduler thread, which may be in a native call.
  process.once("disconnect", () => process.kill(process.pid, "SIGKILL"));
  let worker: Worker | null = null;
  process.on("message", (order: BridgeOrder) => {
    if (order.tag === "start") worker = startScheduler(order);
    else if (worker !== null) void interruptScheduler(worker, order.timeoutMs);
  });
}

function startScheduler({ data, intervalMs }: BridgeStart): Worker {
  process.title = `joist scheduler ${data.slot}`; // what lists of processes show
  const vitals = allocateVitals();
  const worker = startWorker({ ...data, vitals });
  const timer = setInterval(() => {
    const { used_heap_size, external_memory } = getHeapStatistics();
    tell({
      tag: "vitals",
      vitals: readVitals(vitals, data.thread),
      lastSlices: readLastSlices(vitals, data.thread),
      memory: { rssBytes: process.memoryUsage.rss(), ownBytes: used_heap_size + external_memory },
    });
  }, intervalMs);
  let fault = "";
  worker.on("error", (error: Error) => {
    fault = error.stack ?? error.message;
  });
  worker.on("exit", (code) => {
    clearInterval(timer);
    const reason = fault === "" ? endOf(code) : fault;
    tell({ tag: "ended", reason, vitals: readVitals(vitals, data.thread) }, () => process.exit(code));
  });
  return worker;
}

function endOf(code: number): string {
  return code === BROKEN_PIPE_EXIT_CODE
    ? "its pipe to the main process is broken: it could not write to it"
    : `it exited with code ${code}`;
}

async function interruptScheduler(worker: Worker, timeoutMs: number): Promise<void> {
  const json = await interrupt(worker.threadId, OPEN_BLACK_BOX, timeoutMs).catch(() => undefined);
  tell({ tag: "interrupted", json });
}

function tell(news: BridgeNews, told: () => void = () => {}): void {
  process.send?.(news, told); // it is the child of a fork, and has it
}
