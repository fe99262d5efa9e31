/** The limits of the offload pool, with their defaults. */
import { availableParallelism } from "node:os";
import { checkInteger } from "../core/check-integer.js";

/** What the pool of a runtime may use. */
export interface OffloadPoolOptions {
  /**
   * Threads that run offloaded functions, 1 to 256, those that are being ended among them.
   * @defaultValue one less than the cores, at least 1, so that a core is left for the sockets (the BEAM: as many as cores)
   */
  readonly maxThreads?: number;
  /** Tasks that may wait for a thread; the next one is refused with `offloadQueueFull`. 0: none waits. @defaultValue 1000 */
  readonly maxQueue?: number;
  /** Milliseconds a thread with nothing to do is kept. @defaultValue 10000 */
  readonly idleTimeoutMs?: number;
  /**
   * Bytes of JavaScript heap a thread may use, in steps of a MiB; Buffers are not counted. Beyond that its task fails. On
   * Node.js 20 a single `Map`, array or string that grows beyond it aborts the OS process instead: it bounds no hostile input.
   * @defaultValue 536870912 (512 MiB)
   */
  readonly maxHeapBytes?: number;
  /** Milliseconds a task may take from its call on, unless the call says otherwise. @defaultValue 30000 */
  readonly timeoutMs?: number;
}

const MIB = 2 ** 20;
/** The longest delay Node.js timers take. */
export const MAX_TIMEOUT_MS: number = 2 ** 31 - 1;

/** @throws RuntimeError `badOption` */
export function resolveOffloadPoolOptions(options: OffloadPoolOptions): Required<OffloadPoolOptions> {
  const resolved = {
    maxThreads: options.maxThreads ?? Math.max(1, availableParallelism() - 1),
    maxQueue: options.maxQueue ?? 1000,
    idleTimeoutMs: options.idleTimeoutMs ?? 10_000,
    maxHeapBytes: options.maxHeapBytes ?? 512 * MIB,
    timeoutMs: options.timeoutMs ?? 30_000,
  };
  checkInteger("offload.maxThreads", resolved.maxThreads, 1, 256);
  checkInteger("offload.maxQueue", resolved.maxQueue, 0, 1_000_000);
  checkInteger("offload.idleTimeoutMs", resolved.idleTimeoutMs, 0, MAX_TIMEOUT_MS);
  checkInteger("offload.maxHeapBytes", resolved.maxHeapBytes, 16 * MIB, 2 ** 40);
  checkInteger("offload.timeoutMs", resolved.timeoutMs, 1, MAX_TIMEOUT_MS);
  return resolved;
}
