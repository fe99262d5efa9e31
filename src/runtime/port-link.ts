/** A {@link Link} over a `MessagePort`. */
import { type MessagePort, receiveMessageOnPort, type TransferListItem } from "node:worker_threads";
import type { Batch, Link } from "./link.js";

export class PortLink implements Link {
  readonly #port: MessagePort;
  #receive: ((batch: Batch) => void) | null = null;

  constructor(port: MessagePort) {
    this.#port = port;
  }

  post(batch: Batch, transfer?: readonly TransferListItem[]): void {
    this.#port.postMessage(batch, transfer);
  }

  onBatch(receive: (batch: Batch) => void): void {
    this.#receive = receive;
    this.#port.on("message", receive);
  }

  drain(): void {
    for (;;) {
      const received = receiveMessageOnPort(this.#port);
      if (received === undefined) return;
      this.#receive?.(received.message as Batch); // Both ends are ours: batches are all that is ever posted.
    }
  }

  close(): void {
    this.#port.close();
  }
}
