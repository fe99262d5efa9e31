/**
 * An application for a test, with clients that need no network: `Phoenix.ChannelTest`, through the real serializers and real
 * processes. Knows no test framework; what fails is an `AssertionError` of Node.js, which all of them show.
 *
 * ```ts
 * await using t = await startTest(new URL("./app.js", import.meta.url));
 * const socket = await t.connect(UserSocket, { user_id: 1 });
 * const channel = await t.subscribeAndJoin(socket, "room:lobby");
 * const ref = t.push(channel, "ping");
 * await t.assertReply(ref, "ok", { ping: "pong" });
 * ```
 *
 * Departs from Phoenix.ChannelTest: a test has a mailbox here, shared by all of its clients, but is no process; `run` lends it
 * the pid that belongs to the mailbox. What Elixir spells with an exclamation mark (`connect!`, `join!`) is how all are.
 *
 * @see https://hexdocs.pm/phoenix/Phoenix.ChannelTest.html
 */
import type { Codec } from "../channels/codec.js";
import { ControlEvent } from "../channels/protocol.js";
import type { ConnectInfo, ConnectOutcome, Transport } from "../channels/transport.js";
import type { UserSocket } from "../channels/user-socket.js";
import { checkInteger } from "../core/check-integer.js";
import type { ExitReason } from "../core/exit-reason.js";
import { isDown } from "../core/messages.js";
import type { Pid } from "../core/pid.js";
import type { Ref } from "../core/ref.js";
import { type App, type StartOptions, start } from "../endpoint/start.js";
import type { ChildSpecInput } from "../otp/child-spec.js";
import { subscribe, unsubscribe } from "../pubsub/pubsub.js";
import { PUBSUB, type Topics } from "../pubsub/topics.js";
import { context, current } from "../runtime/context.js";
import { monitor, Port } from "../runtime/process.js";
import type { ProcessRecord } from "../runtime/process-record.js";
import type { CrashReport, Report } from "../runtime/report.js";
import { clientCodec } from "./client-codec.js";
import { type ConnectParameters, Doors } from "./door.js";
import { type Expectation, Inbox } from "./inbox.js";
import { type Matched, matches, type Pattern } from "./pattern.js";
import { type Supervisable, Supervised } from "./supervised.js";
import { TestMailbox } from "./test-mailbox.js";
import { type JoinAnswer, type PushRef, type TestChannel, TestSocket } from "./test-socket.js";

/** Options of {@link startTest}: those of `start`, and the test's own. */
export interface TestOptions extends StartOptions {
  /**
   * Scheduler threads; with 0 all runs on the test's own thread: it starts in milliseconds, breakpoints work, and what is
   * not exported can be started. With more it is as in production. @defaultValue 0
   */
  readonly schedulers?: number;
  /** Milliseconds that assertions wait if they don't say otherwise. @defaultValue 100, as in ExUnit */
  readonly assertTimeoutMs?: number;
}

/** Options of {@link TestApp.connect}. */
export interface TestConnectOptions {
  /** The version the client speaks: 1.x, 2.x, `2.0.0+msgpack`. @defaultValue `"2.0.0"` */
  readonly vsn?: string;
  /** The client's side of a serializer of the application. @defaultValue that of the stock client for `vsn` */
  readonly codec?: Codec;
  /** What `connect` is told of the request, where it should not be that of a client on this machine without headers. */
  readonly info?: Partial<ConnectInfo>;
  /** What channels see as `socket.transport`. @defaultValue `"websocket"` */
  readonly transport?: string;
}

/** The response to a client that was not let in. */
export interface RefusedConnect {
  /** 403, or what the socket's `refusal` says; 500 if `connect` failed, 503 if it took too long. */
  readonly status: number;
  readonly body: string;
}

const DEFAULT_ASSERT_TIMEOUT_MS = 100;
const DEFAULT_VSN = "2.0.0";
/** Milliseconds a join may take, and channels whose client has gone may take to end. */
const DEFAULT_JOIN_TIMEOUT_MS = 5000;
const MAX_ASSERT_TIMEOUT_MS = 2_147_483_647;

