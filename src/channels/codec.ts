/**
 * A serializer out of two functions: whole messages to frames and back. That is all a format needs whose frames have the
 * same shape for everything, as MessagePack's have and those of applications.
 */
import { ErrorCode, RuntimeError } from "../core/errors.js";
import { fromJson, toJson } from "../core/json.js";
import { badPayload, type PayloadUse } from "./payload.js";
import { ControlEvent, type Encoded, type Head, type Json, type Message } from "./protocol.js";
import type { Serializer } from "./serializer.js";

/** Frames to messages and back. */
export interface Codec {
  /**
   * A frame of a client as a message. Throws if it is malformed: the connection is then closed with 1011.
   *
   * Whether a frame came as text or as bytes is the client's choice, so look at that, too.
   */
  decode(raw: Encoded): Message;

  /**
   * A message as a frame, text or bytes. The payload of a reply is `{ status, response }`, its event `phx_reply`.
   *
   * Payloads of broadcasts have been through JSON, unless they are bytes.
   */
  encode(message: Message): Encoded;

  /**
   * What a frame is routed by: join ref, ref, topic and event, without its payload if that can be helped. Undefined, or a
   * throw, if it is malformed. @defaultValue decodes the whole frame
   */
  readHead?(raw: Encoded): Head | undefined;
}

/** The serializer that a codec makes. @param vsn - What it is named by. */
export function codecSerializer(vsn: string, codec: Codec): Serializer {
  const encode = (joinRef: Json, ref: Json, topic: Json, event: Json, payload: unknown): Encoded =>
    checkFrame(vsn, codec.encode({ joinRef, ref, topic, event, payload }));
  const encodeBroadcast = (topic: string, event: string, payload: unknown): Encoded =>
    encode(null, null, topic, event, checkObject("broadcast", topic, event, payload));
  const readHead = (raw: Encoded): Head | undefined => {
    try {
      const head = codec.readHead === undefined ? codec.decode(raw) : codec.readHead(raw);
      return head === undefined ? undefined : checkHead(vsn, head);
    } catch {
      return undefined; // whatever it is that went wrong, the frame cannot be read
    }
  };
  return {
    vsn,
    binary: true,
    readHead,

    decode: (raw) => {
      const message = codec.decode(raw);
      return { ...checkHead(vsn, message), payload: message.payload };
    },

    encodePush: (joinRef, topic, event, payload) =>
      encode(joinRef, null, topic, event, checkObject("push", topic, event, payload)),
    encodeEnd: (joinRef, topic, event, payload) => encode(joinRef, joinRef, topic, event, payload),
    encodeReply(joinRef, ref, topic, status, response) {
      // Within the object it would just be left out.
      if (response === undefined || typeof response === "function" || typeof response === "symbol") {
        throw badPayload("reply", topic, status, `must be JSON or a Uint8Array, not a ${typeof response}`);
      }
      return encode(joinRef, ref, topic, ControlEvent.reply, { status, response });
    },
    // Codecs read what clients send, which has the same shape as what they are sent; if not, it is kept.
    eventOf: (frame) => readHead(frame)?.event,
    encodeBroadcast,
    encodeBroadcastFromJson: (topic, event, json) => encodeBroadcast(topic, event, fromJson(json)),
  };
}

/** As in version 2: what is pushed or broadcast is an object, or bytes. */
function checkObject(use: PayloadUse, topic: string, event: string, payload: unknown): unknown {
  const json = (payload as { toJSON?: () => unknown } | null | undefined)?.toJSON;
  const value = typeof json === "function" && !(payload instanceof Uint8Array) ? json.call(payload) : payload;
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  throw badPayload(
    use,
    topic,
    event,
    `must be an object or a Uint8Array, not ${value === null ? "null" : typeof value}`,
  );
}

/** What came out of an application's decoder, before anything relies on it. Refs that are missing are null. */
function checkHead(vsn: string, head: Head): Head {
  if (typeof head !== "object" || head === null || head.topic === undefined || head.event === undefined) {
    throw new RuntimeError(
      ErrorCode.badReturn,
      `the serializer "${vsn}" decoded a frame to no message: that is { joinRef, ref, topic, event, payload }`,
    );
  }
  const { joinRef = null, ref = null, topic, event } = head;
  // Refs are compared and echoed on the I/O thread. One that has no JSON, or is too deep for it, must fail here.
  if (typeof joinRef === "object" && joinRef !== null) toJson(joinRef);
  return { joinRef, ref, topic, event };
}

function checkFrame(vsn: string, frame: Encoded): Encoded {
  if (typeof frame === "string") return frame;
  if (!(frame instanceof Uint8Array)) {
    const message = `the serializer "${vsn}" encoded a message to a ${typeof frame}; allowed are a string, a Uint8Array`;
    throw new RuntimeError(ErrorCode.badReturn, message);
  }
  // A frame that crosses threads takes its whole buffer along, and of a pool that would be everybody's.
  return frame.byteLength === frame.buffer.byteLength ? frame : new Uint8Array(frame);
}
