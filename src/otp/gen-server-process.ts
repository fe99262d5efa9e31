/**
 * The inside of a running genServer: takes one message, runs the callback, does what it returned. Synchronous callbacks
 * make no promise and no closure here; an async one holds this process, and no other, until it settles.
 *
 * ```
 *   $call, $cast ──► handler of the event ─┐
 *   EXIT of the parent ──► terminate       ├─► result: reply, new state ─► continue ─► next message, or idle timer
 *   anything else ──► handleInfo ──────────┘           stop ─► throws Exit, and so comes back as terminate(reason)
 *   $system ──► system.ts
 * ```
 */
import { ErrorCode, RuntimeError } from "../core/errors.js";
import { Exit, type ExitReason } from "../core/exit-reason.js";
import { type From, isExit } from "../core/messages.js";
import type { Pid } from "../core/pid.js";
import type { Ref } from "../core/ref.js";
import type { ShownStatus } from "../core/shown-status.js";
import { isThenable } from "../core/thenable.js";
import {
  type Behaviour,
  cancelTimer,
  type Definition,
  hibernate,
  notice,
  parent,
  replyTo,
  self,
  send,
  sendAfter,
} from "../runtime/process.js";
import { badReturn, show } from "./bad-return.js";
import { CALL, CAST, STOP } from "./gen-server-calls.js";
import {
  ALLOWED_FROM_CALL,
  ALLOWED_FROM_CAST,
  type CallHandler,
  type CallResult,
  type CastHandler,
  type CastResult,
  type InitResult,
  type MaybeAsync,
  type ServerStatus,
} from "./gen-server-results.js";
import { Failure, Ignore, type Next, NoReply, Ok, Reply, Stop } from "./results.js";
import { initFail } from "./start.js";
import type { Debug } from "./sys-debug.js";
import { handleSystem, isSystem, SYSTEM, type SystemMessage, type SystemTarget, watched } from "./system.js";

/** The callbacks of one definition, with its event tables as maps: `__proto__` and `constructor` are no events there. */
export interface Callbacks<S> {
  readonly init: (arg: unknown) => MaybeAsync<InitResult<S>>;
  readonly calls: ReadonlyMap<string, CallHandler<S>>;
  readonly casts: ReadonlyMap<string, CastHandler<S>>;
  readonly handleInfo: CastHandler<S> | undefined;
  readonly handleContinue: CastHandler<S> | undefined;
  readonly terminate: ((reason: ExitReason, state: S) => unknown) | undefined;
  readonly formatStatus: ((status: ServerStatus<S>) => Partial<ShownStatus>) | undefined;
}

/** The first half of the exit reason after a bad return, OTP's. */
const BAD_RETURN = "bad_return_value";

/** What the idle timer sends. One that was overtaken by another message is not the current one, and is dropped. */
class IdleTimeout {
  readonly timeoutMs: number;

  constructor(timeoutMs: number) {
    this.timeoutMs = timeoutMs;
  }
}

/** Runs `init`, and makes the process of what it returned. */
export function bootServer<S>(callbacks: Callbacks<S>, arg: unknown): ReturnType<Definition["boot"]> {
  const result = callbacks.init(arg);
  if (isThenable(result)) return result.then((settled) => initialized(callbacks, settled as InitResult<S>));
  return initialized(callbacks, result);
}

function initialized<S>(callbacks: Callbacks<S>, result: InitResult<S>): Behaviour {
  if (result instanceof Ok) return new ServerProcess(callbacks, result.value as S, result.next);
  if (result instanceof Stop) throw new Exit(result.reason);
  if (result instanceof Failure) return initFail(["error", result.reason], "normal");
  if (result instanceof Ignore) return initFail(["ignore"], "normal");
  if (result instanceof Reply || result instanceof NoReply) {
    return badReturn(BAD_RETURN, "init", result, "the state, ok(state, next?), ignore(), stop(reason), error(reason)");
  }
  return new ServerProcess(callbacks, result, undefined);
}

