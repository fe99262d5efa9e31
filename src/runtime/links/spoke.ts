/** The pipes of one scheduler's process, at the main process's end. What is written in one turn of the event loop leaves in one call. */
import type { Readable, Writable } from "node:stream";
import type { Order } from "../hosts/thread-protocol.js";
import { int32Bytes } from "../shared/mirror.js";
import { FrameReader, frameHead, Kind, type OnFrame, valueFrame } from "./frames.js";

export interface SpokeSetup {
  readonly slot: number;
  readonly read: Readable;
  readonly write: Writable;
  readonly take: OnFrame;
  /** Adds what the tables have to tell. Called before each frame is written. */
  readonly refresh: () => void;
  /** Gets what the process tells the main thread of itself: `News`. */
  readonly heard: (body: Buffer) => void;
  /** What comes makes no sense, or nothing can come any more: its end, or code of the application that knew the pipe's number. */
  readonly broken: (why: string, isEnd: boolean) => void;
}

export class Spoke {
  readonly slot: number;
  readonly heard: (body: Buffer) => void;
  /** Settles when all that the process had written is taken in. */
  readonly drained: Promise<void>;
  readonly #pipe: Writable;
  readonly #refresh: () => void;
  /** Of the tables; see `mirror.ts`. */
  #changes: number[] = [];
  #gathers = false;

  constructor({ slot, read, write, take, refresh, heard, broken }: SpokeSetup) {
    this.slot = slot;
    this.heard = heard;
    this.#pipe = write;
    this.#refresh = refresh;
    const reader = new FrameReader(take);
    read.on("data", (chunk: Buffer) => {
      try {
        reader.take(chunk);
      } catch (error) {
        broken(String(error), false);
      }
    });
    read.once("end", () => broken("it was closed", true));
    this.drained = new Promise((resolve) => read.once("close", resolve));
    // A process that is killed breaks its pipes. That it is gone is told by its exit.
    read.on("error", () => {});
    write.on("error", () => {});
  }

  /** To be added to: changes of the tables, which go out before anything that is written from now on. */
  changes(): number[] {
    this.#gather();
    return this.#changes;
  }

  /** Writes a whole frame. */
  write(frame: Uint8Array): void {
    this.#gather();
    this.#refresh();
    this.#writeChanges();
    this.#pipe.write(frame);
  }

  frame(kind: Kind, thread: number, body: Buffer): void {
    this.write(frameHead(body.length, kind, thread));
    this.#pipe.write(body);
  }

  order(what: Order): void {
    this.write(valueFrame(Kind.order, 0, what));
  }

  #writeChanges(): void {
    if (this.#changes.length === 0) return;
    const words = int32Bytes(this.#changes);
    this.#changes = [];
    this.#pipe.write(frameHead(words.length, Kind.words, 0));
    this.#pipe.write(words);
  }

  #gather(): void {
    if (this.#gathers) return;
    this.#gathers = true;
    this.#pipe.cork();
    process.nextTick(() => {
      this.#gathers = false;
      this.#writeChanges();
      this.#pipe.uncork();
    });
  }
}
