/**
 * The I/O threads beside the main one, as that sees them: starts an endpoint on each, watches it, and holds together what is
 * one for all of them: counts, addresses, the port.
 */
import { randomBytes } from "node:crypto";
import type { ServerOptions } from "node:http";
import { checkInteger } from "../core/check-integer.js";
import type { Counts } from "../core/counts.js";
import { ErrorCode, RuntimeError } from "../core/errors.js";
import { formatReason } from "../core/exit-reason.js";
import { type DownMessage, isDown } from "../core/messages.js";
import type { Pid } from "../core/pid.js";
import type { Port } from "../runtime/process.js";
import type { IoThreads, Runtime } from "../runtime/runtime.js";
import { DEFAULT_MAX_SESSIONS, DEFAULT_MAX_TOTAL_BYTES } from "../transports/longpoll-options.js";
import type { AddressCounts } from "./address-counts.js";
import type { ConnectionLimitOptions } from "./admission.js";
import type { MountManifest } from "./application.js";
import { ConnectionTotal } from "./connection-total.js";
import type { DrainerOptions } from "./drainer.js";
import { IO_ENDPOINT_KEY, type IoAnswer, type IoEndpointSetup, type IoNews, type IoOrder } from "./io-endpoint.js";

/** The main thread's endpoint, where others are numbered as they start. */
const MAIN_OWNER = 1;

/** More of them than that have nobody to work for: with one scheduler that is all threads a runtime can have. */
const MAX_IO_THREADS = 31;

/** What an I/O thread's endpoint has of the whole. */
export interface IoSetup {
  readonly mounts: readonly MountManifest[];
  readonly host: string;
  readonly port: number | null;
  readonly address: string | undefined;
  readonly http: ServerOptions;
  /** Of each thread. */
  readonly limits: Required<ConnectionLimitOptions>;
  readonly addresses: AddressCounts;
  readonly counts: Counts;
}

interface Running {
  readonly row: number;
  /** How many of its clients each network has. */
  readonly networks: Map<string, number>;
  /** Where it listens; `null`: not yet. */
  port: number | null;
}

export class IoEndpoints implements IoThreads {
  readonly count: number;
  readonly program: string = new URL("./io-program.js", import.meta.url).href;
  /** What all I/O threads count connections in, as the main one has it. */
  readonly total: ConnectionTotal;
  /** What the threads know each other's long-poll sessions by. */
  readonly secret: string = randomBytes(32).toString("hex");
  readonly #endpoints = new Map<Pid, Running>();
  #runtime: Runtime | null = null;
  #port: Port | null = null;
  #setup: IoSetup | null = null;
  #lastOwner = MAIN_OWNER;
  #stopping = false;
  /** Whoever waits for all to listen, or for all to be gone. */
  #changed: (fault: string | null) => void = () => {};

  /** @param count - The main thread not counted. */
  constructor(count: number) {
    this.count = count;
    this.total = new ConnectionTotal(ConnectionTotal.allocate(1 + count), 0, MAIN_OWNER);
  }

  /** Where they listen, if that differs. */
  get ports(): readonly number[] {
    return [...this.#endpoints.values()].flatMap(({ port }) => port ?? []);
  }

  /**
   * Lets clients in on all of them; settles when all listen.
   *
   * @throws RuntimeError `startFailed`
   */
  open(runtime: Runtime, setup: IoSetup): Promise<void> {
    this.#runtime = runtime;
    this.#setup = setup;
    this.#port = runtime.openPort({ message: (message) => this.#message(message) }, "io threads");
    return new Promise((resolve, reject) => {
      this.#changed = (fault) => {
        if (fault !== null) reject(new RuntimeError(ErrorCode.startFailed, `an I/O thread could not start: ${fault}`));
        else if (this.ports.length === this.count) resolve();
      };
      for (const beside of runtime.ioThreads) this.ready(beside);
    });
  }

