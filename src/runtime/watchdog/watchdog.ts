/**
 * The watchdog: sees from the main thread which scheduler threads are stuck or swollen. The decision is pure (`judge`); the
 * shell looks at the threads' vital signs every `watchdogIntervalMs` and tells the runtime, which starts the replacement first
 * and terminates after.
 *
 * *Stuck* is counted in looks that found the same beat, never by the clock: if the machine slept or the main thread was busy,
 * so was the watchdog, and nobody is condemned for it.
 *
 * *Swollen* is told by the thread itself while it beats. One that leaks in a loop cannot say anything; its size is then what it
 * had at its last beat, and what the OS process has grown by since, less what the other threads say they have grown by. Why
 * V8's own limit is not enough: `docs/isolation.md`.
 */
import type { Vitals } from "./vitals.js";

export interface WatchdogLimits {
  /** 0: never stuck. */
  readonly maxBlockMs: number;
  readonly maxHeapBytes: number;
  readonly maxRssBytes: number;
  readonly watchdogIntervalMs: number;
}

/** The least that counts as standing still, in looks: between two beats there may be one look that sees no change. */
const SILENT_LOOKS = 3;

/** How often a thread beats: seen by every look, at the default of 50 ms, and ten times before it would be called stuck. */
export function beatMsOf({ maxBlockMs, watchdogIntervalMs }: WatchdogLimits): number {
  const often = Math.min(100, watchdogIntervalMs);
  return maxBlockMs === 0 ? often : Math.max(1, Math.min(often, Math.floor(maxBlockMs / 10)));
}

/** What one look sees. */
export interface Look {
  /** Of the whole OS process. */
  readonly rssBytes: number;
  /** Resident in OS processes that some schedulers have of their own. @defaultValue 0 */
  readonly elsewhereBytes?: number;
  /** Heap and buffers of the main thread. */
  readonly mainBytes: number;
  /** Swollen threads that were given up and are not gone: their memory will be free, and is not yet. */
  readonly leaving: number;
  /** By thread number. */
  readonly threads: ReadonlyMap<number, Vitals>;
}

/** What is remembered of a thread between two looks. */
export interface Watched {
  readonly beat: number;
  /** Looks since the beat last changed. */
  readonly silentLooks: number;
  /** Resident bytes that no thread had accounted for when the beat last changed. */
  readonly unaccountedBytes: number;
}

export type Memory = ReadonlyMap<number, Watched>;

export interface Verdict {
  readonly thread: number;
  readonly cause: "stuck" | "swollen" | "deaf";
  readonly reason: string;
  readonly blockedMs: number;
  readonly heapBytes: number;
}

/** Same memory, look and limits, same verdicts. */
export function judge(memory: Memory, look: Look, limits: WatchdogLimits): readonly [Memory, readonly Verdict[]] {
  const next = new Map<number, Watched>();
  const verdicts: Verdict[] = [];
  const heaps = [...look.threads.values()].reduce((sum, { heapBytes }) => sum + heapBytes, 0);
  const rssBytes = look.rssBytes + (look.elsewhereBytes ?? 0);
  const unaccounted = look.rssBytes - look.mainBytes - heaps;
  let largest: Verdict | undefined;
  let grown: Verdict | undefined;

  for (const [thread, vitals] of look.threads) {
    const before = memory.get(thread);
    const silent = before !== undefined && before.beat === vitals.beat;
    const watched: Watched = silent
      ? { ...before, silentLooks: before.silentLooks + 1 }
      : { beat: vitals.beat, silentLooks: 0, unaccountedBytes: unaccounted };
    next.set(thread, watched);

    const isSilent = watched.silentLooks >= SILENT_LOOKS;
    const grownBytes = isSilent ? Math.max(0, unaccounted - watched.unaccountedBytes) : 0;
    const blockedMs = watched.silentLooks * limits.watchdogIntervalMs;
    const heapBytes = vitals.heapBytes + grownBytes;
    const condemn = (cause: Verdict["cause"], reason: string): Verdict => ({
      thread,
      cause,
      reason,
      blockedMs,
      heapBytes,
    });

    const tooMuch = `it holds ${mib(heapBytes)}, more than maxHeapBytes (${mib(limits.maxHeapBytes)})`;
    if (vitals.isFull) verdicts.push(condemn("swollen", tooMuch));
    else if (isSilent && heapBytes > limits.maxHeapBytes) {
      if (grown === undefined || heapBytes > grown.heapBytes) grown = condemn("swollen", tooMuch);
    } else if (limits.maxBlockMs > 0 && blockedMs >= limits.maxBlockMs) {
      verdicts.push(condemn("stuck", `it stood still for ${blockedMs} ms (maxBlockMs is ${limits.maxBlockMs})`));
    } else if (largest === undefined || heapBytes > largest.heapBytes) {
      const who = rssBytes === look.rssBytes ? "the OS process has" : "the OS processes have";
      const over = `${who} ${mib(rssBytes)}, more than maxRssBytes (${mib(limits.maxRssBytes)})`;
      largest = condemn("swollen", `${over}, and of all threads it holds the most, ${mib(heapBytes)}`);
    }
  }
  if (grown !== undefined) verdicts.push(grown);
  // What a thread held that goes now is accounted for by nobody until it is gone: the silent ones have not grown by it. And of
  // two silent threads, what has grown may be the other's: that one is judged by what grows from now on.
  const left = verdicts.reduce((sum, { thread }) => sum + (look.threads.get(thread)?.heapBytes ?? 0), 0);
  for (const [thread, watched] of left > 0 ? next : []) {
    const base = grown === undefined ? watched.unaccountedBytes : unaccounted;
    next.set(thread, { ...watched, unaccountedBytes: base + left });
  }
  // Only if that is likely to help: what is about to be freed is not waited for by freeing more, and if all threads together
  // hold little, it is something else that has grown.
  const fairShare = limits.maxRssBytes / (2 * (look.threads.size + 1));
  if (verdicts.length > 0 || look.leaving > 0 || rssBytes <= limits.maxRssBytes) return [next, verdicts];
  if (largest !== undefined && largest.heapBytes > fairShare) verdicts.push(largest);
  return [next, verdicts];
}

export function mib(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}

export interface WatchdogSetup {
  readonly intervalMs: number;
  readonly judge: (memory: Memory) => readonly [Memory, readonly Verdict[]];
  readonly condemn: (verdict: Verdict) => void;
}

/** Looks until it is stopped. */
export class Watchdog {
  readonly #setup: WatchdogSetup;
  readonly #timer: NodeJS.Timeout;
  #memory: Memory = new Map();

  constructor(setup: WatchdogSetup) {
    this.#setup = setup;
    this.#timer = setInterval(() => this.#look(), setup.intervalMs);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const { judge, condemn } = this.#setup;
    const [memory, verdicts] = judge(this.#memory);
    this.#memory = memory;
    for (const verdict of verdicts) condemn(verdict);
  }
}
