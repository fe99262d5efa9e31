/**
 * One long-poll session: what a client has instead of a connection. Messages wait here until a poll asks for them; a poll
 * waits here until there are some. Plain data on the I/O thread: an idle one takes 1.4 KB of heap, with its connection.
 *
 * ```
 *              message, at the end of the turn: 200
 *   ┌──────── nobody polls ◄──────────────────────── a poll waits
 *   │ messages wait    │                                  ▲ │ window over: 204
 *   │                  └── a poll, and nothing waits ─────┘ │ another poll: that one waits, this one ends with 204
 *   └► a poll: 200 at once                                  │ session ends: 500
 * ```
 */
import { isUtf8 } from "node:buffer";
import type { ConnectionDriver, Drainable, SharedMessage, Transport } from "../channels/transport.js";
import type { ExitReason } from "../core/exit-reason.js";
import type { LimitCode } from "../core/limit-codes.js";
import type { Pid } from "../core/pid.js";
import { answerPoll, answerStatus, type PollResponse, PollStatus } from "./longpoll-answer.js";
import type { Budget } from "./longpoll-body.js";

/** What a session needs of its mount. */
export interface SessionHost {
  readonly windowMs: number;
  readonly maxBufferedMessages: number;
  readonly maxBufferedBytes: number;
  readonly budget: Budget;
  /** Calls `flush` when this turn is over. */
  flushLater(session: LongPollSession): void;
  /** A limit has struck. */
  hit(code: LimitCode): void;
  /** It has ended. */
  left(session: LongPollSession): void;
}

/** Polls of one session that wait for the end of their window since another took their place; more are answered at once. */
const MAX_REPLACED_POLLS = 4;

export class LongPollSession implements Transport, Drainable {
  readonly name = "longpoll";
  readonly id: string;
  readonly leave: () => void;
  driver: ConnectionDriver | null = null;
  /** When a poll came last, in sweeps of the mount. */
  heardAt = 0;
  /** Bytes of its bodies that are being read. */
  bodyBytes = 0;

  readonly #host: SessionHost;
  #messages: (string | Uint8Array | SharedMessage)[] = [];
  /** Of the messages that wait, and of those that their clients have not taken off our hands. */
  #bytes = 0;
  #poll: WaitingPoll | null = null;
  /** The oldest first. */
  #replaced: WaitingPoll[] | null = null;
  #ended = false;
  /** Answers to POSTs that wait until the client may go on: it sends no more before it has them. `null`: it may. */
  #heldPosts: PollResponse[] | null = null;

  /** @param leave - Called when it has ended. */
  constructor(id: string, host: SessionHost, leave: () => void) {
    this.id = id;
    this.leave = leave;
    this.#host = host;
  }

  /** Whether the client is to wait. */
  get isPaused(): boolean {
    return this.#heldPosts !== null;
  }

  get hasEnded(): boolean {
    return this.#ended;
  }

  // ---- from the mount ----

