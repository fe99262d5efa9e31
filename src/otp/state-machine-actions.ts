/**
 * What a state machine does besides going to a state: OTP's transition actions. Built by the functions here and by
 * `reply(from, value)`, and given to a result, one or a list; they are carried out in their order, after the callback.
 *
 * @see https://www.erlang.org/doc/apps/stdlib/gen_statem.html#t:action/0
 */
import { ErrorCode, RuntimeError } from "../core/errors.js";
import type { From } from "../core/messages.js";
import { show } from "./bad-return.js";
import { Reply } from "./results.js";
import type { StateEvent } from "./state-machine-events.js";

export class Postpone {
  readonly tag = "postpone";
  readonly postpone: boolean;

  constructor(postpone: boolean) {
    this.postpone = postpone;
  }
}

export class NextEvent {
  readonly tag = "next_event";
  readonly event: StateEvent;

  constructor(event: StateEvent) {
    this.event = event;
  }
}

export type TimeoutType = "timeout" | "state_timeout" | "generic_timeout";

/**
 * When a timeout comes: milliseconds, `Infinity` or `"cancel"` for never, `"update"` to change the content of one that runs
 * and leave its time (one that doesn't run comes at once).
 */
export type TimeoutTime = number | "update" | "cancel";

export interface TimeoutOptions {
  /** The time is a moment of `now()`, the thread's clock, and no duration. One that is past comes at once. @defaultValue false */
  readonly absolute?: boolean;
}

export class SetTimeout {
  readonly tag = "set_timeout";
  readonly type: TimeoutType;
  /** Of a generic timeout. */
  readonly name: string | undefined;
  readonly time: TimeoutTime;
  readonly content: unknown;
  readonly absolute: boolean;

  constructor(
    type: TimeoutType,
    name: string | undefined,
    time: TimeoutTime,
    content: unknown,
    options: TimeoutOptions | undefined,
  ) {
    const absolute = options?.absolute === true;
    checkTime(time, absolute);
    this.type = type;
    this.name = name;
    this.time = time;
    this.content = content;
    this.absolute = absolute;
  }
}

/** All actions. A `Reply` is one when its first half says whom to answer. */
export type MachineAction = Reply<From, unknown> | Postpone | NextEvent | SetTimeout;

/** Actions as results take them: none, one or a list. */
export type Actions<A = MachineAction> = A | readonly A[] | undefined;

/** For the messages about what is no action. */
export const ALLOWED_ACTIONS =
  "reply(from, value), postpone(), nextEvent(event), stateTimeout(…), eventTimeout(…), genericTimeout(…)";

/**
 * Puts the event off until the state has changed, when it comes again before anything that arrived later. There is no limit to how
 * many wait, as there is none to a mailbox.
 */
export function postpone(yes = true): Postpone {
  return new Postpone(yes);
}

/** Inserts an event: it is the next to be handled, before all that waits. Of several the first given comes first. */
export function nextEvent(event: StateEvent): NextEvent {
  return new NextEvent(event);
}

/** An event `state_timeout` in so many milliseconds, unless the state changes before. 0: before the next message. */
export function stateTimeout(time: TimeoutTime, content?: unknown, options?: TimeoutOptions): SetTimeout {
  return new SetTimeout("state_timeout", undefined, time, content, options);
}

/** An event `timeout` in so many milliseconds, unless any other event is handled before. 0: before the next message. */
export function eventTimeout(time: TimeoutTime, content?: unknown, options?: TimeoutOptions): SetTimeout {
  return new SetTimeout("timeout", undefined, time, content, options);
}

/** An event `generic_timeout` of that name in so many milliseconds, whatever happens until then. Any number may run at once. */
export function genericTimeout(
  name: string,
  time: TimeoutTime,
  content?: unknown,
  options?: TimeoutOptions,
): SetTimeout {
  return new SetTimeout("generic_timeout", name, time, content, options);
}

export function isAction(value: unknown): value is MachineAction {
  return (
    (value instanceof Reply && isFrom(value.first)) ||
    (value instanceof NextEvent && isStateEvent(value.event)) ||
    value instanceof SetTimeout ||
    value instanceof Postpone
  );
}

function isFrom(value: unknown): value is From {
  if (typeof value !== "object" || value === null) return false;
  const { pid, ref } = value as { pid?: unknown; ref?: unknown };
  return typeof pid === "string" && typeof ref === "number";
}

function isStateEvent(event: StateEvent): boolean {
  switch (event?.type) {
    case "call":
      return typeof event.name === "string" && isFrom(event.from);
    case "cast":
    case "internal":
    case "generic_timeout":
      return typeof event.name === "string";
    case "info":
    case "timeout":
    case "state_timeout":
      return true;
    default:
      return false;
  }
}

function checkTime(time: TimeoutTime, absolute: boolean): void {
  if (typeof time === "number" ? time >= 0 || (absolute && !Number.isNaN(time)) : time === "cancel") return;
  if (time === "update" && !absolute) return;
  throw new RuntimeError(
    ErrorCode.badArgument,
    `bad timeout ${show(time)}: allowed are milliseconds from 0, Infinity, "cancel" and, if it is not absolute, "update"`,
  );
}
