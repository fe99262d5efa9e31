/** What the report of a dead thread says beside its reason: why it ended, and what it was doing, as far as that is known. */
import type { ThreadReport } from "../report.js";
import type { Verdict } from "../watchdog/watchdog.js";
import type { SchedulerHost } from "./host.js";

export function storyOf(
  thread: SchedulerHost,
  verdict: Verdict | undefined,
): Pick<ThreadReport, "cause" | "culprit" | "blockedMs" | "heapBytes"> {
  const { last, isRunning } = thread.vitals;
  const who = last === null ? null : { ...last, definition: thread.definitionOf(last.definition) };
  if (verdict === undefined) {
    // It ended inside a slice: of `process.exit`, or at V8's limit. Otherwise nobody knows whose doing it was. Of an OS process that
    // ended without a word it is only known who was in a slice when it was last heard of.
    const isCertain = !thread.isVanished;
    return who !== null && isRunning ? { cause: "exit", culprit: { ...who, isCertain } } : { cause: "exit" };
  }
  const { cause, blockedMs, heapBytes } = verdict;
  // Many have run since it became deaf: who did it can't be told.
  if (cause === "deaf") return { cause, heapBytes };
  const culprit = who === null ? {} : { culprit: { ...who, isCertain: isRunning && blockedMs > 0 } };
  return { cause, blockedMs, heapBytes, ...culprit };
}
