/**
 * A server: one process with a state, that answers calls and casts. OTP's gen_server as a plain object of callbacks.
 *
 * ```ts
 * export const Counter = genServer({
 *   init: (start: number) => ({ count: start }),
 *   handleCall: { add: (by: number, state) => { state.count += by; return reply(state.count); } },
 *   handleCast: { reset: (to: number, state) => { state.count = to; } },
 * });
 *
 * const started = await Counter.startLink(5, { name: "counter" }); // ["ok", pid]
 * await Counter.call("counter", "add", 2); // 7, and known to be a number
 * ```
 *
 * Departures from OTP: an event table stands for the clauses of `handle_call` and `handle_cast` (an event that is not in it
 * has no clause, so the server crashes, by its own doing), and the state may be changed in place, so a callback that returns
 * nothing keeps it. A message without `handleInfo` is reported and dropped, as OTP logs it.
 *
 * @see https://www.erlang.org/doc/apps/stdlib/gen_server.html
 */
import type { ExitReason } from "../core/exit-reason.js";
import type { ShownStatus } from "../core/shown-status.js";
import type { Destination } from "../core/via.js";
import { checkIsolation, type Definition, type Isolation } from "../runtime/process.js";
import { type ChildOptions, type ChildSpec, childSpec } from "./child-spec.js";
import { call, cast } from "./gen-server-calls.js";
import { abcast, type MultiCallResult, multiCall } from "./gen-server-many.js";
import { bootServer, type Callbacks } from "./gen-server-process.js";
import type {
  CallArguments,
  CallTable,
  CastResult,
  CastTable,
  HandlerArgument,
  InitResult,
  MaybeAsync,
  ReplyOf,
  ServerStatus,
} from "./gen-server-results.js";
import { type StartLinkOptions, type StartResult, startProcess } from "./start.js";

/**
 * The callbacks of a server. `Calls & CallTable<S>`: the first half is what an event table is inferred as, the second what
 * its handlers see before that is known, and what they have to fit.
 */
export interface GenServerOptions<A, S, Calls, Casts> {
  /** Runs first in the new process and makes the state; whoever started it waits for it. See {@link InitResult}. */
  readonly init: (arg: A) => MaybeAsync<InitResult<S>>;
  /** One handler an event. The third argument is whom to answer: `replyTo(from, value)` works from anywhere, later too. */
  readonly handleCall?: Calls & CallTable<S>;
  readonly handleCast?: Casts & CastTable<S>;
  /** Any other message: DOWN, EXIT of others than the parent, timers, `"timeout"`, what was sent with `send`. */
  handleInfo?(message: unknown, state: S): MaybeAsync<CastResult<S>>;
  /** Runs before the next message, after a callback that returned `{ continue: arg }`. */
  handleContinue?(arg: unknown, state: S): MaybeAsync<CastResult<S>>;
  /**
   * The last thing that runs, after a stop or a crash; on an exit signal only if the process traps exits and the signal is
   * its parent's. What it throws becomes the exit reason.
   */
  readonly terminate?: (reason: ExitReason, state: S) => unknown;
  /**
   * What crash reports and `sys.getStatus` show, to keep secrets out: what it returns stands in place of what it is given, the
   * rest is shown as it is. Sync, and must change nothing; if it throws, state and message are withheld. `sys.getState`,
   * `sys.trace` and `sys.log` are for whoever debugs, and show all. As OTP's `format_status/1`.
   *
   * @see https://www.erlang.org/doc/apps/stdlib/gen_server.html#c:format_status/1
   */
  formatStatus?(status: ServerStatus<S>): Partial<ShownStatus>;
  /**
   * Its servers may have a thread (`"dedicated"`) or an OS process (`"process"`) kept for them; see {@link Isolation}.
   * @defaultValue `"shared"`
   */
  readonly isolation?: Isolation;
}

/** The parameters of a start: `init`'s argument, left out if it takes none, and options. */
export type StartParameters<A, Options> = undefined extends A
  ? [arg?: A, options?: Options]
  : [arg: A, options?: Options];

/** A kind of server. Started by its methods or by a supervisor; its servers are addressed by pid or name. */
export class GenServer<A, S, Calls, Casts> implements Definition<readonly [A]> {
  readonly kind: string = "genServer";
  readonly isolation: Isolation;
  readonly #callbacks: Callbacks<S>;

  constructor(options: GenServerOptions<A, S, Calls, Casts>) {
    checkIsolation(options.isolation);
    this.isolation = options.isolation ?? "shared";
    this.#callbacks = {
      init: options.init as (arg: unknown) => MaybeAsync<InitResult<S>>, // boot gets what start took, an A
      calls: new Map(Object.entries(options.handleCall ?? {})),
      casts: new Map(Object.entries(options.handleCast ?? {})),
      handleInfo: options.handleInfo,
      handleContinue: options.handleContinue,
      terminate: options.terminate,
      formatStatus: options.formatStatus,
    };
  }

  boot(arg: A): ReturnType<Definition["boot"]> {
    return bootServer(this.#callbacks, arg);
  }

  /** Starts a server linked to the caller, and waits until its `init` is through. */
  startLink(...[arg, options]: StartParameters<A, StartLinkOptions>): Promise<StartResult> {
    return startProcess(this, [arg], { ...options, link: true });
  }

  /** {@link startLink} without the link. */
  start(...[arg, options]: StartParameters<A, StartLinkOptions>): Promise<StartResult> {
    return startProcess(this, [arg], { ...options, link: false });
  }

  /** The specification of such a server as a supervisor's child. */
  child(...[arg, options]: StartParameters<A, ChildOptions>): ChildSpec {
    return childSpec(this, [arg], options);
  }

  /** {@link call}, with the types of the event. */
  call<E extends keyof Calls & string>(
    to: Destination,
    event: E,
    ...rest: CallArguments<Calls[E]>
  ): Promise<ReplyOf<Calls[E]>> {
    // What every CallArguments is, which the compiler cannot tell while E is open.
    const [arg, timeoutMs] = rest as readonly unknown[] as readonly [arg?: unknown, timeoutMs?: number];
    return call(to, event, arg, timeoutMs) as Promise<ReplyOf<Calls[E]>>; // what the event's own handler replied
  }

  /** {@link multiCall}, with the types of the event. */
  multiCall<To extends Destination, E extends keyof Calls & string>(
    targets: readonly To[],
    event: E,
    ...rest: CallArguments<Calls[E]>
  ): Promise<MultiCallResult<To, ReplyOf<Calls[E]>>> {
    const [arg, timeoutMs] = rest as readonly unknown[] as readonly [arg?: unknown, timeoutMs?: number]; // as in `call`
    return multiCall(targets, event, arg, timeoutMs) as Promise<MultiCallResult<To, ReplyOf<Calls[E]>>>;
  }

  /** {@link abcast}, with the types of the event. */
  abcast<E extends keyof Casts & string>(
    targets: readonly Destination[],
    event: E,
    ...[arg]: HandlerArgument<Casts[E]>
  ): void {
    abcast(targets, event, arg);
  }

  /** {@link cast}, with the types of the event. */
  cast<E extends keyof Casts & string>(to: Destination, event: E, ...[arg]: HandlerArgument<Casts[E]>): void {
    cast(to, event, arg);
  }
}

/** Defines a kind of server. @throws RuntimeError `badOption` for a bad isolation. */
export function genServer<A, S, Calls, Casts>(
  options: GenServerOptions<A, S, Calls, Casts>,
): GenServer<A, S, Calls, Casts> {
  return new GenServer(options);
}
