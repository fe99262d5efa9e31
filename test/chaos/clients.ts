/** What an OS process of clients has: the order it was started with, somebody to answer to, and many connections to open. */

/** Upgrades in progress at a time. */
const CONCURRENT_UPGRADES = 30;

/** What whoever started this process wants of it; it ends with that one. */
export function takeOrder<T>(): T {
  process.on("disconnect", () => process.exit(1));
  return JSON.parse(process.argv[2] as string) as T; // what its file says it takes
}

/** Answers whoever started this process. */
export function answer(seen: object): void {
  process.send?.(seen);
}

/** Opens connections 0 … `count` - 1, some at a time. */
export async function openAll(count: number, open: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const openNext = async (): Promise<void> => {
    while (next < count) await open(next++);
  };
  await Promise.all(Array.from({ length: CONCURRENT_UPGRADES }, openNext));
}
