/** Errors that no callback's `catch` sees, and promises that never settle. */
import { EventEmitter } from "node:events";
import { readFile, stat } from "node:fs";
import { createConnection } from "node:net";

const boom = (): never => {
  throw new Error("boom");
};

export const strays = {
  throw_in_a_timer: () => void setTimeout(boom, 1),
  throw_in_an_interval: () => void setInterval(boom, 1),
  throw_in_an_immediate: () => void setImmediate(boom),
  throw_in_next_tick: () => process.nextTick(boom),
  throw_in_a_microtask: () => queueMicrotask(boom),
  throw_in_an_fs_callback: () => stat(".", boom),
  throw_in_a_read: () => readFile(process.execPath, boom),
  error_event_nobody_hears: () => void setImmediate(() => new EventEmitter().emit("error", new Error("boom"))),
  socket_error_nobody_hears: () => void createConnection({ port: 1, host: "127.0.0.1" }),
  rejection_nobody_awaits: () => void Promise.reject(new Error("boom")),
  rejection_after_await: () =>
    void (async () => {
      await null;
      boom();
    })(),
  rejection_of_nothing: () => void Promise.reject(),
  throw_of_a_thenable: () => {
    // biome-ignore lint/suspicious/noThenProperty: that is the deed
    throw { then: (resolve: (value: unknown) => void) => resolve(1) };
  },
  throw_of_a_trap: () => {
    throw new Proxy({}, { get: boom, ownKeys: boom, getPrototypeOf: boom });
  },
} satisfies Record<string, () => unknown>;
