/**
 * Frames of RFC 6455 as the load generator needs them: masked ones to send, whole ones to read in place. Small on purpose,
 * so that the generator costs less than the servers; a server that fragments is refused.
 */

export const Opcode = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** Not zero, with which servers would have nothing to unmask and would look better than they are. */
const MASK = [0x37, 0xfa, 0x21, 0x3d] as const;

/** A masked frame of a client. */
export function clientFrame(text: string, opcode: number = Opcode.text): Buffer {
  const length = Buffer.byteLength(text);
  const extended = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const start = 6 + extended;
  const frame = Buffer.allocUnsafe(start + length);
  frame[0] = 0x80 | opcode;
  frame[1] = 0x80 | (extended === 0 ? length : extended === 2 ? 126 : 127);
  if (extended === 2) frame.writeUInt16BE(length, 2);
  else if (extended === 8) frame.writeBigUInt64BE(BigInt(length), 2);
  for (let i = 0; i < 4; i++) frame[start - 4 + i] = MASK[i] as number;
  frame.write(text, start);
  for (let i = 0; i < length; i++) frame[start + i] = (frame[start + i] as number) ^ (MASK[i & 3] as number);
  return frame;
}

/** An unmasked text frame of a server, for those that build their own. */
export function serverFrame(text: string): Buffer {
  const body = Buffer.from(text);
  if (body.length < 126) return Buffer.concat([Buffer.from([0x81, body.length]), body]);
  if (body.length > 65_535) throw new RangeError(`a frame of ${body.length} bytes; 65535 is the most this can build`);
  return Buffer.concat([Buffer.from([0x81, 126, body.length >> 8, body.length & 0xff]), body]);
}

/**
 * Calls `onFrame` with the place of each whole frame's payload in `data`.
 *
 * @returns Where the first frame begins that is not whole yet.
 */
export function readFrames(data: Buffer, onFrame: (opcode: number, start: number, end: number) => void): number {
  let at = 0;
  while (data.length - at >= 2) {
    const first = data[at] as number;
    if ((first & 0x80) === 0)
      throw new Error("the server sent a fragmented message, which the load generator can't read");
    let length = (data[at + 1] as number) & 0x7f;
    let start = at + 2;
    if (length === 126) {
      if (data.length < at + 4) break;
      length = data.readUInt16BE(at + 2);
      start = at + 4;
    } else if (length === 127) {
      if (data.length < at + 10) break;
      length = Number(data.readBigUInt64BE(at + 2));
      start = at + 10;
    }
    if (data.length < start + length) break;
    at = start + length;
    onFrame(first & 0x0f, start, at);
  }
  return at;
}
