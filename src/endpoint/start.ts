/**
 * Starting an application: the threads, the supervision trees, the endpoint, in this order; stopping is the reverse. What
 * `start` returns is how code outside any process talks to the inside.
 */
import type { Server } from "node:http";
import type { EventOptions } from "../channels/latest.js";
import { broadcast, disconnect } from "../channels/socket.js";
import { checkInteger } from "../core/check-integer.js";
import { Counts } from "../core/counts.js";
import { ErrorCode, RuntimeError } from "../core/errors.js";
import type { Pid } from "../core/pid.js";
import type { Destination, Name } from "../core/via.js";
import { call, cast, DEFAULT_CALL_TIMEOUT_MS } from "../otp/gen-server-calls.js";
import { type OffloadPoolOptions, resolveOffloadPoolOptions } from "../otp/offload-options.js";
import { OFFLOAD, type OffloadService } from "../otp/offload-service.js";
import { PUBSUB, type Topics } from "../pubsub/topics.js";
import { type ProcessInfo, processInfo, send, whereis } from "../runtime/process.js";
import { Runtime, type RuntimeOptions } from "../runtime/runtime.js";
import { AddressCounts } from "./address-counts.js";
import { Admission, type ConnectionLimitOptions, resolveConnectionLimits, shareOf } from "./admission.js";
import { type ApplicationManifest, ownDefinitions, services } from "./application.js";
import { Applications } from "./applications.js";
import { type DrainerOptions, resolveDrainerOptions } from "./drainer.js";
import { Endpoint, loadMounts } from "./endpoint.js";
import { type HttpOptions, resolveHttpOptions } from "./http-options.js";
import { checkIoThreads, IoEndpoints, shareOfMounts } from "./io-threads.js";
import { checkReusePort, freePort } from "./listen.js";
import { stopOnSignals } from "./stop-on-signals.js";

export interface StartOptions extends RuntimeOptions, ConnectionLimitOptions {
  /** Port of its own HTTP server; 0 takes a free one. Not with `server`. @defaultValue no server: processes only */
  readonly port?: number;
  /**
   * Threads that share the connections, the main one among them: each listens on the port with a server of its own. One ends at
   * about one core. With a `port` only, and on Node.js 22.12 or newer on a system where threads can share one; not with
   * `schedulers: 0` or `isolation: "process"`. See `docs/performance.md`. @defaultValue 1
   */
  readonly ioThreads?: number;
  /** Address its own server listens on. @defaultValue all addresses, as Node.js has it */
  readonly address?: string;
  /** Limits of its own server. */
  readonly http?: HttpOptions;
  /**
   * A server of yours, to which the sockets are attached: Express or Fastify live beside them. Upgrades and long polls of
   * mounted sockets don't reach your handlers, all other requests do. It is not stopped by `stop`.
   */
  readonly server?: Server;
  /** The host your visitors know the application by; see `checkOrigin`. @defaultValue `"localhost"` */
  readonly host?: string;
  /** How the connections are closed when it stops. */
  readonly drainer?: DrainerOptions;
  /**
   * Whether SIGTERM and SIGINT stop the application, after which the signal ends the program, unless others listen to it too. A
   * second one does not wait. @defaultValue `true` with a port of its own, `false` with a server of yours
   */
  readonly stopOnSignals?: boolean;
  /** Milliseconds the applications may take to stop, callbacks included, before the threads are ended. @defaultValue 30000 */
  readonly shutdownMs?: number;
  /** Limits of the threads that run what processes `offload`. */
  readonly offload?: OffloadPoolOptions;
}

const DEFAULT_SHUTDOWN_MS = 30_000;
/** The longest delay Node.js timers take. */
const MAX_SHUTDOWN_MS = 2_147_483_647;

/** A running application. */
export class App {
  /** The port of its own server; `undefined` if it has none. */
  readonly port: number | undefined;
  /** Settles when the application has stopped: with `"stopped"`, or the reason it had to. */
  readonly stopped: Promise<string>;

  readonly #runtime: Runtime;
  readonly #endpoint: Endpoint;
  readonly #offload: OffloadService;
  readonly #applications: Applications;
  readonly #counts: Counts;
  readonly #io: IoEndpoints | null;
  readonly #shutdownMs: number;
  readonly #drainer: Required<DrainerOptions>;
  #stopping: Promise<void> | null = null;

