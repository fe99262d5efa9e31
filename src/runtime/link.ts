/**
 * The contract between two threads that talk: post a batch, receive batches, drain, close. A `MessagePort` fulfils it here
 * (`port-link.ts`); a socket between OS processes can.
 */

import type { TransferListItem } from "node:worker_threads";

/** A batch of operations as `wire.ts` lays them out. */
export type Batch = readonly unknown[];

export interface Link {
  /**
   * Posts a batch; batches arrive whole and in order.
   *
   * @param transfer - What in it is handed over instead of copied: ports, buffers.
   * @throws DataCloneError if something in it cannot be copied. Then nothing of the batch was posted, and nothing handed over.
   */
  post(batch: Batch, transfer?: readonly TransferListItem[]): void;
  /** Called with each batch that arrives. Set once, before anything can arrive. */
  onBatch(receive: (batch: Batch) => void): void;
  /** Takes in, now, all that the other side posted before it died. */
  drain(): void;
  close(): void;
}