class ServerProcess<S> implements SystemTarget {
  readonly kind = "genServer";
  debug: Debug | null = null;
  readonly #callbacks: Callbacks<S>;
  readonly #parent: Pid | null = parent();
  #state: S;
  /** What `init` wants done first. */
  #first: Next | undefined;
  #idle: IdleTimeout | null = null;
  #idleTimer: Ref | null = null;
  /** Whom `stop(reason, { reply })` answers, after `terminate`. */
  #lastReply: { readonly from: From; readonly value: unknown } | null = null;

  constructor(callbacks: Callbacks<S>, state: S, first: Next | undefined) {
    this.#callbacks = callbacks;
    this.#state = state;
    this.#first = first;
  }

  started(): void | PromiseLike<void> {
    const first = this.#first;
    this.#first = undefined;
    if (first !== undefined) return this.#next(first);
  }

  handle(message: unknown): void | PromiseLike<void> {
    if (this.debug === null) return this.take(message);
    if (!(message instanceof IdleTimeout)) return watched(this, message);
    return message === this.#idle ? watched(this, message, "timeout") : undefined;
  }

  take(message: unknown): void | PromiseLike<void> {
    if (this.#idle !== null) {
      const { timeoutMs } = this.#idle;
      const isDue = message === this.#idle;
      this.#cancelIdle();
      if (isDue) return this.#info("timeout");
      // As in OTP, somebody who only looks does not end the silence: it begins anew.
      if (isSystem(message)) return this.#waitAgain(handleSystem(this, message), timeoutMs);
    }
    if (Array.isArray(message)) {
      // The layouts are those of gen-server-calls.ts.
      switch (message[0]) {
        case CALL:
          return this.#call(message[3] as string, message[4], { pid: message[1] as Pid, ref: message[2] as Ref });
        case CAST:
          return this.#cast(message[1] as string, message[2]);
        case STOP:
          throw new Exit(message[1]);
        case SYSTEM:
          return handleSystem(this, message as unknown as SystemMessage);
      }
    } else if (message instanceof IdleTimeout) return;
    else if (isExit(message) && message.from === this.#parent) throw new Exit(message.reason);
    return this.#info(message);
  }

  state(): S {
    return this.#state;
  }

  get formatStatus(): ((status: ShownStatus) => Partial<ShownStatus>) | undefined {
    return this.#callbacks.formatStatus as ((status: ShownStatus) => Partial<ShownStatus>) | undefined; // of `state()`, an S
  }

  replaceState(state: unknown): void {
    this.#state = state as S; // whoever debugs answers for it, as in OTP
  }

  isParentsEnd(message: unknown): boolean {
    return isExit(message) && message.from === this.#parent;
  }

  terminate(reason: ExitReason): ExitReason | Promise<ExitReason> {
    this.#cancelIdle();
    let last: unknown;
    try {
      last = this.#callbacks.terminate?.(reason, this.#state);
    } catch (error) {
      this.#replyLast();
      throw error;
    }
    if (isThenable(last))
      return Promise.resolve(last)
        .then(() => reason)
        .finally(() => this.#replyLast());
    this.#replyLast();
    return reason;
  }

  /** After `terminate`, even a failed one: as OTP's `{stop, Reason, Reply, State}`. */
  #replyLast(): void {
    if (this.#lastReply === null) return;
    const { from, value } = this.#lastReply;
    replyTo(from, value);
    this.debug?.out(value, from.pid, this.#state);
  }

  // ---- callbacks ----

  #call(event: string, arg: unknown, from: From): void | PromiseLike<void> {
    const handler = this.#callbacks.calls.get(event);
    if (handler === undefined) return unknownEvent("handleCall", event, this.#callbacks.calls);
    const result = handler(arg, this.#state, from);
    if (result instanceof Reply || !isThenable(result)) return this.#called(event, from, result as CallResult<S>);
    return result.then((settled) => this.#called(event, from, settled));
  }

  #called(event: string, from: From, result: CallResult<S>): void | PromiseLike<void> {
    if (result instanceof Reply) {
      replyTo(from, result.first);
      if (this.debug !== null) this.debug.out(result.first, from.pid, result.second ?? this.#state);
      return this.#done(result.second, result.next);
    }
    if (result instanceof NoReply) return this.#done(result.value, result.next);
    if (!(result instanceof Stop)) return badReturn(BAD_RETURN, `handleCall "${event}"`, result, ALLOWED_FROM_CALL);
    const { options } = result;
    if (options !== undefined && "reply" in options) this.#lastReply = { from, value: options.reply };
    return this.#stop(result.reason, options?.state);
  }

  #cast(event: string, arg: unknown): void | PromiseLike<void> {
    const handler = this.#callbacks.casts.get(event);
    if (handler === undefined) return unknownEvent("handleCast", event, this.#callbacks.casts);
    const result = handler(arg, this.#state);
    if (result === undefined) return;
    return this.#returned("handleCast", event, result);
  }

  #info(message: unknown): void | PromiseLike<void> {
    const { handleInfo } = this.#callbacks;
    if (handleInfo === undefined) return notice(`got a message it has no handleInfo for: ${show(message)}`);
    const result = handleInfo(message, this.#state);
    if (result === undefined) return;
    return this.#returned("handleInfo", undefined, result);
  }

  #continue(arg: unknown): void | PromiseLike<void> {
    const { handleContinue } = this.#callbacks;
    if (handleContinue === undefined) {
      throw new RuntimeError(
        ErrorCode.unknownEvent,
        "a callback returned { continue }, but there is no handleContinue",
      );
    }
    const result = handleContinue(arg, this.#state);
    if (result === undefined) return;
    return this.#returned("handleContinue", undefined, result);
  }

  #returned(callback: string, event: string | undefined, result: MaybeAsync<CastResult<S>>): void | PromiseLike<void> {
    if (isThenable(result)) {
      return result.then((settled) => this.#returned(callback, event, settled as CastResult<S>));
    }
    if (result === undefined) return;
    if (result instanceof NoReply) return this.#done(result.value, result.next);
    if (result instanceof Stop) return this.#stop(result.reason, result.options?.state);
    return badReturn(BAD_RETURN, event === undefined ? callback : `${callback} "${event}"`, result, ALLOWED_FROM_CAST);
  }

  // ---- results ----

  #done(state: S | undefined, next: Next | undefined): void | PromiseLike<void> {
    if (state !== undefined) this.#state = state;
    if (next !== undefined) return this.#next(next);
  }

  #next(next: Next): void | PromiseLike<void> {
    if (next.continue !== undefined) return this.#continue(next.continue);
    if (next.hibernate === true) hibernate();
    const { timeoutMs } = next;
    if (timeoutMs === undefined || timeoutMs === Number.POSITIVE_INFINITY) return;
    this.#wait(timeoutMs);
  }

  #waitAgain(held: void | PromiseLike<void>, timeoutMs: number): void | PromiseLike<void> {
    return isThenable(held) ? held.then(() => this.#wait(timeoutMs)) : this.#wait(timeoutMs);
  }

  #wait(timeoutMs: number): void {
    this.#idle = new IdleTimeout(timeoutMs);
    // 0: behind what is in the mailbox already, which would overtake it. As OTP's `after 0`.
    if (timeoutMs === 0) send(self(), this.#idle);
    else this.#idleTimer = sendAfter(self(), this.#idle, timeoutMs);
  }

  #cancelIdle(): void {
    this.#idle = null;
    if (this.#idleTimer !== null) cancelTimer(this.#idleTimer);
    this.#idleTimer = null;
  }

  #stop(reason: ExitReason, state: S | undefined): never {
    if (state !== undefined) this.#state = state;
    throw new Exit(reason);
  }
}

function unknownEvent(callback: string, event: string, known: ReadonlyMap<string, unknown>): never {
  const list = known.size === 0 ? "none" : [...known.keys()].join(", ");
  throw new RuntimeError(ErrorCode.unknownEvent, `${callback} knows no event "${event}"; it has ${list}`);
}
