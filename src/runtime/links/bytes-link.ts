/**
 * A {@link Link} of a thread to a scheduler in an OS process, by way of the main thread (`relays.ts`): batches travel as the bytes that
 * go over the pipes (`frames.ts`), so that the main thread need not read them.
 */
import type { MessagePort, TransferListItem } from "node:worker_threads";
import { fromBytes } from "./bytes.js";
import { Kind, valueFrame } from "./frames.js";
import type { Arrived, Batch, Link } from "./link.js";
import { PortLink } from "./port-link.js";
import { refuseTransfer } from "./stream-link.js";

export class BytesLink implements Link {
  readonly handsOver = false;
  readonly #thread: number;
  readonly #link: PortLink;
  #lost: (error: unknown) => void = () => {};

  /** @param thread - Its own, which the other side knows the frames by. */
  constructor(thread: number, port: MessagePort) {
    this.#thread = thread;
    this.#link = new PortLink(port);
  }

  post(batch: Batch, transfer?: readonly TransferListItem[]): void {
    refuseTransfer(transfer);
    const frame = valueFrame(Kind.batch, this.#thread, batch);
    this.#link.post([frame], [frame.buffer as ArrayBuffer]); // V8's serializer has made it for this frame alone
  }

  onBatch(receive: (arrived: Arrived) => void, lost: (error: unknown) => void): void {
    this.#lost = lost;
    this.#link.onBatch((arrived) => {
      const read = this.#read(arrived);
      if (read !== undefined) receive(read);
    }, lost);
  }

  take(): Arrived | undefined {
    for (;;) {
      const arrived = this.#link.take();
      const read = arrived && this.#read(arrived);
      if (arrived === undefined || read !== undefined) return read;
    }
  }

  close(): void {
    this.#link.close();
  }

  #read({ batch: [bytes], postedNs }: Arrived): Arrived | undefined {
    try {
      return { batch: fromBytes(bytes as Uint8Array) as Batch, postedNs }; // only links write such bytes
    } catch (error) {
      this.#lost(error);
      return undefined;
    }
  }
}
