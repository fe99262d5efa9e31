/**
 * A state machine: one process that is in a state, and whose handlers depend on it. OTP's gen_statem as a plain object: a table
 * of states, each a table of handlers. The push button of OTP's manual, which counts how often it was switched on:
 *
 * ```ts
 * export const PushButton = stateMachine({
 *   init: (count: number) => nextState("off", { count }),
 *   states: {
 *     off: {
 *       call: {
 *         push: (_, data, from) => nextState("on", { count: data.count + 1 }, reply(from, "on")),
 *       },
 *     },
 *     on: {
 *       enter: () => keepStateAndData(stateTimeout(10_000, "forgotten")),
 *       stateTimeout: () => nextState("off"),
 *       call: {
 *         push: (_, data, from) => nextState("off", data, reply(from, "off")),
 *       },
 *     },
 *   },
 *   // In every state that does not handle it itself:
 *   handleEvent: {
 *     call: { count: (_, data, from) => keepStateAndData(reply(from, data.count)) },
 *   },
 * });
 *
 * const started = await PushButton.startLink(0, { name: "button" }); // ["ok", pid]
 * await PushButton.call("button", "push"); // "on", and known to be a string
 * ```
 *
 * Both of OTP's callback modes are here. With `states`, a state is a string and an event goes to the state's own entry: a table,
 * or one function of `(event, data)` as OTP's state functions. With `handleEvent` alone a state is any plain value, compared by
 * value (`{ name: "locked", lockButton: "*" }`), so replace it and don't change it in place.
 *
 * Departures from OTP: tables stand for clauses; data may be changed in place, and stays where a result leaves it out; names of
 * generic timeouts are strings; there is no `change_callback_module`; hibernating does nothing.
 *
 * @see https://www.erlang.org/doc/apps/stdlib/gen_statem.html
 * @see https://www.erlang.org/doc/system/statem.html
 */
import type { ExitReason } from "../core/exit-reason.js";
import type { From } from "../core/messages.js";
import type { Destination } from "../core/via.js";
import { checkIsolation, type Definition, type Isolation } from "../runtime/process.js";
import { type ChildOptions, type ChildSpec, childSpec } from "./child-spec.js";
import type { StartParameters } from "./gen-server.js";
import { call, cast } from "./gen-server-calls.js";
import type { CallArguments, HandlerArgument, MaybeAsync } from "./gen-server-results.js";
import type { Reply } from "./results.js";
import { type StartLinkOptions, type StartResult, startProcess } from "./start.js";
import { Clauses, type EventTable, type HandleEvent, type StateFunction } from "./state-machine-clauses.js";
import { bootMachine, type Callbacks } from "./state-machine-process.js";
import type {
  KeepState,
  MachineInit,
  MachineStatus,
  NextState,
  RepeatState,
  StopAndReply,
} from "./state-machine-results.js";

/** What a state is: one of the keys `N` of `states`; without those, what `init` is said to return. */
type StateOf<I, N extends string> = string extends N ? NoInfer<I> : NoInfer<N>;

/** That `init` names one of the states. */
interface BeginsIn<S> {
  init(arg: never): MaybeAsync<MachineInit<S, unknown>>;
}

/** What a state may be handled by, and `handleEvent` be. */
export type StateEntry<S, D> = EventTable<S, D> | StateFunction<S, D>;
export type OtherEvents<S, D> = EventTable<S, D> | HandleEvent<S, D>;

/**
 * The callbacks of a machine. In `states` and `handleEvent` the first half is what they are inferred as, the second what they
 * have to fit. `N` is the keys of `states`, `I` what `init` names, `D` the data.
 */
export interface StateMachineOptions<A, I, N extends string, D, States, Otherwise> {
  /**
   * Runs first in the new process and says where it begins; whoever started it waits for it. The actions, and the first
   * state's `enter`, come when that has been told. Without `states` its type, `MachineInit<State, Data>`, is where all states
   * are named: one result shows one of them only.
   */
  readonly init: (arg: A) => MaybeAsync<MachineInit<I, D>>;
  /** One entry a state: a table of handlers, or one function for all its events. */
  readonly states?: States & Readonly<Record<N, StateEntry<StateOf<I, N>, NoInfer<D>>>>;
  /** Handles what a state's own table does not; all events where there are no `states`. A table's handlers are told the state. */
  readonly handleEvent?: Otherwise & OtherEvents<StateOf<I, N>, NoInfer<D>>;
  /**
   * Whether functions get `enter` events too, as with OTP's `state_enter`; they must then handle them. A table gets them by
   * having `enter`. @defaultValue false
   */
  readonly stateEnter?: boolean;
  /**
   * The last thing that runs, after a stop or a crash; on an exit signal only if the process traps exits and the signal is
   * its parent's. What it throws becomes the exit reason.
   */
  readonly terminate?: (reason: ExitReason, state: StateOf<I, N>, data: NoInfer<D>) => unknown;
  /**
   * What crash reports and `sys.getStatus` show, to keep secrets out: what it returns stands in place of what it is given, the
   * rest is shown as it is. Sync, and must change nothing; if it throws, state, data and message are withheld. `sys.getState`,
   * `sys.trace` and `sys.log` are for whoever debugs, and show all. As OTP's `format_status/1`.
   *
   * @see https://www.erlang.org/doc/apps/stdlib/gen_statem.html#c:format_status/1
   */
  formatStatus?(status: MachineStatus<StateOf<I, N>, NoInfer<D>>): Partial<MachineStatus<unknown, unknown>>;
  /**
   * Its machines may have a thread (`"dedicated"`) or an OS process (`"process"`) kept for them; see {@link Isolation}.
   * @defaultValue `"shared"`
   */
  readonly isolation?: Isolation;
}

