/**
 * MessagePack for the stock `phoenix` client, by its own options:
 *
 * ```ts
 * import { Socket } from "phoenix";
 * import { decode, encode, vsn } from "joist/client/msgpack";
 *
 * const socket = new Socket("/socket", { vsn, encode, decode, params });
 * ```
 *
 * Payloads are JSON's values and bytes anywhere: give a `Uint8Array` or an `ArrayBuffer`, get `Uint8Array`s. The server has
 * to know the serializer: `versions: [{ vsn: "2.0.0+msgpack", accepts: "~> 2.0.0+msgpack" }, …]` where its socket is mounted.
 */
import { decodeMsgpack, encodeMsgpack, MSGPACK_VSN } from "./msgpack-frame.js";
import type { Json } from "./protocol.js";

/** A message as the stock client has it. */
export interface ClientMessage {
  readonly join_ref?: unknown;
  readonly ref?: unknown;
  readonly topic: string;
  readonly event: string;
  readonly payload: unknown;
}

/** Asks the server for MessagePack. */
export const vsn: string = MSGPACK_VSN;

/** For the client's option `encode`. @throws RuntimeError `badPayload` for a payload that has no MessagePack. */
export function encode<T>(message: object, callback: (encoded: Uint8Array<ArrayBuffer>) => T): T {
  const { join_ref, ref, topic, event, payload } = message as ClientMessage; // what the client makes
  const content = payload instanceof ArrayBuffer ? new Uint8Array(payload) : payload;
  const head = { joinRef: (join_ref ?? null) as Json, ref: (ref ?? null) as Json, topic, event }; // strings
  return callback(encodeMsgpack({ ...head, payload: content }) as Uint8Array<ArrayBuffer>); // made by slice
}

/** For the client's option `decode`. Its `binaryType` stays `"arraybuffer"`. @throws RuntimeError `badPayload` */
export function decode<T>(raw: unknown, callback: (message: ClientMessage) => T): T {
  const bytes = raw instanceof ArrayBuffer ? new Uint8Array(raw) : (raw as Uint8Array | string);
  const { joinRef, ref, topic, event, payload } = decodeMsgpack(bytes);
  // What servers send: topics and events are strings.
  return callback({ join_ref: joinRef, ref, topic: topic as string, event: event as string, payload });
}
