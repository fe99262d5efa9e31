/** Requests: a message that is answered once, under a ref that is also a monitor. `call` and acknowledged starts use them. */

import { ErrorCode, RuntimeError } from "../core/errors.js";
import type { From } from "../core/messages.js";
import type { Pid } from "../core/pid.js";
import type { Ref } from "../core/ref.js";
import { SmallMap } from "../core/small-map.js";
import type { Destination } from "../core/via.js";
import { current } from "./context.js";
import { lookUp } from "./naming.js";
import { callFailed, Pending } from "./pending.js";
import type { ProcessRecord } from "./process-record.js";
import { timeout } from "./receiving.js";
import { checkDelay } from "./timers.js";

/** A request that was opened: whom to answer, whom it went to, and the promise of the reply. */
export interface Request {
  readonly from: From;
  readonly to: Pid;
  readonly answered: Promise<unknown>;
}

/**
 * Opens a request: monitors `to` under a fresh ref that a reply can be sent to. Send the request next, then wait with
 * {@link awaitReply}. In this order a server that dies in between is still noticed.
 *
 * @throws RuntimeError `callFailed` with exit reason `noproc` if nobody is registered under the name `to`.
 */
export function openRequest(to: Destination): Request {
  const record = current();
  const target = targetOf(record, to);
  const ref = record.scheduler.refs.next();
  const pending = addPending(record, ref, target, to);
  record.scheduler.signals.watch(record, ref, target, to);
  return { from: { pid: record.pid, ref }, to: target, answered: pending.answered };
}

/**
 * {@link openRequest}, send and {@link awaitReply} in one go, for requests of the form `[tag, pid, ref, first, second]`: what
 * a call is made of, without the objects between the three steps.
 *
 * @throws RuntimeError as those, and `callFailed` if the caller asks itself: it could never answer.
 */
export function ask(
  to: Destination,
  tag: string,
  first: unknown,
  second: unknown,
  timeoutMs: number,
): Promise<unknown> {
  const record = current();
  const { scheduler, pid } = record;
  const target = targetOf(record, to);
  if (target === pid) {
    throw new RuntimeError(ErrorCode.callFailed, `process ${pid} calls itself (${first}): it could never answer`, {
      exitReason: ["calling_self", ["call", to]],
    });
  }
  if (timeoutMs !== Number.POSITIVE_INFINITY) checkDelay(timeoutMs);
  const ref = scheduler.refs.next();
  const pending = addPending(record, ref, target, to);
  scheduler.signals.watch(record, ref, target, to);
  // Before the request goes: a port answers at once, and then there is nothing left to limit.
  if (timeoutMs !== Number.POSITIVE_INFINITY) pending.limit(timeoutMs);
  scheduler.send(pid, target, [tag, pid, ref, first, second]);
  return pending.answered;
}

function targetOf(record: ProcessRecord, to: Destination): Pid {
  const target = lookUp(record.scheduler, to);
  if (target === undefined) throw callFailed("noproc", to);
  return target;
}

/** Makes the promise of the reply under `ref`. */
export function addPending(record: ProcessRecord, ref: Ref, target: Pid, shown: Destination): Pending {
  const pending = new Pending(record, ref, target, shown);
  record.pending ??= new SmallMap();
  record.pending.set(ref, pending);
  return pending;
}

/**
 * Waits for the reply to a request.
 *
 * @throws RuntimeError `callTimeout` after `timeoutMs`, `callFailed` if the other side dies first. Uncaught, each ends the
 * caller with the reason OTP would give: `["timeout", …]`, or the server's reason in a tuple with the request.
 */
export function awaitReply(request: Request, timeoutMs: number): Promise<unknown> {
  if (timeoutMs === Number.POSITIVE_INFINITY) return request.answered;
  checkDelay(timeoutMs);
  current().pending?.get(request.from.ref)?.limit(timeoutMs);
  return request.answered;
}

/** Gives a request up: it is never settled, and a reply that comes yet is dropped. Once it is over nothing happens. */
export function closeRequest(request: { readonly from: From }): void {
  const record = current();
  const { ref } = request.from;
  const pending = record.pending?.get(ref);
  if (pending === undefined) return;
  record.pending?.delete(ref);
  pending.drop();
  record.scheduler.signals.unwatch(ref, pending.target, record.pid);
}

/**
 * Waits for a promise of the calling process, but only so long. The promise stays as it is and may be waited for again. It
 * must not be one that rejects: nobody would hear that once the time is over.
 *
 * @param timeoutMs - How long to wait; then the answer is {@link timeout}. 0 only looks. @defaultValue `Infinity`
 */
export function within<T>(promise: Promise<T>, timeoutMs: number): Promise<T | typeof timeout> {
  if (timeoutMs === Number.POSITIVE_INFINITY) return promise;
  const record = current();
  const { scheduler, pid } = record;
  // A request whose reply is the promise's value: so it costs no timer of its own, and ends with the process.
  const ref = scheduler.refs.next();
  const pending = addPending(record, ref, pid, pid);
  void promise.then((value) => scheduler.deliverReply(pid, ref, value));
  pending.limit(checkDelay(timeoutMs));
  return (pending.answered as Promise<T>).catch(() => timeout); // nobody else knows the ref
}

/** Answers a request, once, from any process and at any time. An answer that nobody waits for any more is dropped. */
export function replyTo(from: From, value: unknown): void {
  const record = current();
  record.scheduler.reply(record.pid, from.pid, from.ref, value);
}
