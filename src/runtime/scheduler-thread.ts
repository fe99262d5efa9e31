/**
 * One scheduler thread as the main thread sees it: starts it, hears what it reports, and ends it. What a thread's death means
 * for the others is `runtime.ts`'s business.
 */
import { getHeapStatistics } from "node:v8";
import { type MessagePort, Worker } from "node:worker_threads";
import { ErrorCode, RuntimeError } from "../core/errors.js";
import type { Pid } from "../core/pid.js";
import type { BlackBoxContents } from "./black-box.js";
import type { ListedDefinition } from "./definitions.js";
import { type RuntimeOptions, reportingOf } from "./options.js";
import type { Report } from "./report.js";
import type { SharedBuffers } from "./shared.js";
import { threadFlags } from "./thread-flags.js";
import type { Loaded, News, Order, ThreadData } from "./thread-protocol.js";
import { allocateVitals, type LastSlice, readLastSlices, readVitals, type Vitals } from "./vitals.js";
import { beatMsOf } from "./watchdog.js";

/** How long a thread may take to hand over what it printed. */
const PRINT_WAIT_MS = 200;

/**
 * A scheduler's stack, as large as the main thread's. With the 4 MiB that Node.js gives to workers one could post what is nested
 * deeper than the main thread can read (3,200 arrays in each other), and the whole batch would be lost there. With this the post
 * fails (at 2,600), which is its sender's error.
 */
const STACK_MIB = 1;

/**
 * A scheduler's young generation: two halves of 4 MiB, and large objects. V8 would let it grow to 48 MiB and not give that back while
 * a thread has something to do. Of two schedulers with 2,000 idle channels that was half of the memory; what a message costs is the
 * same with 3, 6, 12 and 48 MiB (docs/performance.md).
 */
const YOUNG_MIB = 12;

export interface SchedulerThreadSetup {
  readonly number: number;
  readonly slot: number;
  /** URL of the application module. */
  readonly url: string;
  readonly shared: SharedBuffers;
  readonly options: Required<RuntimeOptions>;
  /** Its ends of the links to the threads there are. */
  readonly peers: ThreadData["peers"];
  readonly heard: (report: Report) => void;
  /** It takes turns from now on. */
  readonly ready: (thread: SchedulerThread) => void;
  /** It is gone. */
  readonly exited: (thread: SchedulerThread, reason: string) => void;
}

export class SchedulerThread {
  readonly number: number;
  readonly slot: number;
  /** Settles with what it has loaded once the thread is ready; rejects with `startFailed` if it ends before. */
  readonly started: Promise<Loaded>;

  readonly #setup: SchedulerThreadSetup;
  readonly #worker: Worker;
  readonly #vitals: SharedArrayBuffer = allocateVitals();
  #isReady = false;
  #blackBoxHeard: (contents: BlackBoxContents) => void = () => {};
  #definitions: readonly ListedDefinition[] = [];
  #pulse: Pid | null = null;

