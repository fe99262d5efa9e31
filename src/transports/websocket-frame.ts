/**
 * WebSocket frames from a server: final, not masked, not compressed (RFC 6455, section 5.2). They are built here because
 * a broadcast is framed once for all its sockets, and because all messages of a turn for one socket go into one buffer.
 *
 * ```
 * up to 125 bytes     opcode  length                   payload
 * up to 65535 bytes   opcode  126  length in 2 bytes   payload
 * more                opcode  127  length in 8 bytes   payload
 * ```
 */

/** First bytes: the opcode, and the bit that says this frame is the last of its message. */
const text = 0x81;
const binary = 0x82;
const close = 0x88;
const pong = 0x8a;

/** A text message. */
export function textFrame(message: string): Buffer {
  return gather([message]);
}

/** A binary message. */
export function binaryFrame(message: Uint8Array): Buffer {
  return gather([message]);
}

/** Says that this side closes. Without a code the frame is empty, and the other side sees 1005. */
export function closeFrame(code?: number, reason = ""): Buffer {
  const payload = Buffer.alloc(code === undefined ? 0 : 2 + Buffer.byteLength(reason));
  if (code !== undefined) {
    payload.writeUInt16BE(code);
    payload.write(reason, 2);
  }
  return frame(close, payload);
}

/** The answer to a ping, with the payload of the ping. */
export function pongFrame(payload: Uint8Array): Buffer {
  return frame(pong, payload);
}

/** All of these messages, one frame each (text for a string, binary for bytes), in one buffer for one write. */
export function gather(messages: readonly (string | Uint8Array)[]): Buffer {
  // A string's bytes are counted before they are written, as the header says how many there are. Counting has its price,
  // and still is cheaper than a buffer that is large enough in any case: the bench compares the two.
  const lengths: number[] = [];
  let size = 0;
  for (const message of messages) {
    const length = typeof message === "string" ? Buffer.byteLength(message) : message.length;
    lengths.push(length);
    size += headerBytes(length) + length;
  }
  const frames = Buffer.allocUnsafe(size);
  let at = 0;
  for (let i = 0; i < messages.length; i++) {
    const message = messages[i] as string | Uint8Array;
    const length = lengths[i] as number;
    at = writeHeader(frames, at, typeof message === "string" ? text : binary, length);
    if (typeof message !== "string") {
      frames.set(message, at);
    } else {
      // As many bytes as characters: it is ASCII, and then copying is faster than encoding.
      frames.write(message, at, length, length === message.length ? "latin1" : "utf8");
    }
    at += length;
  }
  return frames;
}

function frame(first: number, payload: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(headerBytes(payload.length) + payload.length);
  frame.set(payload, writeHeader(frame, 0, first, payload.length));
  return frame;
}

function headerBytes(length: number): number {
  if (length <= 125) return 2;
  return length <= 0xffff ? 4 : 10;
}

/** Returns where the payload goes. */
function writeHeader(frames: Buffer, at: number, first: number, length: number): number {
  frames[at] = first;
  if (length <= 125) {
    frames[at + 1] = length;
    return at + 2;
  }
  if (length <= 0xffff) {
    frames[at + 1] = 126;
    frames.writeUInt16BE(length, at + 2);
    return at + 4;
  }
  frames[at + 1] = 127;
  frames.writeBigUInt64BE(BigInt(length), at + 2);
  return at + 10;
}
