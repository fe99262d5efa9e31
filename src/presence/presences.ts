/** What presence speaks of: metas by key, and the diffs of them. Phoenix's payloads, byte for byte. Pure. */
import type { Meta } from "../tracker/state-data.js";

/** What presence adds to a meta. */
export interface MetaRefs {
  /** Names this meta: another after each update. */
  readonly phx_ref: string;
  /** After an update, the meta it took the place of. */
  readonly phx_ref_prev?: string;
}

/** What is known of one key: a meta for each time it is tracked, and what `fetch` added. */
export interface PresenceOf<M extends object> {
  readonly metas: readonly (M & MetaRefs)[];
}

/** Presences by key. It has no prototype: what is not a key is not there. */
export type Presences<P> = Readonly<Record<string, P>>;

/** Who came and who went. An update is both, under one key. */
export interface PresenceDiff<P> {
  readonly joins: Presences<P>;
  readonly leaves: Presences<P>;
}

/** Before types: what was tracked was checked by them. */
export type AnyPresence = PresenceOf<Record<string, unknown>>;
export type AnyPresences = Presences<AnyPresence>;
export type AnyDiff = PresenceDiff<AnyPresence>;

/** Metas grouped by key, as they are listed. */
export function presencesOf(listed: Iterable<readonly [key: string, metas: readonly Meta[]]>): AnyPresences {
  const presences: Record<string, AnyPresence> = Object.create(null);
  // The tracker has put the refs in.
  for (const [key, metas] of listed) presences[key] = { metas: metas as AnyPresence["metas"] };
  return presences;
}

interface Tracked {
  readonly topic: string;
  readonly key: string;
  readonly meta: Meta;
}

/** The diffs of the topics in which something has changed, each in the order it happened. */
export function diffsOf(joins: readonly Tracked[], leaves: readonly Tracked[]): ReadonlyMap<string, AnyDiff> {
  const diffs = new Map<string, Record<"joins" | "leaves", Record<string, { metas: Meta[] }>>>();
  const add = (side: "joins" | "leaves", { topic, key, meta }: Tracked): void => {
    let diff = diffs.get(topic);
    if (diff === undefined) {
      diff = { joins: Object.create(null), leaves: Object.create(null) };
      diffs.set(topic, diff);
    }
    const presence = diff[side][key];
    if (presence === undefined) diff[side][key] = { metas: [meta] };
    else presence.metas.push(meta);
  };
  for (const entry of joins) add("joins", entry);
  for (const entry of leaves) add("leaves", entry);
  return diffs as unknown as ReadonlyMap<string, AnyDiff>; // the tracker has put the refs in
}

/** The metas of one topic by key, kept up to date by its diffs. Phoenix's `merge_diff`. */
export class TopicMetas {
  /** Changed in place, and handed out as it is: a copy for each diff would cost as much as the topic is large. */
  readonly metas: Readonly<Record<string, readonly (Record<string, unknown> & MetaRefs)[]>> = Object.create(null);

  /** @returns Whether anybody is left. */
  merge({ joins, leaves }: AnyDiff): boolean {
    const metas = this.metas as Record<string, readonly MetaRefs[]>;
    for (const [key, joined] of Object.entries(joins)) {
      const refs = new Set(joined.metas.map(({ phx_ref }) => phx_ref));
      const kept = metas[key]?.filter(({ phx_ref }) => !refs.has(phx_ref)) ?? [];
      metas[key] = [...kept, ...joined.metas];
    }
    for (const [key, left] of Object.entries(leaves)) {
      const refs = new Set(left.metas.map(({ phx_ref }) => phx_ref));
      const kept = metas[key]?.filter(({ phx_ref }) => !refs.has(phx_ref)) ?? [];
      if (kept.length > 0) metas[key] = kept;
      else delete metas[key];
    }
    for (const _ in metas) return true;
    return false;
  }
}
