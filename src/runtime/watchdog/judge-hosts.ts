/** What the watchdog sees of the schedulers there are, of either kind, and decides. The decisions are in the files it calls. */
import { getHeapStatistics } from "node:v8";
import type { SchedulerHost } from "../hosts/host.js";
import type { Vitals } from "./vitals.js";
import { judge, type Look, type Memory, type Verdict, type WatchdogLimits } from "./watchdog.js";
import { judgeProcesses, type SeenProcess } from "./watchdog-processes.js";

/** What one look sees of all of them. */
export interface HostsLook extends Omit<Look, "elsewhereBytes"> {
  /** Those in OS processes of their own, by thread number. */
  readonly processes: ReadonlyMap<number, SeenProcess>;
}

/**
 * Judges all schedulers that take turns.
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
  const { used_heap_size, external_memory } = getHeapStatistics();
  const rssBytes = process.memoryUsage.rss();
  return judgeAll(
    memory,
    { threads, processes, leaving, rssBytes, mainBytes: used_heap_size + external_memory },
    limits,
  );
}

/**
 * Judges those of each kind by its own rules. Same memory, look and limits, same verdicts. Only `maxRssBytes` is for all of them: who
 * is to go for it is sought in the OS process that has the most.
 */
export function judgeAll(
  memory: Memory,
  { processes, ...look }: HostsLook,
  limits: WatchdogLimits,
): readonly [Memory, readonly Verdict[]] {
  const sizes = [...processes.values()].map((seen) => seen.memory.rssBytes);
  const areMixed = look.threads.size > 0 && sizes.length > 0;
  const isMainLargest = look.rssBytes >= Math.max(...sizes);
  const unlimited = { ...limits, maxRssBytes: Number.POSITIVE_INFINITY };
  const [ofProcesses, stuckOrSwollen] = judgeProcesses(
    memory,
    { mainRssBytes: look.rssBytes, leaving: look.leaving, processes },
    areMixed && isMainLargest ? unlimited : limits,
  );
  const [ofThreads, others] = judge(
    memory,
    { ...look, elsewhereBytes: sizes.reduce((sum, size) => sum + size, 0) },
    areMixed && !isMainLargest ? unlimited : limits,
  );
  return [new Map([...ofProcesses, ...ofThreads]), [...stuckOrSwollen, ...others]];
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
