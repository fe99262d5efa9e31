/**
 * Frames of the MessagePack serializer, both ways and on both sides: `[join_ref, ref, topic, event, payload]`, as the text
 * frames of version 2, in binary frames. Bytes may be anywhere in a payload. Servers and browsers share this file.
 */
import { ErrorCode, RuntimeError } from "../core/errors.js";
import { MsgpackReader, MsgpackWriter } from "./msgpack.js";
import type { Encoded, Head, Json, Message } from "./protocol.js";

/** The version a client asks for to speak it. */
export const MSGPACK_VSN = "2.0.0+msgpack";

/** The head of a frame; its payload is not looked at. @throws RuntimeError `badPayload` if it is malformed. */
export function readMsgpackHead(raw: Encoded): Head {
  return headOf(readerOf(raw));
}

/** The whole message. @throws RuntimeError `badPayload` if it is malformed. */
export function decodeMsgpack(raw: Encoded): Message {
  const reader = readerOf(raw);
  const head = headOf(reader);
  const payload = reader.read(1);
  if (!reader.isAtEnd) throw malformed("there is something behind it");
  return { ...head, payload };
}

/** @throws RuntimeError `badPayload` for a payload that has no MessagePack, such as one with a cycle. */
export function encodeMsgpack({ joinRef, ref, topic, event, payload }: Message): Uint8Array {
  const writer = new MsgpackWriter();
  writer.arrayLength(5);
  writer.write(joinRef);
  writer.write(ref);
  writer.write(topic);
  writer.write(event);
  writer.write(payload);
  return writer.finish();
}

function readerOf(raw: Encoded): MsgpackReader {
  if (typeof raw === "string") throw malformed("it is a text frame");
  return new MsgpackReader(raw);
}

function headOf(reader: MsgpackReader): Head {
  if (reader.arrayLength() !== 5) throw malformed("it has not five elements");
  const [joinRef, ref, topic, event] = [reader.read(1), reader.read(1), reader.read(1), reader.read(1)];
  return { joinRef: asJson(joinRef), ref: asJson(ref), topic: asJson(topic), event: asJson(event) };
}

/** Everything the reader gives is JSON but for bytes; these are refused at the top, where refs are compared. */
function asJson(value: unknown): Json {
  if (value instanceof Uint8Array) throw malformed("a ref, topic or event is bytes");
  return value as Json;
}

function malformed(problem: string): RuntimeError {
  const shape = "an array [join_ref, ref, topic, event, payload] in MessagePack";
  return new RuntimeError(ErrorCode.badPayload, `a frame in vsn ${MSGPACK_VSN} is ${shape}: ${problem}`);
}
