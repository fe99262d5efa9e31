/** Ways to hold a thread: in a callback that does not return, or in what comes back from its `await`. */
import { execSync } from "node:child_process";
import { pbkdf2Sync } from "node:crypto";

/** For ever: it is for the watchdog to end. */
export function forever(step: () => void): never {
  for (;;) step();
}

export const loops = {
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
  loop_in_a_timer: () => void setTimeout(() => forever(() => {}), 20),
  catastrophic_regex: () => /^(a+)+$/.test(`${"a".repeat(60)}!`),
  json_parse_loop: () => {
    const text = JSON.stringify(Array.from({ length: 30_000 }, (_, i) => i));
    forever(() => JSON.parse(text));
  },
  sort_that_never_agrees: () => {
    const array = Array.from({ length: 3_000_000 }, (_, i) => i);
    forever(() => array.sort(() => Math.random() - 0.5));
  },
  /** Some four seconds in OpenSSL, which nothing can end. */
  native_call: () => pbkdf2Sync("secret", "salt", 6_000_000, 64, "sha512"),
  blocking_child: () => execSync("sleep 4"),
  atomics_wait: () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0),
} satisfies Record<string, () => unknown>;
