/**
 * What `@supabase/realtime-js` speaks as version 2.0.0: Phoenix's text frames, and two kinds of binary frames of its own.
 *
 * ```
 * 3, from a client   3 | join_ref ref topic event metadata (a length byte each) | encoding | fields | data
 * 4, from the server 4 | topic event metadata (a length byte each)              | encoding | fields | data
 * ```
 *
 * Both are a `broadcast`, whose data is bytes (encoding 0) or JSON (1). It runs on the I/O thread, too: it only reads and
 * writes frames.
 */
import { type Encoded, type Head, type Json, type Message, serializer } from "joist";

const PUSH = 3;
const BROADCAST = 4;
const BYTES = 0;
const JSON_TEXT = 1;

/** What a client sends, or gets, as the payload of `broadcast`. */
export interface UserBroadcast {
  readonly type: "broadcast";
  readonly event: string;
  readonly payload: unknown;
}

/** A broadcast of bytes on its way through Joist, which carries bytes or JSON: the event's length, the event, the bytes. */
export function packBytes(event: string, data: Uint8Array): Uint8Array {
  const name = Buffer.from(event);
  return new Uint8Array([name.length, ...name, ...data]);
}

export default serializer({ url: import.meta.url, decode, encode, readHead });

function decode(raw: Encoded): Message {
  if (typeof raw === "string") {
    const [joinRef, ref, topic, event, payload] = array(JSON.parse(raw));
    return { joinRef: joinRef as Json, ref: ref as Json, topic: topic as Json, event: event as Json, payload }; // it is JSON
  }
  const { head, userEvent, encoding, data } = readPush(raw);
  // A copy: what a handler keeps of it must not keep the whole frame.
  const payload: unknown = encoding === BYTES ? data.slice() : JSON.parse(text(data));
  return { ...head, payload: { type: "broadcast", event: userEvent, payload } satisfies UserBroadcast };
}

function readHead(raw: Encoded): Head {
  return typeof raw === "string" ? decode(raw) : readPush(raw).head;
}

function encode({ joinRef, ref, topic, event, payload }: Message): Encoded {
  if (!(payload instanceof Uint8Array)) return JSON.stringify([joinRef, ref, topic, event, payload]);
  const name = Buffer.from(String(topic));
  // The event and its length stand where the frame wants them but for what comes in between.
  const [eventLength = 0] = payload;
  return new Uint8Array([BROADCAST, name.length, eventLength, 0, BYTES, ...name, ...payload.subarray(1)]);
}

function readPush(raw: Uint8Array): { head: Head; userEvent: string; encoding: number; data: Uint8Array } {
  if (raw[0] !== PUSH || raw.length < 7) throw new Error("a binary frame is a broadcast, kind 3");
  const encoding = raw[6] as number;
  let at = 7;
  const [joinRef, ref, topic, userEvent] = [...raw.subarray(1, 6)].map((length) => {
    at += length;
    return text(raw.subarray(at - length, at));
  }) as [string, string, string, string];
  if (at > raw.length || (encoding !== BYTES && encoding !== JSON_TEXT)) throw new Error("its lengths or encoding lie");
  return { head: { joinRef, ref, topic, event: "broadcast" }, userEvent, encoding, data: raw.subarray(at) };
}

/** Throws if the bytes are no UTF-8. */
function text(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
}

function array(value: unknown): readonly unknown[] {
  if (Array.isArray(value) && value.length >= 5) return value;
  throw new Error("a text frame is [join_ref, ref, topic, event, payload]");
}
