/**
 * Stray errors: those that no callback's `catch` sees, thrown from timers, `setImmediate`, `nextTick`, fs and socket
 * callbacks, unheard `error` events, and rejections nobody handles. The async context they were born in names the process,
 * and that process exits with that reason; the thread and everyone else on it lives on. A stray without an owner is a
 * crash of the scheduler.
 *
 * Checked on Node.js 20 and 24; only a throw from `queueMicrotask` loses its context on 20, so that one is wrapped.
 */

import { context } from "./context.js";
import type { ProcessRecord } from "./process-record.js";

/** Hears the stray errors of a thread. `unowned` gets those that belong to no process. Returns how to stop hearing. */
export function hearStrays(unowned: (error: unknown) => void): () => void {
  const heard = (error: unknown): void => {
    const owner = context.getStore();
    if (owner === undefined) unowned(error);
    else blame(owner, error);
  };
  // With this listener Node.js does not also turn the rejection into an uncaught exception.
  process.on("uncaughtException", heard);
  process.on("unhandledRejection", heard);
  const original = globalThis.queueMicrotask;
  globalThis.queueMicrotask = (callback: () => void): void => {
    const owner = context.getStore();
    if (owner === undefined) return original(callback);
    original(() => {
      try {
        callback();
      } catch (error) {
        blame(owner, error);
      }
    });
  };
  return () => {
    process.off("uncaughtException", heard);
    process.off("unhandledRejection", heard);
    globalThis.queueMicrotask = original;
  };
}

function blame(owner: ProcessRecord, error: unknown): void {
  owner.scheduler.end(owner, error); // of a process that is gone already it means nothing any more
}
