/**
 * The main process's side of schedulers in OS processes of their own: all they have for each other goes through here.
 *
 * ```
 *   scheduler 1 ══ pipe ══►┌─────┐══ pipe ══► scheduler 2      batches are passed on unread, in the order they came
 *   scheduler 2 ══ pipe ══►│ hub │══ pipe ══► scheduler 1      what they claim is decided here, and all are told first
 *          I/O thread ────►└─────┘────► I/O thread
 * ```
 *
 * Because there is one way in and one way out for each, and what comes is dealt with at once, causes come before effects by
 * construction (`docs/decisions/0009-causes-before-effects.md`): what a process was sent is in its pipe before anything that follows from
 * it can be.
 */
import { RuntimeError } from "../../core/errors.js";
import type { Pid } from "../../core/pid.js";
import type { Scheduler } from "../scheduler.js";
import {
  addCleared,
  addWords,
  int32Bytes,
  type Mirror,
  SLOT_WORDS,
  snapshot,
  Table,
  wordsOf,
} from "../shared/mirror.js";
import type { SharedBuffers } from "../shared/shared.js";
import { fromBytes } from "./bytes.js";
import { type Answer, CHANGE_BYTES, Change, Kind, type Question, readdress, valueFrame } from "./frames.js";
import { Spoke, type SpokeSetup } from "./spoke.js";
import { StreamLink } from "./stream-link.js";

/** Loads change with each process that starts or ends; copies are told that often. */
const LOAD_INTERVAL_MS = 20;
const NOTHING = Buffer.alloc(0);

export class Hub implements Mirror {
  readonly authority = null;
  readonly #tables: readonly Int32Array[];
  readonly #spokes = new Map<number, Spoke>();
  #scheduler: Scheduler | null = null;
  #loads: NodeJS.Timeout | null = null;

  constructor(shared: SharedBuffers) {
    this.#tables = wordsOf(shared);
  }

  /** @param scheduler - The main thread's, whose tables decide. */
  serve(scheduler: Scheduler): void {
    this.#scheduler = scheduler;
  }

  /** Takes a scheduler's process in: its copies are filled, and the main thread is linked to it. */
  attach(thread: number, setup: Omit<SpokeSetup, "take">): Spoke {
    const scheduler = this.#own();
    const link = new StreamLink(
      scheduler.thread,
      (frame) => spoke.write(frame),
      () => this.#spokes.delete(thread),
    );
    const spoke: Spoke = new Spoke({
      ...setup,
      take: (kind, to, body, frame) => {
        if (kind === Kind.news) return spoke.heard(body);
        // One that was given up and runs on is dead to all others: what it still has for them is not passed on.
        if (this.#spokes.get(thread) !== spoke) return;
        if (kind !== Kind.batch) this.#take(spoke, kind, body);
        else if (to === scheduler.thread) link.arrived(body);
        else this.#pass(frame, thread, to);
      },
    });
    spoke.frame(Kind.words, 0, int32Bytes(snapshot(this.#tables)));
    spoke.frame(Kind.welcome, 0, NOTHING);
    this.#spokes.set(thread, spoke);
    scheduler.connect(thread, link);
    return spoke;
  }

  // ---- what the main thread's tables tell ----

  claimed(table: Table, index: number): void {
    const words = this.#wordsOf(table);
    this.#tell((changes) => addWords(changes, table, words, index, SLOT_WORDS[table] ?? words.length));
  }

  freed(table: Table, index: number): void {
    this.claimed(table, table === Table.names ? (index - 1) * 2 : index);
  }

  interested(word: number): void {
    this.claimed(Table.interest, word);
  }

  cleared(slot: number): void {
    this.#tell((changes) => addCleared(changes, slot));
  }

  loaded(): void {
    if (this.#loads !== null || this.#spokes.size === 0) return;
    this.#loads = setTimeout(() => {
      this.#loads = null;
      const cells = this.#wordsOf(Table.cells);
      this.#tell((changes) => addWords(changes, Table.cells, cells, 0, cells.length));
    }, LOAD_INTERVAL_MS);
    this.#loads.unref();
  }

  #tell(add: (changes: number[]) => void): void {
    for (const spoke of this.#spokes.values()) add(spoke.changes());
  }

  // ---- what comes ----

  #pass(frame: Buffer, from: number, to: number): void {
    const spoke = this.#spokes.get(to);
    if (spoke === undefined) return; // it is gone
    readdress(frame, from);
    spoke.write(frame);
  }

  #take(spoke: Spoke, kind: Kind, body: Buffer): void {
    switch (kind) {
      case Kind.changes:
        return this.#change(spoke.slot, body);
      case Kind.ask:
        return spoke.write(valueFrame(Kind.answer, 0, this.#answer(fromBytes(body) as Question))); // our own thread asks
      case Kind.undo:
        return this.#undo(fromBytes(body) as Question);
    }
  }

  #change(slot: number, body: Buffer): void {
    const { names, interest, cells } = this.#own();
    for (let at = 0; at < body.length; at += CHANGE_BYTES) {
      const [a, b, c, d] = [4, 8, 12, 16].map((offset) => body.readInt32LE(at + offset)) as [
        number,
        number,
        number,
        number,
      ];
      switch (body.readInt32LE(at)) {
        case Change.free:
          if (a === Table.keys) names.keys.free(b, c);
          else names.free(b, (BigInt(d) << 32n) | BigInt(c >>> 0));
          break;
        case Change.interest:
          interest.set(a, slot, b === 1);
          break;
        case Change.load:
          cells.addLoad(a, b, c);
          break;
      }
    }
  }

  #answer(question: Question): Answer {
    const [id, what] = question;
    const { names } = this.#own();
    try {
      // Pids are strings on their way.
      if (what === "name") return [id, what, names.claim(question[2], question[3] as Pid)];
      return [id, what, names.keys.claim(question[2] as Pid, question[3], question[4] as Pid, question[5])];
    } catch (error) {
      if (!(error instanceof RuntimeError)) throw error;
      return [id, "error", error.code, error.message];
    }
  }

  #undo([, what, ...claim]: Question): void {
    const { names } = this.#own();
    if (what === "name") names.release(claim[0], claim[1] as Pid);
    else names.keys.release(claim[0] as Pid, claim[1], claim[2] as Pid);
  }

  #own(): Scheduler {
    return this.#scheduler as Scheduler; // `serve` comes before anything else
  }

  #wordsOf(table: Table): Int32Array {
    return this.#tables[table] as Int32Array;
  }
}
