/**
 * What the callbacks of a state machine return: where to go, with which data, and what to do. OTP's tuples, built by small
 * constructors; `stop`, `ignore` and `error` are those of all behaviours, in `results.ts`.
 *
 * | OTP | here |
 * | --- | --- |
 * | `{next_state, State, Data, Actions}` | `nextState(state, data, actions)` |
 * | `{keep_state, Data, Actions}`, `{keep_state_and_data, Actions}` | `keepState(data, actions)`, `keepStateAndData(actions)` |
 * | `{repeat_state, Data, Actions}`, `{repeat_state_and_data, Actions}` | `repeatState(data, actions)`, `repeatStateAndData(actions)` |
 * | `{stop, Reason, Data}` | `stop(reason, { data })` |
 * | `{stop_and_reply, Reason, Replies, Data}` | `stopAndReply(reason, replies, { data })` |
 * | `{ok, State, Data, Actions}` from `init` | `nextState(state, data, actions)`: the first one |
 *
 * Data that is left out, or `undefined`, stays as it is.
 *
 * @see https://www.erlang.org/doc/apps/stdlib/gen_statem.html#t:event_handler_result/2
 */
import type { ExitReason } from "../core/exit-reason.js";
import type { From } from "../core/messages.js";
import type { Failure, Ignore, Reply, Stop } from "./results.js";
import type { Actions, MachineAction } from "./state-machine-actions.js";

export class NextState<S = unknown, D = unknown, A = MachineAction> {
  readonly tag = "next_state";
  readonly state: S;
  readonly data: D;
  readonly actions: Actions<A>;

  constructor(state: S, data: D, actions: Actions<A>) {
    this.state = state;
    this.data = data;
    this.actions = actions;
  }
}

export class KeepState<D = unknown, A = MachineAction> {
  readonly tag = "keep_state";
  readonly data: D;
  readonly actions: Actions<A>;

  constructor(data: D, actions: Actions<A>) {
    this.data = data;
    this.actions = actions;
  }
}

export class RepeatState<D = unknown, A = MachineAction> {
  readonly tag = "repeat_state";
  readonly data: D;
  readonly actions: Actions<A>;

  constructor(data: D, actions: Actions<A>) {
    this.data = data;
    this.actions = actions;
  }
}

export class StopAndReply<R = unknown, D = unknown> {
  readonly tag = "stop_and_reply";
  readonly reason: ExitReason;
  readonly replies: Actions<Reply<From, R>>;
  readonly data: D;

  constructor(reason: ExitReason, replies: Actions<Reply<From, R>>, data: D) {
    this.reason = reason;
    this.replies = replies;
    this.data = data;
  }
}

/** Goes to `state`. One that equals the present one, compared by value, is no change. From `init`: where it begins. */
export function nextState<const S>(state: S): NextState<S, undefined, never>;
export function nextState<const S, D, A extends MachineAction = never>(
  state: S,
  data: D,
  actions?: Actions<A>,
): NextState<S, D, A>;
export function nextState(state: unknown, data?: unknown, actions?: Actions): NextState {
  return new NextState(state, data, actions);
}

/** Stays in the state, with other data. */
export function keepState<D, A extends MachineAction = never>(data: D, actions?: Actions<A>): KeepState<D, A> {
  return new KeepState(data, actions);
}

/** Stays in the state and keeps the data; for the sake of the actions, mostly. */
export function keepStateAndData<A extends MachineAction = never>(actions?: Actions<A>): KeepState<undefined, A> {
  return new KeepState(undefined, actions);
}

/** Stays in the state, and runs its `enter` again as if it had been entered. What was postponed stays so. */
export function repeatState<D, A extends MachineAction = never>(data: D, actions?: Actions<A>): RepeatState<D, A> {
  return new RepeatState(data, actions);
}

/** {@link repeatState} with the data as it is. */
export function repeatStateAndData<A extends MachineAction = never>(actions?: Actions<A>): RepeatState<undefined, A> {
  return new RepeatState(undefined, actions);
}

/** Sends the replies, then ends the machine with `reason`, through `terminate`. */
export function stopAndReply<R>(reason: ExitReason, replies: Actions<Reply<From, R>>): StopAndReply<R, undefined>;
export function stopAndReply<R, D>(
  reason: ExitReason,
  replies: Actions<Reply<From, R>>,
  options: { readonly data: D },
): StopAndReply<R, D>;
export function stopAndReply(
  reason: ExitReason,
  replies: Actions<Reply<From, unknown>>,
  options?: { readonly data: unknown },
): StopAndReply {
  return new StopAndReply(reason, replies, options?.data);
}

/** `init`: the first state and data with first actions; a start that fails: `stop(reason)` crashes, `error` and `ignore` don't. */
export type MachineInit<S, D, A = MachineAction> = NextState<S, D, A> | Ignore | Stop<undefined> | Failure;

/** What every event may be answered with. `D` is the whole data; `undefined` keeps it. */
export type StateResult<S, D> =
  | NextState<S, D | undefined, MachineAction>
  | KeepState<D | undefined, MachineAction>
  | RepeatState<D | undefined, MachineAction>
  | Stop<{ readonly data?: D } | undefined>
  | StopAndReply<unknown, D | undefined>;

/** For the messages about bad returns. */
export const ALLOWED_RESULTS: string =
  "nextState(state, data?, actions?), keepState(data, actions?), keepStateAndData(actions?), repeatState(data, actions?), " +
  "repeatStateAndData(actions?), stop(reason, { data }?), stopAndReply(reason, replies, { data }?)";
export const ALLOWED_FROM_INIT = "nextState(state, data, actions?), ignore(), stop(reason), error(reason)";

/** What `formatStatus` is given of a machine. */
export interface MachineStatus<S, D> {
  readonly state: S;
  readonly data: D;
  /** For a crash report: the message it was handling, as it came; not there if it was handling none. */
  readonly message?: unknown;
  /** For a crash report: what it ended with. */
  readonly reason?: ExitReason;
}
