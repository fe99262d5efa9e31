/**
 * Frames of RFC 6455 as the load generator needs them: masked ones to send, whole ones to read in place. Small on purpose,
 * so that the generator costs less than the servers; a server that fragments is refused. Compressed ones (RFC 7692) are each
 * compressed by themselves, so that a connection keeps no window.
 */
import { constants, deflateRawSync, inflateRawSync } from "node:zlib";

export const Opcode = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** Not zero, with which servers would have nothing to unmask and would look better than they are. */
const MASK = [0x37, 0xfa, 0x21, 0x3d] as const;
/** RSV1: the message is compressed. */
const COMPRESSED = 0x40;
/** What every flushed block ends in, and is left out on the wire (RFC 7692, section 7.2.1). */
const FLUSHED = Buffer.from([0x00, 0x00, 0xff, 0xff]);
/** As fast as there is: the generator has to compress as much as the server. */
const DEFLATE = { level: 1, finishFlush: constants.Z_SYNC_FLUSH } as const;
const INFLATE = { finishFlush: constants.Z_SYNC_FLUSH } as const;

/** A masked frame of a client. */
export function clientFrame(text: string, opcode: number = Opcode.text): Buffer {
  const length = Buffer.byteLength(text);
  const { frame, start } = emptyFrame(length, opcode);
  frame.write(text, start);
  return masked(frame, start);
}

/** A masked frame of a client, compressed. */
export function compressedFrame(text: string): Buffer {
  const body = deflateRawSync(text, DEFLATE);
  const length = body.length - FLUSHED.length;
  const { frame, start } = emptyFrame(length, Opcode.text | COMPRESSED);
  body.copy(frame, start, 0, length);
  return masked(frame, start);
}

/** The text of a compressed message. */
export function decompressed(data: Buffer): Buffer {
  return inflateRawSync(Buffer.concat([data, FLUSHED]), INFLATE);
}

function emptyFrame(length: number, head: number): { readonly frame: Buffer; readonly start: number } {
  const extended = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const start = 6 + extended;
  const frame = Buffer.allocUnsafe(start + length);
  frame[0] = 0x80 | head;
  frame[1] = 0x80 | (extended === 0 ? length : extended === 2 ? 126 : 127);
  if (extended === 2) frame.writeUInt16BE(length, 2);
  else if (extended === 8) frame.writeBigUInt64BE(BigInt(length), 2);
  return { frame, start };
}

function masked(frame: Buffer, start: number): Buffer {
  for (let i = 0; i < 4; i++) frame[start - 4 + i] = MASK[i] as number;
  for (let i = 0, at = start; at < frame.length; i++, at++) frame[at] = (frame[at] as number) ^ (MASK[i & 3] as number);
  return frame;
}

/** An unmasked text frame of a server, for those that build their own. */
export function serverFrame(text: string): Buffer {
  const body = Buffer.from(text);
  if (body.length < 126) return Buffer.concat([Buffer.from([0x81, body.length]), body]);
  if (body.length > 65_535) throw new RangeError(`a frame of ${body.length} bytes; 65535 is the most this can build`);
  return Buffer.concat([Buffer.from([0x81, 126, body.length >> 8, body.length & 0xff]), body]);
}

export type OnFrame = (opcode: number, start: number, end: number, compressed: boolean) => void;

/**
 * Calls `onFrame` with the place of each whole frame's payload in `data`.
 *
 * @returns Where the first frame begins that is not whole yet.
 */
export function readFrames(data: Buffer, onFrame: OnFrame): number {
  let at = 0;
  for (;;) {
    const size = frameSize(data, at);
    if (data.length < at + size) return at;
    const first = data[at] as number;
    if ((first & 0x80) === 0)
      throw new Error("the server sent a fragmented message, which the load generator can't read");
    const short = (data[at + 1] as number) & 0x7f;
    const start = at + (short < 126 ? 2 : short === 126 ? 4 : 10);
    at += size;
    onFrame(first & 0x0f, start, at, (first & COMPRESSED) !== 0);
  }
}

/** Bytes of the frame that begins there, its head included; while that is not known, those needed to know it. */
export function frameSize(data: Buffer, at: number): number {
  if (data.length < at + 2) return 2;
  const short = (data[at + 1] as number) & 0x7f;
  if (short < 126) return 2 + short;
  if (short === 126) return data.length < at + 4 ? 4 : 4 + data.readUInt16BE(at + 2);
  return data.length < at + 10 ? 10 : 10 + Number(data.readBigUInt64BE(at + 2));
}
