/**
 * A scheduler in an OS process of its own, as the main process sees it. What ends such a process, an abort of V8, a fault in native
 * code, `process.abort()`, ends nothing else; and it is ended with SIGKILL, which waits for nothing.
 *
 * ```
 *   main process                                  its own process
 *   SchedulerProcess ── fork, IPC: start, vitals ──► bridge.ts (its main thread: no user code)
 *   Hub ═══ pipes: batches, claims, orders, news ══► scheduler thread, as in the main process
 * ```
 */

import { type ChildProcess, fork } from "node:child_process";
import { PassThrough, type Readable, type Writable } from "node:stream";
import { ErrorCode, RuntimeError } from "../../core/errors.js";
import type { Pid } from "../../core/pid.js";
import type { ListedDefinition } from "../definitions.js";
import { fromBytes } from "../links/bytes.js";
import type { Hub } from "../links/hub.js";
import type { Spoke } from "../links/spoke.js";
import type { BlackBoxContents } from "../watchdog/black-box.js";
import { type LastSlice, NO_VITALS, type Vitals } from "../watchdog/vitals.js";
import type { BridgeNews, BridgeOrder } from "./bridge-protocol.js";
import { type HostMemory, type HostSetup, PRINT_WAIT_MS, type SchedulerHost, threadDataOf } from "./host.js";
import { hardLimitMib } from "./start-worker.js";
import { processFlags } from "./thread-flags.js";
import type { Loaded, News, Order, Peer } from "./thread-protocol.js";

/** Milliseconds between the end of a process's pipe and that of the process. */
const PIPE_END_WAIT_MS = 1000;

export class SchedulerProcess implements SchedulerHost {
  readonly kind = "process";
  readonly number: number;
  readonly slot: number;
  readonly isIo = false;
  readonly started: Promise<Loaded>;
  memory: HostMemory = { rssBytes: 0, ownBytes: 0, told: 0 };
  vitals: Vitals = NO_VITALS;
  lastSlices: readonly LastSlice[] = [];
  pulse: Pid | null = null;

  readonly #setup: HostSetup;
  readonly #child: ChildProcess;
  readonly #spoke: Spoke;
  readonly #gone: Promise<void>;
  #settleGone: () => void = () => {};
  #ready: (loaded: Loaded) => void = () => {};
  #isReady = false;
  #isGone = false;
  #definitions: readonly ListedDefinition[] = [];
  #blackBoxHeard: (contents: BlackBoxContents) => void = () => {};
  #interrupted: (json: unknown) => void = () => {};
  /** What is known of why it ended. */
  #fault = "";

