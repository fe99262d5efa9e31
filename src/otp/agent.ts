/**
 * A process that keeps a state, and runs on it what others send it: Elixir's Agent. Inside it is a genServer.
 *
 * ```ts
 * export const Prices = agent((currency: string) => ({ currency, byItem: new Map<string, number>() }));
 * export const setPrice = (state: PriceList, item: string, price: number) => { state.byItem.set(item, price); };
 * export const priceOf = (state: PriceList, item: string) => state.byItem.get(item);
 *
 * await Prices.startLink(["EUR"], { name: "prices" });
 * await agent.update("prices", setPrice, ["tea", 3]);
 * const price = await agent.get("prices", priceOf, ["tea"]); // number | undefined
 * ```
 *
 * Functions run in the agent's process, one at a time; those that return a promise hold it until that settles. A closure
 * works for an agent on the caller's thread. An agent on another thread, or on any, takes functions that the application
 * module exports, with their arguments: they are sent by their names, as Elixir's `{module, function, args}`.
 *
 * A departure from Elixir: the state may be changed in place, so a function that returns nothing keeps it, as in a genServer.
 *
 * @see https://hexdocs.pm/elixir/Agent.html
 */
import { ErrorCode, RuntimeError } from "../core/errors.js";
import type { ExitReason } from "../core/exit-reason.js";
import { isThenable } from "../core/thenable.js";
import type { Destination } from "../core/via.js";
import {
  type AnyFunction,
  type Definition,
  findRunnable,
  isPid,
  type Runnable,
  self,
  sendableRunnable,
  whereis,
} from "../runtime/process.js";
import { badReturn } from "./bad-return.js";
import { type ChildOptions, type ChildSpec, childSpec } from "./child-spec.js";
import { type GenServer, genServer } from "./gen-server.js";
import { call, cast, DEFAULT_CALL_TIMEOUT_MS, stopServer } from "./gen-server-calls.js";
import { noreply, ok, reply } from "./results.js";
import { type StartLinkOptions, type StartResult, startProcess } from "./start.js";

/** A function with the arguments it gets after the state (of a start: all it gets). */
type Operation = readonly [run: Runnable, args: readonly unknown[]];

/** A function on an agent's state. */
export type AgentFunction<S, Args extends readonly unknown[], R> = (state: S, ...args: Args) => R;

/** The arguments after a function: those it takes after the state, left out if there are none, and more. */
export type AgentArguments<Args extends readonly unknown[], Rest extends readonly unknown[]> = [] extends Args
  ? [args?: Args, ...Rest]
  : [args: Args, ...Rest];

// ---- the process ----

/** The key of {@link agentServer} on every thread. */
export const AGENT_KEY = "joist:agent";

/** Started with the function that makes its state. */
export const agentServer: GenServer<Operation, unknown, object, object> = genServer({
  init: ([run, args]: Operation) => {
    const state = apply(run, args);
    return isThenable(state) ? state.then((settled) => ok(settled)) : ok(state);
  },
  handleCall: {
    get: ([run, args]: Operation, state: unknown) => {
      const value = apply(run, [state, ...args]);
      return isThenable(value) ? value.then((settled) => reply(settled)) : reply(value);
    },
    update: ([run, args]: Operation, state: unknown) => {
      const next = apply(run, [state, ...args]);
      return isThenable(next) ? next.then((settled) => reply("ok", settled)) : reply("ok", next);
    },
    get_and_update: ([run, args]: Operation, state: unknown) => {
      const both = apply(run, [state, ...args]);
      return isThenable(both) ? both.then(replyFirst) : replyFirst(both);
    },
  },
  handleCast: {
    cast: ([run, args]: Operation, state: unknown) => {
      const next = apply(run, [state, ...args]);
      return isThenable(next) ? next.then((settled) => noreply(settled)) : noreply(next);
    },
  },
});

function replyFirst(both: unknown): ReturnType<typeof reply<unknown, unknown>> {
  if (!Array.isArray(both) || both.length < 1 || both.length > 2) {
    return badReturn(
      "bad_return_value",
      "the function of agent.getAndUpdate",
      both,
      "[reply, newState], or [reply] to keep the state",
    );
  }
  return reply(both[0], both[1]);
}

