/** The clock of an open loop: what is meant to happen so many times a second, whatever became of the times before. */

/** After that long the event loop has a turn: else ticks that take longer than they may would never let answers in. */
const MAX_TURN_MS = 10;

/**
 * Calls `tick` so many times a second with the time each was meant for; those that are late come as soon as they can. Those
 * that are still owed when it is cleared never come.
 */
export function everySecond(perSecond: number, tick: (meantMs: number) => void): NodeJS.Timeout {
  const stepMs = 1000 / perSecond;
  let nextMs = performance.now() + stepMs;
  return setInterval(() => {
    let nowMs = performance.now();
    for (const endMs = nowMs + MAX_TURN_MS; nextMs <= nowMs && nowMs < endMs; nowMs = performance.now()) {
      tick(nextMs);
      nextMs += stepMs;
    }
  }, 1);
}
