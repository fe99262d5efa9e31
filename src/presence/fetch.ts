/** The user's `fetch`: what it may do wrong, and what is then shown instead, which is what was tracked and nothing more. */
import { ErrorCode, RuntimeError } from "../core/errors.js";
import { formatReason, toExitReason } from "../core/exit-reason.js";
import { notice } from "../runtime/process.js";
import type { AnyPresences } from "./presences.js";

export type AnyFetch = (topic: string, presences: AnyPresences) => AnyPresences | PromiseLike<AnyPresences>;

/**
 * Runs `fetch`; of no presences there is nothing to fetch.
 *
 * @throws what it throws; RuntimeError `badReturn` if a presence is missing in what it returns, or has no metas.
 */
export async function fetchPresences(fetch: AnyFetch, topic: string, presences: AnyPresences): Promise<AnyPresences> {
  const keys = Object.keys(presences);
  if (keys.length === 0) return presences;
  const fetched: unknown = await fetch(topic, presences);
  const isObject = typeof fetched === "object" && fetched !== null;
  for (const key of keys) {
    const presence: unknown = isObject && Object.hasOwn(fetched, key) ? (fetched as AnyPresences)[key] : undefined;
    if (Array.isArray((presence as { metas?: unknown } | null | undefined)?.metas)) continue;
    throw new RuntimeError(
      ErrorCode.badReturn,
      `fetch for topic "${topic}" returned no { metas: […] } for ${JSON.stringify(key)}; it must keep every key and its metas`,
    );
  }
  return fetched as AnyPresences; // it was looked at
}

/** As {@link fetchPresences}, in the calling process and for so long at most; when it fails, `presences` as they are. */
export async function fetchOrKeep(
  fetch: AnyFetch,
  topic: string,
  presences: AnyPresences,
  timeoutMs: number,
): Promise<AnyPresences> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it did not answer within ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    return await Promise.race([fetchPresences(fetch, topic, presences), late]);
  } catch (error) {
    notice(`shows presences of topic "${topic}" without what fetch adds: ${formatReason(toExitReason(error))}`);
    return presences;
  } finally {
    clearTimeout(timer);
  }
}
