/** A {@link Link} over a `MessagePort`. */
import { type MessagePort, receiveMessageOnPort, type TransferListItem } from "node:worker_threads";
import type { Arrived, Batch, Link } from "./link.js";

/** What is posted: both ends are ours, so it is all that ever arrives. */
type Posted = readonly [postedNs: number, Batch];

/** What nobody takes for one. */
const NO_BATCH: Batch = [null];

export class PortLink implements Link {
  readonly #port: MessagePort;
  #lost: (error: unknown) => void = () => {};

  constructor(port: MessagePort) {
    this.#port = port;
  }

  post(batch: Batch, transfer?: readonly TransferListItem[]): void {
    this.#port.postMessage([Number(process.hrtime.bigint()), batch] satisfies Posted, transfer);
  }

  onBatch(receive: (arrived: Arrived) => void, lost: (error: unknown) => void): void {
    this.#lost = lost;
    this.#port.on("message", (posted: Posted) => receive(arrivedFrom(posted)));
    this.#port.on("messageerror", lost);
  }

  take(): Arrived | undefined {
    for (;;) {
      try {
        const received = receiveMessageOnPort(this.#port);
        return received && arrivedFrom(received.message as Posted);
      } catch (error) {
        this.#lost(error); // it is out of the port: the next one may be fine
      }
    }
  }

  close(): void {
    this.#port.close();
  }
}

function arrivedFrom(posted: Posted): Arrived {
  // The application can find the other end in its `workerData`.
  if (!Array.isArray(posted) || !Array.isArray(posted[1])) return { postedNs: 0, batch: NO_BATCH };
  return { postedNs: posted[0], batch: posted[1] };
}
