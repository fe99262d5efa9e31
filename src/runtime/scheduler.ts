/**
 * One thread's share of the BEAM: its processes, a run queue, and turns.
 *
 * ```
 *   batch from a link ─┐                      ┌─► handle(message)      sync: next message
 *   send() ────────────┼─► mailbox ─► run queue ─► turn ─► slice ──────┤
 *   timer, reply ──────┘                      └─► promise: held till settled, others run
 * ```
 *
 * A *slice* gives one process at most `messageBudget` messages, a *turn* (`turns.ts`) runs slices for at most `turnBudgetMs`;
 * then the thread's timers and I/O have theirs. This is the BEAM's reduction counting at the only places JavaScript lets us stop:
 * between messages. The slice has the only `catch` that turns an exception into an exit.
 */
import type { Clock } from "../core/clock.js";
import { Exit, type ExitReason, isNormalExit, toExitReason } from "../core/exit-reason.js";
import { makePid, type Pid, threadOf } from "../core/pid.js";
import { type Ref, RefSource } from "../core/ref.js";
import { Ring } from "../core/ring.js";
import { isThenable } from "../core/thenable.js";
import type { Behaviour, Definition, PortHandler } from "./behaviour.js";
import { context } from "./context.js";
import { Deadlines } from "./deadlines.js";
import type { Definitions } from "./definitions.js";
import type { Batch, Link } from "./links/link.js";
import type { Unsendable } from "./links/outbox.js";
import { Router } from "./links/router.js";
import { isBatch, Op } from "./links/wire.js";
import { LongMailboxes } from "./long-mailboxes.js";
import { notSendable } from "./not-sendable.js";
import { Data, ProcessRecord } from "./process-record.js";
import type { ReportBody } from "./report.js";
import { DEFAULT_REPORTING, Reports } from "./reports.js";
import type { Budgets, SchedulerSetup } from "./scheduler-setup.js";
import type { Interest } from "./shared/interest.js";
import type { Names } from "./shared/names.js";
import type { Placements } from "./shared/placements.js";
import type { Cells } from "./shared/shared.js";
import { Signals } from "./signals.js";
import { Timers } from "./timers.js";
import { TurnEnd } from "./turn-end.js";
import { Turns } from "./turns.js";
import { VitalSigns } from "./watchdog/vitals.js";

/** Between two looks at the clock inside a slice. */
const MESSAGES_PER_CLOCK_LOOK = 8;

export class Scheduler {
  readonly thread: number;
  readonly slot: number;
  readonly cells: Cells;
  readonly names: Names;
  readonly interest: Interest;
  readonly placements: Placements;
  readonly definitions: Definitions;
  readonly clock: Clock;
  readonly refs: RefSource;
  readonly processes: Map<Pid, ProcessRecord> = new Map();
  /** The thread's own services by name (`pubsub`, `pg`): ports. */
  readonly services: Map<string, Pid> = new Map();
  /** The mailbox of all ports, which stays empty. */
  readonly noMail: Ring<unknown> = new Ring<unknown>();
  readonly router: Router = new Router();
  /** Threads that have sent what is no batch. */
  readonly garbled: Set<number> = new Set();
  readonly signals: Signals;
  readonly timers: Timers;
  readonly deadlines: Deadlines;
  readonly reports: Reports;
  readonly longMailboxes: LongMailboxes;
  readonly vitals: VitalSigns;

  readonly #budgets: Budgets;
  readonly #turns: Turns;
  readonly #turnEnd = new TurnEnd();
  #serial = 0;

