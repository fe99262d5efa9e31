/** What a test can say of its mailbox: ExUnit's `assert_receive` and `refute_receive`, and those of Phoenix.ChannelTest. */

import type { Status } from "../channels/protocol.js";
import { checkInteger } from "../core/check-integer.js";
import { type BroadcastMessage, isBroadcast } from "../pubsub/broadcast.js";
import type { Inbox } from "./inbox.js";
import { type Matched, matches, type Pattern } from "./pattern.js";
import {
  type ClosedMessage,
  type PushMessage,
  type PushRef,
  type ReplyMessage,
  TestChannel,
  type TestSocket,
} from "./test-socket.js";

/** The longest delay Node.js timers take. */
const MAX_TIMEOUT_MS = 2_147_483_647;

/** How an assertion waits, and for whose messages; a number is `timeoutMs`. */
export interface AssertOptions {
  /** Milliseconds to wait; 0 only looks at what is there. @defaultValue the test's `assertTimeoutMs`, 100 */
  readonly timeoutMs?: number;
  /** Only what came to this client, or to this channel of it. @defaultValue any client */
  readonly to?: TestSocket | TestChannel;
}

/** A message with a payload of which something is known. */
export type WithPayload<M, P> = Omit<M, "payload"> & { readonly payload: Matched<P> };

/** As much as there is of a pattern for a message of some kind. */
type Wanted = Readonly<Record<string, unknown>>;

export class TestMailbox {
  readonly #inbox: Inbox;
  readonly #timeoutMs: number;

  /** Use `startTest`. */
  constructor(inbox: Inbox, timeoutMs: number) {
    this.#inbox = inbox;
    this.#timeoutMs = timeoutMs;
  }

  /** What has arrived and no assertion has taken, the oldest first. */
  get messages(): readonly unknown[] {
    return this.#inbox.messages;
  }

  /** Forgets what has arrived. @returns What it was. */
  flush(): readonly unknown[] {
    return this.#inbox.flush();
  }

  /**
   * Takes the oldest message that matches, or waits for one: of a process, a DOWN, an EXIT, anything else.
   *
   * @throws AssertionError that shows the mailbox, if none comes in time.
   */
  assertReceive<const P extends Pattern>(pattern: P, timeoutMs?: number): Promise<Matched<P>> {
    const expectation = { operator: "assertReceive", what: "message that matches", expected: pattern };
    const match = (message: unknown): boolean => matches(pattern, message);
    // It does match. (Were this an async function, the compiler would unfold the pattern's type without end.)
    return this.#inbox.expect(match, this.#limit(timeoutMs), expectation) as Promise<never>;
  }

  /** Waits, and fails if a message comes that matches, or has come. */
  refuteReceive(pattern: Pattern, timeoutMs?: number): Promise<void> {
    const expectation = { operator: "refuteReceive", what: "message that matches", expected: pattern };
    return this.#inbox.refute((message) => matches(pattern, message), this.#limit(timeoutMs), expectation);
  }

  /**
   * The answer to what was pushed, with this status and a response that matches.
   *
   * @returns The response.
   * @throws AssertionError that shows the mailbox: an answer with another status is in there.
   */
  assertReply<const P extends Pattern = undefined>(
    ref: PushRef,
    status: Status,
    response?: P,
    timeoutMs?: number,
  ): Promise<Matched<P>> {
    const reply = this.#expect("assertReply", replyOf(ref, status), "response", response, timeoutMs);
    return reply.then((message) => (message as ReplyMessage).response) as Promise<never>; // it does match
  }

  /** Fails if an answer comes with this status, and a response that matches. */
  refuteReply(ref: PushRef, status: Status, response?: Pattern, timeoutMs?: number): Promise<void> {
    return this.#refute("refuteReply", replyOf(ref, status), "response", response, timeoutMs);
  }

  /**
   * A message that a client was sent: a push of its channel, or a broadcast that went through it. `phx_close` and `phx_error`
   * are such, too.
   *
   * @throws AssertionError that shows the mailbox, if none comes in time.
   */
  assertPush<const P extends Pattern = undefined>(
    event: string,
    payload?: P,
    options?: number | AssertOptions,
  ): Promise<WithPayload<PushMessage, P>> {
    return this.#expect("assertPush", pushOf(event, options), "payload", payload, options) as Promise<never>; // it does
  }

