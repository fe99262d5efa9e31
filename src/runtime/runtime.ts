/**
 * The runtime seen from the main thread: its own scheduler (slot 0), which is an I/O thread's, and the scheduler threads and
 * further I/O threads, which it starts, watches and replaces. A thread is a supervised child whose death is the exit of everything
 * on it:
 *
 *  1. its slot is marked empty and its names are free, for all threads at once (shared memory);
 *  2. each thread takes in what the dead one had still sent, then fires its links and monitors to it;
 *  3. a fresh thread with a new number takes the slot, or what else `thread-keeper.ts` has decided.
 */
import { ErrorCode, RuntimeError } from "../core/errors.js";
import type { ExitReason } from "../core/exit-reason.js";
import type { Pid } from "../core/pid.js";
import type { Definition, PortHandler } from "./behaviour.js";
import { allocateShared, bootScheduler } from "./boot-scheduler.js";
import { context } from "./context.js";
import { Definitions } from "./definitions.js";
import type { SchedulerHost } from "./hosts/host.js";
import { Hosting } from "./hosts/hosting.js";
import { storyOf } from "./hosts/story.js";
import { ThreadKeeper } from "./hosts/thread-keeper.js";
import type { Culprit, Loaded } from "./hosts/thread-protocol.js";
import { Hub } from "./links/hub.js";
import { type RuntimeOptions, reportingOf, resolveRuntimeOptions } from "./options.js";
import { handlerOf, openServices, Port, type Service, servicePids } from "./port.js";
import type { ProcessRecord } from "./process-record.js";
import { type LoadedProgram, loadInline } from "./program.js";
import type { BlackBoxReport, Report } from "./report.js";
import type { Scheduler } from "./scheduler.js";
import { Marks } from "./shared/marks.js";
import type { SharedBuffers } from "./shared/shared.js";
import { hearStrays } from "./strays.js";
import { definitionFound, takeBlackBox, writeBlackBox } from "./watchdog/black-box-recorder.js";
import { deafVerdicts, judgeHosts } from "./watchdog/judge-hosts.js";
import { Pulse, type PulseThread } from "./watchdog/pulse.js";
import { type Verdict, Watchdog } from "./watchdog/watchdog.js";

export type { RuntimeOptions };

/** The thread number of the main thread, and its slot. */
const MAIN = 0;

/** How long {@link Runtime.stop} waits for terminated threads: one in a native call cannot be stopped before it returns. */
const TERMINATION_WAIT_MS = 5000;

/** I/O threads beside the main one: as schedulers they run no code of the user's, and what they load is the library's own. */
export interface IoThreads {
  readonly count: number;
  /** URL of the program they load: with the services that all threads have, in the same order. */
  readonly program: string;
  /** One takes turns. `beside` is a process on it, for as long as it lives. Also called for each that takes the place of another. */
  ready(beside: Pid): void;
}

export class Runtime {
  readonly options: Required<RuntimeOptions>;
  readonly scheduler: Scheduler;
  /** Settles when the runtime has stopped, with the reason: `"stopped"`, or why it had to. */
  readonly stopped: Promise<string>;

  readonly #url: string;
  readonly #io: IoThreads | null;
  readonly #shared: SharedBuffers;
  readonly #hosting: Hosting;
  readonly #threads = new Map<number, SchedulerHost>();
  /** Threads that were replaced and terminated but are not gone, by why: one in a native call stays until that returns. */
  readonly #zombies = new Map<SchedulerHost, Verdict["cause"]>();
  #watchdog: Watchdog | undefined;
  readonly #host: ProcessRecord;
  readonly #unhear: () => void;
  #settleStopped: (reason: string) => void = () => {};
  readonly #keeper: ThreadKeeper;
  /** Slot → the number its next thread has already. */
  readonly #reserved = new Map<number, number>();
  #nextThread = MAIN + 1;
  #manifest: unknown;
  /** Every thread was ready once: from then on a dead one is replaced. */
  #up = false;
  #stopping = false;