  /** @param peers - The schedulers there are. */
  constructor(setup: HostSetup, hub: Hub, peers: readonly Peer[]) {
    this.number = setup.number;
    this.slot = setup.slot;
    this.#setup = setup;
    this.#gone = new Promise((resolve) => {
      this.#settleGone = resolve;
    });
    const child = fork(new URL("../../../workers/scheduler-process.js", import.meta.url), [], {
      // 3 and 4 are the pipes of uplink.ts. What it prints goes where our own output goes, also in its last moment.
      stdio: ["ignore", "inherit", "inherit", "pipe", "pipe", "ipc"],
      serialization: "advanced",
      ...processFlags(),
    });
    this.#child = child;
    const [, , , read, write] = child.stdio ?? []; // if files or processes are used up, there are none
    this.#spoke = hub.attach(setup.number, {
      slot: setup.slot,
      read: (read as Readable | undefined) ?? new PassThrough().destroy(), // "pipe" makes them both
      write: (write as Writable | undefined) ?? new PassThrough().destroy(),
      broken: (why, isEnd) => {
        // The end of the process is the pipe's, too, and its exit is about to come.
        setTimeout(() => this.#broken(why), isEnd ? PIPE_END_WAIT_MS : 0).unref();
      },
      heard: (body) => this.#heard(fromBytes(body) as News), // its scheduler thread wrote it
    });
    const start: BridgeOrder = {
      tag: "start",
      data: { ...threadDataOf(setup), shared: null, peers },
      intervalMs: setup.options.watchdogIntervalMs,
    };
    child.send(start, () => {}); // if it can't be sent, the process is gone, and that is told below
    this.started = this.#follow();
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  get isVanished(): boolean {
    return this.#fault === "";
  }

  definitionOf(number: number): string | null {
    return this.#definitions[number - 1]?.key ?? null;
  }

  order(what: Order): void {
    this.#spoke.order(what);
  }

  async end(): Promise<void> {
    if (!this.#isReady) return this.terminate();
    const timer = setTimeout(() => void this.terminate(), PRINT_WAIT_MS);
    this.order({ tag: "exit" });
    await this.#gone;
    clearTimeout(timer);
  }

  terminate(): Promise<void> {
    this.#child.kill("SIGKILL");
    return this.#gone;
  }

  get hardLimitBytes(): number {
    return hardLimitMib(this.#setup.options.maxHeapBytes) * 2 ** 20;
  }

  askBlackBox(timeoutMs: number): Promise<BlackBoxContents | undefined> {
    this.order({ tag: "black_box" });
    return within(timeoutMs, (resolve) => {
      this.#blackBoxHeard = resolve;
    });
  }

  interrupt(timeoutMs: number): Promise<unknown> {
    const order: BridgeOrder = { tag: "interrupt", timeoutMs };
    this.#child.send(order, () => {}); // if it can't be sent, there is no answer
    return within<unknown>(timeoutMs, (resolve) => {
      this.#interrupted = resolve;
    });
  }

  /** SIGKILL ends it before anybody could wait. */
  abandon(): void {}

  #broken(why: string): void {
    if (this.#isGone) return;
    this.#fault = `its pipe to the main process is broken: ${why}`;
    void this.terminate();
  }

  #heard(news: News): void {
    if (news.tag === "black_box") return this.#blackBoxHeard(news.contents);
    if (this.#isReady && news.tag !== "report") return; // not ours: it is ready once
    if (news.tag === "report") return this.#setup.heard(news.report);
    if (news.tag === "failed") {
      this.#fault = news.message;
      void this.terminate();
      return;
    }
    this.#isReady = true;
    this.pulse = news.pulse;
    this.#definitions = news.definitions;
    this.#setup.ready(this);
    this.#ready(news);
  }

  #follow(): Promise<Loaded> {
    const child = this.#child;
    const { exited, options } = this.#setup;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#fault = `not ready within ${options.threadStartTimeoutMs} ms`;
        void this.terminate();
      }, options.threadStartTimeoutMs);
      this.#ready = (loaded) => {
        clearTimeout(timer);
        resolve(loaded);
      };
      child.on("message", (news: BridgeNews) => {
        if (news.tag === "interrupted") this.#interrupted(news.json);
        else if (news.tag === "ended") {
          this.#fault = news.reason;
          this.vitals = news.vitals;
        } else {
          this.vitals = news.vitals;
          this.lastSlices = news.lastSlices;
          this.memory = { ...news.memory, told: this.memory.told + 1 };
        }
      });
      const gone = async (ending: string): Promise<void> => {
        if (this.#isGone) return;
        this.#isGone = true;
        await this.#spoke.drained; // what it had still sent comes before its end
        clearTimeout(timer);
        const reason = this.#fault === "" ? ending : this.#fault;
        reject(new RuntimeError(ErrorCode.startFailed, `scheduler ${this.slot} could not start: ${reason}`));
        this.#settleGone();
        exited(this, reason);
      };
      child.once("error", (error) => void gone(String(error))); // it could not even be started
      child.once("exit", (code, signal) => {
        void gone(
          signal === null ? `its OS process exited with code ${code}` : `its OS process was ended by ${signal}`,
        );
      });
    });
  }
}

/** Settles with what is resolved, or with `undefined` when the time is up. */
function within<T>(timeoutMs: number, begin: (resolve: (value: T) => void) => void): Promise<T | undefined> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(undefined), timeoutMs);
    begin((value) => {
      clearTimeout(timer);
      resolve(value);
    });
  });
}
