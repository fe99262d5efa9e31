/**
 * Starts schedulers, in threads or in OS processes of their own, and links each to the main thread's and to those there are:
 *
 * ```
 *   thread ── port ── thread          main thread ── port ── thread
 *   process ── pipe ── main thread (hub) ── pipe ── process
 *   thread ── port ── main thread (relay) ── pipe ── process
 * ```
 */
import { MessageChannel } from "node:worker_threads";
import { ErrorCode, RuntimeError } from "../../core/errors.js";
import type { Hub } from "../links/hub.js";
import { PortLink } from "../links/port-link.js";
import type { Scheduler } from "../scheduler.js";
import type { HostKind, HostSetup, SchedulerHost } from "./host.js";
import { SchedulerProcess } from "./scheduler-process.js";
import { SchedulerThread } from "./scheduler-thread.js";
import type { Peer } from "./thread-protocol.js";

/** What tells one scheduler from another here. */
type End = Pick<SchedulerHost, "number" | "kind" | "isIo">;

export class Hosting {
  readonly #hub: Hub;
  readonly #scheduler: Scheduler;

  /** @param scheduler - The main thread's. */
  constructor(hub: Hub, scheduler: Scheduler) {
    this.#hub = hub;
    this.#scheduler = scheduler;
    hub.serve(scheduler);
  }

  /**
   * Starts a scheduler, linked to the main thread's and to `others`, who are told.
   *
   * @throws RuntimeError `badOption` for an OS process on Windows.
   */
  start(setup: HostSetup, kind: HostKind, others: Iterable<SchedulerHost>): SchedulerHost {
    if (kind === "process" && process.platform === "win32") {
      throw new RuntimeError(
        ErrorCode.badOption,
        'bad isolation process: it needs pipes that Windows does not have; allowed there are thread, "shared" and "dedicated"',
      );
    }
    const started = { number: setup.number, kind, isIo: setup.isIo };
    const peers = [this.#toMain(started)];
    for (const other of others) {
      const [mine, theirs] = this.#between(started, other);
      peers.push(mine);
      other.order({ tag: "peer", ...theirs }, theirs.port === null ? [] : [theirs.port]);
    }
    return kind === "process" ? new SchedulerProcess(setup, this.#hub, peers) : new SchedulerThread(setup, peers);
  }

  /** A scheduler is gone. What it had still sent by way of the main thread is passed on before this returns. */
  gone({ number, slot }: SchedulerHost): void {
    this.#hub.gone(number, slot);
  }

  #toMain({ number, kind, isIo }: End): Peer {
    const { thread } = this.#scheduler;
    if (kind === "process") return { thread, port: null };
    const { port1, port2 } = new MessageChannel();
    this.#scheduler.connect(number, new PortLink(port1));
    if (isIo) this.#scheduler.router.putFirst(number);
    return { thread, port: port2 };
  }

  /** The way between two: each one's end, named after the other. */
  #between(a: End, b: End): readonly [forA: Peer, forB: Peer] {
    if (a.kind === "thread" && b.kind === "thread") {
      const { port1, port2 } = new MessageChannel();
      return [
        { thread: b.number, port: port1, isIo: b.isIo },
        { thread: a.number, port: port2, isIo: a.isIo },
      ];
    }
    return [this.#byMain(a, b), this.#byMain(b, a)];
  }

  /** The way of `from` to `to`, one of which is an OS process: all of it is by way of the main one. */
  #byMain(from: End, to: End): Peer {
    if (from.kind === "process") return { thread: to.number, port: null, isIo: to.isIo };
    const { port1, port2 } = new MessageChannel();
    this.#hub.relay(from.number, to.number, port1);
    return { thread: to.number, port: port2, isIo: to.isIo, isRelayed: true };
  }
}