  constructor(setup: SchedulerSetup) {
    this.thread = setup.thread;
    this.slot = setup.slot;
    this.cells = setup.cells;
    this.names = setup.names;
    this.interest = setup.interest;
    this.placements = setup.placements;
    this.definitions = setup.definitions;
    this.clock = setup.clock;
    this.refs = new RefSource(setup.thread);
    this.#budgets = setup.budgets;
    this.reports = new Reports(setup.report, setup.reporting ?? DEFAULT_REPORTING, setup.clock, setup.slot);
    this.longMailboxes = new LongMailboxes(setup.budgets.longMailbox, this.reports);
    const vitals = new VitalSigns(setup.vitals);
    this.vitals = vitals;
    this.#turns = new Turns({
      clock: setup.clock,
      turnBudgetMs: setup.budgets.turnBudgetMs,
      eager: setup.runsUserCode,
      slice: (record) => {
        vitals.begin(record);
        this.#slice(record);
        record.mailbox.forget();
        vitals.end();
      },
      finish: () => this.#finishTurn(),
    });
    this.signals = new Signals(this);
    this.timers = new Timers(this);
    this.deadlines = new Deadlines(setup.clock, () => this.#turns.wake());
  }

  // ---- starting ----

  /** A pid for a process that this thread is about to make, here or on another thread. */
  nextPid(thread: number): Pid {
    return makePid(thread, ++this.#serial, this.thread);
  }

  /** Starts a process on this thread. Its definition boots in its first slice. */
  start(pid: Pid, parent: Pid | null, definition: Definition, args: readonly unknown[], label: string): ProcessRecord {
    const record = new ProcessRecord(this, pid, parent, definition, args, label);
    this.processes.set(pid, record);
    this.enqueue(record);
    return record;
  }

  /** Opens a port: an address whose handler acts at once. */
  openPort(handler: PortHandler, label: string, pid: Pid = this.nextPid(this.thread)): ProcessRecord {
    const record = new ProcessRecord(this, pid, null, null, null, label);
    record.port = handler;
    this.processes.set(record.pid, record);
    return record;
  }

  // ---- sending ----

  /** Sends `message` to `to`, wherever it lives. To nobody: nothing happens, as in Erlang. */
  send(sender: Pid | null, to: Pid, message: unknown): void {
    const thread = threadOf(to);
    if (thread === this.thread) {
      const record = this.processes.get(to);
      if (record !== undefined) this.deliver(record, message);
      else this.signals.waitsForBirth(to, Op.message, message);
      return;
    }
    this.begin(thread, Op.message, sender)?.push(to, message);
  }

  /** Sends raw data to a port or from one; see {@link Data}. */
  sendData(sender: Pid, to: Pid, data: string | Uint8Array): void {
    const thread = threadOf(to);
    if (thread === this.thread) this.deliverData(to, data);
    else this.begin(thread, Op.data, sender)?.push(to, data);
  }

  /** Answers a request; dropped if nobody waits for it any more. */
  reply(sender: Pid | null, to: Pid, ref: Ref, value: unknown): void {
    const thread = threadOf(to);
    if (thread === this.thread) this.deliverReply(to, ref, value);
    else this.begin(thread, Op.reply, sender)?.push(to, ref, value);
  }

  /** Begins an operation for another thread; `undefined` if that thread is gone. */
  begin(thread: number, op: Op, sender: Pid | null): unknown[] | undefined {
    const outbox = this.router.outbox(thread);
    if (outbox === null) return undefined;
    this.#turns.wake();
    return outbox.begin(op, sender);
  }

  // ---- receiving ----

  deliver(record: ProcessRecord, message: unknown): void {
    if (record.port === null) {
      record.mailbox.push(message);
      if (record.mailbox.size > record.mailboxMark && this.longMailboxes.isFull(record)) {
        return this.#finish(record, "mailbox_full");
      }
      if (!record.queued && (!record.busy || record.waiter !== null)) this.enqueue(record);
      return;
    }
    try {
      record.port.message?.(message);
    } catch (error) {
      this.#portFailed(record, error);
    }
  }

  deliverData(to: Pid, data: string | Uint8Array): void {
    const record = this.processes.get(to);
    if (record === undefined) this.signals.waitsForBirth(to, Op.data, data);
    else if (record.port === null) {
      this.deliver(record, new Data(data, record.behaviour?.timesData ? this.clock.now() : 0));
    } else {
      try {
        record.port.data?.(data);
      } catch (error) {
        this.#portFailed(record, error);
      }
    }
  }

  deliverReply(to: Pid, ref: Ref, value: unknown): void {
    const record = this.processes.get(to);
    const pending = record?.pending?.get(ref);
    if (pending === undefined) return; // too late: the caller has given up
    record?.pending?.delete(ref);
    this.signals.unwatch(ref, pending.target, to);
    pending.resolve(value);
  }

  /**
   * A port's handler is our own code: a fault costs that port only. A service is kept even so, or the thread went on deaf.
   */
  #portFailed(record: ProcessRecord, error: unknown): void {
    const reason = toExitReason(error);
    this.reports.crash(record, reason);
    if (this.services.get(record.label) !== record.pid) this.signals.die(record, reason);
  }

  // ---- turns ----

  enqueue(record: ProcessRecord): void {
    this.#turns.enqueue(record);
  }

  /** Whether timers and I/O should have their turn. */
  isTurnOver(): boolean {
    return this.#turns.isOver();
  }

  /** Opens the way to another thread; what was sent there before goes out now. */
  connect(thread: number, link: Link): void {
    const receive = (batch: Batch): void => {
      if (isBatch(batch)) this.signals.receive(batch);
      else this.garbled.add(thread); // the watchdog looks at it: what that thread sends can't be trusted any more
      this.#turns.wake();
    };
    this.router.connect(thread, link, receive, (error) => {
      this.report({ tag: "notice", message: `what thread ${thread} sent can't be read and is lost: ${String(error)}` });
    });
    this.#turns.wake();
  }

  /** Runs `action` once when this turn, or what the event loop does now, is over: where writes are gathered. */
  afterTurn(action: () => void): void {
    this.#turnEnd.add(action);
    this.#turns.wake();
  }

  #finishTurn(): boolean {
    this.#turnEnd.run(this.report);
    this.deadlines.settle();
    this.longMailboxes.settle();
    this.router.flush(this.#refused);
    return this.router.isDirty;
  }

  #slice(record: ProcessRecord): void {
    let message: unknown; // out here for the catch: what was being handled goes into the crash report
    try {
      if (record.definition !== null) this.#boot(record);
      let budget = this.#budgets.messageBudget;
      while (budget-- > 0 && !record.exited) {
        if (record.waiter !== null) return this.#offer(record);
        if (record.busy || record.mailbox.size === 0) return;
        message = record.mailbox.take(); // what it takes, the black box sees
        record.handled++;
        const behaviour = record.behaviour as Behaviour; // booted, and not busy booting
        const held =
          message instanceof Data ? behaviour.data?.(message.data, message.arrivedMs) : behaviour.handle(message);
        if (held !== undefined) return this.#hold(record, held, message);
        if (budget % MESSAGES_PER_CLOCK_LOOK === 0 && this.#turns.isOver()) return;
      }
    } catch (error) {
      this.end(record, error, message);
    }
  }

  #boot(record: ProcessRecord): void {
    const { definition, args } = record;
    record.definition = null;
    record.args = null;
    const booted = (definition as Definition).boot(...(args as readonly unknown[])); // both set by `start`
    if (isThenable(booted)) {
      this.#hold(
        record,
        booted.then((behaviour) => this.#booted(record, behaviour)),
      );
    } else {
      const held = this.#booted(record, booted);
      if (held !== undefined) this.#hold(record, held);
    }
  }

  #booted(record: ProcessRecord, behaviour: Behaviour): void | PromiseLike<void> {
    if (record.exited) return; // it was ended while it booted
    record.behaviour = behaviour;
    this.acknowledge(record, ["ok", record.pid]);
    if (behaviour.done === undefined) return behaviour.started?.();
    // The process is one long function: it never handles a message here, and its return is its end.
    record.busy = true;
    behaviour.done.then(
      () => this.end(record, new Exit("normal")),
      (error: unknown) => this.end(record, error),
    );
  }

  /** Tells whoever waits for the start of `record` how it went. Once: what is said after that, nobody hears. */
  acknowledge(record: ProcessRecord, result: unknown): void {
    const { starter } = record;
    if (starter === null) return;
    record.starter = null;
    this.reply(record.pid, starter.pid, starter.ref, result);
  }

  /** The process awaits: it gets no further message until the promise settles. */
  #hold(record: ProcessRecord, held: PromiseLike<void>, message?: unknown): void {
    record.busy = true;
    record.handling = message;
    held.then(
      () => {
        if (record.exited || record.behaviour?.done !== undefined) return;
        record.busy = false;
        record.handling = undefined;
        if (record.mailbox.size > 0) this.enqueue(record);
      },
      (error: unknown) => this.end(record, error),
    );
  }

  /** Selective receive: offers the messages that have not been tried yet. */
  #offer(record: ProcessRecord): void {
    const waiter = record.waiter;
    if (waiter === null) return;
    while (waiter.scanned < record.mailbox.size) {
      const message = record.mailbox.at(waiter.scanned);
      if (!waiter.match(message)) {
        waiter.scanned++;
        continue;
      }
      record.mailbox.takeAt(waiter.scanned);
      record.handled++;
      record.waiter = null;
      if (waiter.timer !== null) clearTimeout(waiter.timer);
      waiter.resolve(message);
      return;
    }
  }

  /** Ends a process by something thrown: its behaviour has the last word on the reason. */
  end(record: ProcessRecord, thrown: unknown, message: unknown = record.handling): void {
    if (record.exited) return; // code of a dead process came back from an await: nothing left to end
    record.handling = message;
    const reason = toExitReason(thrown);
    const behaviour = record.behaviour;
    if (record.ending || behaviour?.terminate === undefined) return this.#finish(record, reason);
    record.ending = true;
    try {
      const last = context.run(record, () => behaviour.terminate?.(reason));
      if (!isThenable(last)) return this.#finish(record, last);
      record.busy = true;
      last.then(
        (final: ExitReason) => this.#finish(record, final),
        (error: unknown) => this.#finish(record, toExitReason(error)),
      );
    } catch (error) {
      this.#finish(record, toExitReason(error));
    }
  }

  #finish(record: ProcessRecord, reason: ExitReason): void {
    if (record.exited) return;
    if (!isNormalExit(reason)) this.reports.crash(record, reason);
    this.signals.die(record, reason);
  }

  /** Ends everything here at once. What should end in order must have ended before. */
  stop(): void {
    for (const record of [...this.processes.values()]) this.signals.die(record, "killed");
    this.timers.stop();
    this.deadlines.stop();
    this.router.closeAll();
  }

  // ---- reporting ----

  readonly report = (body: ReportBody): void => this.reports.send(body);

  /** An operation could not be copied to another thread: that is its sender's error, found out late. */
  readonly #refused = (what: Unsendable): void => {
    const sender = what.sender === null ? undefined : this.processes.get(what.sender);
    const error = notSendable(what);
    if (sender === undefined || sender.port !== null) this.report({ tag: "notice", message: error.message });
    else this.end(sender, error);
  };
}
