/**
 * What the I/O thread takes from the threads of channels and of `connect`, looked at before it is used. All code on that thread has the same
 * prototypes and globals: where user code has taken some away, anything may come, and the I/O thread must make nothing of it.
 */
import type { Pid } from "../core/pid.js";
import type { Encoded } from "./protocol.js";
import type { ConnectAnswer, RouteMessage } from "./requests.js";
import type { Refusal } from "./transport.js";

/** Whether something can be sent to a client. */
export function isEncoded(value: unknown): value is Encoded {
  return typeof value === "string" || value instanceof Uint8Array;
}

/** A message to a route, if it is one. */
export function routeMessageIn(value: unknown): RouteMessage | null {
  return Array.isArray(value) && isRouteMessage(value) ? (value as unknown as RouteMessage) : null;
}

function isRouteMessage([tag, first, second, third]: readonly unknown[]): boolean {
  switch (tag) {
    case "joined":
    case "refused":
    case "malformed":
      return isEncoded(first);
    case "push":
      return isEncoded(first) && typeof second === "string" && typeof third === "string";
    case "handled":
      return isCount(first) && isCount(second);
    case "close":
    case "drain":
      return true;
    default:
      return false;
  }
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** The answer of a process that runs `connect`, if it is one; a refusal that makes no response is none. */
export function connectAnswerIn(value: unknown): ConnectAnswer | null {
  if (!Array.isArray(value)) return null;
  const [tag, from, first, second] = value as readonly unknown[];
  if (typeof from !== "string") return null;
  const pid = from as Pid; // looked up, never used
  if (tag === "refused") return [tag, pid, refusalIn(first)];
  const isAccepted = tag === "accepted" && (first === null || typeof first === "string") && isObject(second);
  return isAccepted ? [tag, pid, first, second] : null;
}

function refusalIn(value: unknown): Refusal | null {
  if (!isObject(value)) return null;
  const { status, body } = value;
  if (!Number.isInteger(status) || (status as number) < 200 || (status as number) > 599) return null;
  return typeof body === "string" ? { status: status as number, body } : { status: status as number };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
