/**
 * Which definitions threads die of. A client that sends again and again what is fatal to a channel would end one scheduler thread
 * after the other, and everybody's processes with them; a definition that is to blame for too many deaths within a time is put in
 * quarantine, on a thread of its own (`dedicated.ts`). Pure: same blames, definition and time, same verdict.
 */

export interface QuarantineLimits {
  /** 0: never. */
  readonly quarantineAfter: number;
  readonly quarantineWindowMs: number;
}

/** Definition → when threads died of it, as far as that still counts. */
export type Blames = ReadonlyMap<string, readonly number[]>;

/** Whether it is enough, and how many deaths count now. */
export interface Blamed {
  readonly isEnough: boolean;
  readonly count: number;
}

/** A thread has died of `definition`, for certain. One that is enough is forgotten: it is in quarantine from then on. */
export function blame(
  blames: Blames,
  definition: string,
  nowMs: number,
  { quarantineAfter, quarantineWindowMs }: QuarantineLimits,
): readonly [Blames, Blamed] {
  const next = new Map<string, readonly number[]>();
  for (const [other, times] of blames) {
    const recent = times.filter((time) => nowMs - time <= quarantineWindowMs);
    if (recent.length > 0) next.set(other, recent);
  }
  const times = [...(next.get(definition) ?? []), nowMs];
  const isEnough = quarantineAfter > 0 && times.length >= quarantineAfter;
  if (isEnough) next.delete(definition);
  else next.set(definition, times);
  return [next, { isEnough, count: times.length }];
}