/** Why channels end whose client is gone, as with a real transport. */
const CLOSED: ExitReason = ["shutdown", "closed"];

/** A running application, the clients of a test, and its mailbox. */
export class TestApp extends TestMailbox {
  readonly app: App;
  /** Reports so far. They are not printed; those of crashes are shown by assertions that fail. */
  readonly reports: readonly Report[];
  /** Names the mailbox: what is sent here is there for `assertReceive`. */
  readonly pid: Pid;

  readonly #inbox: Inbox;
  readonly #record: ProcessRecord;
  readonly #doors: Doors;
  readonly #supervised: Supervised;
  readonly #sockets: TestSocket[] = [];
  readonly #ending = new Map<Ref, () => void>();
  #stopped: Promise<void> | null = null;

  /** Use {@link startTest}. */
  constructor(app: App, doors: Doors, reports: readonly Report[], assertTimeoutMs: number) {
    const inbox = new Inbox(() => reports.filter((report): report is CrashReport => report.tag === "crash"));
    super(inbox, assertTimeoutMs);
    this.app = app;
    this.reports = reports;
    this.#inbox = inbox;
    this.#doors = doors;
    const { scheduler } = app.run(current);
    const message = (received: unknown): void => {
      const ended = isDown(received) ? this.#ending.get(received.ref) : undefined;
      if (ended === undefined) inbox.add(received);
      else ended();
    };
    const exit = (from: Pid, reason: ExitReason): void => inbox.add({ tag: "EXIT", from, reason });
    this.#record = scheduler.openPort({ message, exit }, "test");
    this.pid = this.#record.pid;
    this.#supervised = new Supervised(
      (action) => this.run(action),
      (definition) => doors.findKey(definition),
    );
  }

  /**
   * Runs `action` as the test, so that every function for processes works in it: `self()` is {@link pid}, what it monitors or
   * subscribes to tells the mailbox, what it is linked to and dies leaves an EXIT message there.
   */
  run<T>(action: () => T): T {
    return context.run(this.#record, action);
  }

  // ---- clients ----

  /**
   * Connects a client, as if over a WebSocket.
   *
   * @param to - A socket, which the application module exports or mounts; or the path it is mounted at, `"/socket"`.
   * @param params - As a query would carry them: `connect` gets strings.
   * @throws AssertionError if it is refused. RuntimeError `badArgument`, `unknownDefinition` for what is no socket here.
   */
  async connect(
    to: UserSocket | string,
    params: ConnectParameters = {},
    options: TestConnectOptions = {},
  ): Promise<TestSocket> {
    const outcome = await this.#ask(to, params, options);
    if (outcome.tag !== "accepted") {
      const { status, body } = refusalOf(outcome);
      const expectation = { operator: "connect", what: "", expected: undefined };
      throw this.#inbox.failure(`the client was refused: ${status} ${body}`.trimEnd(), expectation);
    }
    const { vsn = DEFAULT_VSN, codec = clientCodec(vsn), transport = "websocket" } = options;
    const socket = new TestSocket({
      ...{ client: this.#sockets.length + 1, transport, codec },
      arrived: (message) => this.#inbox.add(message),
      open: (opened: Transport) => outcome.open(opened),
    });
    this.#sockets.push(socket);
    return socket;
  }

  /** A client that must not be let in. @returns The response it gets instead. @throws AssertionError if it is let in. */
  async refuteConnect(
    to: UserSocket | string,
    params: ConnectParameters = {},
    options: TestConnectOptions = {},
  ): Promise<RefusedConnect> {
    const outcome = await this.#ask(to, params, options);
    if (outcome.tag !== "accepted") return refusalOf(outcome);
    const expectation = { operator: "refuteConnect", what: "", expected: undefined };
    throw this.#inbox.failure("the client should be refused, but was let in", expectation);
  }

  /**
   * Joins a topic and waits for the answer, which is the channel's `response`. It does not go into the mailbox.
   *
   * @throws AssertionError if the join is refused or not answered in time.
   */
  async join(
    socket: TestSocket,
    topic: string,
    params: unknown = {},
    timeoutMs: number = DEFAULT_JOIN_TIMEOUT_MS,
  ): Promise<TestChannel> {
    const answer = await this.#join("join", socket, topic, params, timeoutMs);
    if (answer.status === "ok") return answer.channel;
    const expectation: Expectation = { operator: "join", what: "", expected: undefined };
    const refused = `the join of topic "${topic}" was refused: ${JSON.stringify(answer.response)}`;
    throw this.#inbox.failure(refused, expectation);
  }

  /** {@link join}, after which {@link assertBroadcast} sees what is broadcast on the topic. */
  subscribeAndJoin(
    socket: TestSocket,
    topic: string,
    params: unknown = {},
    timeoutMs: number = DEFAULT_JOIN_TIMEOUT_MS,
  ): Promise<TestChannel> {
    this.subscribe(topic);
    return this.join(socket, topic, params, timeoutMs);
  }

  /**
   * A join that must be refused, with a response that matches.
   *
   * @returns The response. @throws AssertionError if it is let in, or the response is another one.
   */
  refuteJoin<const P extends Pattern = undefined>(
    socket: TestSocket,
    topic: string,
    params: unknown = {},
    response?: P,
  ): Promise<Matched<P>> {
    return this.#refuteJoin(socket, topic, params, response) as Promise<never>; // it does match
  }

  /** Sends an event to a channel. @returns What names its answer: see {@link assertReply}. */
  push(channel: TestChannel, event: string, payload: unknown = {}): PushRef {
    return channel.socket.push(channel.joinRef, channel.topic, event, payload);
  }

  /** Has the client leave its channel: it is answered `ok`, and `phx_close` follows. */
  leave(channel: TestChannel): PushRef {
    return this.push(channel, ControlEvent.leave);
  }

  /**
   * Has the client go away, and waits until its channels are gone.
   *
   * @throws AssertionError if they aren't in time.
   */
  async close(socket: TestSocket, timeoutMs: number = DEFAULT_JOIN_TIMEOUT_MS): Promise<void> {
    checkInteger("timeoutMs", timeoutMs, 0, MAX_ASSERT_TIMEOUT_MS);
    const left = new Set<Ref>();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(true), timeoutMs);
    });
    // Watched first: what is gone by then is told so at once.
    const ended = socket.channels.map(
      (pid) =>
        new Promise<void>((resolve) => {
          const ref = this.run(() => monitor(pid));
          left.add(ref);
          this.#ending.set(ref, () => {
            left.delete(ref);
            this.#ending.delete(ref);
            resolve();
          });
        }),
    );
    socket.leaveAll(CLOSED);
    const isLate = await Promise.race([Promise.all(ended).then(() => false), late]);
    clearTimeout(timer);
    if (!isLate) return;
    const expectation = { operator: "close", what: "", expected: undefined };
    throw this.#inbox.failure(`${left.size} channels of the client still run after ${timeoutMs} ms`, expectation);
  }

  // ---- topics and processes ----

  /** What is broadcast on the topic from now on is there for `assertBroadcast`; what is published, for `assertReceive`. */
  subscribe(topic: string): void {
    this.run(() => subscribe(topic));
  }

  unsubscribe(topic: string): void {
    this.run(() => unsubscribe(topic));
  }

  /**
   * Starts a process that ends with the test: by its specification, or a definition with what its `child` takes. Processes
   * started so are stopped in reverse order, before the application is. ExUnit's `start_supervised!`.
   *
   * @throws RuntimeError `startFailed` with the reason, if it could not be started or ignored its start.
   */
  startSupervised(spec: ChildSpecInput): Promise<Pid>;
  startSupervised<Args extends readonly unknown[]>(definition: Supervisable<Args>, ...args: Args): Promise<Pid>;
  async startSupervised(given: ChildSpecInput | Supervisable<readonly unknown[]>, ...args: unknown[]): Promise<Pid> {
    return await this.#supervised.start("child" in given ? given.child(...args) : given);
  }

  /** Stops one of them, by its pid or the id of its specification. @throws RuntimeError `noProcess` if there is none. */
  stopSupervised(child: Pid | string): Promise<void> {
    return this.#supervised.stop(child);
  }

  /** Stops what `startSupervised` started, then the clients, then the application. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #stop(): Promise<void> {
    try {
      if (this.#record.exited) return; // the application has stopped by itself, and all that is here with it
      await this.#supervised.stopAll();
      await Promise.all(this.#sockets.map((socket) => this.close(socket)));
    } finally {
      await this.app.stop();
    }
  }

  #ask(to: UserSocket | string, params: ConnectParameters, options: TestConnectOptions): Promise<ConnectOutcome> {
    const { scheduler } = this.#record;
    const pubsub = scheduler.processes.get(scheduler.services.get(PUBSUB) as Pid)?.port; // every thread has this service
    return this.#doors.connect(to, params, options.vsn ?? DEFAULT_VSN, options.info ?? {}, {
      transport: options.transport ?? "websocket",
      topics: pubsub as Topics, // what pubsubService opened on this thread
      openPort: (handler, label) => new Port(scheduler, handler, label),
    });
  }

  async #refuteJoin(socket: TestSocket, topic: string, params: unknown, response: unknown): Promise<unknown> {
    const answer = await this.#join("refuteJoin", socket, topic, params, DEFAULT_JOIN_TIMEOUT_MS);
    if (answer.status !== "ok" && matches(response, answer.response)) return answer.response;
    const what = `the join of topic "${topic}" should be refused, but was answered "${answer.status}": `;
    const expectation = { operator: "refuteJoin", what: "", expected: response };
    throw this.#inbox.failure(what + JSON.stringify(answer.response), expectation);
  }

  async #join(
    operator: string,
    socket: TestSocket,
    topic: string,
    params: unknown,
    timeoutMs: number,
  ): Promise<JoinAnswer> {
    checkInteger("timeoutMs", timeoutMs, 0, MAX_ASSERT_TIMEOUT_MS);
    const answer = await socket.join(topic, params, timeoutMs);
    if (answer !== null) return answer;
    const why = socket.isOpen
      ? `was not answered within ${timeoutMs} ms`
      : "was not answered: the connection was closed";
    throw this.#inbox.failure(`the join of topic "${topic}" ${why}`, { operator, what: "", expected: undefined });
  }
}

/**
 * Starts an application for a test. End it with `stop()`, or hold it with `await using`.
 *
 * @param url - URL of the application module.
 * @throws RuntimeError as `start` does.
 */
export async function startTest(url: URL | string, options: TestOptions = {}): Promise<TestApp> {
  const { assertTimeoutMs = DEFAULT_ASSERT_TIMEOUT_MS, report, ...rest } = options;
  checkInteger("assertTimeoutMs", assertTimeoutMs, 0, MAX_ASSERT_TIMEOUT_MS);
  const reports: Report[] = [];
  const heard = (told: Report): void => {
    reports.push(told);
    report?.(told);
  };
  const app = await start(url, { schedulers: 0, stopOnSignals: false, ...rest, report: heard });
  try {
    return new TestApp(app, await Doors.open(url), reports, assertTimeoutMs);
  } catch (error) {
    await app.stop();
    throw error;
  }
}

function refusalOf(outcome: Exclude<ConnectOutcome, { readonly tag: "accepted" }>): RefusedConnect {
  switch (outcome.tag) {
    case "refused":
      return { status: outcome.refusal?.status ?? 403, body: outcome.refusal?.body ?? "" };
    case "failed":
      return { status: 500, body: "" };
    case "unavailable":
      return { status: 503, body: "" };
  }
}
