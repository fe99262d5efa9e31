/**
 * Takes the black box of a thread that the watchdog gave up: on the main thread, when its replacement has been started and all
 * are told, in the moment before it is terminated. Nothing waits for that but the memory the thread holds, so the moment is short
 * (`blackBoxMs`). A thread that fills its memory in a loop has none: until it is interrupted it would run on, and at V8's own
 * limit V8 ends the OS process (seen with arrays of 800 MB each).
 */
import { appendFile } from "node:fs/promises";
import type { SchedulerHost } from "../hosts/host.js";
import type { BlackBoxReport } from "../report.js";
import type { BlackBoxContents } from "./black-box.js";
import type { Vitals } from "./vitals.js";
import type { Verdict } from "./watchdog.js";

/** What of V8's limit a thread may hold that swells between its messages, to be asked. */
const SAFE_PART = 3 / 4;

type Taken = Pick<BlackBoxReport, "source"> & BlackBoxContents;

/** Without its time; within `timeoutMs`, and never rejects. */
export async function takeBlackBox(
  thread: SchedulerHost,
  verdict: Verdict,
  timeoutMs: number,
): Promise<Omit<BlackBoxReport, "timeMs">> {
  const { number, slot } = thread;
  const { cause, blockedMs, heapBytes } = verdict;
  const startMs = performance.now();
  const [{ last, isRunning }, slices] = [thread.vitals, thread.lastSlices]; // before it is disturbed
  const taken = (await ask(thread, verdict, timeoutMs)) ?? fromMemory(last, isRunning && blockedMs > 0, slices);
  const recent = slices.map(({ pid, label }) => ({ pid, label }));
  const tookMs = Math.round(performance.now() - startMs);
  return { tag: "black_box", scheduler: slot, thread: number, cause, blockedMs, heapBytes, tookMs, ...taken, recent };
}

async function ask(thread: SchedulerHost, verdict: Verdict, timeoutMs: number): Promise<Taken | undefined> {
  const { cause, blockedMs, heapBytes } = verdict;
  if (cause === "swollen") {
    if (blockedMs > 0 || heapBytes > thread.hardLimitBytes * SAFE_PART) return undefined;
    const contents = await thread.askBlackBox(timeoutMs);
    return contents === undefined ? undefined : { source: "answered", ...contents };
  }
  try {
    const json = await thread.interrupt(timeoutMs);
    return typeof json === "string" ? { source: "interrupted", ...(JSON.parse(json) as BlackBoxContents) } : undefined;
  } catch {
    return undefined; // no inspector, or it is not as we know it: there is still what the thread showed in memory
  }
}

function fromMemory(
  last: SchedulerHost["vitals"]["last"],
  isRunning: boolean,
  slices: SchedulerHost["lastSlices"],
): Taken {
  if (last === null) return { source: "memory" };
  const { mailboxLength = 0 } = slices[0] ?? {};
  const { pid, label } = last;
  return { source: "memory", running: { pid, label, isCertain: isRunning, mailboxLength } };
}

/**
 * The definition whose code a thread stood still in, if its black box knows it for certain, also of code after an `await` or in a
 * timer. `null` if it does not, or if the thread has gone on since it was given up: then whoever was found came after.
 */
export function definitionFound(
  { cause, source, running }: Omit<BlackBoxReport, "timeMs">,
  given: Vitals,
  found: Vitals,
): string | null {
  const hasGoneOn =
    given.beat !== found.beat || given.isRunning !== found.isRunning || given.last?.pid !== found.last?.pid;
  return cause === "stuck" && source === "interrupted" && !hasGoneOn ? (running?.definition ?? null) : null;
}

/** Appends a report to a file as a line of JSON. */
export async function writeBlackBox(file: string | URL, report: BlackBoxReport): Promise<void> {
  await appendFile(file, `${JSON.stringify(report)}\n`);
}
