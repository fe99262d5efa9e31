/**
 * One scheduler thread as the main thread sees it: starts it, hears what it reports, and ends it. What a thread's death means
 * for the others is `runtime.ts`'s business.
 */
import type { MessagePort, Worker } from "node:worker_threads";
import { ErrorCode, RuntimeError } from "../../core/errors.js";
import type { Pid } from "../../core/pid.js";
import type { ListedDefinition } from "../definitions.js";
import { type BlackBoxContents, OPEN_BLACK_BOX } from "../watchdog/black-box.js";
import { interrupt } from "../watchdog/interrupt.js";
import { allocateVitals, type LastSlice, readLastSlices, readVitals, type Vitals } from "../watchdog/vitals.js";
import { type HostSetup, PRINT_WAIT_MS, type SchedulerHost, threadDataOf } from "./host.js";
import { hardLimitMib, startWorker } from "./start-worker.js";
import type { Loaded, News, Order, Peer } from "./thread-protocol.js";

export class SchedulerThread implements SchedulerHost {
  readonly kind = "thread";
  readonly number: number;
  readonly slot: number;
  readonly isIo: boolean;
  /** Settles with what it has loaded once the thread is ready; rejects with `startFailed` if it ends before. */
  readonly started: Promise<Loaded>;

  readonly memory = null;
  readonly isVanished = false;

  readonly #setup: HostSetup;
  readonly #worker: Worker;
  readonly #vitals: SharedArrayBuffer = allocateVitals();
  #isReady = false;
  #blackBoxHeard: (contents: BlackBoxContents) => void = () => {};
  #definitions: readonly ListedDefinition[] = [];
  #pulse: Pid | null = null;

  /** @param peers - Its ends of the links to the threads there are. */
  constructor(setup: HostSetup, peers: readonly Peer[]) {
    this.number = setup.number;
    this.slot = setup.slot;
    this.isIo = setup.isIo;
    this.#setup = setup;
    const { shared } = setup;
    this.#worker = startWorker({ ...threadDataOf(setup), shared, peers, vitals: this.#vitals });
    this.started = this.#follow();
  }

  /** Whether it has loaded the application and takes turns. */
  get isReady(): boolean {
    return this.#isReady;
  }

  interrupt(timeoutMs: number): Promise<unknown> {
    return interrupt(this.#worker.threadId, OPEN_BLACK_BOX, timeoutMs);
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
        reject(
          new RuntimeError(
            ErrorCode.startFailed,
            `${this.isIo ? "I/O thread" : "scheduler"} ${this.slot} could not start: ${reason}`,
          ),
        );
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