  /**
   * Starts the threads and waits until each has loaded the application module.
   *
   * @param url - URL of the application module, loaded by every scheduler thread.
   * @param services - The services of the I/O thread: the same, in the same order, as the application's program has.
   * @param own - The definitions the I/O thread can start by itself: those of the application's program.
   * @param io - The I/O threads beside this one, which is one.
   * @throws RuntimeError `startFailed` if the module cannot be loaded, with what it threw.
   */
  static async start(
    url: URL | string,
    services: readonly Service[],
    options: RuntimeOptions = {},
    own: Readonly<Record<string, Definition>> = {},
    io: IoThreads | null = null,
  ): Promise<Runtime> {
    const resolved = resolveRuntimeOptions(options, io?.count);
    const inline = resolved.schedulers === 0 ? await loadInline(String(url)) : undefined;
    const definitions = inline?.definitions ?? new Definitions(own);
    const runtime = new Runtime(String(url), resolved, inline, inline?.program.services ?? services, definitions, io);
    if (inline !== undefined) return runtime;
    try {
      const slots = Array.from({ length: runtime.#lastShared }, (_, index) => index + 1);
      const [loaded] = await Promise.all(slots.map((slot) => runtime.#startThread(slot)));
      const { manifest, definitions } = loaded as Loaded; // the first scheduler, of which there is one at least
      runtime.#manifest = manifest;
      await Promise.all(runtime.#keeper.place(definitions).map((slot) => runtime.#startThread(slot)));
      runtime.#up = true;
      runtime.#watch();
      return runtime;
    } catch (error) {
      await runtime.stop(String(error));
      throw error;
    }
  }

  private constructor(
    url: string,
    options: Required<RuntimeOptions>,
    inline: LoadedProgram | undefined,
    services: readonly Service[],
    definitions: Definitions,
    io: IoThreads | null,
  ) {
    this.#url = url;
    this.#io = io;
    this.options = options;
    const dedicated = options.schedulers === 0 ? 0 : options.maxDedicatedThreads;
    this.#shared = allocateShared(1 + this.#lastShared + dedicated, dedicated, undefined, io?.count);
    const marks = options.isolation === "process" ? null : new Marks(this.#shared, MAIN);
    const hub = new Hub(this.#shared, marks);
    this.scheduler = bootScheduler({
      thread: MAIN,
      slot: MAIN,
      shared: this.#shared,
      budgets: options,
      definitions,
      runsUserCode: inline !== undefined,
      report: options.report,
      reporting: reportingOf(options),
      mirror: inline === undefined ? hub : null,
    });
    this.#hosting = new Hosting(hub, this.scheduler);
    this.#manifest = inline?.manifest;
    this.stopped = new Promise((resolve) => {
      this.#settleStopped = resolve;
    });
    openServices(this.scheduler, services); // first: their pids have the serials they have on every thread
    // It hears exit signals and does nothing: what code outside any process is linked to must not end all of that code.
    this.#host = this.scheduler.openPort({ exit: () => {} }, "host");
    this.scheduler.cells.setThread(MAIN, MAIN);
    this.#keeper = new ThreadKeeper({
      limits: options,
      firstSlot: 1 + this.#lastShared,
      slots: dedicated,
      placements: this.scheduler.placements,
      report: this.scheduler.report,
      reserve: (slot) => this.#reserve(slot),
      start: (slot) => void this.#startThread(slot).catch(() => {}), // its exit is heard
      zombies: (slot) => [...this.#zombies.keys()].filter((thread) => thread.slot === slot).length,
    });
    this.#unhear = inline === undefined ? () => {} : this.#runInline();
  }

  /** The last slot that is not kept for definitions: after the schedulers come the I/O threads. */
  get #lastShared(): number {
    return this.options.schedulers + (this.#io?.count ?? 0);
  }

  /** What the application module says of itself. */
  get manifest(): unknown {
    return this.#manifest;
  }

  /** Threads that the watchdog has replaced and that are not gone yet. They run no JavaScript any more, but hold their memory. */
  get zombies(): number {
    return this.#zombies.size;
  }

  /** The definitions that run on a thread of their own for what they did: by their keys, in that order. */
  get quarantined(): readonly string[] {
    return this.#keeper.quarantined;
  }

  /** Whether its end has begun: nothing can be started any more. */
  get isStopping(): boolean {
    return this.#stopping;
  }

  /** Whether user code is kept off the I/O thread. */
  get isIsolated(): boolean {
    return this.options.schedulers > 0;
  }

  /** A process on each I/O thread beside this one that takes turns. */
  get ioThreads(): readonly Pid[] {
    return [...this.#threads.values()].flatMap(({ isIo, pulse }) => (isIo ? (pulse ?? []) : []));
  }

  /** Runs `action` in the name of the host: code outside any process, which may then use the functions of `process.ts`. */
  asHost<T>(action: () => T): T {
    if (this.#stopping) throw new RuntimeError(ErrorCode.runtimeStopped, "the runtime has stopped");
    return context.run(this.#host, action);
  }

  /** Sends an exit signal as the host. */
  exitAsHost(to: Pid, reason: ExitReason): void {
    this.scheduler.signals.exit(this.#host.pid, to, reason);
  }

  /** The handler of a service on the I/O thread. */
  serviceHandler(name: string): PortHandler | null {
    return handlerOf(this.scheduler, name);
  }

  /** Tells people something worth a line. */
  notice(message: string): void {
    this.scheduler.report({ tag: "notice", message });
  }

  openPort(handler: PortHandler, label: string): Port {
    return new Port(this.scheduler, handler, label);
  }

  /** Ends all threads. What should end in order must have ended before. */
  async stop(reason = "stopped"): Promise<void> {
    if (this.#stopping) {
      await this.stopped;
      return;
    }
    this.#stopping = true;
    this.#watchdog?.stop();
    this.#keeper.stop();
    const zombies = [...this.#zombies.keys()].map((thread) => thread.terminate());
    const ends = [...[...this.#threads.values()].map((thread) => thread.end()), ...zombies];
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, TERMINATION_WAIT_MS);
    });
    await Promise.race([Promise.all(ends), late]);
    clearTimeout(timer);
    this.scheduler.stop();
    this.#unhear();
    this.#settleStopped(reason);
  }

  #runInline(): () => void {
    const message =
      "no scheduler threads (schedulers: 0): isolation is off, a loop or a leak in a process takes all down";
    this.notice(message);
    return hearStrays((error) => {
      // The program around us may have its own listener; if it has not, do what Node.js does.
      if (process.listenerCount("uncaughtException") > 1) return;
      console.error(error);
      process.exit(1);
    });
  }

  /**
   * Gives a slot that is kept for definitions its next thread, before there is one: from now on processes can be started on it.
   * What is for them waits in the outboxes, as for any thread that was heard of before its link.
   */
  #reserve(slot: number): void {
    const number = this.#nextThread++;
    this.#reserved.set(slot, number);
    this.scheduler.cells.setThread(slot, number);
  }

  /** Starts a thread in a slot; settles with what it has loaded once it is ready. */
  #startThread(slot: number): Promise<Loaded> {
    const number = this.#reserved.get(slot) ?? this.#nextThread++;
    this.#reserved.delete(slot);
    const io = slot > this.options.schedulers && slot <= this.#lastShared ? this.#io : null;
    const setup = {
      number,
      slot,
      url: io?.program ?? this.#url,
      isIo: io !== null,
      shared: this.#shared,
      options: this.options,
      heard: (report: Report) => this.scheduler.reports.pass(report),
      ready: (host: SchedulerHost) => {
        this.#threadReady(number, slot);
        if (host.pulse !== null) io?.ready(host.pulse);
      },
      exited: (gone: SchedulerHost, reason: string) => {
        if (this.#zombies.delete(gone)) return; // its death was dealt with when it was given up
        this.#threadDown(gone, reason);
      },
    };
    const kind = this.#keeper.isProcess(slot) ? "process" : this.options.isolation; // with I/O threads that is "thread"
    const thread = this.#hosting.start(setup, kind, this.#threads.values());
    this.#threads.set(number, thread);
    return thread.started;
  }

  #threadReady(number: number, slot: number): void {
    if (!this.#keeper.isKept(slot)) this.scheduler.cells.setThread(slot, number);
    // Again, now that it can be seen: two threads that were replaced at once may have missed each other.
    for (const pid of servicePids(this.scheduler, number)) this.scheduler.send(null, pid, ["opened"]);
  }

  #watch(): void {
    const pulse = new Pulse(this.scheduler, this.options);
    this.#watchdog = new Watchdog({
      intervalMs: this.options.watchdogIntervalMs,
      judge: (memory) => {
        const leaving = [...this.#zombies.values()].filter((cause) => cause === "swollen").length;
        const hosts = [...this.#threads.values()];
        const [next, verdicts] = judgeHosts(memory, hosts, leaving, this.options);
        return [next, [...verdicts, ...deafVerdicts(hosts, pulse.look(this.#pulses()), this.scheduler.garbled)]];
      },
      condemn: (verdict) => this.#condemn(verdict),
    });
  }

  #pulses(): Map<number, PulseThread> {
    const pulses = new Map<number, PulseThread>();
    for (const thread of this.#threads.values()) {
      const { number, pulse: pid, vitals } = thread;
      const order = (n: number): void => thread.order({ tag: "pulse", n });
      if (pid !== null) pulses.set(number, { pid, beat: vitals.beat, order });
    }
    return pulses;
  }

  /**
   * Replaces a thread that cannot end by itself, then takes its black box, then terminates it. Its end is not waited for: that may
   * take seconds.
   */
  #condemn(verdict: Verdict): void {
    const thread = this.#threads.get(verdict.thread);
    if (thread === undefined || this.#stopping) return;
    this.#zombies.set(thread, verdict.cause);
    const { vitals } = thread;
    const isBlamed = this.#threadDown(thread, verdict.reason, verdict);
    thread.abandon();
    const { blackBoxMs } = this.options;
    if (blackBoxMs === 0) void thread.terminate();
    else {
      void takeBlackBox(thread, verdict, blackBoxMs).then((box) => {
        const definition = isBlamed ? null : definitionFound(box, vitals, thread.vitals);
        void thread.terminate();
        this.#tellBlackBox(box);
        if (definition === null || this.#stopping) return;
        this.#open(this.#keeper.blameLater(thread.slot, definition, this.scheduler.clock.now()));
      });
    }
  }

  #tellBlackBox(box: Omit<BlackBoxReport, "timeMs">): void {
    if (this.#stopping) return;
    this.scheduler.report(box);
    const { blackBoxFile } = this.options;
    if (blackBoxFile === null) return;
    writeBlackBox(blackBoxFile, { ...box, timeMs: Date.now() }).catch((error: unknown) =>
      this.notice(`the black box of scheduler ${box.scheduler} could not be written to a file: ${String(error)}`),
    );
  }

  /** Answers whether a definition is to blame for it. */
  #threadDown(thread: SchedulerHost, reason: string, verdict?: Verdict): boolean {
    const { number, slot, isIo } = thread;
    this.#threads.delete(number);
    if (this.#stopping || !this.#up) return false;
    const story = storyOf(thread, verdict);
    const { pid, definition } = story.culprit?.isCertain === true ? story.culprit : { pid: null, definition: null };
    const blamed = isIo ? null : definition; // what is on an I/O thread belongs there
    const culprit: Culprit | null = pid === null ? null : { pid, reason: ["scheduler_down", story.cause] };
    this.scheduler.report({
      tag: "thread_down",
      scheduler: slot,
      thread: number,
      reason,
      ...(isIo ? { isIo } : {}),
      ...story,
    });
    // Decided before any process hears of it: who starts again at once shall find where.
    const follow = this.#keeper.died(slot, blamed, reason, this.scheduler.clock.now(), this.#nextThread);
    if (!this.#reserved.has(slot)) this.scheduler.cells.setThread(slot, undefined);
    this.scheduler.interest.clearSlot(slot);
    this.#hosting.gone(thread); // what it had still sent by way of the main thread, before they hear of its end
    for (const other of this.#threads.values()) other.order({ tag: "down", thread: number, culprit });
    this.scheduler.router.disconnect(number);
    this.scheduler.garbled.delete(number);
    this.scheduler.signals.threadDown(number, culprit);
    if (follow.tag === "stop") {
      this.notice(`stopping: ${follow.message}`);
      void this.stop(follow.message);
    } else this.#open(follow.tag === "start" ? [...follow.opened, slot] : follow.opened);
    return blamed !== null;
  }

  /** If one of these fails too, its exit comes back to `#threadDown` and counts. */
  #open(slots: readonly number[]): void {
    for (const slot of slots) this.#startThread(slot).catch(() => {});
  }
}
