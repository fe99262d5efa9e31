/** Processes that end their whole OS process, in the ways that a thread would take all others along. */
import { application } from "joist";
import type { Pid } from "../../../src/core/pid.js";
import { processFunction, receive, register, self, send } from "../../../src/runtime/process.js";

function raise(signal: NodeJS.Signals): void {
  process.kill(process.pid, signal);
  for (;;); // until it takes effect
}

/** By name. `holding` is memory that V8 has to keep. */
const faults: Readonly<Record<string, () => void>> = {
  abort: () => raise("SIGABRT"), // `process.abort` is not for threads
  segfault: () => raise("SIGSEGV"),
  sigkill: () => raise("SIGKILL"),
  growing_map: () => {
    const holding = new Map<number, number>();
    for (let i = 0; ; i++) holding.set(i, i);
  },
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
