/** Ways to end the thread, or the OS process it is in. */
import { closeSync } from "node:fs";
import { isMainThread, type MessagePort, parentPort, workerData } from "node:worker_threads";

const boom = (): never => {
  throw new Error("boom");
};

/** What Node.js does not document. */
const internals = process as unknown as { reallyExit(code: number): never };

export const ends = {
  process_exit: () => process.exit(1),
  process_exit_0: () => process.exit(0),
  process_really_exit: () => internals.reallyExit(3),
  throw_in_exit_listener: () => {
    process.on("exit", boom);
    process.exit(1);
  },
  loop_in_exit_listener: () => {
    process.on("exit", () => {
      for (;;);
    });
    process.exit(1);
  },
  throw_in_uncaught_listener: () => {
    process.prependListener("uncaughtException", boom);
    setTimeout(boom, 1);
  },
  no_listeners_and_a_stray: () => {
    process.removeAllListeners();
    setTimeout(boom, 1);
  },
  close_parent_port: () => parentPort?.close(),
  deaf_to_parent_port: () => void parentPort?.removeAllListeners(),
  nonsense_to_parent_port: () => {
    for (const nonsense of [null, 7, "ready", { tag: "ready" }, { tag: "failed" }, { tag: "report" }, {}, []]) {
      parentPort?.postMessage(nonsense);
    }
  },
  nonsense_to_other_threads: () => {
    const { peers = [] } = workerData as { peers?: readonly { port: MessagePort | null }[] };
    for (const nonsense of [null, 7, {}, [], [0], [0, null], [0, {}], [0, [0]], [0, ["", 1, 2]]]) {
      for (const { port } of peers) port?.postMessage(nonsense);
    }
  },
  nonsense_in_worker_data: () => {
    for (const key of Object.keys(workerData as object)) delete (workerData as Record<string, unknown>)[key];
  },
  stack_overflow: () => {
    const deeper = (): number => deeper() + 1;
    deeper();
  },
  stack_overflow_in_a_timer: () => {
    const deeper = (): number => deeper() + 1;
    setTimeout(deeper, 1);
  },
  process_abort: () => process.abort(),
  segmentation_fault: () => process.kill(process.pid, "SIGSEGV"),
  kill_of_the_os_process: () => process.kill(process.pid, "SIGKILL"),
  close_of_all_fds: () => {
    for (let fd = isMainThread ? 3 : 5; fd < 2000; fd++) {
      try {
        closeSync(fd);
      } catch {
        // not open
      }
    }
  },
} satisfies Record<string, () => unknown>;