  /** A poll has come: it is answered at once if something waits for it, else when something comes. */
  poll(response: PollResponse, token: string): void {
    this.flush();
    const before = this.#poll;
    if (before !== null) this.#replace(before);
    this.#poll = new WaitingPoll(this, response, token, this.#host.windowMs);
    if (this.#messages.length > 0) this.flush();
  }

  /** The window of a poll is over, or its client went away. */
  pollOver(poll: WaitingPoll): void {
    if (this.#poll === poll) this.#poll = null;
    else if (this.#replaced !== null) this.#replaced = this.#replaced.filter((replaced) => replaced !== poll);
    poll.answer(PollStatus.noContent, "");
  }

  /** Gives what waits to the poll that waits. */
  flush(): void {
    const poll = this.#poll;
    const messages = this.#messages;
    if (poll === null || messages.length === 0) return;
    this.#poll = null;
    this.#messages = [];
    const bytes = sum(messages);
    // Until the client has taken them they are in memory: one that polls, and never reads, comes to its limit. And not for
    // ever, as all sessions have a limit together.
    const { response } = poll;
    const unread = setTimeout(() => response.destroy(), this.#host.windowMs);
    response.once("close", () => {
      clearTimeout(unread);
      this.#release(bytes);
    });
    poll.answer(PollStatus.ok, messages.map(quoted).join(","));
  }

  /** Its messages were taken: answers the POST as soon as the client may send more. */
  posted(response: PollResponse): void {
    if (this.#heldPosts === null) answerStatus(response, PollStatus.ok);
    else this.#heldPosts.push(response);
  }

  /** Ends it of the mount's own accord: the connection learns why. */
  end(exit: ExitReason, keepAlive = true): void {
    this.#end(keepAlive);
    this.driver?.closed(exit);
  }

  drain(): readonly Pid[] {
    const channels = this.driver?.channels ?? [];
    this.end(["shutdown", "draining"], false);
    return channels;
  }

  // ---- from its connection ----

  send(message: string | Uint8Array): void {
    this.#queue(message, message.length);
  }

  sendShared(shared: SharedMessage): void {
    this.#queue(shared, shared.message.length);
  }

  /** A poll takes all there is: what waits for the next one is not dropped, but has a limit. */
  get isHeldUp(): boolean {
    return false;
  }

  sendDroppable(message: string | Uint8Array): void {
    this.send(message);
  }

  /** The client learns no code: its next request is answered with 410, a waiting one with 500. */
  close(): void {
    this.#end(true);
  }

  pause(): void {
    if (!this.#ended) this.#heldPosts ??= [];
  }

  resume(): void {
    const held = this.#heldPosts ?? [];
    this.#heldPosts = null;
    for (const response of held) answerStatus(response, PollStatus.ok);
  }

  #queue(message: string | Uint8Array | SharedMessage, bytes: number): void {
    if (this.#ended) return;
    const { maxBufferedMessages, maxBufferedBytes, budget } = this.#host;
    const fits = this.#messages.length < maxBufferedMessages && this.#bytes + bytes <= maxBufferedBytes;
    // As a WebSocket whose client doesn't read: it has lost messages, so it must begin anew.
    if (!fits || !budget.take(bytes)) {
      this.#host.hit(fits ? "closed.outbound.total" : "closed.outbound");
      return this.end(["shutdown", "closed"]);
    }
    this.#bytes += bytes;
    if (this.#messages.push(message) === 1 && this.#poll !== null) this.#host.flushLater(this);
  }

  #replace(poll: WaitingPoll): void {
    this.#replaced ??= [];
    this.#replaced.push(poll);
    if (this.#replaced.length > MAX_REPLACED_POLLS) this.pollOver(this.#replaced[0] as WaitingPoll);
  }

  #end(keepAlive: boolean): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#host.left(this);
    for (const response of this.#heldPosts ?? []) answerStatus(response, PollStatus.gone);
    this.#heldPosts = null;
    for (const poll of [...(this.#replaced ?? []), this.#poll]) if (poll !== null && !keepAlive) poll.closeConnection();
    this.flush(); // what was sent before the end arrives before it
    this.#poll?.answer(PollStatus.ended, "");
    for (const poll of this.#replaced ?? []) poll.answer(PollStatus.ended, "");
    this.#poll = null;
    this.#replaced = null;
    this.#release(sum(this.#messages));
    this.#messages = [];
  }

  #release(bytes: number): void {
    this.#bytes -= bytes;
    this.#host.budget.give(bytes);
  }
}

/** A request that waits for messages. */
class WaitingPoll {
  readonly response: PollResponse;
  readonly #session: LongPollSession;
  readonly #token: string;
  readonly #timer: NodeJS.Timeout;

  constructor(session: LongPollSession, response: PollResponse, token: string, windowMs: number) {
    this.#session = session;
    this.response = response;
    this.#token = token;
    this.#timer = setTimeout(this.#over, windowMs);
    response.on("close", this.#over);
  }

  answer(status: PollStatus, messages: string): void {
    clearTimeout(this.#timer);
    this.response.off("close", this.#over);
    answerPoll(this.response, status, this.#token, messages);
  }

  /** Together with the answer, its connection ends. */
  closeConnection(): void {
    this.response.shouldKeepAlive = false;
  }

  readonly #over = (): void => this.#session.pollOver(this);
}

/** A character of text counts as a byte. */
function sum(messages: readonly (string | Uint8Array | SharedMessage)[]): number {
  let bytes = 0;
  for (const message of messages) bytes += bare(message).length;
  return bytes;
}

function bare(message: string | Uint8Array | SharedMessage): string | Uint8Array {
  return typeof message === "string" || message instanceof Uint8Array ? message : message.message;
}

/** A message as a JSON string; of a broadcast once for all sessions. */
function quoted(message: string | Uint8Array | SharedMessage): string {
  if (typeof message === "string") return JSON.stringify(message);
  if (message instanceof Uint8Array) return JSON.stringify(textOf(message));
  message.quoted ??= quoted(message.message);
  return message.quoted;
}

/**
 * There are no bytes in JSON. Phoenix writes those that happen to be UTF-8 as text, and fails on others; these go out as
 * clients send theirs, in base64. The stock client can read neither.
 */
function textOf(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return isUtf8(buffer) ? buffer.toString() : buffer.toString("base64");
}
