/**
 * What a shard starts from: nothing at first; after a death of its process or thread, the copies that the threads have kept.
 */
import { ErrorCode, RuntimeError } from "../core/errors.js";
import type { Pid } from "../core/pid.js";
import { askCopy, type CopyData, type Position } from "./copies.js";

/** What the threads have kept of a shard. */
export interface Kept {
  /** The copy that is furthest along. */
  readonly copy: CopyData;
  /** The services of the threads that have one. */
  readonly holders: readonly Pid[];
}

/** What is kept of a shard by these services; `null` if none has a copy. */
export async function findKept(shard: string, services: readonly Pid[]): Promise<Kept | null> {
  const positions = await Promise.all(
    services.map(async (service) => ({ service, at: await unlessGone(askCopy(service, ["position", shard])) })),
  );
  const found = positions.flatMap(({ service, at }) => (at === null ? [] : [{ service, at }]));
  for (const { service } of found.sort((a, b) => compare(b.at, a.at))) {
    const copy = await unlessGone(askCopy(service, ["copy", shard]));
    if (copy !== null) return { copy, holders: found.map((holder) => holder.service) };
  }
  return null;
}

function compare(a: Position, b: Position): number {
  return a.life - b.life || a.seq - b.seq;
}

/** A thread that ends before it answers has no copy any more. */
async function unlessGone<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof RuntimeError && error.code === ErrorCode.callFailed) return null;
    throw error;
  }
}
