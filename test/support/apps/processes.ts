/** Process functions for the tests of the runtime across threads. The program itself is empty. */

import { pbkdf2Sync } from "node:crypto";
import { EventEmitter } from "node:events";
import { readFile } from "node:fs";
import { resourceLimits } from "node:worker_threads";
import type { Pid } from "../../../src/core/pid.js";
import {
  exit,
  kill,
  link,
  monitor,
  type ProcessFunction,
  processFunction,
  receive,
  register,
  self,
  send,
  spawn,
  spawnLink,
  trapExit,
} from "../../../src/runtime/process.js";

const define = <Args extends readonly unknown[]>(kind: string, run: ProcessFunction<Args>) => ({
  kind,
  boot: (...args: Args) => processFunction(run, args),
});

/** Sends back whatever it gets. */
export const echo = define("echo", async (to: Pid) => {
  for (;;) send(to, await receive());
});

/** Answers each message with its own pid. */
export const whoami = define("whoami", async (to: Pid) => {
  for (;;) {
    await receive();
    send(to, self());
  }
});

/** Tells what its thread may have of V8's memory. */
export const memory = define("memory", async (to: Pid) => {
  send(to, resourceLimits);
});

/** Counts numbers that come in order, up to `last`, then tells `to` the count of those out of order. */
export const inOrder = define("inOrder", async (to: Pid, last: number) => {
  let wrong = 0;
  for (let expected = 0; expected <= last; expected++) if ((await receive()) !== expected) wrong++;
  send(to, wrong);
});

/** Sends 0 … last to `to`, then exits with `reason`. */
export const counter = define("counter", async (to: Pid, last: number, reason: unknown) => {
  for (let i = 0; i <= last; i++) send(to, i);
  exit(reason);
});

/** Watches `target` and links to it, and tells `to` what comes of that. */
export const watcher = define("watcher", async (to: Pid, target: Pid) => {
  trapExit(true);
  monitor(target);
  link(target);
  for (;;) send(to, await receive());
});

/** Sends `to` what can't be copied. */
export const unsendable = define("unsendable", async (to: Pid) => {
  send(to, () => {});
  await receive(() => false);
});

/** Kills a process. */
export const killer = define("killer", async (victim: Pid) => kill(victim));

/** Registers a name and waits. */
export const named = define("named", async (to: Pid, name: string) => {
  register(name);
  send(to, "registered");
  await receive(() => false);
});

/** Starts a process under a name on another scheduler, and ends its own thread before that can be sent there. */
export const lostName = define("lostName", async (name: string, scheduler: number) => {
  spawn("named", [self(), "other"], { name, scheduler });
  process.exit(1);
});

/** Traps exits and passes each on. */
export const trapper = define("trapper", async (to: Pid, child: Pid | null) => {
  trapExit(true);
  if (child !== null) spawnLink(async () => exit("inner"), []);
  send(to, "ready");
  for (;;) send(to, await receive());
});

/** Ways to die that no callback's catch sees, each begun by a message that names it. */
export const stray = define("stray", async (to: Pid) => {
  send(to, "ready");
  const boom = (): never => {
    throw new Error("stray");
  };
  switch (await receive()) {
    case "timer":
      setTimeout(boom, 1);
      break;
    case "immediate":
      setImmediate(boom);
      break;
    case "nextTick":
      process.nextTick(boom);
      break;
    case "microtask":
      queueMicrotask(boom);
      break;
    case "fs":
      readFile("/", boom);
      break;
    case "rejection":
      void Promise.reject(new Error("stray"));
      break;
    case "emitter":
      setImmediate(() => new EventEmitter().emit("error", new Error("stray")));
      break;
    case "throw":
      boom();
      break;
    case "process.exit":
      process.exit(7);
  }
  await receive(() => false);
});

/** A process that never yields by itself: handles each message synchronously, for `us` microseconds each. */
export const busy = {
  kind: "busy",
  boot: (us: number) => ({
    handle: (message: unknown): void => {
      const end = performance.now() + us / 1000;
      while (performance.now() < end);
      if (Array.isArray(message)) send(message[0] as Pid, message[1]); // the tests send [pid, answer]
    },
  }),
};

/** Never comes back from its first message. */
export const endless = {
  kind: "endless",
  boot: () => ({
    handle: (): void => {
      for (;;);
    },
  }),
};

/** Spins when it comes back from an await. */
export const spinsLater = define("spinsLater", async () => {
  await new Promise((resolve) => setTimeout(resolve, 5));
  for (;;);
});

/** As `endless`, with a secret that is not to be shown. */
export const discreet = {
  kind: "discreet",
  boot: () => ({
    handle: function spin(): void {
      for (;;);
    },
    formatStatus: ({ message }: { readonly message?: unknown }) => ({
      message: { ...(message as object), secret: "hidden" },
    }),
  }),
};

/** Sits in one native call at its first message, for about a second. */
export const native = {
  kind: "native",
  boot: () => ({ handle: () => void pbkdf2Sync("secret", "salt", 2_000_000, 64, "sha512") }),
};

/** Fills its thread from a timer, up to so many MiB, one at a time, and serves it meanwhile. */
export const swelling = define("swelling", async (mib: number) => {
  const kept: Buffer[] = [];
  setInterval(() => kept.length < mib && kept.push(Buffer.alloc(2 ** 20, 1)), 1);
  await receive(() => false);
});

/** Ends at its first message, with a state that no other thread can have. */
export const unclonable = {
  kind: "unclonable",
  boot: () => ({
    handle: (message: unknown) => exit(message === "function" ? ["why", () => {}] : "why"),
    state: () => ({ because: () => {} }),
  }),
};

/** Makes itself a stray with no owner: the whole thread must go. */
export const unowned = define("unowned", async () => {
  const { AsyncResource } = await import("node:async_hooks");
  const { context } = await import("../../../src/runtime/context.js");
  context.exit(() => {
    const outside = new AsyncResource("outside");
    setImmediate(() => outside.runInAsyncScope(() => Promise.reject(new Error("nobody's"))));
  });
  await receive(() => false);
});

export default { services: [], describe: (): null => null };

/** Sends text, and then an array of arrays of so many levels. */
export const nesting = define("nesting", async (to: Pid, depth: number) => {
  send(to, "before");
  let nested: unknown[] = [];
  for (let level = 1; level < depth; level++) nested = [nested];
  send(to, nested);
  await new Promise((resolve) => setTimeout(resolve, 50)); // it is found out at the end of the turn
});
