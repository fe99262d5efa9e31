/**
 * Where several threads share a port, a client's next request may come in on another thread than the one its session is on. Its
 * token names the port of the mount there, so the request is passed on in a message, and its answer comes back in one. Phoenix's
 * long poll does the same between nodes.
 *
 * ```
 *   front                                                    owner
 *   GET, POST ──── ["request", …] ─────────────────────────► session, as if the request had come there
 *   response  ◄─── ["answer", …], ["gone", …] ─────────────── PassedResponse
 *   taken, or its client went away ── ["closed", …] ───────► its memory is free, or the poll is over
 * ```
 *
 * Each monitors the other: an owner that dies has lost its sessions, a front its clients.
 */
import { EventEmitter } from "node:events";
import type { ServerResponse } from "node:http";
import { isDown } from "../core/messages.js";
import type { Pid } from "../core/pid.js";
import type { Ref } from "../core/ref.js";
import type { Port, PortHandler } from "../runtime/process.js";
import type { PollResponse } from "./longpoll-answer.js";

/** A request of a session, with its body read. */
export interface PassedRequest {
  readonly token: string;
  readonly contentType: string | undefined;
  /** `null`: it is a poll. */
  readonly body: string | null;
}

type RelayMessage =
  | readonly ["request", front: Pid, number: number, request: PassedRequest]
  | readonly ["closed", front: Pid, number: number]
  | readonly ["answer", number: number, status: number, headers: Headers, body: string, keepAlive: boolean]
  | readonly ["gone", number: number]
  | readonly ["destroy", number: number];

type Headers = Readonly<Record<string, string | number>>;

/** A request that was passed on. */
interface Passed {
  readonly to: Pid;
  readonly ref: Ref;
  readonly response: ServerResponse;
  readonly onClose: () => void;
  /** Its session is no more. */
  readonly gone: () => void;
}

export class Relay implements PortHandler {
  readonly #port: Port;
  readonly #take: (request: PassedRequest, response: PollResponse) => boolean;
  /** Those of this thread's clients, by number. */
  readonly #passed = new Map<number, Passed>();
  /** Those of other threads' clients, by front and number. */
  readonly #responses = new Map<Pid, Map<number, PassedResponse>>();
  #number = 0;

  /** @param take - Answers a request of a session of this thread, or `false` if there is none. */
  constructor(
    openPort: (handler: PortHandler, label: string) => Port,
    take: (request: PassedRequest, response: PollResponse) => boolean,
  ) {
    this.#port = openPort(this, "longpoll relay");
    this.#take = take;
  }

  /** What names this thread's mount in tokens. */
  get pid(): Pid {
    return this.#port.pid;
  }

  /** Passes a request on. If the session is no more, `gone` is called, and nothing has been answered. */
  pass(to: Pid, request: PassedRequest, response: ServerResponse, gone: () => void): void {
    const number = ++this.#number;
    const onClose = (): void => {
      this.#forget(number);
      this.#port.send(to, ["closed", this.pid, number] satisfies RelayMessage);
    };
    response.on("close", onClose);
    this.#port.send(to, ["request", this.pid, number, request] satisfies RelayMessage);
    // Last: the DOWN of a dead one comes at once, and finds it by its number then.
    this.#passed.set(number, { to, ref: NO_REF, response, onClose, gone });
    const ref = this.#port.monitor(to);
    if (this.#passed.has(number)) this.#passed.set(number, { to, ref, response, onClose, gone });
  }

  message(message: unknown): void {
    if (isDown(message)) return this.#down(message.from as Pid); // monitors here are set on pids
    const told = message as RelayMessage; // only the relays of the same mount have tokens with this port in them
    switch (told[0]) {
      case "request":
        return this.#request(told[1], told[2], told[3]);
      case "closed":
        this.#responses.get(told[1])?.get(told[2])?.closed();
        return;
      case "answer":
        return this.#answer(told[1], told[2], told[3], told[4], told[5]);
      case "gone":
        return this.#gone(told[1]);
      case "destroy":
        this.#passed.get(told[1])?.response.destroy();
        return;
    }
  }

  // ---- the front ----

  #answer(number: number, status: number, headers: Headers, body: string, keepAlive: boolean): void {
    const response = this.#passed.get(number)?.response;
    if (response === undefined || response.headersSent) return;
    if (!keepAlive) response.shouldKeepAlive = false;
    response.writeHead(status, headers).end(body);
  }

  #gone(number: number): void {
    const passed = this.#passed.get(number);
    if (passed === undefined) return;
    this.#forget(number);
    if (!passed.response.headersSent) passed.gone();
  }

  #down(other: Pid): void {
    for (const [number, { to }] of [...this.#passed]) if (to === other) this.#gone(number);
    const responses = this.#responses.get(other)?.values() ?? [];
    this.#responses.delete(other);
    for (const response of [...responses]) response.closed();
  }

  #forget(number: number): void {
    const passed = this.#passed.get(number);
    if (passed === undefined) return;
    this.#passed.delete(number);
    passed.response.off("close", passed.onClose);
    this.#port.demonitor(passed.ref);
  }

  // ---- the owner ----

  #request(front: Pid, number: number, request: PassedRequest): void {
    let responses = this.#responses.get(front);
    if (responses === undefined) {
      responses = new Map();
      this.#responses.set(front, responses);
      this.#port.monitor(front); // until it is gone
    }
    const of = responses;
    const tell = (message: RelayMessage): void => this.#port.send(front, message);
    const response = new PassedResponse(number, tell, () => void of.delete(number));
    of.set(number, response);
    if (this.#take(request, response)) return;
    response.closed();
    tell(["gone", number]);
  }
}

/** A ref that no monitor has. */
const NO_REF = 0 as Ref;

/** What a session has in place of a response whose client is on another thread. */
class PassedResponse extends EventEmitter implements PollResponse {
  destroyed = false;
  headersSent = false;
  shouldKeepAlive = true;
  readonly #number: number;
  readonly #tell: (message: RelayMessage) => void;
  readonly #forget: () => void;
  readonly #headers: Record<string, string | number> = {};

  constructor(number: number, tell: (message: RelayMessage) => void, forget: () => void) {
    super();
    this.#number = number;
    this.#tell = tell;
    this.#forget = forget;
  }

  setHeader(name: string, value: number): void {
    this.#headers[name] = value;
  }

  writeHead(status: number, headers: Readonly<Record<string, string>>): { end(body: string): void } {
    this.headersSent = true;
    const all = { ...this.#headers, ...headers };
    return { end: (body) => this.#tell(["answer", this.#number, status, all, body, this.shouldKeepAlive]) };
  }

  /** The client has taken the answer, or went away. */
  closed(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.#forget();
    this.emit("close");
  }

  destroy(): void {
    this.#tell(["destroy", this.#number]);
    this.closed();
  }
}
