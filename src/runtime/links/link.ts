/**
 * The contract between two threads that talk: post a batch, receive batches, close. A `MessagePort` fulfils it here
 * (`port-link.ts`); a socket between OS processes can.
 */

import type { TransferListItem } from "node:worker_threads";

/** A batch of operations as `wire.ts` lays them out. */
export type Batch = readonly unknown[];

/** A batch that has come, and when it was posted: nanoseconds of a clock that all threads share and that never goes back. */
export interface Arrived {
  readonly batch: Batch;
  readonly postedNs: number;
}

export interface Link {
  /** Whether it can hand things over instead of copying them. @defaultValue `true` */
  readonly handsOver?: boolean;
  /**
   * Posts a batch; batches arrive whole and in order.
   *
   * @param transfer - What in it is handed over instead of copied: ports, buffers.
   * @throws DataCloneError if something in it cannot be copied. Then nothing of the batch was posted, and nothing handed over.
   */
  post(batch: Batch, transfer?: readonly TransferListItem[]): void;
  /**
   * `receive` is called with each batch that arrives, unless it was {@link take}n, and `lost` for one that arrived but can't be
   * read. Set once, before anything can arrive.
   */
  onBatch(receive: (arrived: Arrived) => void, lost: (error: unknown) => void): void;
  /** The oldest batch that the other side has posted and that has not been received, if there is one. */
  take(): Arrived | undefined;
  close(): void;
}
