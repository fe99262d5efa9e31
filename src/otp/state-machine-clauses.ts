/**
 * The clauses of a state machine: which function handles an event in a state. A state is a table of handlers or one function;
 * what its own table has no handler for goes to `handleEvent`, again a table or a function; what that has none for either has no
 * clause, so the machine crashes, as in OTP. Only `enter` may be left out of tables.
 */
import { ErrorCode, RuntimeError } from "../core/errors.js";
import type { From } from "../core/messages.js";
import { isThenable } from "../core/thenable.js";
import { show } from "./bad-return.js";
import type { MaybeAsync } from "./gen-server-results.js";
import type { MachineEvent, QueuedEvent } from "./state-machine-events.js";
import { keepStateAndData, type StateResult } from "./state-machine-results.js";

/** What a handler in a table may return: nothing is `keepStateAndData()`. */
type HandlerResult<S, D> = MaybeAsync<void | StateResult<S, D>>;

// Handlers are declared as methods: those are bivariant in their parameters, so that one may annotate what it takes
// (`digit: string`) while an unannotated one sees `unknown`.
export type CallClause<S, D> = {
  handler(content: unknown, data: D, from: From, state: S): MaybeAsync<StateResult<S, D>>;
}["handler"];
export type Clause<S, D> = { handler(content: unknown, data: D, state: S): HandlerResult<S, D> }["handler"];

/** A state as a table: one handler an event. In `handleEvent` the last argument tells the state. */
export interface EventTable<S, D> {
  /** Requests. Nothing returned is a mistake here: somebody waits. `keepStateAndData()` says that the reply comes later. */
  readonly call?: Readonly<Record<string, CallClause<S, D>>>;
  readonly cast?: Readonly<Record<string, Clause<S, D>>>;
  /** Events the machine gave itself, with `nextEvent`. */
  readonly internal?: Readonly<Record<string, Clause<S, D>>>;
  /** Any other message: DOWN, EXIT of others than the parent, timers of your own, what was sent with `send`. */
  info?(message: unknown, data: D, state: S): HandlerResult<S, D>;
  stateTimeout?(content: unknown, data: D, state: S): HandlerResult<S, D>;
  eventTimeout?(content: unknown, data: D, state: S): HandlerResult<S, D>;
  /** By the name of the timeout. */
  readonly genericTimeout?: Readonly<Record<string, Clause<S, D>>>;
  /**
   * Runs when the state is entered, before anything happens in it: at the start, on a change, on a repeat. OTP's state enter
   * call. It may neither go to another state nor postpone nor insert events.
   */
  enter?(oldState: S, data: D, state: S): HandlerResult<S, D>;
}

/** A state as one function. It returns a result for every event, or the machine crashes. OTP's `StateName/3`. */
export type StateFunction<S, D> = {
  state(event: MachineEvent<S>, data: D): MaybeAsync<StateResult<S, D>>;
}["state"];

/** OTP's `handle_event/4`. */
export type HandleEvent<S, D> = {
  handleEvent(event: MachineEvent<S>, state: S, data: D): MaybeAsync<StateResult<S, D>>;
}["handleEvent"];

/** A table with maps for its events: `__proto__` and `constructor` are no events there. */
interface CompiledTable {
  readonly call: ReadonlyMap<string, Handler>;
  readonly cast: ReadonlyMap<string, Handler>;
  readonly internal: ReadonlyMap<string, Handler>;
  readonly generic_timeout: ReadonlyMap<string, Handler>;
  readonly info: Handler | undefined;
  readonly timeout: Handler | undefined;
  readonly state_timeout: Handler | undefined;
  readonly enter: Handler | undefined;
}

type Handler = (content: unknown, data: unknown, ...rest: readonly unknown[]) => unknown;
type Entry = EventTable<unknown, unknown> | StateFunction<unknown, unknown>;

const KEEP = keepStateAndData();

export class Clauses {
  readonly #states: ReadonlyMap<unknown, CompiledTable | StateFunction<unknown, unknown>> | null;
  readonly #otherwise: CompiledTable | HandleEvent<unknown, unknown> | undefined;
  readonly #enterFunctions: boolean;

