/**
 * How often a supervisor restarts before it gives up: at most `maxRestarts` within `maxSeconds`; one more ends it. Pure.
 *
 * As OTP's `supervisor:add_restart`: the clock has whole seconds, and a restart counts while `now <= then + maxSeconds`.
 * Restarts are kept as counts a second, so the log is never longer than the period, however many restarts are allowed.
 *
 * What OTP does not have is a child that ended because its thread did: `supervisor-strategy.ts` does not count its restart.
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
}

/** The restarts that still count, oldest first. */
export type RestartLog = readonly Second[];

export const NO_RESTARTS: RestartLog = [];

/**
 * Counts a restart at `nowMs`.
 *
 * @returns The log to go on with, and whether the limit still holds; if not, the supervisor must give up.
 */
export function countRestart(log: RestartLog, limit: RestartLimit, nowMs: number): readonly [RestartLog, boolean] {
  const now = Math.floor(nowMs / 1000);
  const recent = log.filter(({ second }) => now <= second + limit.maxSeconds);
  const last = recent.at(-1);
  const counted =
    last?.second === now
      ? [...recent.slice(0, -1), { second: now, restarts: last.restarts + 1 }]
      : [...recent, { second: now, restarts: 1 }];
  const total = counted.reduce((sum, { restarts }) => sum + restarts, 0);
  return [counted, total <= limit.maxRestarts];
}
