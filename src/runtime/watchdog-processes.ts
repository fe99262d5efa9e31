/**
 * The watchdog's judgement of schedulers in OS processes of their own. Each has memory of its own, so what it has grown by is known
 * and nobody else's; only `maxRssBytes` is for all of them and the main process together.
 */
import type { HostMemory } from "./host.js";
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

/** Same memory, look and limits, same verdicts. Memory that is shared between them counts for each: pages of Node.js itself. */
export function judgeProcesses(
  memory: Memory,
  { mainRssBytes, leaving, processes }: ProcessesLook,
  limits: WatchdogLimits,
): readonly [Memory, readonly Verdict[]] {
  const next = new Map<number, Watched>();
  const verdicts: Verdict[] = [];
  const ownLimits = { ...limits, maxRssBytes: Number.POSITIVE_INFINITY };
  let rssBytes = mainRssBytes;
  let largest: readonly [thread: number, rssBytes: number] | undefined;
  for (const [thread, seen] of processes) {
    const { rssBytes: rss, ownBytes: mainBytes } = seen.memory;
    rssBytes += rss;
    if (largest === undefined || rss > largest[1]) largest = [thread, rss];
    const look = { rssBytes: rss, mainBytes, leaving: 0, threads: new Map([[thread, seen.vitals]]) };
    const [watched, found] = judge(memory, look, ownLimits);
    for (const entry of watched) next.set(...entry);
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
