/**
 * The threads that run offloaded functions: a Piscina pool, made when it is first needed. It is never given more tasks than
 * it has threads; who waits, and for how long, is the service's business (`offload-service.ts`). Piscina alone would not do:
 * its `maxQueue` does not count tasks that can be aborted, and after an abort it starts no thread for those that wait.
 */
import type { AsyncResource } from "node:async_hooks";
import type { Worker } from "node:worker_threads";
import type { Piscina } from "piscina";
import { type OffloadedTask, threadFlags } from "../runtime/process.js";
import type { OffloadPoolOptions } from "./offload-options.js";

const MIB = 2 ** 20;
/** How long {@link OffloadPool.close} waits for threads to end: one in a native call cannot be stopped before it returns. */
const CLOSE_WAIT_MS = 5000;

export class OffloadPool {
  readonly #options: Required<OffloadPoolOptions>;
  readonly #threadEnded: () => void;
  readonly #notice: (message: string) => void;
  readonly #outside: AsyncResource;
  readonly #running = new Set<AbortController>();
  readonly #ending = new Set<Worker>();
  #opening: Promise<Piscina> | null = null;
  #pool: Piscina | null = null;

  /**
   * @param outside - A context outside of any process: with inline schedulers a task comes in its caller's, but a thread
   *   is nobody's.
   * @param threadEnded - Called when a thread that was being ended is gone.
   * @param notice - Takes what should be told to people.
   */
  constructor(
    options: Required<OffloadPoolOptions>,
    outside: AsyncResource,
    threadEnded: () => void,
    notice: (message: string) => void,
  ) {
    this.#options = options;
    this.#outside = outside;
    this.#threadEnded = threadEnded;
    this.#notice = notice;
  }

  /** Threads that are being ended and still run: in a native call that may take long. */
  get ending(): number {
    return this.#ending.size;
  }

  /**
   * Runs a task; its outcome goes into its port.
   *
   * @param controller - Names the task for {@link end}.
   * @returns Rejects with the reason if the task's thread ended.
   */
  run(task: OffloadedTask, controller: AbortController): Promise<void> {
    return this.#outside.runInAsyncScope(() => this.#run(task, controller));
  }

  async #run(task: OffloadedTask, controller: AbortController): Promise<void> {
    this.#opening ??= this.#open();
    const pool = await this.#opening;
    const { signal } = controller;
    if (signal.aborted) return task.port.close();
    this.#running.add(controller);
    try {
      await pool.run(task, { transferList: [task.port], signal });
    } catch (error) {
      throw signal.aborted ? signal.reason : error;
    } finally {
      this.#running.delete(controller);
    }
  }

  /** Ends a task and, if it has one, its thread. */
  end(controller: AbortController, reason?: Error): void {
    const before = this.#pool?.threads ?? [];
    controller.abort(reason);
    const after = new Set(this.#pool?.threads);
    for (const worker of before) {
      // One that has ended already has no id any more, and no `exit` to come.
      if (after.has(worker) || worker.threadId === -1) continue;
      this.#ending.add(worker);
      worker.once("exit", () => {
        this.#ending.delete(worker);
        this.#threadEnded();
      });
    }
  }

  /** Ends all threads, and waits until they have ended, within reason. */
  async close(): Promise<void> {
    const pool = await this.#opening;
    if (pool === null) return;
    for (const controller of this.#running) this.end(controller);
    const gone = [...this.#ending].map((worker) => new Promise((resolve) => worker.once("exit", resolve)));
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, CLOSE_WAIT_MS);
    });
    await Promise.race([Promise.all([pool.destroy(), ...gone]), late]);
    clearTimeout(timer);
  }

  async #open(): Promise<Piscina> {
    const { Piscina } = await import("piscina"); // 20 to 30 ms that most programs never need
    const { maxThreads, idleTimeoutMs, maxHeapBytes } = this.#options;
    const pool = new Piscina({
      filename: new URL("../../workers/offload.js", import.meta.url).href,
      name: "run",
      minThreads: 0,
      maxThreads,
      idleTimeout: idleTimeoutMs,
      resourceLimits: { maxOldGenerationSizeMb: Math.ceil(maxHeapBytes / MIB) },
      // With it, a thread whose tasks are synchronous never comes back to its event loop, and never frees their ports.
      atomics: "disabled",
      recordTiming: false,
      ...threadFlags(),
    });
    pool.on("error", (error: Error) => this.#failed(pool, error));
    this.#pool = pool;
    return pool;
  }

  /** A thread ended while it ran no task: by what an earlier task had left running there, or while it started. */
  #failed(pool: Piscina, error: Error): void {
    this.#notice(`a thread of the offload pool ended outside of any task: ${error.stack ?? error.message}`);
    // While it started, its task waits in the pool for a thread that will not come; which one it is, nobody can say.
    if (pool.queueSize > 0) for (const controller of this.#running) this.end(controller, error);
  }
}