  /** `enterFunctions`: whether functions get `enter` events; tables do by having the handler. */
  constructor(
    states: Readonly<Record<string, Entry>> | undefined,
    handleEvent: EventTable<unknown, unknown> | HandleEvent<unknown, unknown> | undefined,
    enterFunctions: boolean,
  ) {
    if (states === undefined && handleEvent === undefined) {
      throw new RuntimeError(ErrorCode.badOption, "a stateMachine needs states, handleEvent or both; it has none");
    }
    const entries = states === undefined ? undefined : Object.entries(states);
    this.#states =
      entries === undefined ? null : new Map(entries.map(([name, entry]) => [name, compile(`states.${name}`, entry)]));
    this.#otherwise = handleEvent === undefined ? undefined : compile("handleEvent", handleEvent);
    this.#enterFunctions = enterFunctions;
  }

  /** What is wrong with a state, if anything: it is none of those in the table. */
  problem(state: unknown): string | undefined {
    if (this.#states === null || this.#states.has(state)) return undefined;
    return `there is no state ${show(state)}; there are ${[...this.#states.keys()].join(", ")}`;
  }

  /** Whether something is to run when `state` is entered. */
  enters(state: unknown): boolean {
    const own = this.#states?.get(state);
    if (typeof own === "function") return this.#enterFunctions;
    if (own?.enter !== undefined) return true;
    if (typeof this.#otherwise === "function") return this.#enterFunctions;
    return this.#otherwise?.enter !== undefined;
  }

  /** Runs the handler of `event`. @throws RuntimeError `unknownEvent` if there is none. */
  run(event: QueuedEvent, state: unknown, data: unknown): unknown {
    const own = this.#states?.get(state);
    if (typeof own === "function") return own(event as MachineEvent, data); // built by `queuedEvent` as one of them
    const otherwise = this.#otherwise;
    const handler = (own && find(own, event)) ?? (typeof otherwise === "object" ? find(otherwise, event) : undefined);
    if (handler === undefined) {
      if (typeof otherwise === "function") return otherwise(event as MachineEvent, state, data);
      throw noClause(event, state, own, otherwise);
    }
    if (event.type === "call") return handler(event.content, data, event.from, state);
    const result = handler(event.content, data, state);
    if (result === undefined) return KEEP;
    return isThenable(result) ? result.then((settled) => settled ?? KEEP) : result;
  }
}

function compile<F extends (...args: never) => unknown>(
  where: string,
  entry: EventTable<unknown, unknown> | F,
): CompiledTable | F {
  if (typeof entry === "function") return entry;
  if (typeof entry !== "object" || entry === null) {
    throw new RuntimeError(
      ErrorCode.badOption,
      `bad ${where} ${show(entry)}: allowed are a table of handlers and a function`,
    );
  }
  // Handlers differ in the type of their content only, which is what came with the event.
  const map = (table: object | undefined): ReadonlyMap<string, Handler> =>
    new Map(Object.entries(table ?? {}) as [string, Handler][]);
  const { call, cast, internal, genericTimeout, info, eventTimeout, stateTimeout, enter } = entry;
  return {
    call: map(call),
    cast: map(cast),
    internal: map(internal),
    generic_timeout: map(genericTimeout),
    info: info as Handler | undefined,
    timeout: eventTimeout as Handler | undefined,
    state_timeout: stateTimeout as Handler | undefined,
    enter: enter as Handler | undefined,
  };
}

function find(table: CompiledTable, event: QueuedEvent): Handler | undefined {
  const name = event.name as string; // those that are looked for by name have one
  switch (event.type) {
    case "call":
      return table.call.get(name);
    case "cast":
      return table.cast.get(name);
    case "internal":
      return table.internal.get(name);
    case "generic_timeout":
      return table.generic_timeout.get(name);
    default:
      return table[event.type];
  }
}

function noClause(
  event: QueuedEvent,
  state: unknown,
  own: CompiledTable | undefined,
  otherwise: CompiledTable | undefined,
): RuntimeError {
  const { type, name } = event;
  const what = `state ${show(state)} has no handler for ${type}`;
  switch (type) {
    case "call":
    case "cast":
    case "internal":
    case "generic_timeout": {
      const known = [...(own?.[type].keys() ?? []), ...(otherwise?.[type].keys() ?? [])].join(", ");
      return new RuntimeError(ErrorCode.unknownEvent, `${what} "${name}"; it has ${known || "none"}`);
    }
    default:
      return new RuntimeError(ErrorCode.unknownEvent, `${what}: ${show(event.content)}`);
  }
}
