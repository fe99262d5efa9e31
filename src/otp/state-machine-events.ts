/**
 * What happens to a state machine: OTP's event types and their contents, as one object an event.
 *
 * | OTP | here |
 * | --- | --- |
 * | `{call, From}, Content` | `{ type: "call", name, content, from }`: `name` and `content` as given to `call(to, name, content)` |
 * | `cast, Content` | `{ type: "cast", name, content }` |
 * | `info, Message` | `{ type: "info", content }` |
 * | `state_timeout, Content` | `{ type: "state_timeout", content }` |
 * | `timeout, Content` | `{ type: "timeout", content }` |
 * | `{timeout, Name}, Content` | `{ type: "generic_timeout", name, content }` |
 * | `internal, Content` | `{ type: "internal", name, content }` |
 * | `enter, OldState` | `{ type: "enter", content: oldState }` |
 *
 * @see https://www.erlang.org/doc/apps/stdlib/gen_statem.html#t:event_type/0
 */
import type { From } from "../core/messages.js";

/** An event with a name of its own: the key of its handler in a table. */
export interface NamedEvent {
  readonly type: "cast" | "internal" | "generic_timeout";
  readonly name: string;
  readonly content?: unknown;
}

/** A request somebody waits for: answer it with the action `reply(from, value)`, now or in a later event. */
export interface CallEvent {
  readonly type: "call";
  readonly name: string;
  readonly content?: unknown;
  readonly from: From;
}

export interface PlainEvent {
  readonly type: "info" | "timeout" | "state_timeout";
  readonly content?: unknown;
}

/** All that can happen in a state. `nextEvent` inserts one. */
export type StateEvent = NamedEvent | CallEvent | PlainEvent;

/** A state was entered; `content` is the one before it, or the same at the start and when a state is repeated. */
export interface EnterEvent<S = unknown> {
  readonly type: "enter";
  readonly content: S;
}

/** What a state function and `handleEvent` get. */
export type MachineEvent<S = unknown> = StateEvent | EnterEvent<S>;

export type EventType = MachineEvent["type"];

/** Every event has all four fields while it waits and is handled: one hidden class. */
export interface QueuedEvent {
  readonly type: EventType;
  readonly name: string | undefined;
  readonly content: unknown;
  readonly from: From | undefined;
}

export function queuedEvent(
  type: EventType,
  name: string | undefined,
  content: unknown,
  from: From | undefined,
): QueuedEvent {
  return { type, name, content, from };
}
