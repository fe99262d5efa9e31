/**
 * What is published, as it goes to another node: plain data, to be put into bytes by whoever carries it. An event has its
 * payload as JSON text or bytes already; a message is any value that structured clone copies.
 */
import { ErrorCode, RuntimeError } from "../core/errors.js";

export type Envelope =
  | readonly ["event", event: string, payload: string | Uint8Array]
  /** With what it is about, if only the newest matters. */
  | readonly ["event", event: string, payload: string | Uint8Array, latest: string]
  /** With the key of the dispatcher that shall deliver it. */
  | readonly ["message", message: unknown, dispatcher: string | null];

export function eventEnvelope(event: string, payload: string | Uint8Array, latest: string | undefined): Envelope {
  return latest === undefined ? ["event", event, payload] : ["event", event, payload, latest];
}

/** @throws RuntimeError `badArgument` for anything else: it comes from outside of the runtime. */
export function checkEnvelope(value: unknown): Envelope {
  const length = Array.isArray(value) ? value.length : 0;
  if (length === 3 || length === 4) {
    const [tag, first, second, third] = value as unknown[];
    const isEvent = tag === "event" && typeof first === "string" && (length === 3 || typeof third === "string");
    if (isEvent && (typeof second === "string" || second instanceof Uint8Array)) return value as unknown as Envelope;
    if (length === 3 && tag === "message" && (second === null || typeof second === "string"))
      return value as unknown as Envelope;
  }
  const allowed = '["event", event, payload, latest?] or ["message", message, dispatcher]';
  throw new RuntimeError(ErrorCode.badArgument, `an adapter delivered what is no envelope; that is ${allowed}`);
}
