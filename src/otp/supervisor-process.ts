/**
 * What the two kinds of supervisor have in common as processes: they trap exits, obey their parent, ignore strangers, and
 * do one thing at a time; while a child starts or stops, all else waits in the mailbox.
 *
 * ```
 *   EXIT of the parent, $stop ──► throws Exit ──► terminate: stops the children, ends with that reason
 *   EXIT of a child ────────────► childExited
 *   Retry, from itself ─────────► retry
 *   $call ──────────────────────► answer ──► reply
 *   $system ────────────────────► system.ts
 * ```
 */
import { inspect } from "node:util";
import { Exit, type ExitReason } from "../core/exit-reason.js";
import { isExit } from "../core/messages.js";
import type { Pid } from "../core/pid.js";
import type { Ref } from "../core/ref.js";
import { isThreadGone, notice, parent, replyTo, self, send, sendAfter } from "../runtime/process.js";
import type { ChildSpec } from "./child-spec.js";
import { CALL, STOP } from "./gen-server-calls.js";
import { type Counted, reportGivingUp } from "./supervisor-reports.js";
import type { Incarnation } from "./supervisor-state.js";
import { SCHEDULER_DOWN, THREAD_RETRY_MS } from "./supervisor-strategy.js";
import type { Debug } from "./sys-debug.js";
import { handleSystem, isSystem, type SystemTarget, watched } from "./system.js";

type MaybeAsync<T> = T | PromiseLike<T>;

/** A supervisor's message to itself: the restart of this child failed, and is to be tried again. */
class Retry<Key> {
  readonly child: Key;
  readonly waited: boolean;

  constructor(child: Key, waited: boolean) {
    this.child = child;
    this.waited = waited;
  }
}

/** `Key` is what the supervisor finds a child by: its id or its pid. */
export abstract class SupervisorProcess<Key> implements SystemTarget {
  abstract readonly kind: string;
  debug: Debug | null = null;
  readonly #parent: Pid | null = parent();

  /** A linked process that is not the parent ended. */
  protected abstract childExited(pid: Pid, reason: ExitReason): MaybeAsync<void>;
  protected abstract retry(child: Key, waited: boolean): MaybeAsync<void>;
  /** The reply to a request. */
  protected abstract answer(event: string, arg: unknown): MaybeAsync<unknown>;
  /** Stops all children, whatever the reason is: they see `shutdown`, the supervisor's own end has that reason. */
  abstract terminate(reason: ExitReason): Promise<ExitReason>;
  abstract state(): unknown;
  abstract replaceState(state: unknown): void;

  handle(message: unknown): MaybeAsync<void> {
    return this.debug === null ? this.take(message) : watched(this, message);
  }

  take(message: unknown): MaybeAsync<void> {
    if (isExit(message)) {
      if (message.from === this.#parent) throw new Exit(message.reason);
      return this.childExited(message.from, message.reason);
    }
    // Only this process makes a Retry, and `Key` is its own; the layouts of requests are those of gen-server-calls.ts.
    if (message instanceof Retry) return this.retry(message.child as Key, message.waited);
    if (Array.isArray(message)) {
      if (message[0] === STOP) throw new Exit(message[1]);
      if (message[0] === CALL)
        return this.#reply(message[1] as Pid, message[2] as Ref, message[3] as string, message[4]);
      if (isSystem(message)) return handleSystem(this, message);
    }
    notice(`got an unexpected message: ${inspect(message, { depth: 3, breakLength: Number.POSITIVE_INFINITY })}`);
  }

  isParentsEnd(message: unknown): boolean {
    return isExit(message) && message.from === this.#parent;
  }

  #reply(pid: Pid, ref: Ref, event: string, arg: unknown): MaybeAsync<void> {
    const answered = (reply: unknown): void => {
      replyTo({ pid, ref }, reply);
      this.debug?.out(reply, pid, this.state());
    };
    const reply = this.answer(event, arg);
    return reply instanceof Promise ? reply.then(answered) : answered(reply);
  }

  /**
   * Whether a process ended only because its thread did. The reason alone could be anybody's words, so the thread is asked
   * for; what a thread died of has a reason of its own, `["scheduler_down", cause]`.
   */
  protected isBystander(pid: Pid, reason: ExitReason): boolean {
    return reason === SCHEDULER_DOWN && isThreadGone(pid);
  }

  /** Comes back with `retry`: behind what is in the mailbox now, or a little later if there was no thread to start on. */
  protected retryLater(child: Key, waits: boolean): void {
    const message = new Retry(child, waits);
    if (waits) sendAfter(self(), message, THREAD_RETRY_MS);
    else send(self(), message);
  }

  /** Ends with `shutdown`: more restarts than allowed. */
  protected giveUp(spec: ChildSpec, pid: Incarnation, counted: Counted): never {
    reportGivingUp(spec, pid, counted);
    return this.end();
  }

  /** Ends with `shutdown`, a normal end. */
  protected end(): never {
    throw new Exit("shutdown");
  }
}
