/** A {@link Link} over the pipes between the main process and one of a scheduler (`frames.ts`), at either end. */

import type { TransferListItem } from "node:worker_threads";
import { fromBytes } from "./bytes.js";
import { Kind, valueFrame } from "./frames.js";
import type { Arrived, Batch, Link } from "./link.js";

export class StreamLink implements Link {
  readonly handsOver = false;
  readonly #thread: number;
  readonly #write: (frame: Buffer) => void;
  readonly #closed: () => void;
  #receive: (arrived: Arrived) => void = () => {};
  #lost: (error: unknown) => void = () => {};

  /** @param thread - What stands in its frames: at the main process's end itself, at the other one whom they are for. */
  constructor(thread: number, write: (frame: Buffer) => void, closed: () => void) {
    this.#thread = thread;
    this.#write = write;
    this.#closed = closed;
  }

  post(batch: Batch, transfer?: readonly TransferListItem[]): void {
    refuseTransfer(transfer);
    this.#write(valueFrame(Kind.batch, this.#thread, batch));
  }

  onBatch(receive: (arrived: Arrived) => void, lost: (error: unknown) => void): void {
    this.#receive = receive;
    this.#lost = lost;
  }

  /** A batch has come for it. In the order of the stream, which is that of cause and effect. */
  arrived(body: Buffer): void {
    let batch: Batch;
    try {
      batch = fromBytes(body) as Batch; // only links write such frames
    } catch (error) {
      return this.#lost(error);
    }
    this.#receive({ batch, postedNs: Number(process.hrtime.bigint()) });
  }

  /** What has come was received: there is no port to look into. */
  take(): undefined {
    return undefined;
  }

  close(): void {
    this.#closed();
  }
}

/** @throws Error if something was to be handed over to another OS process. */
export function refuseTransfer(transfer: readonly TransferListItem[] = []): void {
  if (transfer.length === 0) return;
  throw new Error("nothing can be handed over to another OS process: ports and memory stay in theirs");
}