  /** Fails if a client is sent such a message. */
  refutePush(event: string, payload?: Pattern, options?: number | AssertOptions): Promise<void> {
    return this.#refute("refutePush", pushOf(event, options), "payload", payload, options);
  }

  /**
   * An event broadcast on a topic that the test is subscribed to: by `subscribe`, or `subscribeAndJoin`.
   *
   * @throws AssertionError that shows the mailbox, if none comes in time.
   */
  assertBroadcast<const P extends Pattern = undefined>(
    event: string,
    payload?: P,
    timeoutMs?: number,
  ): Promise<WithPayload<BroadcastMessage, P>> {
    const broadcast = this.#expect("assertBroadcast", broadcastOf(event), "payload", payload, timeoutMs);
    return broadcast as Promise<never>; // it does match
  }

  /** Fails if such an event is broadcast. */
  refuteBroadcast(event: string, payload?: Pattern, timeoutMs?: number): Promise<void> {
    return this.#refute("refuteBroadcast", broadcastOf(event), "payload", payload, timeoutMs);
  }

  /** The server closes the connection of this client, with this WebSocket close code. */
  assertClosed(socket: TestSocket, code?: number, timeoutMs?: number): Promise<ClosedMessage> {
    const { client } = socket;
    const wanted = { what: `close of client ${client}`, kind: isTagged("closed"), fields: { client } };
    return this.#expect("assertClosed", wanted, "code", code, timeoutMs) as Promise<ClosedMessage>; // of that tag
  }

  #expect(
    operator: string,
    { what, kind, fields }: Kind,
    field: string,
    pattern: unknown,
    options: number | AssertOptions | undefined,
  ): Promise<unknown> {
    const expected = pattern === undefined ? fields : { ...fields, [field]: pattern };
    const match = (message: unknown): boolean => kind(message) && matches(expected, message);
    return this.#inbox.expect(match, this.#limit(options), { operator, what, expected });
  }

  #refute(
    operator: string,
    { what, kind, fields }: Kind,
    field: string,
    pattern: unknown,
    options: number | AssertOptions | undefined,
  ): Promise<void> {
    const expected = pattern === undefined ? fields : { ...fields, [field]: pattern };
    const match = (message: unknown): boolean => kind(message) && matches(expected, message);
    return this.#inbox.refute(match, this.#limit(options), { operator, what, expected });
  }

  #limit(options: number | AssertOptions | undefined): number {
    const timeoutMs = typeof options === "object" ? options.timeoutMs : options;
    if (timeoutMs === undefined) return this.#timeoutMs;
    checkInteger("timeoutMs", timeoutMs, 0, MAX_TIMEOUT_MS);
    return timeoutMs;
  }
}

/** A kind of message, and what is wanted of it. */
interface Kind {
  readonly what: string;
  readonly kind: (message: unknown) => boolean;
  readonly fields: Wanted;
}

function isTagged(tag: string): (message: unknown) => boolean {
  return (message) => typeof message === "object" && message !== null && (message as { tag?: unknown }).tag === tag;
}

function replyOf({ client, topic, event, ref }: PushRef, status: Status): Kind {
  return {
    what: `reply "${status}" to "${event}" on topic "${topic}"`,
    kind: isTagged("reply"),
    fields: { client, topic, ref, status },
  };
}

function pushOf(event: string, options: number | AssertOptions | undefined): Kind {
  const to = typeof options === "object" ? options.to : undefined;
  const kind = isTagged("push");
  if (to === undefined) return { what: `push "${event}"`, kind, fields: { event } };
  if (!(to instanceof TestChannel)) {
    return { what: `push "${event}" to client ${to.client}`, kind, fields: { client: to.client, event } };
  }
  const { socket, topic, joinRef } = to;
  const { client } = socket;
  return {
    what: `push "${event}" on topic "${topic}" to client ${client}`,
    // A broadcast is for whoever has joined the topic.
    kind: (message) => kind(message) && [joinRef, null].includes((message as PushMessage).joinRef),
    fields: { client, topic, event },
  };
}

function broadcastOf(event: string): Kind {
  return { what: `broadcast "${event}"`, kind: isBroadcast, fields: { event } };
}