  constructor(setup: SchedulerThreadSetup) {
    const { number, slot, options } = setup;
    this.number = number;
    this.slot = slot;
    this.#setup = setup;
    const data: ThreadData = {
      thread: number,
      slot,
      shared: setup.shared,
      budgets: { messageBudget: options.messageBudget, turnBudgetMs: options.turnBudgetMs },
      reporting: reportingOf(options),
      vitals: this.#vitals,
      beatMs: beatMsOf(options),
      maxHeapBytes: options.maxHeapBytes,
      application: setup.url,
      peers: setup.peers,
    };
    this.#worker = new Worker(new URL("../../workers/scheduler.js", import.meta.url), {
      workerData: data,
      transferList: setup.peers.map((peer) => peer.port),
      name: `joist scheduler ${slot}`,
      resourceLimits: {
        maxOldGenerationSizeMb: hardLimitMib(options.maxHeapBytes),
        maxYoungGenerationSizeMb: YOUNG_MIB,
        stackSizeMb: STACK_MIB,
      },
      ...threadFlags(),
    });
    this.started = this.#follow();
  }

  /** Whether it has loaded the application and takes turns. */
  get isReady(): boolean {
    return this.#isReady;
  }

  /** Node.js's number for the thread; ours is {@link number}. */
  get id(): number {
    return this.#worker.threadId;
  }

  /** The process that says whether it works, once it is ready; see `pulse.ts`. */
  get pulse(): Pid | null {
    return this.#pulse;
  }

  get vitals(): Vitals {
    return readVitals(this.#vitals, this.number);
  }

  get lastSlices(): readonly LastSlice[] {
    return readLastSlices(this.#vitals, this.number);
  }

  /** V8's own limit for its heap. */
  get hardLimitBytes(): number {
    return hardLimitMib(this.#setup.options.maxHeapBytes) * 2 ** 20;
  }

  /** Asks it for its black box; `undefined` if it has not answered in time. */
  askBlackBox(timeoutMs: number): Promise<BlackBoxContents | undefined> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(undefined), timeoutMs);
      this.#blackBoxHeard = (contents) => {
        clearTimeout(timer);
        resolve(contents);
      };
      this.order({ tag: "black_box" });
    });
  }

  /** The key of a definition by its number in the vital signs; `null` for 0. */
  definitionOf(number: number): string | null {
    return this.#definitions[number - 1]?.key ?? null;
  }

  order(what: Order, transfer: MessagePort[] = []): void {
    this.#worker.postMessage(what, transfer);
  }

  /**
   * Ends it when the last it printed has arrived here: `terminate` would lose all but the first line that is on its way. One
   * that is stuck does not read the order, and one that isn't ready has nobody who would.
   */
  end(): Promise<unknown> {
    if (!this.#isReady) return this.terminate();
    return new Promise((resolve) => {
      const timer = setTimeout(() => void this.terminate(), PRINT_WAIT_MS);
      this.#worker.once("exit", () => {
        clearTimeout(timer);
        resolve(undefined);
      });
      this.order({ tag: "exit" });
    });
  }

  /** Ends it as soon as V8 can: in the middle of a loop, but not of a native call. */
  terminate(): Promise<unknown> {
    return this.#worker.terminate();
  }

  /** It doesn't keep the OS process alive any more: its end may take seconds. */
  abandon(): void {
    this.#worker.unref();
  }

  #follow(): Promise<Loaded> {
    const worker = this.#worker;
    const { heard, ready, exited, options } = this.#setup;
    let fault = "";
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        fault = `not ready within ${options.threadStartTimeoutMs} ms`;
        void this.terminate();
      }, options.threadStartTimeoutMs);
      worker.on("message", (posted: unknown) => {
        const news = newsIn(posted);
        if (news?.tag === "report") return heard(news.report);
        if (news?.tag === "black_box") return this.#blackBoxHeard(news.contents);
        if (news === null || this.#isReady) return; // not ours: the application can post here as well
        if (news.tag === "failed") {
          fault = news.message;
          void this.terminate();
          return;
        }
        clearTimeout(timer);
        this.#isReady = true;
        this.#definitions = news.definitions;
        this.#pulse = news.pulse;
        ready(this);
        resolve(news);
      });
      worker.on("error", (error: Error) => {
        fault = error.stack ?? error.message;
      });
      worker.on("exit", (code) => {
        clearTimeout(timer);
        const reason = fault === "" ? `it exited with code ${code}` : fault;
        reject(new RuntimeError(ErrorCode.startFailed, `scheduler ${this.slot} could not start: ${reason}`));
        exited(this, reason);
      });
    });
  }
}

/** What a thread has posted, if it is news: `parentPort` is there for the application's code, too. */
function newsIn(posted: unknown): News | null {
  const { tag, report, contents } = (typeof posted === "object" && posted !== null ? posted : {}) as Partial<
    Record<string, unknown>
  >;
  if (tag === "report") return typeof (report as { tag?: unknown } | null)?.tag === "string" ? (posted as News) : null;
  if (tag === "black_box") return typeof contents === "object" && contents !== null ? (posted as News) : null;
  return tag === "ready" || tag === "failed" ? (posted as News) : null;
}

/**
 * V8's own limit for a thread: the last line. As far as possible from the watchdog's, for at that limit V8 ends the OS process
 * in many cases, and a leak runs on for a moment after it is seen.
 */
function hardLimitMib(maxHeapBytes: number): number {
  const own = getHeapStatistics().heap_size_limit;
  return Math.ceil((Number.isFinite(maxHeapBytes) ? Math.max(own, 2 * maxHeapBytes) : own) / 2 ** 20);
}
