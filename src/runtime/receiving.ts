/** Selective receive. */
import { ErrorCode, RuntimeError } from "../core/errors.js";
import { current } from "./context.js";
import { checkDelay } from "./timers.js";

/** Matches every message. */
const anything = (): boolean => true;

/** What {@link receive} answers when nothing came in time. */
export const timeout: unique symbol = Symbol("timeout");

/**
 * Takes the oldest message that matches, or waits for one. Selective receive: what does not match stays where it is.
 * For process functions, and inside async callbacks.
 *
 * @param match - A type guard or predicate; without it any message matches. It runs in the caller.
 * @param timeoutMs - How long to wait; then the answer is {@link timeout}. 0 only looks. @defaultValue `Infinity`
 */
export function receive(): Promise<unknown>;
export function receive<T>(match: (message: unknown) => message is T): Promise<T>;
export function receive<T>(match: (message: unknown) => message is T, timeoutMs: number): Promise<T | typeof timeout>;
export function receive(match: (message: unknown) => boolean, timeoutMs?: number): Promise<unknown>;
export function receive(match: (message: unknown) => boolean = anything, timeoutMs?: number): Promise<unknown> {
  const record = current();
  const { mailbox } = record;
  if (record.waiter !== null) {
    throw new RuntimeError(ErrorCode.badArgument, "this process waits in a receive already; await that one first");
  }
  for (let i = 0; i < mailbox.size; i++) {
    if (match(mailbox.at(i))) {
      record.handled++;
      return Promise.resolve(mailbox.takeAt(i));
    }
  }
  if (timeoutMs === 0) {
    // Who asks again and again gets no further than the end of the turn: a loop of microtasks would keep everybody else, and the
    // sender of what it waits for, from theirs. In Erlang such a loop uses up its reductions.
    if (!record.scheduler.isTurnOver()) return Promise.resolve(timeout);
    return new Promise((resolve) => setImmediate(resolve, timeout));
  }
  return new Promise((resolve) => {
    const waiter = { match, resolve, scanned: mailbox.size, timer: null as NodeJS.Timeout | null };
    record.waiter = waiter;
    if (timeoutMs === undefined || timeoutMs === Number.POSITIVE_INFINITY) return;
    waiter.timer = setTimeout(() => {
      if (record.waiter !== waiter) return;
      record.waiter = null;
      resolve(timeout);
    }, checkDelay(timeoutMs));
  });
}
