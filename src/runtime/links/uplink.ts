/**
 * A scheduler thread's way out of its own OS process: two pipes to the main process, past the thread that started it (`bridge.ts`).
 *
 * Writing blocks while the pipe is full; the main process always reads, so that can't be for ever. A claim writes its question
 * and reads on until the answer is there, while the thread stands still, as it does for a compare-and-exchange; only longer. What
 * comes before the answer is kept, in order, for later.
 */

import { readSync, writeSync } from "node:fs";
import { Socket } from "node:net";
import { ErrorCode, RuntimeError } from "../../core/errors.js";
import type { Pid } from "../../core/pid.js";
import { BROKEN_PIPE_EXIT_CODE } from "../hosts/bridge-protocol.js";
import type { News, Order, Peer } from "../hosts/thread-protocol.js";
import { type Authority, applyWords, int32Bytes, type Mirror, type Table, wordsOf } from "../shared/mirror.js";
import type { SharedBuffers } from "../shared/shared.js";
import { fromBytes } from "./bytes.js";
import { type Answer, Change, FrameReader, frameHead, Kind, type Question, valueFrame } from "./frames.js";
import type { Link } from "./link.js";
import type { Outside } from "./outside.js";
import { StreamLink } from "./stream-link.js";

/** The ends of the pipes in a scheduler's process: after stdin, stdout and stderr. */
export const WRITE_FD = 3;
export const READ_FD = 4;

/** How long a claim may take. The main process answers at once; if it stands still that long, so does everything. */
const ASK_TIMEOUT_MS = 5000;
/** Between two looks at the pipe. */
const ASK_POLL_MS = 0.02;
const READ_BYTES = 65_536;

interface Frame {
  readonly kind: Kind;
  readonly thread: number;
  readonly body: Buffer;
}

export class Uplink implements Outside, Mirror, Authority {
  readonly mirror: Mirror = this;
  readonly authority: Authority = this;
  readonly complete: Promise<void>;
  readonly #tables: readonly Int32Array[];
  readonly #reader: FrameReader;
  readonly #links = new Map<number, StreamLink>();
  readonly #sleep = new Int32Array(new SharedArrayBuffer(4));
  /** What has come and was not taken in. */
  #arrived: Frame[] = [];
  #obey: ((order: Order) => void) | null = null;
  #completed: () => void = () => {};
  /** What the copies have changed by themselves and the main process has not been told. */
  #changes: number[] = [];
  #lastQuestion = 0;
  #answer: Answer | null = null;

  /** @param shared - Its own tables. */
  constructor(shared: SharedBuffers) {
    this.#tables = wordsOf(shared);
    this.#reader = new FrameReader((kind, thread, body) => this.#found(kind, thread, body));
    this.complete = new Promise((resolve) => {
      this.#completed = resolve;
    });
    const pipe = new Socket({ fd: READ_FD, readable: true, writable: false });
    pipe.on("data", (chunk: Buffer) => {
      this.#reader.take(chunk);
      this.#takeIn();
    });
    // The main process is gone. Nobody is left to be told.
    pipe.on("error", () => process.exit(1));
    pipe.on("end", () => process.exit(1));
  }

  // ---- outside ----

  tell(news: News): void {
    this.#write(valueFrame(Kind.news, 0, news));
  }

  linkTo({ thread }: Peer): Link {
    const link = new StreamLink(
      thread,
      (frame) => this.#write(frame),
      () => this.#links.delete(thread),
    );
    this.#links.set(thread, link);
    return link;
  }

  open(obey: (order: Order) => void): void {
    this.#obey = obey;
    this.#takeInLater();
  }

  // ---- what the copies tell ----

  writes(): void {}

  /** Only the main process's tables take claims. */
  written(): void {}

  freed(table: Table, index: number, before: bigint | number): void {
    const word = BigInt(before);
    this.#change(Change.free, table, index, Number(BigInt.asIntN(32, word)), Number(BigInt.asIntN(32, word >> 32n)));
  }

  interested(word: number, wants: boolean): void {
    this.#change(Change.interest, word, wants ? 1 : 0, 0, 0);
  }

  /** Only the main process empties slots. */
  cleared(): void {}

