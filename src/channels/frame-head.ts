/**
 * Reads the head of a frame and leaves the payload alone: the I/O thread routes by it, and the payload is parsed on the
 * thread of the channel. `bench/frame-head.bench.ts` has the numbers.
 *
 * A head says nothing about the rest of its frame, which may still turn out to be malformed when it is decoded. What is
 * promised is: of a well-formed frame, the head is what `JSON.parse` would have given.
 */
import { fromJson } from "../core/json.js";
import { parseJson } from "./parse-json.js";
import { ControlEvent, type Encoded, type Head, type Json } from "./protocol.js";

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const space = 0x20;

/** The head of a version 2 text frame, or undefined if it is malformed: the transport then closes with 1011. */
export function readHead(text: string): Head | undefined {
  const open = skipBlanks(text, 0);
  if (text.charCodeAt(open) !== openBracket) return undefined;

  const joinRefAt = skipBlanks(text, open + 1);
  const joinRefEnd = endOfToken(text, joinRefAt);
  const refAt = afterComma(text, joinRefEnd);
  const refEnd = endOfToken(text, refAt);
  const topicAt = afterComma(text, refEnd);
  const topicEnd = endOfToken(text, topicAt);
  const eventAt = afterComma(text, topicEnd);
  const eventEnd = endOfToken(text, eventAt);
  // A comma after the event is as far as the head goes: a frame of four elements has none.
  const payloadAt = afterComma(text, eventEnd);
  if (payloadAt === malformed) return undefined;
  if (payloadAt === nested) return readHeadByParsing(text);
  try {
    const event = readToken(text, eventAt, eventEnd);
    // A slice of a string keeps the whole string alive, and join refs and topics are kept for as long as a channel is
    // joined. So of a join they are parsed, which copies; otherwise a join payload of 10 MB would stay, too.
    const read = event === ControlEvent.join ? parseToken : readToken;
    return {
      joinRef: read(text, joinRefAt, joinRefEnd),
      ref: read(text, refAt, refEnd),
      topic: read(text, topicAt, topicEnd),
      event,
    };
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** The head of a version 1 text frame, an object whose keys come in any order: so all of it is parsed. */
export function readHeadV1(raw: Encoded): Head | undefined {
  return parseV1(raw);
}

/** A whole version 1 frame; undefined unless it is a JSON object with a topic, an event, a payload and a ref. */
export function parseV1(raw: Encoded): (Head & { readonly payload: Json }) | undefined {
  let parsed: Json;
  try {
    // The opcode does not count in version 1: a binary frame holds the same JSON.
    parsed = parseJson(typeof raw === "string" ? raw : new TextDecoder("utf-8", { fatal: true }).decode(raw));
  } catch {
    return undefined;
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) return undefined;
  const { topic, event, payload, ref, join_ref: joinRef = null } = parsed as { readonly [key: string]: Json };
  if (topic === undefined || event === undefined || payload === undefined || ref === undefined) return undefined;
  return { joinRef, ref, topic, event, payload };
}

/**
 * The head of a version 2 binary frame: a zero, four lengths, then join ref, ref, topic and event in UTF-8. Undefined if
 * the first byte is another kind or the lengths reach beyond the end. An empty ref is "", not null. Bytes that are not
 * UTF-8 (clients up to 1.8.6 write such topics) become U+FFFD, so they match nothing but cost nobody the connection.
 */
export function readBinaryHead(bytes: Uint8Array): Head | undefined {
  const dataAt = binaryDataAt(bytes);
  if (dataAt === undefined) return undefined;
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const refAt = binaryHeaderBytes + (bytes[1] as number);
  const topicAt = refAt + (bytes[2] as number);
  const eventAt = topicAt + (bytes[3] as number);
  return {
    joinRef: buffer.toString("utf8", binaryHeaderBytes, refAt),
    ref: buffer.toString("utf8", refAt, topicAt),
    topic: buffer.toString("utf8", topicAt, eventAt),
    event: buffer.toString("utf8", eventAt, dataAt),
  };
}

/** Where the data of a version 2 binary frame from a client begins; undefined if the frame is malformed. */
export function binaryDataAt(bytes: Uint8Array): number | undefined {
  if (bytes.length < binaryHeaderBytes || bytes[0] !== 0) return undefined;
  const at =
    binaryHeaderBytes + (bytes[1] as number) + (bytes[2] as number) + (bytes[3] as number) + (bytes[4] as number);
  return at <= bytes.length ? at : undefined;
}

const binaryHeaderBytes = 5;

/*
 * The scanner passes positions along as plain numbers, so that the usual frame costs no allocation but its result:
 * where a token ends, negated (`~end`) if it has escapes and needs a parser, or one of these two.
 */
const malformed = 0;
const nested = Number.MIN_SAFE_INTEGER;

function skipBlanks(text: string, at: number): number {
  while (at < text.length) {
    const unit = text.charCodeAt(at);
    if (unit > space || (unit !== space && unit !== 0x0a && unit !== 0x0d && unit !== 0x09)) break;
    at += 1;
  }
  return at;
}

/** Where the token after the comma begins that follows a token ending at `end`. */
function afterComma(text: string, end: number): number {
  if (end === malformed || end === nested) return end;
  const at = skipBlanks(text, end < 0 ? ~end : end);
  return text.charCodeAt(at) === comma ? skipBlanks(text, at + 1) : malformed;
}

/** Where the token that begins at `at` ends. */
function endOfToken(text: string, at: number): number {
  if (at === malformed || at === nested) return at;
  const first = text.charCodeAt(at);
  if (first === quote) return endOfString(text, at + 1);
  if (first === openBracket || first === openBrace) return nested;
  while (at < text.length) {
    const unit = text.charCodeAt(at);
    if (unit === comma || unit === closeBracket || unit <= space) return at;
    at += 1;
  }
  return malformed;
}

function endOfString(text: string, at: number): number {
  let escaped = false;
  while (at < text.length) {
    const unit = text.charCodeAt(at);
    if (unit === quote) return escaped ? ~(at + 1) : at + 1;
    if (unit < space) return malformed;
    if (unit === backslash) {
      escaped = true;
      at += 1;
    }
    at += 1;
  }
  return malformed;
}

function readToken(text: string, start: number, end: number): Json {
  if (end > 0 && text.charCodeAt(start) === quote) return text.slice(start + 1, end - 1);
  return parseToken(text, start, end);
}

function parseToken(text: string, start: number, end: number): Json {
  const token = text.slice(start, end < 0 ? ~end : end);
  return token === "null" ? null : (fromJson(token) as Json);
}

function readHeadByParsing(text: string): Head | undefined {
  try {
    const parsed = parseJson(text) as readonly Json[]; // it begins with a bracket
    if (parsed.length < 5) return undefined;
    return {
      joinRef: parsed[0] as Json,
      ref: parsed[1] as Json,
      topic: parsed[2] as Json,
      event: parsed[3] as Json,
    };
  } catch {
    return undefined;
  }
}
