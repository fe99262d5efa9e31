/** How often something may be restarted: pure bookkeeping over a sliding time window. */

/** The times of the restarts that still count. */
export type RestartTimes = readonly number[];

/** Counts a restart at `nowMs`: the new times, or `undefined` if it is one too many for `withinMs`. */
export function countRestart(
  times: RestartTimes,
  nowMs: number,
  maxRestarts: number,
  withinMs: number,
): RestartTimes | undefined {
  const recent = [...times.filter((time) => nowMs - time <= withinMs), nowMs];
  return recent.length > maxRestarts ? undefined : recent;
}