  loaded(slot: number, thread: number, change: number): void {
    this.#change(Change.load, slot, thread, change, 0);
  }

  #change(what: number, a: number, b: number, c: number, d: number): void {
    // Nobody can know of it before something else was written. If nothing is, it goes when this turn is over.
    if (this.#changes.length === 0) setImmediate(() => this.#writeChanges());
    this.#changes.push(what, a, b, c, d);
  }

  // ---- claims ----

  claimName(name: string, pid: Pid): boolean {
    const answer = this.#ask([++this.#lastQuestion, "name", name, pid]);
    return answer[1] === "name" && answer[2];
  }

  claimKey(registry: Pid, key: string, pid: Pid, data: number): Pid | undefined {
    const answer = this.#ask([++this.#lastQuestion, "key", registry, key, pid, data]);
    return answer[1] === "key" ? (answer[2] as Pid | undefined) : undefined; // a pid when it was sent
  }

  #ask(question: Question): Answer {
    this.#write(valueFrame(Kind.ask, 0, question));
    const deadlineMs = performance.now() + ASK_TIMEOUT_MS;
    while (this.#answer?.[0] !== question[0]) {
      if (this.#readNow()) continue;
      if (performance.now() > deadlineMs) {
        this.#write(valueFrame(Kind.undo, 0, question)); // it may have been granted, and nobody knows
        throw new RuntimeError(
          ErrorCode.callTimeout,
          `the main process did not say within ${ASK_TIMEOUT_MS} ms whether ${question[2]} is free`,
        );
      }
      Atomics.wait(this.#sleep, 0, 0, ASK_POLL_MS);
    }
    const answer = this.#answer;
    if (this.#arrived.length > 0) this.#takeInLater();
    if (answer[1] === "error") throw new RuntimeError(answer[2] as ErrorCode, answer[3]); // one of ours
    return answer;
  }

  // ---- pipes ----

  #write(frame: Buffer): void {
    this.#writeChanges();
    writeAll(frame);
  }

  #writeChanges(): void {
    if (this.#changes.length === 0) return;
    const bytes = int32Bytes(this.#changes);
    this.#changes = [];
    writeAll(Buffer.concat([frameHead(bytes.length, Kind.changes, 0), bytes]));
  }

  /** Reads what the pipe has. `false`: nothing. */
  #readNow(): boolean {
    const chunk = Buffer.allocUnsafe(READ_BYTES); // frames are kept as parts of it
    let length: number;
    try {
      length = readSync(READ_FD, chunk, 0, READ_BYTES, null);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EAGAIN") return false;
      throw error;
    }
    if (length === 0) process.exit(1); // the main process is gone
    this.#reader.take(chunk.subarray(0, length));
    return true;
  }

  /** What must not wait for its turn is dealt with at once. Nothing here can lead to another read. */
  #found(kind: Kind, thread: number, body: Buffer): void {
    if (kind === Kind.words) applyWords(this.#tables, body);
    else if (kind === Kind.answer)
      this.#answer = fromBytes(body) as Answer; // the hub wrote it
    else if (kind === Kind.welcome) this.#completed();
    else this.#arrived.push({ kind, thread, body });
  }

  #takeIn(): void {
    const obey = this.#obey;
    if (obey === null) return;
    // What is taken in may claim something, and so bring more: that comes after it.
    while (this.#arrived.length > 0) {
      const frames = this.#arrived;
      this.#arrived = [];
      for (const { kind, thread, body } of frames) {
        if (kind === Kind.order)
          obey(fromBytes(body) as Order); // the hub wrote it
        else this.#links.get(thread)?.arrived(body); // of one that is gone nothing comes any more
      }
    }
  }

  #takeInLater(): void {
    setImmediate(() => this.#takeIn());
  }
}

/**
 * A write that throws may have written: Node.js throws afterwards if code here has given `Object.prototype` an `error`. Whoever tried
 * again would say all twice, or in the middle of a frame. So nothing that this process says can be trusted any more, and it ends.
 */
function writeAll(bytes: Buffer): void {
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(WRITE_FD, bytes, at);
  } catch {
    process.exit(BROKEN_PIPE_EXIT_CODE);
  }
}
