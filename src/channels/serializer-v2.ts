/**
 * Version 2 of the wire protocol: text frames are `[join_ref, ref, topic, event, payload]`, and bytes travel in binary
 * frames. A binary frame is a kind, one length byte for each field, the fields in UTF-8, and the data:
 *
 * ```
 * push, from a client   0 | join_ref ref topic event  | data
 * push, from a server   0 | join_ref topic event      | data
 * reply                 1 | join_ref ref topic status | data
 * broadcast             2 | topic event               | data
 * ```
 */
import { ErrorCode, RuntimeError } from "../core/errors.js";
import { toJson } from "../core/json.js";
import { binaryDataAt, readBinaryHead, readHead } from "./frame-head.js";
import { parseJson } from "./parse-json.js";
import { anyJson, checkField, objectJson, type PayloadUse } from "./payload.js";
import { ControlEvent, type Head, type Json, type Message } from "./protocol.js";
import type { Serializer } from "./serializer.js";

const kind = { push: 0, reply: 1, broadcast: 2 } as const;

export const serializerV2: Serializer = {
  vsn: "2.0.0",
  binary: true,

  readHead: (raw) => (typeof raw === "string" ? readHead(raw) : readBinaryHead(raw)),

  decode: (raw) => (typeof raw === "string" ? decodeText(raw) : decodeBinary(raw)),

  encodePush(joinRef, topic, event, payload) {
    if (payload instanceof Uint8Array) {
      return encodeBinary("push", topic, event, [refText(joinRef), topic, event], payload);
    }
    const json = objectJson("push", topic, event, payload);
    return `[${toJson(joinRef)},null,${toJson(topic)},${toJson(event)},${json}]`;
  },

  encodeEnd(joinRef, topic, event, payload) {
    const ref = toJson(joinRef);
    return `[${ref},${ref},${toJson(topic)},"${event}",${objectJson("push", topic, event, payload)}]`;
  },

  encodeReply(joinRef, ref, topic, status, response) {
    if (response instanceof Uint8Array) {
      const fields = [refText(joinRef), refText(ref), refText(topic), status];
      return encodeBinary("reply", topic, status, fields, response);
    }
    const json = anyJson("reply", topic, status, response);
    const head = `[${toJson(joinRef)},${toJson(ref)},${toJson(topic)},"phx_reply"`;
    return `${head},{"status":${toJson(status)},"response":${json}}]`;
  },

  eventOf: (frame) => (typeof frame === "string" ? readHead(frame)?.event : binaryEvent(frame)),

  encodeBroadcast(topic, event, payload) {
    if (payload instanceof Uint8Array) return encodeBinary("broadcast", topic, event, [topic, event], payload);
    return broadcastText(topic, event, objectJson("broadcast", topic, event, payload));
  },

  encodeBroadcastFromJson: broadcastText,
};

function broadcastText(topic: string, event: string, payloadJson: string): string {
  return `[null,null,${toJson(topic)},${toJson(event)},${payloadJson}]`;
}

/** Of a frame from a server. */
function binaryEvent(frame: Uint8Array): string | undefined {
  if (frame[0] === kind.reply) return ControlEvent.reply;
  const [, refBytes = 0, topicBytes = 0, eventBytes = 0] = frame;
  const at = 4 + refBytes + topicBytes;
  return frame[0] === kind.push ? Buffer.from(frame.subarray(at, at + eventBytes)).toString() : undefined;
}

function decodeText(text: string): Message {
  let parsed: unknown;
  try {
    parsed = parseJson(text);
  } catch (cause) {
    throw new RuntimeError(ErrorCode.badPayload, `a text frame is not JSON, or too deep: ${preview(text)}`, { cause });
  }
  if (!Array.isArray(parsed) || parsed.length < 5) {
    const expected = "an array [join_ref, ref, topic, event, payload]";
    throw new RuntimeError(ErrorCode.badPayload, `a text frame in vsn 2 is ${expected}, not ${preview(text)}`);
  }
  return { joinRef: parsed[0], ref: parsed[1], topic: parsed[2], event: parsed[3], payload: parsed[4] };
}

function decodeBinary(bytes: Uint8Array): Message {
  const head: Head | undefined = readBinaryHead(bytes);
  const dataAt = binaryDataAt(bytes);
  if (head === undefined || dataAt === undefined) {
    const found = `kind ${bytes[0] ?? "missing"} in ${bytes.length} bytes`;
    throw new RuntimeError(
      ErrorCode.badPayload,
      `a binary frame in vsn 2 is a push (kind 0) with its fields, not ${found}`,
    );
  }
  // Copied, so that `payload.buffer` holds the payload and nothing else: the frame may be a view on a pool.
  const payload = new Uint8Array(bytes.length - dataAt);
  payload.set(bytes.subarray(dataAt));
  return { ...head, payload };
}

function encodeBinary(
  use: PayloadUse,
  topic: unknown,
  event: unknown,
  fields: readonly string[],
  data: Uint8Array,
): Uint8Array {
  let size = 1 + fields.length + data.length;
  for (const field of fields) size += checkField(use, topic, event, field);
  // Not from the pool: a frame that crosses threads takes its whole ArrayBuffer along.
  const frame = Buffer.allocUnsafeSlow(size);
  frame[0] = kind[use];
  let at = 1 + fields.length;
  for (let i = 0; i < fields.length; i++) {
    const bytes = frame.write(fields[i] as string, at);
    frame[1 + i] = bytes;
    at += bytes;
  }
  frame.set(data, at);
  return frame;
}

/** A ref in a binary frame: null is empty, a number is its decimal text. */
function refText(ref: Json): string {
  if (ref === null) return "";
  if (typeof ref !== "object") return String(ref);
  throw new RuntimeError(ErrorCode.badPayload, `a binary frame cannot carry the ref or topic ${preview(toJson(ref))}`);
}

function preview(text: string): string {
  return text.length <= 80 ? text : `${text.slice(0, 80)}… (${text.length} characters)`;
}
