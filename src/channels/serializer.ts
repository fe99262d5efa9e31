/**
 * The contract of a serializer: messages to frames and back, one for each version of the wire protocol. Pure, and
 * loaded on every thread: the I/O thread reads heads and encodes what it answers itself, channels decode and encode.
 */
import type { ControlEvent, Encoded, Head, Json, Message, Status } from "./protocol.js";

export interface Serializer {
  /** Names it among those of a runtime: the version it speaks, or its key in the application module. */
  readonly vsn: string;
  /** Whether payloads may be bytes. Where they may not, encoding a `Uint8Array` throws `badPayload`. */
  readonly binary: boolean;

  /** What a frame is routed by, without parsing its payload if that can be helped. Undefined if it is malformed. */
  readHead(raw: Encoded): Head | undefined;

  /**
   * The whole message. A binary payload is a copy with a buffer of its own.
   *
   * @throws RuntimeError `badPayload` if the frame is malformed. Phoenix then closes the connection with 1011.
   */
  decode(raw: Encoded): Message;

  /**
   * A message of a channel to its client.
   *
   * @throws RuntimeError `badPayload` if this version cannot carry the payload; in version 2, all but objects and bytes.
   */
  encodePush(joinRef: Json, topic: string, event: string, payload: unknown): Encoded;

  /** The end of a channel: `phx_close` or `phx_error`, the only pushes whose ref is the join ref. */
  encodeEnd(
    joinRef: Json,
    topic: string,
    event: typeof ControlEvent.close | typeof ControlEvent.error,
    payload: unknown,
  ): Encoded;

  /**
   * The answer to the message that had these refs.
   *
   * @param response - Any JSON value, or bytes; `{}` if there is nothing to say.
   * @throws RuntimeError `badPayload` if this version cannot carry the response.
   */
  encodeReply(joinRef: Json, ref: Json, topic: Json, status: Status, response: unknown): Encoded;

  /** The event of a push or reply made here: a reply's is `phx_reply`. Undefined if that cannot be said. */
  eventOf(frame: Encoded): Json | undefined;

  /** A message to everyone on a topic; it has no refs. Throws as {@link Serializer.encodePush} does. */
  encodeBroadcast(topic: string, event: string, payload: unknown): Encoded;

  /** The same bytes, from the JSON text of a payload that has been checked by `broadcastPayload`. */
  encodeBroadcastFromJson(topic: string, event: string, payloadJson: string): Encoded;
}
