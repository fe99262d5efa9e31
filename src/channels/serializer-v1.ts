/**
 * Version 1 of the wire protocol: text frames are objects of `topic`, `event`, `payload` and `ref`. A `join_ref` is read
 * if the client sends one, and never written. Payloads may be any JSON value, and there are no bytes.
 */
import { ErrorCode, RuntimeError } from "../core/errors.js";
import { toJson } from "../core/json.js";
import { parseV1, readHeadV1 } from "./frame-head.js";
import { anyJson } from "./payload.js";
import type { Encoded, Json } from "./protocol.js";
import type { Serializer } from "./serializer.js";

export const serializerV1: Serializer = {
  vsn: "1.0.0",
  binary: false,

  readHead: readHeadV1,

  decode(raw) {
    const message = parseV1(raw);
    if (message === undefined) throw new RuntimeError(ErrorCode.badPayload, problemWith(raw));
    return message;
  },

  encodePush: (_joinRef, topic, event, payload) =>
    frame(toJson(event), anyJson("push", topic, event, payload), null, topic),

  encodeEnd: (joinRef, topic, event, payload) =>
    frame(toJson(event), anyJson("push", topic, event, payload), joinRef, topic),

  encodeReply(_joinRef, ref, topic, status, response) {
    const json = anyJson("reply", topic, status, response);
    return frame('"phx_reply"', `{"status":${toJson(status)},"response":${json}}`, ref, topic);
  },

  eventOf: (made) => readHeadV1(made)?.event,

  encodeBroadcast: (topic, event, payload) =>
    frame(toJson(event), anyJson("broadcast", topic, event, payload), null, topic),

  encodeBroadcastFromJson: (topic, event, payloadJson) => frame(toJson(event), payloadJson, null, topic),
};

function frame(eventJson: string, payloadJson: string, ref: Json, topic: Json): string {
  return `{"event":${eventJson},"payload":${payloadJson},"ref":${toJson(ref)},"topic":${toJson(topic)}}`;
}

function problemWith(raw: Encoded): string {
  const text = typeof raw === "string" ? raw : new TextDecoder().decode(raw);
  const start = text.length <= 80 ? text : `${text.slice(0, 80)}… (${text.length} characters)`;
  const expected = "a frame in vsn 1 is an object with topic, event, payload and ref";
  // The classic: a client that speaks version 2 and forgot to say so.
  const hint = text.trimStart().startsWith("[") ? "; for arrays connect with vsn=2.0.0" : "";
  return `${expected}, not ${start}${hint}`;
}
