/** The MessagePack serializer: version 2 of the protocol in MessagePack instead of JSON. See `msgpack-frame.ts`. */
import { RuntimeError } from "../core/errors.js";
import { codecSerializer } from "./codec.js";
import { decodeMsgpack, encodeMsgpack, MSGPACK_VSN, readMsgpackHead } from "./msgpack-frame.js";
import { badPayload } from "./payload.js";
import { ControlEvent } from "./protocol.js";
import type { Serializer } from "./serializer.js";

export const serializerMsgpack: Serializer = codecSerializer(MSGPACK_VSN, {
  readHead: readMsgpackHead,
  decode: decodeMsgpack,
  encode: (message) => {
    try {
      return encodeMsgpack(message);
    } catch (error) {
      if (!(error instanceof RuntimeError)) throw error;
      const { joinRef, topic, event, payload } = message;
      if (event === ControlEvent.reply) {
        throw badPayload("reply", topic, (payload as { status?: unknown }).status, error.message, error); // made by the codec
      }
      throw badPayload(joinRef === null ? "broadcast" : "push", topic, event, error.message, error);
    }
  },
});
