/** What users write about a presence, and its defaults. */
import { checkInteger } from "../core/check-integer.js";
import type { MaybeAsync } from "../otp/gen-server-results.js";
import type { Ok } from "../otp/results.js";
import type { TrackerOptions } from "../tracker/options.js";
import type { MetaRefs, PresenceDiff, PresenceOf, Presences } from "./presences.js";

/**
 * `M` is what is tracked, `P` what is shown of a key, `S` the state of `handleMetas`. None has to be written: `P` and `S` are
 * what `fetch` and `init` return, `M` what `fetch` says it takes (without one: `presence<{ name: string }>({ … })`).
 */
export interface PresenceOptions<M extends object, P extends PresenceOf<M>, S> extends Omit<TrackerOptions, "name"> {
  /** Its name in the application: no two may have the same. @defaultValue `"presence"` */
  readonly name?: string;
  /**
   * Adds to what is shown of each key, from a database say: for `list`, for `getByKey`, and for the joins and the leaves of
   * each diff. It must keep every key and its `metas`. When it throws or is late, what was tracked is shown without it.
   */
  readonly fetch?: (topic: string, presences: Presences<PresenceOf<M>>) => MaybeAsync<Presences<P>>;
  /** Milliseconds `fetch` may take. @defaultValue 5000 */
  readonly fetchTimeoutMs?: number;
  /** Makes the state of `handleMetas`, one for each shard. @defaultValue `undefined` */
  readonly init?: () => MaybeAsync<S>;
  /**
   * Hears of each diff after the clients, in order, in a process of its own.
   *
   * @param presences - The metas of the topic by key, as they are after the diff. The next diff changes it in place.
   * @returns `ok(state)` for another state; nothing keeps it, it may be changed in place.
   */
  readonly handleMetas?: (
    topic: string,
    diff: PresenceDiff<P>,
    presences: Readonly<Record<string, readonly (M & MetaRefs)[]>>,
    state: S,
  ) => MaybeAsync<void | Ok<S>>;
}

export const DEFAULT_NAME = "presence";
export const DEFAULT_FETCH_TIMEOUT_MS = 5000;
const LONGEST_FETCH_MS = 3_600_000;

/** @throws RuntimeError `badOption` */
export function resolveFetchTimeout(timeoutMs: number = DEFAULT_FETCH_TIMEOUT_MS): number {
  checkInteger("fetchTimeoutMs", timeoutMs, 1, LONGEST_FETCH_MS);
  return timeoutMs;
}
