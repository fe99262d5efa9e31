/** What the callbacks of a genServer may return, and how a call's reply type is read from it. */
import type { ExitReason } from "../core/exit-reason.js";
import type { From } from "../core/messages.js";
import type { Failure, Ignore, NoReply, Ok, Reply, Stop } from "./results.js";

/** A value, or a promise of it: every callback may be async. */
export type MaybeAsync<T> = T | PromiseLike<T>;

/** `stop(reason, { reply, state })`: `reply` answers the caller once `terminate` has run. */
export interface StopOptions<S, R = unknown> {
  readonly reply?: R;
  readonly state?: S;
}

/** `init`: the state, or `ok(state, next)`; a start that fails: `stop(reason)` crashes, `error(reason)` and `ignore()` don't. */
export type InitResult<S> = S | Ok<S> | Ignore | Stop<undefined> | Failure;

/** `handleCall`: nothing is not allowed here, a caller waits; `noreply()` says that the reply comes later. */
export type CallResult<S> = Reply<unknown, S | undefined> | NoReply<S | undefined> | Stop<StopOptions<S> | undefined>;

/** `handleCast`, `handleInfo`, `handleContinue`: returning nothing is `noreply()`. */
export type CastResult<S> = void | NoReply<S | undefined> | Stop<{ readonly state?: S } | undefined>;

// Handlers are declared as methods: those are bivariant in their parameters, so that one may annotate what it takes
// (`by: number`) while an unannotated one sees `unknown`.
export type CallHandler<S> = {
  handler(arg: unknown, state: S, from: From): MaybeAsync<CallResult<S>>;
}["handler"];
export type CastHandler<S> = { handler(arg: unknown, state: S): MaybeAsync<CastResult<S>> }["handler"];

export type CallTable<S> = Readonly<Record<string, CallHandler<S>>>;
export type CastTable<S> = Readonly<Record<string, CastHandler<S>>>;

/** The arguments of a call after its event: the handler's, left out if it takes none, and a timeout. */
export type CallArguments<H> = [...HandlerArgument<H>, timeoutMs?: number];

/** The argument of a handler. One that may be `undefined` may be left out. */
export type HandlerArgument<H> = H extends (...args: infer P) => unknown
  ? P extends readonly [infer A, ...unknown[]]
    ? undefined extends A
      ? [arg?: A]
      : [arg: A]
    : [arg?: undefined]
  : never;

/** What a call is answered: the type given to `reply`, or `unknown` where the handler only ever leaves it for later. */
export type ReplyOf<H> = H extends (...args: never) => infer R ? OrUnknown<ReplyIn<Awaited<R>>> : never;
type ReplyIn<R> = R extends Reply<infer A> ? A : R extends Stop<{ readonly reply: infer A }> ? A : never;
type OrUnknown<T> = [T] extends [never] ? unknown : T;

/** For the messages about bad returns. */
export const ALLOWED_FROM_CALL = "reply(value, newState?, next?), noreply(newState?, next?), stop(reason, options?)";
export const ALLOWED_FROM_CAST = "nothing, noreply(newState?, next?), stop(reason, { state }?)";

/** What `formatStatus` is given of a server. */
export interface ServerStatus<S> {
  readonly state: S;
  /** For a crash report: the message it was handling, as it came; not there if it was handling none. */
  readonly message?: unknown;
  /** For a crash report: what it ended with. */
  readonly reason?: ExitReason;
}
