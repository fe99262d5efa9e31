/**
 * What a process does, as seen by whoever debugs it: the events of OTP's sys, who gets them, and how they read. Values in
 * them are described as plain data of a bounded size (`core/plain.ts`) the moment they happen: a state may be changed in
 * place afterwards, and an event must be fit for any thread.
 */

import { inspect } from "node:util";
import { describeMessage } from "../core/describe-message.js";
import type { Pid } from "../core/pid.js";

/** A message arrived; an answer went out, and this is the state after it; a message was handled without an answer. */
export type SystemEvent =
  | { readonly tag: "in"; readonly message: unknown }
  | { readonly tag: "out"; readonly message: unknown; readonly to: Pid; readonly state: unknown }
  | { readonly tag: "noreply"; readonly state: unknown };

/** What a process gets that traces another one: `sys.trace(server, self())`. */
export interface TraceMessage {
  readonly tag: "trace";
  readonly from: Pid;
  readonly event: SystemEvent;
}

export function isTrace(message: unknown): message is TraceMessage {
  return typeof message === "object" && message !== null && (message as { tag?: unknown }).tag === "trace";
}

/** Characters of an event's line. */
const MAX_LINE = 1000;

/** An event as one line. OTP's words. */
export function formatEvent(event: SystemEvent): string {
  const line = lineOf(event);
  return line.length <= MAX_LINE ? line : `${line.slice(0, MAX_LINE)}…`;
}

function lineOf(event: SystemEvent): string {
  switch (event.tag) {
    case "in":
      return `got ${describeMessage(event.message, show)}`;
    case "out":
      return `sent ${show(event.message)} to ${event.to}, new state ${show(event.state)}`;
    case "noreply":
      return `new state ${show(event.state)}`;
  }
}

function show(value: unknown): string {
  const depth = Number.POSITIVE_INFINITY; // it is bounded already
  return inspect(value, { depth, breakLength: Number.POSITIVE_INFINITY, maxArrayLength: null, maxStringLength: 200 });
}
