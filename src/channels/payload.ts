/**
 * From a value a handler gave to the JSON text that goes out. Checked before anything is sent, so that a bad payload
 * costs the one who made it and never reaches half of the subscribers.
 */
import { ErrorCode, RuntimeError } from "../core/errors.js";
import { toJson } from "../core/json.js";
import type { Encoded } from "./protocol.js";

/** What a payload was meant for; errors name it. */
export type PayloadUse = "push" | "reply" | "broadcast";

/** At most 255 bytes fit a field of a binary frame: its length is one byte. */
export const MAX_FIELD_BYTES = 255;

/**
 * What `broadcast` is given, checked and stringified once, for all subscribers. Bytes stay bytes; that they will fit a frame
 * is found out here, too, where it is the publisher's fault, and not where the frames are made.
 */
export function broadcastPayload(topic: string, event: string, payload: unknown): Encoded {
  if (!(payload instanceof Uint8Array)) return objectJson("broadcast", topic, event, payload);
  for (const field of [topic, event]) checkField("broadcast", topic, event, field);
  return payload;
}

/** How many bytes a field of a binary frame has. @throws RuntimeError `badPayload` if it is too long. */
export function checkField(use: PayloadUse, topic: unknown, event: unknown, field: string): number {
  const bytes = Buffer.byteLength(field);
  if (bytes <= MAX_FIELD_BYTES) return bytes;
  const problem = `is bytes, and then no ref, topic, event or status may be longer than ${MAX_FIELD_BYTES} bytes`;
  throw badPayload(use, topic, event, `${problem}; one has ${bytes}`);
}

/**
 * The JSON text of a payload that must be an object, as those of pushes and broadcasts are.
 *
 * @throws RuntimeError `badPayload` if it is anything else, or becomes anything else (a `Date` turns into a string).
 */
export function objectJson(use: PayloadUse, topic: unknown, event: unknown, payload: unknown): string {
  const json = anyJson(use, topic, event, payload);
  // Looking at the text catches everything at once: null, scalars, arrays, and objects whose toJSON makes one of these.
  if (json.charCodeAt(0) !== 0x7b) {
    throw badPayload(use, topic, event, `must be an object or a Uint8Array, not ${describe(payload)}`);
  }
  return json;
}

/**
 * The JSON text of a payload that may be any JSON value, as the response of a reply may.
 *
 * @throws RuntimeError `badPayload` if there is no JSON for it.
 */
export function anyJson(use: PayloadUse, topic: unknown, event: unknown, payload: unknown): string {
  // JSON.stringify makes an object of these without complaint, and loses the bytes or writes a number for each.
  if (typeof payload === "object" && (ArrayBuffer.isView(payload) || payload instanceof ArrayBuffer)) {
    const wanted = payload instanceof Uint8Array ? "must be JSON: there are no bytes in vsn 1" : "must be a Uint8Array";
    throw badPayload(use, topic, event, `${wanted}, not ${describe(payload)}`);
  }
  let json: string | undefined;
  try {
    json = toJson(payload);
  } catch (cause) {
    throw badPayload(
      use,
      topic,
      event,
      `has no JSON: ${cause instanceof Error ? cause.message : String(cause)}`,
      cause,
    );
  }
  if (json === undefined) throw badPayload(use, topic, event, `must be JSON, not ${describe(payload)}`);
  return json;
}

export function badPayload(
  use: PayloadUse,
  topic: unknown,
  event: unknown,
  problem: string,
  cause?: unknown,
): RuntimeError {
  const where = `${use} ${toJson(event)} on topic ${toJson(topic)}`;
  return new RuntimeError(ErrorCode.badPayload, `${where}: the payload ${problem}`, { cause });
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return "an array";
  if (typeof value !== "object") return `a ${typeof value}`;
  return `a ${Object.prototype.toString.call(value).slice("[object ".length, -1)}`;
}
