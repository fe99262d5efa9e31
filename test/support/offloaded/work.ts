/** What the tests offload. */
import { openSync, readSync } from "node:fs";
import { threadId } from "node:worker_threads";

/** A flag and a counter in memory that the test shares with its task. */
export interface Shared {
  readonly cells: Int32Array;
}

export default function double(n: number): number {
  return 2 * n;
}

export const where = (): number => threadId;

export async function later(value: unknown): Promise<unknown> {
  await new Promise((resolve) => setTimeout(resolve, 1));
  return value;
}

export function fail(): never {
  throw Object.assign(new RangeError("deep inside"), { code: "E_DEEP" });
}

export function failOddly(): never {
  throw { odd: () => {} };
}

/** Counts up in the first cell until the second is set. */
export function spin({ cells }: Shared): number {
  while (Atomics.load(cells, 1) === 0) Atomics.add(cells, 0, 1);
  return Atomics.load(cells, 0);
}

/** Says in the first cell that it runs, and is in native code then until something is written to a named pipe. */
export function native({ cells, fifo }: Shared & { readonly fifo: string }): void {
  const pipe = openSync(fifo, "r");
  Atomics.store(cells, 0, 1);
  readSync(pipe, Buffer.alloc(1));
}

export function leak(): never {
  const kept: object[] = [];
  for (;;) kept.push({ n: kept.length, more: [1, 2, 3] });
}

export function leave(): void {
  process.exit(3);
}

export const sum = (bytes: Uint8Array): number => bytes.reduce((total, byte) => total + byte, 0);

export const unsendable = (): unknown => ({ deep: { handler: () => {} } });

/** Throws when its task is long over. */
export function mine(): void {
  setTimeout(() => {
    throw new Error("left behind");
  }, 1);
}

export const notCallable = 42;