function apply(what: Runnable, args: readonly unknown[]): unknown {
  const run = findRunnable(what);
  // What it takes was checked where it was given.
  if (typeof run === "function") return (run as (...given: readonly unknown[]) => unknown)(...args);
  throw new RuntimeError(ErrorCode.badArgument, `an agent runs functions only; "${String(what)}" is a ${run.kind}`);
}

// ---- kinds of agents ----

/** A kind of agent: by the function that makes its state. Started by its methods or by a supervisor. */
export class Agent<Args extends readonly unknown[]> implements Definition<Args> {
  readonly kind: string = "agent";
  readonly #init: AnyFunction;

  constructor(init: (...args: Args) => unknown) {
    this.#init = init as AnyFunction;
  }

  boot(...args: Args): ReturnType<Definition["boot"]> {
    return agentServer.boot([this.#init, args]);
  }

  /** Starts such an agent linked to the caller, and waits until its state is there. As `Agent.start_link/2`. */
  startLink(...[args, options]: AgentArguments<Args, [options?: StartLinkOptions]>): Promise<StartResult> {
    return startProcess(this, args ?? [], { ...options, link: true });
  }

  /** {@link startLink} without the link. */
  start(...[args, options]: AgentArguments<Args, [options?: StartLinkOptions]>): Promise<StartResult> {
    return startProcess(this, args ?? [], { ...options, link: false });
  }

  /** The specification of such an agent as a supervisor's child. */
  child(...[args, options]: AgentArguments<Args, [options?: ChildOptions]>): ChildSpec {
    return childSpec(this, args ?? [], options);
  }
}

/** Defines a kind of agent, which can be exported, started on any thread and supervised. */
function define<Args extends readonly unknown[]>(init: (...args: Args) => unknown): Agent<Args> {
  return new Agent(init);
}

// ---- agents of no kind ----

/**
 * Starts an agent linked to the caller, and waits until its state is there. As `Agent.start_link/2`.
 *
 * @param init - Makes the state: a function, or the key of one that the application module exports. Elsewhere than on the
 *   caller's thread only such a one can run.
 * @param args - What `init` is called with. @defaultValue `[]`
 * @returns `["error", reason]` if `init` throws.
 * @throws RuntimeError `unknownDefinition` for a closure and a `scheduler` other than `"here"`.
 */
function startLink<Args extends readonly unknown[]>(
  init: ((...args: Args) => unknown) | string,
  ...[args, options]: AgentArguments<Args, [options?: StartLinkOptions]>
): Promise<StartResult> {
  return startAgent(init, args ?? [], options, true);
}

/** {@link startLink} without the link. */
function start<Args extends readonly unknown[]>(
  init: ((...args: Args) => unknown) | string,
  ...[args, options]: AgentArguments<Args, [options?: StartLinkOptions]>
): Promise<StartResult> {
  return startAgent(init, args ?? [], options, false);
}

async function startAgent(
  init: Runnable,
  args: readonly unknown[],
  options: StartLinkOptions = {},
  link: boolean,
): Promise<StartResult> {
  const { scheduler = "here" } = options;
  const run = sendableRunnable(init, scheduler === "here" ? self() : null);
  return await startProcess(agentServer, [[run, args]], { label: "agent", ...options, link });
}

// ---- using them ----

/**
 * What a function makes of the state. As `Agent.get/3`.
 *
 * @param to - A pid or a registered name, on any thread.
 * @param run - A function, or the key of one that the application module exports.
 * @param args - What it is called with after the state. @defaultValue `[]`
 * @param timeoutMs - How long to wait; the function runs to its end even so. @defaultValue 5000
 * @throws RuntimeError `unknownDefinition` for a closure and an agent on another thread; `callFailed` if the agent is not
 *   there or ends first, as by an error in the function; `callTimeout`. Uncaught they end the caller.
 */
function get<S, Args extends readonly unknown[], R>(
  to: Destination,
  run: AgentFunction<S, Args, R>,
  ...rest: AgentArguments<Args, [timeoutMs?: number]>
): Promise<Awaited<R>>;
function get(to: Destination, run: string, args?: readonly unknown[], timeoutMs?: number): Promise<unknown>;
function get(to: Destination, run: Runnable, args?: readonly unknown[], timeoutMs?: number): Promise<unknown> {
  return request(to, "get", run, args, timeoutMs);
}

/** Has a function make the next state. As `Agent.update/3`; parameters and errors are those of {@link get}. */
function update<S, Args extends readonly unknown[]>(
  to: Destination,
  run: AgentFunction<S, Args, S | void | PromiseLike<S | void>>,
  ...rest: AgentArguments<Args, [timeoutMs?: number]>
): Promise<void>;
function update(to: Destination, run: string, args?: readonly unknown[], timeoutMs?: number): Promise<void>;
async function update(to: Destination, run: Runnable, args?: readonly unknown[], timeoutMs?: number): Promise<void> {
  await request(to, "update", run, args, timeoutMs);
}

/** What `getAndUpdate` takes: the reply and, unless the state stays, the next state. */
export type GetAndUpdate<S, R> = readonly [reply: R, state: S] | readonly [reply: R];

/**
 * Has a function make a reply and the next state, in one. As `Agent.get_and_update/3`; parameters and errors are those of
 * {@link get}. An agent whose function returns something else ends with `["bad_return_value", value]`.
 */
function getAndUpdate<S, Args extends readonly unknown[], R>(
  to: Destination,
  run: AgentFunction<S, Args, GetAndUpdate<S, R> | PromiseLike<GetAndUpdate<S, R>>>,
  ...rest: AgentArguments<Args, [timeoutMs?: number]>
): Promise<R>;
function getAndUpdate(to: Destination, run: string, args?: readonly unknown[], timeoutMs?: number): Promise<unknown>;
function getAndUpdate(to: Destination, run: Runnable, args?: readonly unknown[], timeoutMs?: number): Promise<unknown> {
  return request(to, "get_and_update", run, args, timeoutMs);
}

/** Has a function make the next state, and does not wait for it. To nobody: nothing happens. As `Agent.cast/2`. */
function castAgent<S, Args extends readonly unknown[]>(
  to: Destination,
  run: AgentFunction<S, Args, S | void | PromiseLike<S | void>>,
  ...rest: AgentArguments<Args, []>
): void;
function castAgent(to: Destination, run: string, args?: readonly unknown[]): void;
function castAgent(to: Destination, run: Runnable, args: readonly unknown[] = []): void {
  const pid = isPid(to) ? to : whereis(to);
  if (pid !== undefined) cast(pid, "cast", [sendableRunnable(run, pid), args] satisfies Operation);
}

/** Ends an agent and waits until it is gone; see {@link stopServer}. As `Agent.stop/3`. */
function stop(to: Destination, reason?: ExitReason, timeoutMs?: number): Promise<void> {
  return stopServer(to, reason, timeoutMs);
}

function request(
  to: Destination,
  event: "get" | "update" | "get_and_update",
  run: Runnable,
  args: readonly unknown[] = [],
  timeoutMs: number = DEFAULT_CALL_TIMEOUT_MS,
): Promise<unknown> {
  const pid = isPid(to) ? to : whereis(to);
  const what = pid === undefined ? run : sendableRunnable(run, pid); // with no agent the call says so
  return call(to, event, [what, args] satisfies Operation, timeoutMs);
}

/** Defines a kind of agent; its members are the functions of this file, to be read as Elixir's: `agent.get(…)`. */
export const agent: typeof define & {
  readonly startLink: typeof startLink;
  readonly start: typeof start;
  readonly get: typeof get;
  readonly update: typeof update;
  readonly getAndUpdate: typeof getAndUpdate;
  readonly cast: typeof castAgent;
  readonly stop: typeof stop;
} = Object.assign(define, { startLink, start, get, update, getAndUpdate, cast: castAgent, stop });
