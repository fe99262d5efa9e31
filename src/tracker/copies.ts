/**
 * The readers' side of a tracker: a service, on every thread, with a copy of each shard's table that somebody on the thread
 * has used. Reading asks the copy of one's own thread, so it takes the shard no time; the counterpart of Phoenix's ETS table.
 *
 * ```
 *   track(…) ──► shard ── diff ──► copies on the threads that use it      list(…) ──► copy of this thread
 *                      └─ reply, in the same stream behind the diff: what was tracked is in what is read next
 * ```
 *
 * The copies are also what a shard that died is started again from (`takeover.ts`): its stream is in order, so of two copies
 * the one that is further along has all that the other has. What a shard had not told its clients yet is kept for that.
 */
import type { From } from "../core/messages.js";
import type { Pid } from "../core/pid.js";
import { awaitReply, openRequest, type Port, type PortHandler, type Service, send } from "../runtime/process.js";
import type { Diff, Entry, Meta, ReplicaId } from "./state-data.js";
import { Table } from "./table.js";

/** The name of the service. */
export const TRACKER = "tracker";

/** How far a copy is: the life of its shard, counted from 1, and the diffs of that life. */
export interface Position {
  readonly life: number;
  readonly seq: number;
}

/** A diff that has a place in its shard's stream. */
export interface NumberedDiff extends Diff {
  readonly seq: number;
}

/** A whole copy, for a shard that starts again. */
export interface CopyData extends Position {
  /** The shard's own; entries of other replicas are theirs to tell. */
  readonly replica: ReplicaId;
  readonly entries: readonly Entry[];
  /** Diffs its clients may not have been told of yet. */
  readonly untold: readonly NumberedDiff[];
}

/** What a shard and `tracker.ts` send to the service. */
export type CopyMessage =
  | readonly ["opened"]
  | readonly ["table", shard: string, CopyData]
  | readonly [
      "diff",
      shard: string,
      life: number,
      seq: number,
      joins: readonly Entry[],
      leaves: readonly Entry[],
      told: boolean,
    ]
  /** All diffs up to this one have been told. */
  | readonly ["told", shard: string, life: number, seq: number]
  | readonly ["request", From, CopyRequest];

/** All are answered `null` if there is no copy. */
export type CopyRequest =
  | readonly ["list", shard: string, topic: string]
  /** With a pid: that of a process of this machine; on another one, somebody else may have the same. */
  | readonly ["at", shard: string, topic: string, key: string, pid: Pid | null]
  | readonly ["position", shard: string]
  | readonly ["copy", shard: string];

/** Answers to requests, by their first word. */
export interface CopyAnswers {
  readonly list: readonly (readonly [key: string, metas: readonly Meta[]])[] | null;
  readonly at: readonly Entry[] | null;
  readonly position: Position | null;
  readonly copy: CopyData | null;
}

/** Asks a thread's service. One's own answers at once; another thread may be busy. */
export function askCopy<R extends CopyRequest>(
  service: Pid,
  request: R,
  timeoutMs: number = Number.POSITIVE_INFINITY,
): Promise<CopyAnswers[R[0]]> {
  const opened = openRequest(service);
  send(service, ["request", opened.from, request] satisfies CopyMessage);
  return awaitReply(opened, timeoutMs) as Promise<CopyAnswers[R[0]]>; // what #answer answers
}

interface Copy {
  readonly replica: ReplicaId;
  readonly life: number;
  seq: number;
  readonly table: Table;
  untold: NumberedDiff[];
}

export class Copies implements PortHandler {
  readonly #port: () => Port;
  readonly #copies = new Map<string, Copy>();

  constructor(port: () => Port) {
    this.#port = port;
  }

  message(received: unknown): void {
    const message = received as CopyMessage; // only tracker.ts, shards and this file send here
    switch (message[0]) {
      case "opened":
        return;
      case "table": {
        const [, shard, { life, seq, replica, entries, untold }] = message;
        const table = new Table();
        for (const entry of entries) table.add(entry);
        this.#copies.set(shard, { life, seq, replica, table, untold: [...untold] });
        return;
      }
      case "diff": {
        const [, shard, life, seq, joins, leaves, told] = message;
        const copy = this.#copies.get(shard);
        if (copy?.life !== life) return; // of an earlier life: the table of this one has what counts of it
        for (const entry of joins) copy.table.add(entry); // first, as in State.update
        for (const { replica, clock } of leaves) copy.table.remove(replica, clock);
        copy.seq = seq;
        if (!told) copy.untold.push({ seq, joins, leaves });
        return;
      }
      case "told": {
        const [, shard, life, upTo] = message;
        const copy = this.#copies.get(shard);
        if (copy?.life === life) copy.untold = copy.untold.filter(({ seq }) => seq > upTo);
        return;
      }
      case "request":
        return this.#port().reply(message[1], this.#answer(message[2]));
    }
  }

  #answer(request: CopyRequest): CopyAnswers[keyof CopyAnswers] {
    const copy = this.#copies.get(request[1]);
    if (copy === undefined) return null;
    switch (request[0]) {
      case "list":
        return copy.table.list(request[2]);
      case "at": {
        const [, , topic, key, wanted] = request;
        const entries = copy.table.at(topic, key);
        return wanted === null
          ? entries
          : entries.filter(({ pid, replica }) => pid === wanted && replica === copy.replica);
      }
      case "position":
        return { life: copy.life, seq: copy.seq };
      case "copy": {
        const { life, seq, replica, table, untold } = copy;
        return { life, seq, replica, entries: table.all(), untold };
      }
    }
  }
}

/** The service that every thread runs. */
export const trackerService: Service = { name: TRACKER, open: (port) => new Copies(port) };