  /** A thread takes turns. Before `open` that is no news: it is asked then which do. */
  ready(beside: Pid): void {
    const [port, setup] = [this.#port, this.#setup];
    if (port === null || setup === null || this.#stopping) return;
    const taken = new Set([...this.#endpoints.values()].map(({ row }) => row));
    let row = 1;
    while (taken.has(row)) row++;
    const owner = ++this.#lastOwner;
    this.total.give(row, owner);
    const { mounts, host, port: shared, address, http, limits } = setup;
    const given: IoEndpointSetup = {
      ...{ main: port.pid, mounts, host, port: shared, address, http, limits },
      total: { buffer: this.total.buffer, row, owner },
      secret: this.secret,
    };
    // Its thread lives: so it is started there, and nowhere else.
    const spawned = port.spawn(IO_ENDPOINT_KEY, [given], "io endpoint", beside);
    if (spawned !== undefined) this.#endpoints.set(spawned.pid, { row, networks: new Map(), port: null });
  }

  /** Has all of them take no more clients and close their connections; settles when they are gone. */
  async stop(drainer: Required<DrainerOptions>): Promise<void> {
    this.#stopping = true;
    const [runtime, port] = [this.#runtime, this.#port];
    if (runtime === null || port === null || !port.isOpen || this.#endpoints.size === 0) return;
    const gone = new Promise<void>((resolve) => {
      this.#changed = () => {
        if (this.#endpoints.size === 0) resolve();
      };
    });
    for (const endpoint of this.#endpoints.keys()) port.send(endpoint, ["stop", drainer] satisfies IoOrder);
    await Promise.race([gone, runtime.stopped]);
  }

  #message(message: unknown): void {
    if (isDown(message)) return this.#down(message);
    const news = message as IoNews; // only those endpoints were told of this port
    switch (news[0]) {
      case "listening": {
        const running = this.#endpoints.get(news[1]);
        if (running !== undefined) running.port = news[2];
        return this.#changed(null);
      }
      case "counts":
        for (const [code, times] of news[1]) this.#setup?.counts.add(code, times);
        return;
      case "enter":
        return this.#enter(news[1], news[2], news[3], news[4]);
      case "left":
        return this.#leave(news[1], news[2]);
    }
  }

  #enter(from: Pid, answerTo: Pid, number: number, network: string): void {
    const running = this.#endpoints.get(from);
    if (running === undefined) return;
    const isIn = this.#setup?.addresses.enter(network) === true;
    if (isIn) running.networks.set(network, (running.networks.get(network) ?? 0) + 1);
    this.#port?.send(answerTo, ["entered", number, isIn] satisfies IoAnswer);
  }

  #leave(from: Pid, network: string): void {
    const networks = this.#endpoints.get(from)?.networks;
    const count = networks?.get(network);
    if (networks === undefined || count === undefined) return;
    if (count === 1) networks.delete(network);
    else networks.set(network, count - 1);
    this.#setup?.addresses.leave(network);
  }

  /** Its sockets are gone with it, and all that was counted for them. */
  #down({ from, reason }: DownMessage): void {
    const endpoint = from as Pid; // monitors here are set on pids
    const running = this.#endpoints.get(endpoint);
    if (running === undefined) return;
    this.#endpoints.delete(endpoint);
    this.total.give(running.row, 0);
    for (const [network, count] of running.networks) {
      for (let i = 0; i < count; i++) this.#setup?.addresses.leave(network);
    }
    this.#changed(this.#stopping ? null : formatReason(reason));
  }
}

/** What of the limits of long poll each of several threads keeps by itself: sessions are shared out evenly, as clients are. */
export function shareOfMounts(mounts: readonly MountManifest[], ioThreads: number): readonly MountManifest[] {
  if (ioThreads === 1) return mounts;
  // What is no limit is refused where the mount is made, as it was given.
  const share = (limit: number): number => (limit >= 1 ? Math.max(1, Math.floor(limit / ioThreads)) : limit);
  return mounts.map((mount) => {
    if (mount.longpoll === false) return mount;
    const { maxSessions = DEFAULT_MAX_SESSIONS, maxTotalBytes = DEFAULT_MAX_TOTAL_BYTES } = mount.longpoll;
    const own = { maxSessions: share(maxSessions), maxTotalBytes: share(maxTotalBytes) };
    return { ...mount, longpoll: { ...mount.longpoll, ...own } };
  });
}

/** Checks what `ioThreads` can't be combined with. @throws RuntimeError `badOption` */
export function checkIoThreads(
  ioThreads: number,
  options: { readonly port?: number; readonly schedulers?: number; readonly isolation?: string },
): void {
  checkInteger("ioThreads", ioThreads, 1, MAX_IO_THREADS);
  if (ioThreads === 1) return;
  const bad = (why: string): RuntimeError =>
    new RuntimeError(ErrorCode.badOption, `bad ioThreads ${ioThreads}: ${why}; without those only 1 is allowed`);
  if (options.port === undefined) throw bad("several threads listen on a port of their own server, and need a port");
  if (options.schedulers === 0) throw bad("with schedulers: 0 everything runs on the calling thread");
  if (options.isolation === "process") throw bad('they and schedulers share memory, not so with isolation "process"');
}
