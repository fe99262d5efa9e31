/**
 * How the main process and the process of a scheduler talk: frames over two pipes, one for each direction.
 *
 * ```
 *   0            4        8          12
 *   │ body bytes │ kind   │ thread   │ body …
 * ```
 *
 * `thread` is whom a batch is for on its way to the main process, and whom it is from on its way from there; the main process passes
 * batches for other schedulers on without reading them. Batches are written by V8's serializer, which is what structured
 * clone is made of: the same values arrive, and the same are refused, but for handles that cannot leave an OS process.
 */
import { toBytes } from "./bytes.js";

export const Kind = {
  /** Operations of `wire.ts`. */
  batch: 0,
  /** To the main process: `News`. */
  news: 1,
  /** From the main process: `Order`. */
  order: 2,
  /** From the main process: words of the tables (`mirror.ts`). */
  words: 3,
  /** To the main process: changes its tables are to make (`Change`). */
  changes: 4,
  /** To the main process: `Question`. */
  ask: 5,
  /** From the main process: `Answer`. */
  answer: 6,
  /** From the main process: the copies of the tables are complete. */
  welcome: 7,
  /** To the main process: a `Question` whose answer came too late. What was granted is taken back. */
  undo: 8,
} as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

/** What a copy has changed by itself: five numbers of 32 bits each, the first of which is one of these. */
export const Change = {
  /** table, index, low and high half of what was there */
  free: 0,
  /** word, 1 or 0 */
  interest: 1,
  /** slot, thread, change */
  load: 2,
} as const;
export const CHANGE_BYTES = 20;

/** Who claims what. */
export type Question =
  | readonly [id: number, what: "name", name: string, pid: string]
  | readonly [id: number, what: "key", registry: string, key: string, pid: string, data: number];

/** `error`: the code and message of what the claim threw. */
export type Answer =
  | readonly [id: number, what: "name", granted: boolean]
  | readonly [id: number, what: "key", owner: string | undefined]
  | readonly [id: number, what: "error", code: string, message: string];

const HEAD_BYTES = 12;
const BLANK_HEAD = Buffer.alloc(HEAD_BYTES);

/** A whole frame with `value` in it. @throws Error for what cannot be copied to another process. */
export function valueFrame(kind: Kind, thread: number, value: unknown): Buffer {
  const frame = toBytes(value, BLANK_HEAD);
  writeHead(frame, frame.length - HEAD_BYTES, kind, thread);
  return frame;
}

/** The head of a frame whose body follows. */
export function frameHead(bodyBytes: number, kind: Kind, thread: number): Buffer {
  const head = Buffer.allocUnsafe(HEAD_BYTES);
  writeHead(head, bodyBytes, kind, thread);
  return head;
}

function writeHead(frame: Buffer, bodyBytes: number, kind: Kind, thread: number): void {
  frame.writeUInt32LE(bodyBytes, 0);
  frame.writeUInt32LE(kind, 4);
  frame.writeUInt32LE(thread, 8);
}

/** Makes a frame that has come one that is sent on, in place. */
export function readdress(frame: Buffer, thread: number): void {
  frame.writeUInt32LE(thread, 8);
}

/** Gets a frame: what is in its head, its body, and all of it. */
export type OnFrame = (kind: Kind, thread: number, body: Buffer, frame: Buffer) => void;

/** Finds the frames in what comes out of a pipe. */
export class FrameReader {
  readonly #onFrame: OnFrame;
  /** What came of a frame that is not there as a whole. */
  #chunks: Buffer[] = [];
  #length = 0;
  /** Bytes without which it makes no sense to look again. */
  #needed = HEAD_BYTES;

  /** @param onFrame - Must not lead to another {@link take} before it returns. */
  constructor(onFrame: OnFrame) {
    this.#onFrame = onFrame;
  }

  take(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    if (this.#length < this.#needed) return;
    const bytes = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks, this.#length);
    let at = 0;
    this.#needed = HEAD_BYTES;
    while (bytes.length - at >= HEAD_BYTES) {
      const end = at + HEAD_BYTES + bytes.readUInt32LE(at);
      if (end > bytes.length) {
        this.#needed = end - at;
        break;
      }
      const kind = bytes.readUInt32LE(at + 4) as Kind; // our own process wrote it
      const frame = bytes.subarray(at, end);
      this.#onFrame(kind, frame.readUInt32LE(8), frame.subarray(HEAD_BYTES), frame);
      at = end;
    }
    this.#chunks = at === bytes.length ? [] : [bytes.subarray(at)];
    this.#length = bytes.length - at;
  }
}
