/**
 * What this thread has for another one, collected over a turn and posted as one batch. A thread that was heard of (its
 * pid came along in a message) before its link arrived has an outbox too: its batch waits for the link.
 */
import type { Pid } from "../core/pid.js";
import type { Link } from "./link.js";
import { ARITY } from "./wire.js";

/** An operation that could not be copied to another thread, and who sent it. */
export interface Unsendable {
  readonly sender: Pid | null;
  readonly payload: readonly unknown[];
  readonly cause: unknown;
}

export class Outbox {
  #link: Link | null = null;
  #batch: unknown[] = [];
  /** Who sent each operation: asked only when one cannot be copied. */
  #senders: (Pid | null)[] = [];

  get isEmpty(): boolean {
    return this.#senders.length === 0;
  }

  connect(link: Link): void {
    this.#link = link;
  }

  get link(): Link | null {
    return this.#link;
  }

  /** Begins an operation; the caller pushes its values into the returned batch, as many as `ARITY` says. */
  begin(op: number, sender: Pid | null): unknown[] {
    this.#senders.push(sender);
    this.#batch.push(op);
    return this.#batch;
  }

  /** Posts what was collected. Returns what could not be copied; everything else has gone, in order. */
  flush(): readonly Unsendable[] {
    if (this.#link === null || this.#senders.length === 0) return [];
    const batch = this.#batch;
    const senders = this.#senders;
    this.#batch = [];
    this.#senders = [];
    try {
      this.#link.post(batch);
      return [];
    } catch {
      return this.#postOneByOne(this.#link, batch, senders); // one of them poisons the batch: find out which
    }
  }

  #postOneByOne(link: Link, batch: readonly unknown[], senders: readonly (Pid | null)[]): Unsendable[] {
    const refused: Unsendable[] = [];
    let at = 0;
    for (const sender of senders) {
      const end = at + 1 + (ARITY[batch[at] as number] as number); // an operation's number stands at its start
      const operation = batch.slice(at, end);
      try {
        link.post(operation);
      } catch (cause) {
        refused.push({ sender, payload: operation.slice(1), cause });
      }
      at = end;
    }
    return refused;
  }
}
