/**
 * The service behind {@link offload}, on the I/O thread: who runs, who waits, who is too late. Arguments and results pass it
 * by, in ports it only hands on.
 *
 * ```
 *   caller ──► ["run", from, task] ──► waits, at most maxQueue ──► runs, at most maxThreads ──► ["done"], outcome in the port
 *     │                                  │ time is up: ["timeout"]    │ its thread ended: ["failed", …]
 *     └─ ends: DOWN ─────────────────────┴─ forgotten ────────────────┴─ its thread is ended
 * ```
 *
 * No port leaves an OS process. A task from a scheduler that is one brings its argument as bytes, and its outcome goes back so.
 *
 * Every thread has the service, as services are; only the I/O thread's is ever asked.
 */
import { AsyncResource } from "node:async_hooks";
import { MessageChannel, type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import { type ExitReason, toExitReason } from "../core/exit-reason.js";
import { type From, isDown } from "../core/messages.js";
import type { Ref } from "../core/ref.js";
import type { OffloadedTask, Port, PortHandler, Service } from "../runtime/process.js";
import { type OffloadPoolOptions, resolveOffloadPoolOptions } from "./offload-options.js";
import { OffloadPool } from "./offload-pool.js";

/** The name of the service. */
export const OFFLOAD = "offload";

export interface OffloadRequest {
  readonly tag: "offload";
  readonly from: From;
  readonly task: OffloadedTask | SealedTask;
  /** `Infinity`: no limit. `null`: the pool's. */
  readonly timeoutMs: number | null;
}

/** A task from another OS process, where no port can come from: its argument as bytes. */
export interface SealedTask extends Omit<OffloadedTask, "port"> {
  readonly argument: Uint8Array<ArrayBuffer>;
}

/** The answer. What the function returned or threw is in the task's port; of a sealed one, here, as bytes. */
export type OffloadAnswer =
  | readonly ["done", outcome?: Uint8Array]
  | readonly ["timeout", timeoutMs: number]
  | readonly ["queue_full", maxThreads: number, maxQueue: number]
  | readonly ["failed", ExitReason]
  | readonly ["stopped"];

/** The service, for the boot code of a thread to open. */
export function offloadService(): Service {
  return { name: OFFLOAD, open: (port) => new OffloadService(port) };
}

class Task {
  readonly request: OffloadRequest;
  /** What the pool gets. */
  readonly offloaded: OffloadedTask;
  /** The other end of the port of a sealed task; `null` if the caller has it. */
  readonly outcome: MessagePort | null;
  monitor: Ref | null = null;
  timer: NodeJS.Timeout | null = null;
  /** `null` while it waits. */
  running: AbortController | null = null;

  constructor(request: OffloadRequest) {
    this.request = request;
    const { task } = request;
    if ("port" in task) {
      this.offloaded = task;
      this.outcome = null;
      return;
    }
    const { argument, ...rest } = task;
    const { port1, port2 } = new MessageChannel();
    port1.postMessage(argument, [argument.buffer]);
    this.offloaded = { ...rest, port: port2 };
    this.outcome = port1;
  }

  /** What there is to be said when its function is through. */
  done(): OffloadAnswer {
    if (this.outcome === null) return ["done"];
    return ["done", receiveMessageOnPort(this.outcome)?.message as Uint8Array]; // the pool's thread put it there
  }
}

export class OffloadService implements PortHandler {
  readonly #port: () => Port;
  /** Made with the thread, before there is any process. */
  readonly #outside = new AsyncResource("joist.offload");
  /** Those that run and those that wait. */
  readonly #tasks = new Set<Task>();
  /** In the order they came. */
  readonly #waiting = new Set<Task>();
  #options = resolveOffloadPoolOptions({});
  #pool: OffloadPool | null = null;
  #closed = false;

  constructor(port: () => Port) {
    this.#port = port;
  }

  /** Sets the limits; before the first task. */
  configure(options: Required<OffloadPoolOptions>): void {
    this.#options = options;
  }

  message(received: unknown): void {
    if (isDown(received)) {
      for (const task of [...this.#tasks]) if (task.request.from.pid === received.from) this.#end(task, null);
      return this.#startNext();
    }
    const message = received as OffloadRequest | readonly ["opened"]; // only offload.ts sends here
    if ("tag" in message) this.#take(message);
  }

  #take(request: OffloadRequest): void {
    const { from, timeoutMs } = request;
    const { maxThreads, maxQueue } = this.#options;
    if (this.#closed) return this.#refuse(request, ["stopped"]);
    if (!this.#hasThread() && this.#waiting.size >= maxQueue) {
      return this.#refuse(request, ["queue_full", maxThreads, maxQueue]);
    }
    const task = new Task(request);
    this.#tasks.add(task);
    this.#waiting.add(task);
    task.monitor = this.#port().monitor(from.pid);
    if (!this.#tasks.has(task)) return; // the caller was dead: its DOWN came before `monitor` returned
    const limitMs = timeoutMs ?? this.#options.timeoutMs;
    if (limitMs !== Number.POSITIVE_INFINITY) {
      task.timer = setTimeout(() => {
        this.#end(task, ["timeout", limitMs]);
        this.#startNext();
      }, limitMs);
    }
    this.#startNext();
  }

  /** A thread that is being ended still takes a core, and memory: none is started beside it beyond `maxThreads`. */
  #hasThread(): boolean {
    const running = this.#tasks.size - this.#waiting.size;
    return running + (this.#pool?.ending ?? 0) < this.#options.maxThreads;
  }

  #startNext(): void {
    for (const task of this.#waiting) {
      if (!this.#hasThread()) return;
      this.#start(task);
    }
  }

  #start(task: Task): void {
    this.#pool ??= new OffloadPool(
      this.#options,
      this.#outside,
      () => this.#startNext(),
      (message) => this.#port().notice(message),
    );
    this.#waiting.delete(task);
    task.running = new AbortController();
    const over = (answer: OffloadAnswer): void => {
      task.running = null; // nothing is left to be ended
      this.#end(task, answer);
      this.#startNext();
    };
    this.#pool.run(task.offloaded, task.running).then(
      () => over(task.done()),
      (error: unknown) => over(["failed", toExitReason(error)]),
    );
  }

  /** The end of a task, whatever the reason; of one that has ended, nothing more is to be said. */
  #end(task: Task, answer: OffloadAnswer | null): void {
    if (!this.#tasks.delete(task)) return;
    if (this.#waiting.delete(task)) task.offloaded.port.close();
    task.outcome?.close();
    if (task.timer !== null) clearTimeout(task.timer);
    if (task.running !== null) this.#pool?.end(task.running);
    if (task.monitor !== null) this.#port().demonitor(task.monitor);
    if (answer !== null) this.#port().reply(task.request.from, answer);
  }

  #refuse({ from, task }: OffloadRequest, answer: OffloadAnswer): void {
    if ("port" in task) task.port.close();
    this.#port().reply(from, answer);
  }

  /** Ends all tasks and threads. No task is taken after that. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const task of [...this.#tasks]) this.#end(task, ["stopped"]);
    await this.#pool?.close();
  }
}
