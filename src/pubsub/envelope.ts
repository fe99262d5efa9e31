/**
 * What is published, as it goes to another node: plain data, to be put into bytes by whoever carries it. An event has its
 * payload as JSON text or bytes already; a message is any value that structured clone copies.
 */
import { ErrorCode, RuntimeError } from "../core/errors.js";

export type Envelope =
  | readonly ["event", event: string, payload: string | Uint8Array]
  /** With the key of the dispatcher that shall deliver it. */
  | readonly ["message", message: unknown, dispatcher: string | null];

/** @throws RuntimeError `badArgument` for anything else: it comes from outside of the runtime. */
export function checkEnvelope(value: unknown): Envelope {
  if (Array.isArray(value) && value.length === 3) {
    const [tag, first, second] = value as unknown[];
    const isEvent = tag === "event" && typeof first === "string";
    if (isEvent && (typeof second === "string" || second instanceof Uint8Array)) return value as unknown as Envelope;
    if (tag === "message" && (second === null || typeof second === "string")) return value as unknown as Envelope;
  }
  const allowed = '["event", event, payload] or ["message", message, dispatcher]';
  throw new RuntimeError(ErrorCode.badArgument, `an adapter delivered what is no envelope; that is ${allowed}`);
}
