/** Processes that end their whole OS process, in the ways that a thread would take all others along. */
import { closeSync, writeSync } from "node:fs";
import { application } from "joist";
import type { Pid } from "../../../src/core/pid.js";
import { processFunction, receive, register, self, send } from "../../../src/runtime/process.js";

function raise(signal: NodeJS.Signals): void {
  process.kill(process.pid, signal);
  for (;;); // until it takes effect
}

/** By name. */
const faults: Readonly<Record<string, () => void>> = {
  abort: () => raise("SIGABRT"), // `process.abort` is not for threads
  segfault: () => raise("SIGSEGV"),
  sigkill: () => raise("SIGKILL"),
  // The numbers of its pipes are no secret.
  garbage: () => writeSync(3, Buffer.from([1, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 7])), // a question that is none
  closed_pipe: () => closeSync(3),
  exit: () => process.exit(7),
  loop: () => {
    for (;;);
  },
  native_loop: () => {
    const rows = JSON.stringify(Array.from({ length: 30_000 }, (_, i) => i));
    for (;;) JSON.parse(rows);
  },
};

/** Tells its OS process's id, and runs the fault it gets. */
export const faulty = {
  kind: "faulty",
  boot: (to: Pid) =>
    processFunction(async () => {
      send(to, [self(), process.pid]);
      faults[(await receive()) as string]?.();
      await receive(() => false);
    }, []),
};

/** Registers, then tells `to` its name and pid. */
export const announcer = {
  kind: "announcer",
  boot: (name: string, to: Pid) =>
    processFunction(async () => {
      register(name);
      send(to, [name, self()]);
      await receive(() => false);
    }, []),
};

export default application({});
