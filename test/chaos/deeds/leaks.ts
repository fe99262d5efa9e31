/** Ways to fill a thread's heap, in a callback that never returns, except for the last. */
import { forever } from "./loops.js";

const KIB = 2 ** 10;
const MIB = 2 ** 20;

const kept: unknown[] = [];

export const leaks = {
  growing_map: () => {
    const map = new Map<number, object>();
    forever(() => map.set(map.size, { n: map.size }));
  },
  growing_array: () => {
    const array: number[] = [];
    forever(() => array.push(array.length + 0.5));
  },
  huge_arrays: () =>
    forever(() => {
      const array = new Array<number>(1e8);
      kept.push(array);
      for (let i = 0; i < array.length; i++) array[i] = 0.5; // a loop: `fill` is one call, and no call can be interrupted
    }),
  doubling_string: () => {
    // Flattened each time, or it would be a tree of halves that takes no memory.
    let text = "x".repeat(KIB);
    forever(() => {
      if (text.length < 2 ** 28) text += text;
      kept.push(Buffer.from(text).toString("latin1"));
    });
  },
  small_objects: () => {
    let list: object | null = null;
    forever(() => {
      list = { list };
    });
  },
  closures: () =>
    forever(() =>
      kept.push(
        (
          (n: number) => () =>
            n
        )(kept.length),
      ),
    ),
  buffers: () => forever(() => kept.push(Buffer.alloc(MIB, 1))),
  array_buffers: () => forever(() => kept.push(new Uint8Array(new ArrayBuffer(MIB)).fill(1))),
  /** Returns each time: the thread goes on serving others while it swells. */
  leak_in_turns: () => {
    const leak = (): void => {
      for (let i = 0; i < 20_000; i++) kept.push({ i, text: `${i}` });
      setImmediate(leak);
    };
    leak();
  },
} satisfies Record<string, () => unknown>;
