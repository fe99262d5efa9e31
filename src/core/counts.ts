/** How often each limit has struck since the start, by its code. */
import type { LimitCode } from "./limit-codes.js";

export class Counts {
  readonly #counts = new Map<LimitCode, number>();

  add(code: LimitCode, times = 1): void {
    this.#counts.set(code, (this.#counts.get(code) ?? 0) + times);
  }

  /** What has been counted since this was asked last. */
  take(): readonly (readonly [LimitCode, number])[] {
    const taken = [...this.#counts];
    this.#counts.clear();
    return taken;
  }

  /** A copy, as plain data. */
  snapshot(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }
}
