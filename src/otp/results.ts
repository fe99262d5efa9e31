/**
 * What callbacks return: OTP's tuples, as small tagged objects from constructors that read like them. The same words serve
 * servers, channels and sockets; each says in its own types what a word may carry there:
 *
 * | | in a genServer | in a channel or socket |
 * | --- | --- | --- |
 * | `ok(a, …)` | state, what next | reply payload of `join`; `id` and `assigns` of `connect` |
 * | `reply(a, b, …)` | reply, new state, what next | status, payload |
 * | `noreply(a, …)` | new state, what next | — |
 * | `stop(reason, …)` | reason, `{ reply, state }` | reason |
 * | `error(reason)` | a start that fails without a crash | a refused join or connect |
 * | `ignore()` | a start that was not wanted | — |
 *
 * One hidden class each, told apart with `instanceof`: they are read in the process that made them and never travel.
 */
import type { ExitReason } from "../core/exit-reason.js";

/** What a server does after a callback, before anything else. */
export interface Next {
  /** Gets the message `"timeout"` in `handleInfo` if nothing else arrives for so many milliseconds. */
  readonly timeoutMs?: number;
  /** Runs `handleContinue` with this at once, before the next message. Anything but `undefined`. */
  readonly continue?: unknown;
  /** Gives back memory that is not needed while it waits: see `hibernate`. */
  readonly hibernate?: boolean;
}

export class Ok<A = unknown> {
  readonly tag = "ok";
  readonly value: A;
  readonly next: Next | undefined;

  constructor(value: A, next: Next | undefined) {
    this.value = value;
    this.next = next;
  }
}

export class Reply<A = unknown, B = unknown> {
  readonly tag = "reply";
  readonly first: A;
  readonly second: B;
  readonly next: Next | undefined;

  constructor(first: A, second: B, next: Next | undefined) {
    this.first = first;
    this.second = second;
    this.next = next;
  }
}

export class NoReply<A = unknown> {
  readonly tag = "noreply";
  readonly value: A;
  readonly next: Next | undefined;

  constructor(value: A, next: Next | undefined) {
    this.value = value;
    this.next = next;
  }
}

export class Stop<Options = unknown> {
  readonly tag = "stop";
  readonly reason: ExitReason;
  readonly options: Options;

  constructor(reason: ExitReason, options: Options) {
    this.reason = reason;
    this.options = options;
  }
}

export class Ignore {
  readonly tag = "ignore";
}

/** What `error(reason)` makes: an expected failure, as a value. */
export class Failure<R = unknown> {
  readonly tag = "error";
  readonly reason: R;

  constructor(reason: R) {
    this.reason = reason;
  }
}

/** It went well. */
export function ok(): Ok<undefined>;
export function ok<A>(value: A, next?: Next): Ok<A>;
export function ok(value?: unknown, next?: Next): Ok {
  return new Ok(value, next);
}

/** Answers the caller. In a genServer the second argument is the new state; without it the state stays. */
export function reply<A>(first: A): Reply<A, undefined>;
export function reply<A, B>(first: A, second: B, next?: Next): Reply<A, B>;
export function reply(first: unknown, second?: unknown, next?: Next): Reply {
  return new Reply(first, second, next);
}

/** Answers nothing, now at least: `replyTo(from, value)` can do it later. Without an argument the state stays. */
export function noreply(): NoReply<undefined>;
export function noreply<A>(value: A, next?: Next): NoReply<A>;
export function noreply(value?: unknown, next?: Next): NoReply {
  return new NoReply(value, next);
}

/** Ends the process with `reason`, after its `terminate`. */
export function stop(reason: ExitReason): Stop<undefined>;
export function stop<Options>(reason: ExitReason, options: Options): Stop<Options>;
export function stop(reason: ExitReason, options?: unknown): Stop {
  return new Stop(reason, options);
}

/** From `init`: do not start, and that is no error. */
export function ignore(): Ignore {
  return new Ignore();
}

/** It failed, as expected: a value for whoever asked, and nobody crashes. */
export function error(): Failure<undefined>;
export function error<const R>(reason: R): Failure<R>;
export function error(reason?: unknown): Failure {
  return new Failure(reason);
}
