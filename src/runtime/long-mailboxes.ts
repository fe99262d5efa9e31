/**
 * Mailboxes that have grown long: people are told of each, once, as by Erlang's `system_monitor(long_message_queue)`. What a
 * client sends its channel has a limit; what other processes send has none, as in Erlang, and only shows in memory.
 *
 * It costs a message nothing: the delivery compares with one mark, which is the limit the process has set itself
 * (`setMaxMailbox`) or the length of a long mailbox, whichever comes first.
 *
 * ```
 *   length  10_000 ─────────────╱╲──────── told when it passes this
 *                              ╱  ╲
 *            5_000 ───────────╱────╲────── may be told of again when it has been down here
 * ```
 *
 * @see https://www.erlang.org/doc/apps/erts/erlang.html#system_monitor/2
 */
import { NO_LIMIT, type ProcessRecord } from "./process-record.js";
import type { Reports } from "./reports.js";

export class LongMailboxes {
  /** Above this a mailbox is long. */
  readonly length: number;
  readonly #reports: Reports;
  /** Those that were told of and have not become short again. */
  readonly #long = new Set<ProcessRecord>();

  /** @param longMailbox - 0: none is long. */
  constructor(longMailbox: number, reports: Reports) {
    this.length = longMailbox === 0 ? NO_LIMIT : longMailbox;
    this.#reports = reports;
  }

  /** A mailbox has passed its mark. `true`: that is more than its process allows. */
  isFull(record: ProcessRecord): boolean {
    if (record.mailbox.size > record.maxMailbox) return true;
    this.#long.add(record);
    record.mailboxMark = record.maxMailbox;
    this.#reports.longMailbox(record);
    return false;
  }

  /** A process limits its mailbox. */
  limit(record: ProcessRecord, maxMailbox: number): void {
    record.maxMailbox = maxMailbox;
    record.mailboxMark = this.#long.has(record) ? maxMailbox : Math.min(maxMailbox, this.length);
  }

  /** At the end of a turn: which of them are short again. */
  settle(): void {
    if (this.#long.size === 0) return;
    for (const record of this.#long) {
      if (!record.exited && record.mailbox.size > this.length / 2) continue;
      this.#long.delete(record);
      record.mailboxMark = Math.min(record.maxMailbox, this.length);
    }
  }
}