  constructor(parts: AppParts) {
    this.#runtime = parts.runtime;
    this.#endpoint = parts.endpoint;
    this.#applications = parts.applications;
    this.#offload = parts.offload;
    this.#counts = parts.counts;
    this.#io = parts.io;
    this.#shutdownMs = parts.shutdownMs;
    this.#drainer = parts.drainer;
    this.port = parts.port;
    this.stopped = this.#runtime.stopped;
    void this.#applications.mustStop.then((reason) => {
      this.#stopping ??= this.#stop(reason);
    });
    // It may stop by itself, as too many threads died: then there is no channel left to wait for.
    const atOnce = { ...this.#drainer, timeoutMs: 0 };
    void this.stopped.then(() => Promise.all([this.#stopEndpoints(atOnce), this.#offload.close()]));
  }

  /** The names of the applications that run, in the order they were started: dependencies first. */
  get applications(): readonly string[] {
    return this.#applications.names;
  }

  /**
   * Open connections, long-poll sessions among them. With several I/O threads also those whose `connect` has not answered yet.
   */
  get connections(): number {
    return this.#io === null ? this.#endpoint.connections : this.#io.total.total;
  }

  /**
   * How often each limit has slowed a client down, refused something or closed a connection since the start, by its code:
   * `{ "refused.rate.connection": 12 }`. docs/channels/limits.md lists them; one that has never struck is not there.
   */
  counts(): Readonly<Record<string, number>> {
    return this.#counts.snapshot();
  }

  /**
   * Threads that the watchdog has replaced and that are not gone yet: in a native call that has not returned, for example. They
   * run no JavaScript any more, but hold their memory and use a core.
   */
  get zombies(): number {
    return this.#runtime.zombies;
  }

  /**
   * The definitions that are in quarantine, by their keys in the application module: threads died of their processes
   * `quarantineAfter` times within `quarantineWindowMs`, and so they run on a thread apart from all others, until the end.
   */
  get quarantined(): readonly string[] {
    return this.#runtime.quarantined;
  }

  /** Broadcasts an event to everyone on `topic`. @throws RuntimeError `badPayload`, `badArgument`, before anything was sent. */
  broadcast(topic: string, event: string, payload: unknown = {}, options?: EventOptions): void {
    this.run(() => broadcast(topic, event, payload, options));
  }

  /** Closes the connections of a client, by the id its socket's `connect` gave it. */
  disconnect(id: string): void {
    this.run(() => disconnect(id));
  }

  /** Calls a server and waits for its reply; see {@link call}. */
  async call(
    to: Destination,
    event: string,
    arg?: unknown,
    timeoutMs: number = DEFAULT_CALL_TIMEOUT_MS,
  ): Promise<unknown> {
    return await this.run(() => call(to, event, arg, timeoutMs));
  }

  cast(to: Destination, event: string, arg?: unknown): void {
    this.run(() => cast(to, event, arg));
  }

  /** Sends a message to a process. @throws RuntimeError `noProcess` if nobody has the name. */
  send(to: Destination, message: unknown): void {
    this.run(() => send(to, message));
  }

  whereis(name: Name): Pid | undefined {
    return this.run(() => whereis(name));
  }

  processInfo(pid: Pid): Promise<ProcessInfo | undefined> {
    return this.run(() => processInfo(pid));
  }

  /**
   * Runs `action` in the name of the host, so that every function for processes works in it: typed calls like
   * `app.run(() => Counter.call("counter", "add", 1))`, for one.
   */
  run<T>(action: () => T): T {
    return this.#runtime.asHost(action);
  }

  /**
   * Stops in order: no new clients; connections closed with 1012, in batches, until their channels are gone (`drainer`);
   * applications in reverse order of their start, of each the children in reverse order (`shutdownMs`); threads.
   */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop("stopped");
    return this.#stopping;
  }

  /** Each I/O thread closes its share of a batch. */
  async #stopEndpoints(drainer: Required<DrainerOptions>): Promise<void> {
    const batchSize = Math.ceil(drainer.batchSize / (1 + (this.#io?.count ?? 0)));
    const share = { ...drainer, batchSize };
    await Promise.all([this.#endpoint.stop(share), this.#io?.stop(share)]);
  }

  async #stop(reason: string): Promise<void> {
    await this.#stopEndpoints(this.#drainer);
    await stopWithin(this.#shutdownMs, this.#applications, this.#runtime);
    await this.#offload.close(); // after the trees: what ends in there may still offload
    await this.#runtime.stop(reason);
  }
}

/** What `start` and the tests of several I/O threads are told. */
interface Started {
  readonly app: App;
  /** Where its I/O threads listen, the main one first: all on one port, as a rule. */
  readonly ports: () => readonly number[];
}

/** What an {@link App} holds together. */
interface AppParts {
  readonly runtime: Runtime;
  readonly endpoint: Endpoint;
  readonly applications: Applications;
  readonly offload: OffloadService;
  readonly counts: Counts;
  /** The I/O threads beside the main one, if there are any. */
  readonly io: IoEndpoints | null;
  readonly port: number | undefined;
  readonly shutdownMs: number;
  readonly drainer: Required<DrainerOptions>;
}

/** Stops the applications, in so many milliseconds at most, or until there is no runtime for them any more. */
async function stopWithin(shutdownMs: number, applications: Applications, runtime: Runtime): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, shutdownMs);
  });
  await Promise.race([applications.stop(), runtime.stopped, late]);
  clearTimeout(timer);
}

/**
 * Starts an application.
 *
 * @param url - URL of the application module: `new URL("./app.js", import.meta.url)`. Every scheduler thread loads it.
 * @returns The running application, once its children are up and its port is bound.
 * @throws RuntimeError `badOption`, `portTaken`, `startFailed` with what went wrong; then nothing is left running.
 */
export async function start(url: URL | string, options: StartOptions = {}): Promise<App> {
  const { app } = await startOn(url, options, true);
  return app;
}

/** {@link start}, where the I/O threads share a port, or each have one of their own: for tests on Node.js 20. */
export async function startOn(url: URL | string, options: StartOptions, isShared: boolean): Promise<Started> {
  const { port, server, address, ioThreads = 1, shutdownMs = DEFAULT_SHUTDOWN_MS } = options;
  if (port !== undefined && server !== undefined) {
    throw new RuntimeError(ErrorCode.badOption, "both port and server were given; give a port, or a server of yours");
  }
  if (port !== undefined) checkInteger("port", port, 0, 65_535);
  checkInteger("shutdownMs", shutdownMs, 0, MAX_SHUTDOWN_MS);
  checkIoThreads(ioThreads, options);
  const http = resolveHttpOptions(options.http ?? {});
  const drainer = resolveDrainerOptions(options.drainer ?? {});
  const connectionLimits = resolveConnectionLimits(options);
  const offloadOptions = resolveOffloadPoolOptions(options.offload ?? {});
  if (ioThreads > 1 && isShared) await checkReusePort(ioThreads);
  const io = ioThreads === 1 ? null : new IoEndpoints(ioThreads - 1);
  const runtime = await Runtime.start(url, services, options, ownDefinitions, io);
  const offload = runtime.serviceHandler(OFFLOAD) as OffloadService; // what offloadService opened on this thread
  offload.configure(offloadOptions);
  const applications = new Applications(runtime);
  try {
    const manifests = runtime.manifest as readonly ApplicationManifest[]; // what Application.describe made
    // The application itself before its dependencies.
    const described = manifests.toReversed().flatMap((manifest) => manifest.mounts);
    const mounts = shareOfMounts(described, ioThreads);
    const loaded = await loadMounts(mounts);
    await applications.start(manifests);
    const counts = new Counts();
    const addresses = new AddressCounts(connectionLimits.maxConnectionsPerAddress);
    const limits = shareOf(connectionLimits, ioThreads);
    const host = options.host ?? "localhost";
    const endpoint = new Endpoint({
      mounts: loaded,
      topics: runtime.serviceHandler(PUBSUB) as Topics, // what pubsubService opened on this thread
      openPort: (handler, label) => runtime.openPort(handler, label),
      ...{ host, counts },
      admission: new Admission(limits, io?.total, addresses),
      maxTotalBufferedBytes: limits.maxTotalBufferedBytes,
      secret: io?.secret ?? null,
    });
    if (server !== undefined) endpoint.attach(server);
    const isReused = io !== null && isShared;
    const free = isReused ? await freePort(port ?? 0, address) : port;
    const shared = isReused ? (free ?? null) : null;
    await io?.open(runtime, { mounts, host, port: shared, address, http, limits, addresses, counts });
    const bound = free === undefined ? undefined : await endpoint.listen(free, address, http, isReused); // last: it may fail
    const app = new App({ runtime, endpoint, applications, offload, counts, io, port: bound, shutdownMs, drainer });
    if (options.stopOnSignals ?? port !== undefined) stopOnSignals(app);
    return { app, ports: () => (bound === undefined ? [] : [bound, ...(io?.ports ?? [])]) };
  } catch (error) {
    await stopWithin(shutdownMs, applications, runtime);
    await offload.close();
    await runtime.stop(String(error));
    throw error;
  }
}
