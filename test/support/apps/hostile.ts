/** The application of the watchdog's tests: a channel that is told what to do to its thread. Small limits are for the runner. */
import { pbkdf2Sync } from "node:crypto";
import { application, channel, genServer, ok, processInfo, reply, self, socket } from "joist";

const KIB = 2 ** 10;
const MIB = 2 ** 20;

/** For ever: it is for the watchdog to end. */
function forever(step: () => void): never {
  for (;;) step();
}

const kept: unknown[] = [];

/** Ways to hold a thread: all in a callback that does not return. */
const blocks = {
  endless_loop: () => forever(() => {}),
  microtask_loop: async () => {
    for (;;) await null;
  },
  next_tick_loop: () => {
    const again = (): void => void process.nextTick(again);
    again();
  },
  loop_after_await: async () => {
    await new Promise((resolve) => setTimeout(resolve, 20));
    forever(() => {});
  },
  catastrophic_regex: () => /^(a+)+$/.test(`${"a".repeat(60)}!`),
  json_parse_loop: () => {
    const text = JSON.stringify(Array.from({ length: 30_000 }, (_, i) => i));
    forever(() => JSON.parse(text));
  },
  native_call: () => pbkdf2Sync("secret", "salt", 6_000_000, 64, "sha512"),
  atomics_wait: () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0),
};

/** Ways to fill it, in a callback that never returns, except for the last. */
const leaks = {
  growing_map: () => {
    const map = new Map<number, object>();
    forever(() => map.set(map.size, { n: map.size }));
  },
  growing_array: () => {
    const array: number[] = [];
    forever(() => array.push(array.length + 0.5));
  },
  small_objects: () => {
    let list: object | null = null;
    forever(() => {
      list = { list };
    });
  },
  doubling_string: () => {
    // Flattened each time, or it would be a tree of halves that takes no memory.
    let text = "x".repeat(KIB);
    forever(() => {
      if (text.length < 2 ** 28) text += text;
      kept.push(Buffer.from(text).toString("latin1"));
    });
  },
  huge_arrays: () =>
    forever(() => {
      const array = new Array<number>(1e8);
      kept.push(array);
      for (let i = 0; i < array.length; i++) array[i] = 0.5; // a loop: `fill` is one call, and no call can be interrupted
    }),
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
};

/** Ways to end the OS process, as a fault in native code does. */
const faults = {
  abort: () => fault("SIGABRT"),
  segmentation_fault: () => fault("SIGSEGV"),
  killed: () => fault("SIGKILL"),
};

function fault(signal: NodeJS.Signals): never {
  process.kill(process.pid, signal);
  return forever(() => {}); // until it takes effect
}

/** Ways to make a thread useless. */
export const deeds = { ...blocks, ...leaks } satisfies Record<string, () => unknown>;

export type Deed = keyof typeof deeds | keyof typeof faults;

export const isLeak = (deed: Deed): boolean => Object.hasOwn(leaks, deed);

/** Registered, so that the runner can see that names and supervisors come through as well. */
export const Counter = genServer({
  init: () => 0,
  handleCall: { add: (by: number, count) => reply(count + by, count + by) },
});

export const RoomChannel = channel({
  join: () => ok(),
  handleIn: {
    ...Object.fromEntries(
      Object.entries({ ...deeds, ...faults }).map(([name, deed]) => [name, async () => void (await deed())]),
    ),
    where: async () => reply("ok", { pid: self(), scheduler: (await processInfo(self()))?.scheduler }),
  },
});

export const UserSocket = socket({ channels: { "room:*": RoomChannel } });

export default application({
  sockets: { "/socket": UserSocket },
  children: [Counter.child(undefined, { name: "counter" })],
});
