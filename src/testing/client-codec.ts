/**
 * The client's side of the wire protocol: what the stock `phoenix` client does with its `Serializer`. The server's side is in
 * `channels/serializer*.ts`; tests go through both, so that a payload is what it is on the wire.
 *
 * @see https://github.com/phoenixframework/phoenix/blob/main/assets/js/phoenix/serializer.js
 */
import type { Codec } from "../channels/codec.js";
import { decodeMsgpack, encodeMsgpack, MSGPACK_VSN } from "../channels/msgpack-frame.js";
import { ControlEvent, type Encoded, type Json, type Message } from "../channels/protocol.js";
import { ErrorCode, RuntimeError } from "../core/errors.js";

/**
 * The codec of a client that speaks this version.
 *
 * @throws RuntimeError `badOption` for one that only an application's serializer speaks.
 */
export function clientCodec(vsn: string): Codec {
  if (vsn === MSGPACK_VSN) return { encode: encodeMsgpack, decode: decodeMsgpack };
  if (vsn.startsWith("2.")) return codecV2;
  if (vsn.startsWith("1.")) return codecV1;
  throw new RuntimeError(
    ErrorCode.badOption,
    `no client of the test kit speaks vsn "${vsn}": known are 1.x, 2.x and ${MSGPACK_VSN}; for a serializer of yours give its codec`,
  );
}

const codecV1: Codec = {
  encode: ({ joinRef, ref, topic, event, payload }) =>
    JSON.stringify({ topic, event, payload, ref, join_ref: joinRef }),
  decode(raw) {
    const { join_ref: joinRef = null, ref, topic, event, payload } = JSON.parse(raw as string); // it has no other frames
    return { joinRef, ref, topic, event, payload };
  },
};

const codecV2: Codec = {
  encode({ joinRef, ref, topic, event, payload }) {
    if (!(payload instanceof Uint8Array)) return JSON.stringify([joinRef, ref, topic, event, payload]);
    const fields = [joinRef ?? "", ref ?? "", topic, event].map((field) => Buffer.from(String(field)));
    return Buffer.concat([Uint8Array.of(0, ...fields.map(({ length }) => length)), ...fields, payload]);
  },
  decode(raw) {
    if (typeof raw !== "string") return decodeBinary(raw);
    const [joinRef, ref, topic, event, payload] = JSON.parse(raw);
    return { joinRef, ref, topic, event, payload };
  },
};

/** Kind, a length for each field, the fields, the data; see `channels/serializer-v2.ts`. */
function decodeBinary(raw: Encoded): Message {
  const bytes = Buffer.from(raw as Uint8Array); // the caller has looked
  const kind = bytes[0];
  const count = kind === 0 ? 3 : kind === 1 ? 4 : 2;
  let at = 1 + count;
  const fields: string[] = [];
  for (let i = 0; i < count; i++) {
    const end = at + (bytes[1 + i] as number);
    fields.push(bytes.toString("utf8", at, end));
    at = end;
  }
  const data = new Uint8Array(bytes.subarray(at));
  const [first = "", second = "", third = "", fourth = ""] = fields;
  if (kind === 0) return { joinRef: refOf(first), ref: null, topic: second, event: third, payload: data };
  if (kind === 2) return { joinRef: null, ref: null, topic: first, event: second, payload: data };
  const payload = { status: fourth, response: data };
  return { joinRef: refOf(first), ref: refOf(second), topic: third, event: ControlEvent.reply, payload };
}

function refOf(text: string): Json {
  return text === "" ? null : text;
}
