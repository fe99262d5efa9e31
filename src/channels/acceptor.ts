/**
 * Lets clients of one socket in: runs the user's `connect` in a process on a scheduler, and opens a connection with what it
 * answered. On the I/O thread; it knows the socket by its manifest only. All clients that wait for their answer share one
 * port, which is there as long as somebody waits.
 */
import type { LimitCode } from "../core/limit-codes.js";
import { isDown } from "../core/messages.js";
import type { Pid } from "../core/pid.js";
import type { Topics } from "../pubsub/topics.js";
import { Deadline, type Port, type PortHandler, type Spawned } from "../runtime/process.js";
import { chooseSerializer, type SerializerChoice } from "./choose-serializer.js";
import { Connection } from "./connection.js";
import type { ConnectAnswer, ConnectCall, RouteManifest, SocketManifest } from "./requests.js";
import { type Route, resolveRoutes } from "./route.js";
import type { Serializer } from "./serializer.js";
import { sharedNowMs } from "./telemetry.js";
import type { Throttle } from "./throttle.js";
import type { Acceptor, ConnectOutcome, ConnectRequest } from "./transport.js";

/** While every scheduler thread is being replaced, milliseconds between two tries to start that process. */
const RETRY_MS = 50;

/** What connections hold that were assigned nothing. */
const NOTHING: Readonly<Record<string, unknown>> = Object.freeze({});

export interface AcceptorSetup {
  readonly manifest: SocketManifest;
  /** Its name, for user code and telemetry. */
  readonly transport: string;
  readonly topics: Topics;
  readonly openPort: (handler: PortHandler, label: string) => Port;
  readonly throttle: Throttle;
  /** @defaultValue versions 1 and 2, as Phoenix has it */
  readonly serializers?: readonly SerializerChoice[];
}

export class SocketAcceptor implements Acceptor, PortHandler {
  readonly #setup: AcceptorSetup;
  readonly #routes: readonly Route<RouteManifest>[];
  /** Who waits; not asked for are those whom no scheduler can take now. */
  readonly #waiting = new Set<Waiting>();
  /** Of these, the ones whose `connect` runs, by its process. */
  readonly #asked = new Map<Pid, Waiting>();
  #port: Port | null = null;

  constructor(setup: AcceptorSetup) {
    this.#setup = setup;
    this.#routes = resolveRoutes(setup.manifest.routes.map((route) => [route.pattern, route] as const));
  }

  connect({ params, info }: ConnectRequest, vsn: string | undefined): Promise<ConnectOutcome> {
    const serializer = chooseSerializer(vsn, this.#setup.serializers);
    if (serializer === undefined) {
      this.#hit("refused.version");
      return Promise.resolve({ tag: "refused", refusal: null });
    }
    const { manifest, transport } = this.#setup;
    const { filter } = manifest;
    const call: ConnectCall = { params, info, transport, vsn: serializer.vsn, sentMs: sharedNowMs(), filter };
    return new Promise((resolve) => {
      const waiting = new Waiting(this, call, serializer, resolve);
      this.#waiting.add(waiting);
      this.#openPort().limit(waiting, manifest.connectTimeoutMs);
      this.#ask(waiting);
    });
  }

  // ---- from the processes that run connect ----

  message(message: unknown): void {
    if (isDown(message)) return this.#down(message.from as Pid, message.reason); // monitored by pid
    if (!Array.isArray(message)) return; // this port is the parent of application code, which may send it anything
    const answer = message as unknown as ConnectAnswer;
    const waiting = this.#asked.get(answer[1]);
    if (waiting === undefined) return; // too late
    this.#port?.forget((waiting.process as Spawned).ref); // it has done its work and ends
    this.#decide(waiting, this.#outcome(answer, waiting.serializer));
  }

  /** One client's `connect` can't end what all wait at. */
  exit(): void {}

  #down(pid: Pid, reason: unknown): void {
    const waiting = this.#asked.get(pid);
    if (waiting === undefined) return; // it took too long and was killed
    this.#asked.delete(pid);
    if (reason === "scheduler_down") this.#ask(waiting);
    else this.#decide(waiting, { tag: "failed" });
  }

  // ---- those who wait ----

  #ask(waiting: Waiting): void {
    if (!this.#waiting.has(waiting)) return;
    // Plain data: what the user's connect gets is a copy on another thread.
    const spawned = this.#openPort().spawn(this.#setup.manifest.socket, [waiting.call], "connect", "brief");
    waiting.process = spawned ?? null;
    if (spawned === undefined) setTimeout(() => this.#ask(waiting), RETRY_MS);
    else this.#asked.set(spawned.pid, waiting);
  }

  /** `connect` takes too long. */
  late(waiting: Waiting): void {
    if (waiting.process !== null) this.#port?.exit(waiting.process.pid, "kill");
    this.#hit("refused.connect_timeout");
    this.#decide(waiting, { tag: "unavailable" });
  }

  #decide(waiting: Waiting, outcome: ConnectOutcome): void {
    const port = this.#port;
    port?.unlimit(waiting);
    this.#waiting.delete(waiting);
    if (waiting.process !== null) this.#asked.delete(waiting.process.pid);
    if (this.#waiting.size === 0) {
      port?.close("normal");
      this.#port = null;
    }
    if (outcome.tag === "refused") this.#hit("refused.connect");
    if (outcome.tag === "failed") this.#hit("refused.connect_failed");
    waiting.resolve(outcome);
  }

  #hit(code: LimitCode): void {
    const { throttle, transport } = this.#setup;
    throttle.hit(code, { transport, id: null, topic: null });
  }

  /** The port that all wait at. Application code could have killed it: then those who waited are answered when their time is over. */
  #openPort(): Port {
    if (this.#port?.isOpen !== true) this.#port = this.#setup.openPort(this, "connect");
    return this.#port;
  }

  #outcome(answer: ConnectAnswer, serializer: Serializer): ConnectOutcome {
    if (answer[0] === "refused") return { tag: "refused", refusal: answer[2] };
    const [, , id, assigns] = answer;
    const { manifest, topics, openPort, throttle } = this.#setup;
    const setup = {
      ...{ manifest, routes: this.#routes, serializer, id, topics, openPort, throttle },
      assigns: Object.keys(assigns).length === 0 ? NOTHING : assigns,
    };
    return { tag: "accepted", open: (transport) => new Connection(setup, transport) };
  }
}

/** A client that waits for its `connect`. */
class Waiting extends Deadline {
  readonly call: ConnectCall;
  readonly serializer: Serializer;
  readonly resolve: (outcome: ConnectOutcome) => void;
  /** What runs it, when there was a scheduler that took it. */
  process: Spawned | null = null;
  readonly #acceptor: SocketAcceptor;

  constructor(
    acceptor: SocketAcceptor,
    call: ConnectCall,
    serializer: Serializer,
    resolve: (outcome: ConnectOutcome) => void,
  ) {
    super();
    this.#acceptor = acceptor;
    this.call = call;
    this.serializer = serializer;
    this.resolve = resolve;
  }

  override onTimeout(): void {
    this.#acceptor.late(this);
  }
}
