/**
 * Processes that are on their way. `spawn` on another thread answers the pid at once, and the pid may reach that thread by
 * way of a third one before the spawn itself does: links are in order, but not among each other. What is for such a process
 * waits here; without this it would be lost, as if the process were dead already.
 *
 * A pid tells who made it and as which one, and the spawns of one thread arrive in the order it made them. So a pid whose
 * serial is above the last one that arrived from its creator is still to come, and any other has been.
 */
import { type Pid, pidParts } from "../core/pid.js";

/** An operation as in a batch of `wire.ts`. */
export type Operation = readonly unknown[];

export class Births {
  /** Creator → serial of its last spawn that arrived here. */
  readonly #last = new Map<number, number>();
  readonly #waiting = new Map<Pid, Operation[]>();

  /** Whether `pid`, which is not in the process table of its thread, is still to come. */
  isExpected(pid: Pid): boolean {
    const { thread, serial, creator } = pidParts(pid);
    return creator !== thread && serial > (this.#last.get(creator) ?? 0);
  }

  hold(pid: Pid, operation: Operation): void {
    const waiting = this.#waiting.get(pid);
    if (waiting === undefined) this.#waiting.set(pid, [operation]);
    else waiting.push(operation);
  }

  /**
   * The spawn of `pid` has arrived. Returns what waited for it, in order, and what waited for earlier ones of the same
   * creator: those spawns could not be sent, and will not come any more.
   */
  born(pid: Pid): Operation[] {
    const { serial, creator } = pidParts(pid);
    return this.#upTo(creator, serial);
  }

  /** A creator's thread is gone: nothing more comes from it. Returns what waited. */
  creatorGone(creator: number): Operation[] {
    return this.#upTo(creator, Number.POSITIVE_INFINITY);
  }

  #upTo(creator: number, serial: number): Operation[] {
    this.#last.set(creator, serial);
    if (this.#waiting.size === 0) return [];
    const released: Operation[] = [];
    for (const [pid, operations] of this.#waiting) {
      const parts = pidParts(pid);
      if (parts.creator !== creator || parts.serial > serial) continue;
      this.#waiting.delete(pid);
      released.push(...operations);
    }
    return released;
  }
}
