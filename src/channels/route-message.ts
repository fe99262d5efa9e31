/**
 * What the I/O thread takes from the thread of a channel, looked at before it is used. All code on that thread has the same
 * prototypes and globals: where user code has taken some away, anything may come, and the I/O thread must make nothing of it.
 */
import type { Encoded } from "./protocol.js";
import type { RouteMessage } from "./requests.js";

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
