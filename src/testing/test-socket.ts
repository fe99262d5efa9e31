/**
 * A client of a test: it drives its connection by the Transport contract, in memory. Between the two there are frames, as
 * on the wire: what a test pushes and is sent has been through the serializers of both sides.
 *
 * ```
 *   push ─► codec.encode ─► frame ─► Connection ─► channel process
 *   inbox ◄─ codec.decode ◄─ frame ◄──────┘◄──────────────┘
 * ```
 */
import type { Codec } from "../channels/codec.js";
import { ControlEvent, type Encoded, type Json, type Message, type Status } from "../channels/protocol.js";
import type { ConnectionDriver, SharedMessage, Transport } from "../channels/transport.js";
import { ErrorCode, RuntimeError } from "../core/errors.js";
import type { ExitReason } from "../core/exit-reason.js";
import type { Pid } from "../core/pid.js";

/** What a client was sent that is no answer: a channel's push, a broadcast, `phx_close`, `phx_error`. */
export interface PushMessage {
  readonly tag: "push";
  /** The number of the {@link TestSocket} it came to. */
  readonly client: number;
  readonly topic: string;
  readonly event: string;
  readonly payload: unknown;
  /** The join it belongs to; `null` for a broadcast. */
  readonly joinRef: string | null;
}

/** The answer to a message of a client. */
export interface ReplyMessage {
  readonly tag: "reply";
  readonly client: number;
  readonly topic: string;
  readonly ref: string;
  readonly status: Status;
  readonly response: unknown;
}

/** The server closed a connection, with the WebSocket close code. */
export interface ClosedMessage {
  readonly tag: "closed";
  readonly client: number;
  readonly code: number;
  readonly reason: string;
}

/** Names one message of a client: {@link TestApp.assertReply} looks for its answer. */
export interface PushRef {
  readonly client: number;
  readonly topic: string;
  readonly event: string;
  readonly ref: string;
}

/** How a join was answered. */
export interface JoinAnswer {
  readonly status: Status;
  readonly response: unknown;
  readonly channel: TestChannel;
}

/** A topic that a client has joined. */
export class TestChannel {
  readonly socket: TestSocket;
  readonly topic: string;
  readonly joinRef: string;
  /** What `join` answered. */
  readonly response: unknown;
  readonly #pid: Pid | undefined;

  constructor(socket: TestSocket, topic: string, joinRef: string, response: unknown, pid: Pid | undefined) {
    this.socket = socket;
    this.topic = topic;
    this.joinRef = joinRef;
    this.response = response;
    this.#pid = pid;
  }

  /** Its process, to be monitored, sent messages, killed. @throws RuntimeError `noProcess` if it was refused. */
  get pid(): Pid {
    if (this.#pid !== undefined) return this.#pid;
    throw new RuntimeError(ErrorCode.noProcess, `the channel of topic "${this.topic}" has no process`);
  }
}

type Arrival = PushMessage | ReplyMessage | ClosedMessage;

/** A connected client. What it is sent goes to the mailbox of its test. */
export class TestSocket implements Transport {
  /** As user code sees it: `socket.transport`. */
  readonly name: string;
  /** Clients of a test are numbered from 1: messages name theirs by it. */
  readonly client: number;
  readonly #codec: Codec;
  readonly #arrived: (message: Arrival) => void;
  readonly #driver: ConnectionDriver;
  readonly #joins = new Map<string, (answer: Omit<JoinAnswer, "channel"> | null) => void>();
  #refs = 0;
  #isOpen = true;

  /** Use {@link TestApp.connect}. */
  constructor(setup: TestSocketSetup) {
    this.name = setup.transport;
    this.client = setup.client;
    this.#codec = setup.codec;
    this.#arrived = setup.arrived;
    this.#driver = setup.open(this);
  }

  /** Whether neither side has closed it. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** The processes of its channels. */
  get channels(): readonly Pid[] {
    return this.#driver.channels;
  }

  // ---- the client's side: for TestApp ----

  /** Sends a message with a ref of its own. */
  push(joinRef: string | null, topic: string, event: string, payload: unknown): PushRef {
    const ref = String(++this.#refs);
    this.#write({ joinRef, ref, topic, event, payload });
    return { client: this.client, topic, event, ref };
  }

  /** Settles with the answer; `null` if the connection was closed instead, or none came in time. */
  join(topic: string, params: unknown, timeoutMs: number): Promise<JoinAnswer | null> {
    const ref = String(++this.#refs);
    return new Promise((resolve) => {
      let pid: Pid | undefined;
      const timer = setTimeout(() => decide(null), timeoutMs);
      const decide = (answer: Omit<JoinAnswer, "channel"> | null): void => {
        clearTimeout(timer);
        this.#joins.delete(ref);
        if (answer === null) return resolve(null);
        const joined = answer.status === "ok" ? pid : undefined;
        resolve({ ...answer, channel: new TestChannel(this, topic, ref, answer.response, joined) });
      };
      this.#joins.set(ref, decide);
      const before = new Set(this.channels);
      this.#write({ joinRef: ref, ref, topic, event: ControlEvent.join, payload: params });
      // A join starts its channel at once, so the new one is its.
      pid = this.channels.find((channel) => !before.has(channel));
    });
  }

  /** Goes away, as a client that closes its tab. Answers the processes that now end. */
  leaveAll(reason: ExitReason): readonly Pid[] {
    if (!this.#isOpen) return [];
    const { channels } = this;
    this.#end();
    this.#driver.closed(reason);
    return channels;
  }

  #write(message: Message): void {
    if (!this.#isOpen) {
      throw new RuntimeError(ErrorCode.badArgument, `client ${this.client} is closed and can send nothing more`);
    }
    this.#driver.receive(this.#codec.encode(message));
  }

  #end(): void {
    this.#isOpen = false;
    for (const decide of [...this.#joins.values()]) decide(null);
  }

  // ---- the server's side: Transport ----

  send(frame: Encoded): void {
    if (!this.#isOpen) return; // it has closed: nobody reads this
    const { joinRef, ref, topic, event, payload } = this.#codec.decode(frame);
    const { client } = this;
    const named = topic as string; // what servers send: topics and events are strings
    if (event !== ControlEvent.reply) {
      this.#arrived({ tag: "push", client, topic: named, event: event as string, payload, joinRef: text(joinRef) });
      return;
    }
    const { status, response } = payload as { readonly status: Status; readonly response: unknown }; // of every reply
    const answered = String(ref);
    const join = this.#joins.get(answered);
    if (join !== undefined) join({ status, response });
    else this.#arrived({ tag: "reply", client, topic: named, ref: answered, status, response });
  }

  sendShared({ message }: SharedMessage): void {
    this.send(message);
  }

  /** Tests read all they get. */
  get isHeldUp(): boolean {
    return false;
  }

  sendDroppable(frame: Encoded): void {
    this.send(frame);
  }

  close(code: number, reason: string): void {
    if (!this.#isOpen) return;
    this.#arrived({ tag: "closed", client: this.client, code, reason });
    this.#end();
  }

  /** There is nothing in memory that a client could wait for. */
  pause(): void {}

  resume(): void {}
}

export interface TestSocketSetup {
  readonly client: number;
  readonly transport: string;
  readonly codec: Codec;
  readonly arrived: (message: Arrival) => void;
  readonly open: (transport: Transport) => ConnectionDriver;
}

function text(ref: Json): string | null {
  return ref === null || ref === undefined ? null : String(ref);
}
