/**
 * The main process's side of schedulers in OS processes of their own: all they have for each other goes through here.
 *
 * ```
 *   scheduler 1 ══ pipe ══►┌─────┐══ pipe ══► scheduler 2      batches are passed on unread, in the order they came
 *   scheduler 2 ══ pipe ══►│ hub │══ pipe ══► scheduler 1      what they claim is decided here, and all are told first
 *   threads, I/O thread ──►└─────┘──► threads, I/O thread
 * ```
 *
 * Because there is one way in and one way out for each, and what comes is dealt with at once, causes come before effects by
 * construction (`docs/decisions/0009-causes-before-effects.md`): what a process was sent is in its pipe before anything that follows from
 * it can be. What threads of the main process post for such a scheduler is taken in with all else they post, the oldest first (`relays.ts`).
 */
import type { MessagePort } from "node:worker_threads";
import { RuntimeError } from "../../core/errors.js";
import type { Pid } from "../../core/pid.js";
import type { Scheduler } from "../scheduler.js";
import type { Marks } from "../shared/marks.js";
import { addAll, addCleared, addSlot, addWords, type Mirror, slotFreed, Table, wordsOf } from "../shared/mirror.js";
import type { SharedBuffers } from "../shared/shared.js";
import { fromBytes } from "./bytes.js";
import { type Answer, CHANGE_BYTES, Change, Kind, type Question, readdress, valueFrame } from "./frames.js";
import { Relays } from "./relays.js";
import { Spoke, type SpokeSetup } from "./spoke.js";
import { StreamLink } from "./stream-link.js";

/** Copies that nobody writes to are told of what has changed that often. Loads change with each process that starts or ends. */
const REFRESH_INTERVAL_MS = 20;
const NOTHING = Buffer.alloc(0);

export class Hub implements Mirror {
  readonly authority = null;
  readonly #tables: readonly Int32Array[];
  readonly #marks: Marks | null;
  readonly #spokes = new Map<number, Spoke>();
  readonly #relays: Relays;
  readonly #cells: Int32Array;
  /** What copies were told of the cells. */
  readonly #toldCells: Int32Array;
  #scheduler: Scheduler | null = null;
  #timer: NodeJS.Timeout | null = null;

  /** @param marks - What the threads of the main process write, if there are any beside the main thread. */
  constructor(shared: SharedBuffers, marks: Marks | null) {
    this.#tables = wordsOf(shared);
    this.#marks = marks;
    this.#cells = this.#wordsOf(Table.cells);
    this.#toldCells = new Int32Array(this.#cells.length);
    this.#relays = new Relays((frame, to) => this.#spokes.get(to)?.write(frame));
  }

  /** @param scheduler - The main thread's, whose tables decide. */
  serve(scheduler: Scheduler): void {
    this.#scheduler = scheduler;
  }

  /** Takes a scheduler's process in: its copies are filled, and the main thread is linked to it. */
  attach(thread: number, setup: Omit<SpokeSetup, "take" | "refresh">): Spoke {
    const scheduler = this.#own();
    const link = new StreamLink(
      scheduler.thread,
      (frame) => spoke.write(frame),
      () => this.#spokes.delete(thread),
    );
    const spoke: Spoke = new Spoke({
      ...setup,
      refresh: () => this.#refresh(),
      take: (kind, to, body, frame) => {
        if (kind === Kind.news) return spoke.heard(body);
        // One that was given up and runs on is dead to all others: what it still has for them is not passed on.
        if (this.#spokes.get(thread) !== spoke) return;
        if (kind !== Kind.batch) this.#take(spoke, kind, body);
        else if (to === scheduler.thread) link.arrived(body);
        else this.#pass(frame, body, thread, to);
      },
    });
    this.#refresh(); // what was marked before is told to the others; what is marked from now on, to this one too
    this.#spokes.set(thread, spoke);
    addAll(spoke.changes(), this.#tables);
    spoke.frame(Kind.welcome, 0, NOTHING);
    scheduler.connect(thread, link);
    this.#refreshLater();
    return spoke;
  }

  /**
   * Passes on what a thread and a scheduler's process have for each other.
   *
   * @param port - The main thread's end of the way to `thread`, whose link there is a `BytesLink`.
   */
  relay(thread: number, process: number, port: MessagePort): void {
    this.#relays.open(this.#own().router, thread, process, port);
  }

  /** A scheduler of either kind is gone. What it had still sent is passed on before this returns. */
  gone(thread: number, slot: number): void {
    this.#relays.close(this.#own().router, thread);
    this.#marks?.ended(slot);
  }

  // ---- what the main thread's tables tell ----

  writes(): void {}

  written(table: Table, index: number): void {
    for (const spoke of this.#spokes.values()) addSlot(spoke.changes(), table, this.#wordsOf(table), index);
  }

  freed(table: Table, index: number): void {
    this.written(table, slotFreed(table, index));
  }

  interested(word: number): void {
    this.written(Table.interest, word);
  }

  cleared(slot: number): void {
    for (const spoke of this.#spokes.values()) addCleared(spoke.changes(), slot);
  }

  loaded(): void {
    this.#refreshLater();
  }

  // ---- what other threads have written ----

  readonly #tell = (table: Table, index: number): void => this.written(table, index);

  #refresh(): void {
    if (this.#spokes.size > 0) this.#marks?.take(this.#tell);
  }

  #refreshLater(): void {
    if (this.#timer !== null || this.#spokes.size === 0) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#refresh();
      if (this.#cells.some((word, at) => word !== this.#toldCells[at])) {
        this.#toldCells.set(this.#cells);
        for (const spoke of this.#spokes.values()) {
          addWords(spoke.changes(), Table.cells, this.#toldCells, 0, this.#toldCells.length);
        }
      }
      if (this.#marks !== null) this.#refreshLater(); // nobody says when threads write
    }, REFRESH_INTERVAL_MS);
    this.#timer.unref();
  }

  // ---- what comes ----

  #pass(frame: Buffer, body: Buffer, from: number, to: number): void {
    const spoke = this.#spokes.get(to);
    if (spoke === undefined) return this.#relays.toThread(to, from, body);
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