/** The tables of all states, as a union. */
type TablesOf<States> = States[keyof States];
/** What all these tables have under `call` or `cast`: a union of tables of handlers. */
type Part<Tables, K extends string> = Tables extends (...args: never) => unknown
  ? never
  : Tables extends { readonly [_ in K]: infer P }
    ? P
    : never;
type EventsOf<Part> = Part extends unknown ? keyof Part & string : never;
/** The handlers an event has in the different states, as a union. */
type HandlersOf<Part, E> = Part extends unknown ? (E extends keyof Part ? Part[E] : never) : never;

/** What a call is answered: the types given to `reply` by its handlers, or `unknown` where they leave it for later. */
type MachineReplyOf<H> = OrUnknown<H extends (...args: never) => infer R ? ReplyIn<Awaited<R>> : never>;
type ReplyIn<R> =
  R extends NextState<unknown, unknown, infer A>
    ? ValueOf<A>
    : R extends KeepState<unknown, infer A> | RepeatState<unknown, infer A>
      ? ValueOf<A>
      : R extends StopAndReply<infer V>
        ? V
        : never;
type ValueOf<A> = A extends Reply<From, infer V> ? V : never;
type OrUnknown<T> = [T] extends [never] ? unknown : T;

/** A kind of state machine. Started by its methods or by a supervisor; its machines are addressed by pid or name. */
export class StateMachine<A, Calls, Casts> implements Definition<readonly [A]> {
  readonly kind: string = "stateMachine";
  readonly isolation: Isolation;
  readonly #callbacks: Callbacks;

  constructor(callbacks: Callbacks, isolation: Isolation = "shared") {
    checkIsolation(isolation);
    this.isolation = isolation;
    this.#callbacks = callbacks;
  }

  boot(arg: A): ReturnType<Definition["boot"]> {
    return bootMachine(this.#callbacks, arg);
  }

  /** Starts a machine linked to the caller, and waits until its `init` is through. */
  startLink(...[arg, options]: StartParameters<A, StartLinkOptions>): Promise<StartResult> {
    return startProcess(this, [arg], { ...options, link: true });
  }

  /** {@link startLink} without the link. */
  start(...[arg, options]: StartParameters<A, StartLinkOptions>): Promise<StartResult> {
    return startProcess(this, [arg], { ...options, link: false });
  }

  /** The specification of such a machine as a supervisor's child. */
  child(...[arg, options]: StartParameters<A, ChildOptions>): ChildSpec {
    return childSpec(this, [arg], options);
  }

  /** {@link call}, with the types of the event's handlers. What a function handles is called with that plain one. */
  call<E extends EventsOf<Calls>>(
    to: Destination,
    event: E,
    ...rest: CallArguments<HandlersOf<Calls, E>>
  ): Promise<MachineReplyOf<HandlersOf<Calls, E>>> {
    // What every CallArguments is, which the compiler cannot tell while E is open.
    const [content, timeoutMs] = rest as readonly unknown[] as readonly [content?: unknown, timeoutMs?: number];
    // What the event's own handlers reply.
    return call(to, event, content, timeoutMs) as Promise<MachineReplyOf<HandlersOf<Calls, E>>>;
  }

  /** {@link cast}, with the types of the event's handlers. */
  cast<E extends EventsOf<Casts>>(
    to: Destination,
    event: E,
    ...[content]: HandlerArgument<HandlersOf<Casts, E>>
  ): void {
    cast(to, event, content);
  }
}

/**
 * Defines a kind of state machine.
 *
 * @throws RuntimeError `badOption` if there are neither `states` nor `handleEvent`, a state is no table and no function, or for
 *   a bad isolation.
 */
export function stateMachine<A, I, N extends string, D, States, Otherwise>(
  options: StateMachineOptions<A, I, N, D, States, Otherwise> & BeginsIn<StateOf<I, N>>,
): StateMachine<A, Part<TablesOf<States> | Otherwise, "call">, Part<TablesOf<States> | Otherwise, "cast">> {
  const callbacks: Callbacks = {
    init: options.init as Callbacks["init"], // boot gets what start took, an A
    clauses: new Clauses(options.states as never, options.handleEvent as never, options.stateEnter === true),
    terminate: options.terminate as Callbacks["terminate"],
    formatStatus: options.formatStatus as Callbacks["formatStatus"], // it gets what the machine has
  };
  return new StateMachine(callbacks, options.isolation);
}
