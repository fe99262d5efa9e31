/**
 * The watchdog's judgement of schedulers in OS processes of their own. Each has memory of its own, so what it has grown by is known
 * and nobody else's; only `maxRssBytes` is for all of them and the main process together.
 *
 * Silence is counted in what was told: that a busy machine lets a process tell nothing for a while says nothing of its scheduler. One
 * that tells nothing for long is stuck as a whole.
 */
import type { HostMemory } from "../hosts/host.js";
import type { Vitals } from "./vitals.js";
import { judge, type Memory, mib, type Verdict, type WatchdogLimits, type Watched } from "./watchdog.js";

export interface ProcessesLook {
  /** Of the main process. */
  readonly mainRssBytes: number;
  /** Swollen ones that were given up and are not gone. */
  readonly leaving: number;
  /** By thread number. */
  readonly processes: ReadonlyMap<number, SeenProcess>;
}

export interface SeenProcess {
  readonly vitals: Vitals;
  readonly memory: HostMemory;
}

/** The least that counts as a process that stands still, in milliseconds without a word. */
const UNHEARD_MS = 5000;

interface WatchedProcess extends Watched {
  readonly told: number;
  /** Looks since it last told anything. */
  readonly unheardLooks: number;
}

/** Same memory, look and limits, same verdicts. Memory that is shared between them counts for each: pages of Node.js itself. */
export function judgeProcesses(
  memory: Memory,
  { mainRssBytes, leaving, processes }: ProcessesLook,
  limits: WatchdogLimits,
): readonly [Memory, readonly Verdict[]] {
  const next = new Map<number, WatchedProcess>();
  const verdicts: Verdict[] = [];
  const ownLimits = { ...limits, maxRssBytes: Number.POSITIVE_INFINITY };
  let rssBytes = mainRssBytes;
  let largest: readonly [thread: number, rssBytes: number] | undefined;
  for (const [thread, seen] of processes) {
    const { rssBytes: rss, ownBytes: mainBytes } = seen.memory;
    rssBytes += rss;
    if (largest === undefined || rss > largest[1]) largest = [thread, rss];
    const before = memory.get(thread) as WatchedProcess | undefined; // what is remembered was made below
    if (before?.told === seen.memory.told) {
      const unheardLooks = before.unheardLooks + 1;
      next.set(thread, { ...before, unheardLooks });
      const blockedMs = unheardLooks * limits.watchdogIntervalMs;
      if (limits.maxBlockMs === 0 || blockedMs < Math.max(limits.maxBlockMs, UNHEARD_MS)) continue;
      const reason = `nothing was heard of its OS process for ${blockedMs} ms`;
      verdicts.push({ thread, cause: "stuck", reason, blockedMs, heapBytes: seen.vitals.heapBytes });
      continue;
    }
    const look = { rssBytes: rss, mainBytes, leaving: 0, threads: new Map([[thread, seen.vitals]]) };
    const [watched, found] = judge(memory, look, ownLimits);
    for (const entry of watched.values()) {
      next.set(thread, { ...entry, told: seen.memory.told, unheardLooks: 0 });
    }
    verdicts.push(...found);
  }
  const fairShare = limits.maxRssBytes / (2 * (processes.size + 1));
  if (verdicts.length > 0 || leaving > 0 || rssBytes <= limits.maxRssBytes) return [next, verdicts];
  if (largest === undefined || largest[1] <= fairShare) return [next, verdicts];
  const [thread, heaviest] = largest;
  const over = `the OS processes have ${mib(rssBytes)}, more than maxRssBytes (${mib(limits.maxRssBytes)})`;
  const reason = `${over}, and this one has the most, ${mib(heaviest)}`;
  const heapBytes = processes.get(thread)?.vitals.heapBytes ?? 0;
  return [next, [{ thread, cause: "swollen", reason, blockedMs: 0, heapBytes }]];
}
