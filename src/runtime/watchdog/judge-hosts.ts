/** What the watchdog sees of the schedulers there are, of either kind, and decides. The decisions are in the files it calls. */
import { getHeapStatistics } from "node:v8";
import type { SchedulerHost } from "../hosts/host.js";
import type { Vitals } from "./vitals.js";
import { judge, type Memory, type Verdict, type WatchdogLimits } from "./watchdog.js";
import { judgeProcesses, type SeenProcess } from "./watchdog-processes.js";

/**
 * Judges all schedulers that take turns: all are threads of this OS process, or all have one of their own.
 *
 * @param leaving - Swollen ones that were given up and are not gone.
 */
export function judgeHosts(
  memory: Memory,
  hosts: Iterable<SchedulerHost>,
  leaving: number,
  limits: WatchdogLimits,
): readonly [Memory, readonly Verdict[]] {
  const threads = new Map<number, Vitals>();
  const processes = new Map<number, SeenProcess>();
  for (const { isReady, number, vitals, memory } of hosts) {
    if (!isReady) continue;
    if (memory === null) threads.set(number, vitals);
    else if (vitals.beat > 0) processes.set(number, { vitals, memory }); // its first word may be under way
  }
  const rssBytes = process.memoryUsage.rss();
  if (processes.size > 0) return judgeProcesses(memory, { mainRssBytes: rssBytes, leaving, processes }, limits);
  const { used_heap_size, external_memory } = getHeapStatistics();
  return judge(memory, { threads, leaving, rssBytes, mainBytes: used_heap_size + external_memory }, limits);
}

/**
 * Those that turn and do nothing, by number, with why they are held for it (see `pulse.ts`), and those that have sent what is no
 * batch.
 */
export function deafVerdicts(
  hosts: readonly SchedulerHost[],
  deaf: ReadonlyMap<number, string>,
  garbled: ReadonlySet<number>,
): Verdict[] {
  return hosts.flatMap(({ number: thread, vitals }) => {
    const reason = garbled.has(thread) ? "what it sent to the main thread makes no sense" : deaf.get(thread);
    if (reason === undefined) return [];
    return { thread, cause: "deaf", reason, blockedMs: 0, heapBytes: vitals.heapBytes } satisfies Verdict;
  });
}
