/**
 * How often a supervisor restarts before it gives up: at most `maxRestarts` within `maxSeconds`; one more ends it. Pure.
 *
 * As OTP's `supervisor:add_restart`: the clock has whole seconds, and a restart counts while `now <= then + maxSeconds`.
 * Restarts are kept as counts a second, so the log is never longer than the period, however many restarts are allowed.
 *
 * Departs from OTP in one thing that it does not have: a lost thread is one mishap, whatever number of children it takes
 * along. Those after the first are restarted without being counted; otherwise the three restarts that are the default
 * could never save a tree whose children share a thread.
 */

export interface RestartLimit {
  /** Restarts that are allowed within {@link maxSeconds}; the next one is too many. */
  readonly maxRestarts: number;
  /** Seconds a restart counts. */
  readonly maxSeconds: number;
}

/** The restarts of one second. */
interface Second {
  readonly second: number;
  readonly restarts: number;
  /** The threads whose loss was counted in this second. */
  readonly lostThreads: readonly number[];
}

/** The restarts that still count, oldest first. */
export type RestartLog = readonly Second[];

export const NO_RESTARTS: RestartLog = [];

/**
 * Counts a restart at `nowMs`.
 *
 * @param lostThread - The number of the thread that took the child along, if that is why it ended.
 * @returns The log to go on with, and whether the limit still holds; if not, the supervisor must give up.
 */
export function countRestart(
  log: RestartLog,
  limit: RestartLimit,
  nowMs: number,
  lostThread?: number,
): readonly [RestartLog, boolean] {
  const now = Math.floor(nowMs / 1000);
  const recent = log.filter(({ second }) => now <= second + limit.maxSeconds);
  if (lostThread !== undefined && recent.some(({ lostThreads }) => lostThreads.includes(lostThread))) {
    return [recent, true];
  }
  const last = recent.at(-1);
  const lost = lostThread === undefined ? [] : [lostThread];
  const counted =
    last?.second === now
      ? [
          ...recent.slice(0, -1),
          { second: now, restarts: last.restarts + 1, lostThreads: [...last.lostThreads, ...lost] },
        ]
      : [...recent, { second: now, restarts: 1, lostThreads: lost }];
  const total = counted.reduce((sum, { restarts }) => sum + restarts, 0);
  return [counted, total <= limit.maxRestarts];
}
