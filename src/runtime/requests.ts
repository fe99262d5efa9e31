/** Requests: a message that is answered once, under a ref that is also a monitor. `call` and acknowledged starts use them. */
import type { From } from "../core/messages.js";
import { isPid, type Pid } from "../core/pid.js";
import type { Ref } from "../core/ref.js";
import { current } from "./context.js";
import { callFailed, Pending } from "./pending.js";
import type { ProcessRecord } from "./process-record.js";
import { timeout } from "./receiving.js";
import { checkDelay } from "./timers.js";

/**
 * Opens a request: monitors `to` under a fresh ref that a reply can be sent to. Send the request next, then wait with
 * {@link awaitReply}. In this order a server that dies in between is still noticed.
 *
 * @throws RuntimeError `callFailed` with exit reason `noproc` if nobody is registered under the name `to`.
 */
export function openRequest(to: Pid | string): {
  readonly from: From;
  readonly to: Pid;
  readonly answered: Promise<unknown>;
} {
  const record = current();
  const target = isPid(to) ? to : record.scheduler.names.whereis(to);
  if (target === undefined) throw callFailed("noproc", to);
  const ref = record.scheduler.refs.next();
  const answered = pendingReply(record, ref, to);
  record.scheduler.signals.monitor(record, ref, target, to);
  return { from: { pid: record.pid, ref }, to: target, answered };
}

/** Makes the promise of the reply under `ref`. */
export function pendingReply(record: ProcessRecord, ref: Ref, to: Pid | string): Promise<unknown> {
  const pending = new Pending(to);
  record.pending ??= new Map();
  record.pending.set(ref, pending);
  return pending.answered;
}

/**
 * Waits for the reply to a request.
 *
 * @throws RuntimeError `callTimeout` after `timeoutMs`, `callFailed` if the other side dies first. Uncaught, each ends the
 * caller with the reason OTP would give: `["timeout", …]`, or the server's reason in a tuple with the request.
 */
export function awaitReply(
  request: { readonly from: From; readonly to: Pid; readonly answered: Promise<unknown> },
  timeoutMs: number,
): Promise<unknown> {
  if (timeoutMs === Number.POSITIVE_INFINITY) return request.answered;
  checkDelay(timeoutMs);
  const record = current();
  const { ref } = request.from;
  record.pending?.get(ref)?.limit(timeoutMs, record.scheduler.deadlines, () => cancelRequest(record, ref));
  return request.answered;
}

/** Gives a request up: it is never settled, and a reply that comes yet is dropped. Once it is over nothing happens. */
export function closeRequest(request: { readonly from: From }): void {
  const record = current();
  const { ref } = request.from;
  record.pending?.get(ref)?.drop();
  cancelRequest(record, ref);
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
  const answered = pendingReply(record, ref, pid) as Promise<T>; // nobody else knows the ref
  void promise.then((value) => scheduler.deliverReply(pid, ref, value));
  const forget = (): void => void record.pending?.delete(ref);
  record.pending?.get(ref)?.limit(checkDelay(timeoutMs), scheduler.deadlines, forget);
  return answered.catch(() => timeout);
}

function cancelRequest(record: ProcessRecord, ref: Ref): void {
  record.pending?.delete(ref);
  record.scheduler.signals.demonitor(record, ref);
}

/** Answers a request, once, from any process and at any time. An answer that nobody waits for any more is dropped. */
export function replyTo(from: From, value: unknown): void {
  const record = current();
  record.scheduler.reply(record.pid, from.pid, from.ref, value);
}
