/**
 * The endpoint of an I/O thread beside the main one: a process that the main thread starts there, with all it needs in plain
 * data. It lives as long as its server listens; if it fails, so does the thread, or its sockets would stay with nobody who
 * minds them.
 *
 * Its port tells the main thread what it must know, and asks what only that knows: see {@link IoNews}.
 */
import type { ServerOptions } from "node:http";
import { Counts } from "../core/counts.js";
import type { ExitReason } from "../core/exit-reason.js";
import type { LimitCode } from "../core/limit-codes.js";
import type { Pid } from "../core/pid.js";
import { PUBSUB, type Topics } from "../pubsub/topics.js";
import {
  type Behaviour,
  type Definition,
  exit,
  type Port,
  portOpener,
  self,
  serviceHandler,
} from "../runtime/process.js";
import type { AddressLimit } from "./address-counts.js";
import { Admission, type ConnectionLimitOptions } from "./admission.js";
import type { MountManifest } from "./application.js";
import { ConnectionTotal } from "./connection-total.js";
import type { DrainerOptions } from "./drainer.js";
import { Endpoint, loadMounts } from "./endpoint.js";

/** The key of the definition below, on I/O threads. */
export const IO_ENDPOINT_KEY = "joist/io_endpoint";

export interface IoEndpointSetup {
  /** Who is told {@link IoNews}. */
  readonly main: Pid;
  readonly mounts: readonly MountManifest[];
  readonly host: string;
  /** `null`: a port of its own, which is no use but for tests where none can be shared. */
  readonly port: number | null;
  readonly address: string | undefined;
  readonly http: ServerOptions;
  readonly limits: Required<ConnectionLimitOptions>;
  /** What {@link ConnectionTotal} is made of. */
  readonly total: { readonly buffer: SharedArrayBuffer; readonly row: number; readonly owner: number };
  /** What the threads know each other's long-poll sessions by. */
  readonly secret: string;
}

/** To the main thread. Its end is seen by its DOWN. */
export type IoNews =
  | readonly ["listening", from: Pid, port: number]
  /** How often its limits struck since it said so last. */
  | readonly ["counts", counts: ReturnType<Counts["take"]>]
  /** A client from a network wants in: `entered`, with the same number, is the answer. */
  | readonly ["enter", from: Pid, answerTo: Pid, number: number, network: string]
  | readonly ["left", from: Pid, network: string];

/** From the main thread, to the port that has asked. */
export type IoAnswer = readonly ["entered", number: number, isIn: boolean];

/** From the main thread, to the process: closes its connections, then ends. */
export type IoOrder = readonly ["stop", Required<DrainerOptions>];

export const ioEndpoint: Definition<[setup: IoEndpointSetup]> = {
  kind: "io_endpoint",
  async boot(setup) {
    try {
      return new IoEndpoint(await open(setup));
    } catch (error) {
      endThread();
      throw error;
    }
  },
};

async function open(setup: IoEndpointSetup): Promise<Endpoint> {
  const { mounts, host, port, address, http, limits, main } = setup;
  const openPort = portOpener();
  const topics = serviceHandler(PUBSUB) as Topics; // what pubsubService opened on this thread
  const me = self();
  const link = new MainLink(me, main);
  link.port = openPort(link, "main thread");
  const counts = new ToldCounts(link.port, main);
  const total = new ConnectionTotal(setup.total.buffer, setup.total.row, setup.total.owner);
  const endpoint = new Endpoint({
    mounts: await loadMounts(mounts),
    ...{ topics, openPort, host, counts },
    admission: new Admission(limits, total, link),
    maxTotalBufferedBytes: limits.maxTotalBufferedBytes,
    secret: setup.secret,
  });
  const bound = await endpoint.listen(port ?? 0, address, http, port !== null);
  link.port.send(main, ["listening", me, bound] satisfies IoNews);
  return endpoint;
}

class IoEndpoint implements Behaviour {
  readonly #endpoint: Endpoint;

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint;
  }

  async handle(message: unknown): Promise<void> {
    const [, drainer] = message as IoOrder; // the main thread alone knows this process
    await this.#endpoint.stop(drainer);
    exit("normal");
  }

  terminate(reason: ExitReason): ExitReason {
    if (reason !== "normal") endThread();
    return reason;
  }
}

/** Ends the thread, once its last words are on their way. */
function endThread(): void {
  setImmediate(() => process.exit(1));
}

/** Asks the main thread about addresses. */
class MainLink implements AddressLimit {
  port: Port | null = null;
  readonly #endpoint: Pid;
  readonly #main: Pid;
  readonly #asked = new Map<number, (isIn: boolean) => void>();
  #number = 0;

  constructor(endpoint: Pid, main: Pid) {
    this.#endpoint = endpoint;
    this.#main = main;
  }

  enter(network: string): Promise<boolean> {
    const number = ++this.#number;
    return new Promise((resolve) => {
      this.#asked.set(number, resolve);
      if (this.port !== null) this.#tell(["enter", this.#endpoint, this.port.pid, number, network]);
    });
  }

  leave(network: string): void {
    this.#tell(["left", this.#endpoint, network]);
  }

  message(message: unknown): void {
    const [, number, isIn] = message as IoAnswer; // only the main thread was told of this port
    this.#asked.get(number)?.(isIn);
    this.#asked.delete(number);
  }

  #tell(news: IoNews): void {
    this.port?.send(this.#main, news);
  }
}

/** Counts for the main thread, which is told once a turn. */
class ToldCounts extends Counts {
  readonly #port: Port;
  readonly #main: Pid;
  #isTelling = false;

  constructor(port: Port, main: Pid) {
    super();
    this.#port = port;
    this.#main = main;
  }

  override add(code: LimitCode, times = 1): void {
    super.add(code, times);
    if (this.#isTelling) return;
    this.#isTelling = true;
    this.#port.afterTurn(this.#tell);
  }

  readonly #tell = (): void => {
    this.#isTelling = false;
    this.#port.send(this.#main, ["counts", this.take()] satisfies IoNews);
  };
}
