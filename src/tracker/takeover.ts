/**
 * What a shard starts from: nothing at first; after a death of its process or thread, the copies that the threads have kept.
 */
import { ErrorCode, RuntimeError } from "../core/errors.js";
import type { Pid } from "../core/pid.js";
import { askCopy, type CopyData, type Position } from "./copies.js";

/** Milliseconds a thread may take to answer: one that hangs must not hold up the rest. */
const ANSWER_MS = 1000;

/** What the threads have kept of a shard. */
export interface Kept {
  /** The copy that is furthest along; `null` if no thread that answers has one. */
  readonly copy: CopyData | null;
  /** The services of the threads that have one, or may have: who didn't answer in time must not keep what is out of date. */
  readonly holders: readonly Pid[];
}

/** What is kept of a shard by these services. */
export async function findKept(shard: string, services: readonly Pid[]): Promise<Kept> {
  const answers = await Promise.all(
    services.map(async (service) => ({
      service,
      at: await unlessGone(askCopy(service, ["position", shard], ANSWER_MS)),
    })),
  );
  const holders = answers.flatMap(({ service, at }) => (at === null ? [] : [service]));
  const found = answers.flatMap(({ service, at }) => (at === null || at === LATE ? [] : [{ service, at }]));
  for (const { service } of found.sort((a, b) => compare(b.at, a.at))) {
    const copy = await unlessGone(askCopy(service, ["copy", shard], ANSWER_MS));
    if (copy !== null && copy !== LATE) return { copy, holders };
  }
  return { copy: null, holders };
}

function compare(a: Position, b: Position): number {
  return a.life - b.life || a.seq - b.seq;
}

const LATE = "late";

/** A thread that ends before it answers has no copy any more. */
async function unlessGone<T>(answer: Promise<T>): Promise<T | null | typeof LATE> {
  try {
    return await answer;
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    if (error.code === ErrorCode.callFailed) return null;
    if (error.code === ErrorCode.callTimeout) return LATE;
    throw error;
  }
}
