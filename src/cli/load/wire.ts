/**
 * Phoenix's protocol, version 2, as a client that sends a lot speaks it: frames put together as text, and the answers that say
 * "ok", which is nearly all of them, read without parsing them.
 *
 * @see https://hexdocs.pm/phoenix/writing_a_channels_client.html
 */
import { ControlEvent, heartbeat, phoenixTopic } from "../../channels/protocol.js";

/** The event and its payload in a frame of the client, behind join ref and ref. `topic` and `event` are JSON already. */
export function frame(joinRef: number, ref: number, topic: string, event: string, payload: string): string {
  return `["${joinRef}","${ref}",${topic},${event},${payload}]`;
}

export function joinFrame(joinRef: number, topic: string, params: string): string {
  return frame(joinRef, joinRef, topic, JOIN, params);
}

/** Servers close a connection that is silent for too long: Phoenix and Joist after 60 seconds. */
export const HEARTBEAT_FRAME: string = `[null,"heartbeat","${phoenixTopic}","${heartbeat}",{}]`;

const JOIN = JSON.stringify(ControlEvent.join);
const REPLY = Buffer.from(`,"${ControlEvent.reply}",`);
const OK_FIRST = Buffer.from('{"status":"ok",');
const OK_LAST = Buffer.from(',"status":"ok"}]');

/** Nothing that {@link readRef} or {@link okRef} could read. */
export const NO_REF = -1;

/** The ref of a frame that begins at `start` as `["1","17",`, as all answers do; else {@link NO_REF}. */
export function readRef(data: Buffer, start: number): number {
  if (data[start] !== 0x5b || data[start + 1] !== 0x22) return NO_REF;
  let at = start + 2;
  while (data[at] !== 0x22) if (at++ >= data.length) return NO_REF;
  return data[at + 1] === 0x2c && data[at + 2] === 0x22 ? digits(data, at + 3) : NO_REF;
}

/** The number that stands there in decimal digits; {@link NO_REF} if none does. */
export function digits(data: Buffer, at: number): number {
  let value = 0;
  let place = at;
  for (;;) {
    const digit = (data[place] ?? 0) - 0x30;
    if (digit < 0 || digit > 9) return place === at ? NO_REF : value;
    value = value * 10 + digit;
    place += 1;
  }
}

/**
 * The ref of an answer whose status is "ok", without parsing it. {@link NO_REF} means: not that, or not in the form that
 * servers commonly write (no spaces, the status first or last in its object); then {@link readMessage} knows.
 */
export function okRef(data: Buffer): number {
  const ref = readRef(data, 0);
  if (ref === NO_REF) return NO_REF;
  // Join ref and ref are digits, so the fifth quote begins the topic; it ends with the next one that is not escaped.
  let at = 0;
  for (let quotes = 0; quotes < 5; quotes++) at = data.indexOf(0x22, at) + 1;
  for (; data[at] !== 0x22; at++) {
    if (at >= data.length) return NO_REF;
    if (data[at] === 0x5c) at += 1;
  }
  at += 1;
  if (!isAt(REPLY, data, at)) return NO_REF;
  // What ends in `"status":"ok"}]` ends the payload itself: of an object further in, more than one brace would follow.
  return isAt(OK_FIRST, data, at + REPLY.length) || isAt(OK_LAST, data, data.length - OK_LAST.length) ? ref : NO_REF;
}

function isAt(part: Buffer, data: Buffer, at: number): boolean {
  if (at < 0 || at + part.length > data.length) return false;
  for (let i = 0; i < part.length; i++) if (data[at + i] !== part[i]) return false;
  return true;
}

const BROADCAST = Buffer.from("[null,null,");

/** Whether it is a broadcast, as those of Phoenix and Joist begin. Others are only known when they have been parsed. */
export function isBroadcast(data: Buffer): boolean {
  return isAt(BROADCAST, data, 0);
}

const MARK = "joist-load-";

/** The word by which a message is known again when it comes back in a broadcast. It is the same in JSON and in HTML. */
export function markOf(ref: number): string {
  return `${MARK}${ref}`;
}

/** The ref of the message whose mark is in there; {@link NO_REF} if none is. */
export function markedRef(data: Buffer): number {
  const at = data.indexOf(MARK);
  return at === -1 ? NO_REF : digits(data, at + MARK.length);
}

/** What the load generator has to know of any message. */
export interface Said {
  /** {@link NO_REF} if it has none, or one that is not ours. */
  readonly joinRef: number;
  readonly ref: number;
  readonly event: string;
  /** Of an answer. */
  readonly status: string;
}

/** Any text message; `null` for what is not of the protocol. */
export function readMessage(text: string): Said | null {
  try {
    const [joinRef, ref, , event, payload] = JSON.parse(text) as unknown[];
    if (typeof event !== "string") return null;
    const { status } = (payload ?? {}) as { readonly status?: unknown };
    return { joinRef: toRef(joinRef), ref: toRef(ref), event, status: event === ControlEvent.reply ? `${status}` : "" };
  } catch {
    return null;
  }
}

/** A binary message: kind, a length for each field, the fields, data (`channels/serializer-v2.ts` has the picture). */
export function readBinary(data: Buffer): Said | null {
  const kind = data[0];
  const lengths = kind === 1 ? 4 : kind === 0 ? 3 : kind === 2 ? 2 : 0;
  if (lengths === 0 || data.length <= lengths) return null;
  if (kind !== 1) return { joinRef: NO_REF, ref: NO_REF, event: "", status: "" };
  let at = 1 + lengths;
  const fields = Array.from({ length: lengths }, (_, i) => {
    const end = at + (data[1 + i] as number); // it has at least as many bytes
    const field = data.toString("utf8", at, end);
    at = end;
    return field;
  });
  const [joinRef, ref, , status = ""] = fields;
  return { joinRef: toRef(joinRef), ref: toRef(ref), event: ControlEvent.reply, status };
}

function toRef(value: unknown): number {
  return (typeof value === "string" && /^\d+$/.test(value)) || typeof value === "number" ? Number(value) : NO_REF;
}
