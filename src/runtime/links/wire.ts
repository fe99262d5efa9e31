/**
 * What one thread tells another: operations in one flat array per batch, `[op, to, a, b …, op, to, …]`. Messages and
 * signals share the stream, so a death is never seen before the last message sent before it.
 *
 * Flat and not an array of objects, because structured clone writes the keys of each object again: 0.22 µs an entry there
 * and back against 0.83 (`bench/batch.bench.ts`).
 */

import { isPid } from "../../core/pid.js";
import type { Batch } from "./link.js";

export const Op = {
  /** to, message */
  message: 0,
  /** to, text or bytes */
  data: 1,
  /** to, ref, value */
  reply: 2,
  /** to, from, reason, linked: whether it comes along a link */
  exit: 3,
  /** to, from */
  link: 4,
  /** to, from */
  unlink: 5,
  /** to, from, ref, shown */
  monitor: 6,
  /** to, ref */
  demonitor: 7,
  /** to, ref, shown, reason */
  down: 8,
  /** pid, parent, key, args, label, linked, monitor ref or null, name, key or null, whether the start is acknowledged */
  spawn: 9,
  /** to, from, ref: asks for the process's info */
  info: 10,
  /** to, name: it has been registered under that name */
  named: 11,
  /** First in a batch: it is a full one, and is to be acknowledged */
  full: 12,
  /** A full batch was taken in */
  acknowledge: 13,
} as const;
export type Op = (typeof Op)[keyof typeof Op];

/** How many values follow each operation. */
export const ARITY: readonly number[] = [2, 2, 3, 4, 2, 2, 4, 2, 4, 9, 3, 2, 0, 0];

/**
 * Whether a batch is whole operations that there are, with pids where pids must be: what a table or a `threadOf` would trip over.
 * Looked at before any of it takes effect: a thread on which code has replaced `Array.prototype.push` posts the halves of
 * operations, and must not take another thread with it. 5 ns an operation: `bench/batch-check.bench.ts`.
 */
export function isBatch(batch: unknown): batch is Batch {
  if (!Array.isArray(batch)) return false;
  let at = 0;
  while (at < batch.length) {
    const op = batch[at] as Op;
    const arity = ARITY[op];
    if (arity === undefined || (op < Op.full && !isPid(batch[at + 1]))) return false;
    if (op > Op.reply && !hasItsPids(op, batch, at)) return false;
    at += 1 + arity;
  }
  return at === batch.length;
}

function hasItsPids(op: Op, batch: readonly unknown[], at: number): boolean {
  switch (op) {
    case Op.exit:
    case Op.link:
    case Op.unlink:
    case Op.monitor:
    case Op.info:
      return isPid(batch[at + 2]);
    case Op.spawn:
      return (batch[at + 2] === null || isPid(batch[at + 2])) && Array.isArray(batch[at + 4]);
    default:
      return true;
  }
}
