/** What rounds with and without a disturbance say of latencies. */

/** The value that `share` of them are not above, roughly; NaN if there are none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** The median of the rounds' own ratios: each 99th percentile against that of the round right before it, without. */
export function ratioOfRounds(rounds: readonly (readonly number[])[], without: readonly (readonly number[])[]): number {
  const ratios = rounds.map((round, n) => percentile(round, 0.99) / percentile(without[n] ?? [], 0.99));
  return percentile(ratios, 0.5);
}

export function shownMs(ms: number): string {
  return `${ms.toFixed(2)} ms`;
}
