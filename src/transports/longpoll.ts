/**
 * Long poll, for clients behind something that lets no WebSocket through: a GET waits for messages, a POST sends some, and a
 * token says which session they belong to. `Phoenix.Transports.LongPoll` and its server process, here in plain data on the
 * I/O thread: any request finds its session in a table, or the thread that has it (`longpoll-relay.ts`), so nothing in front has
 * to be sticky within one runtime.
 *
 * Everything that a client can make grow has a limit: `longpoll-options.ts`.
 *
 * @see https://hexdocs.pm/phoenix/Phoenix.Endpoint.html#socket/3-longpoll-configuration
 */
import { randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { ConnectOutcome, Drainable } from "../channels/transport.js";
import { type Clock, monotonicClock } from "../core/clock.js";
import type { LimitCode } from "../core/limit-codes.js";
import type { Pid } from "../core/pid.js";
import { isPid, type Port, type PortHandler } from "../runtime/process.js";
import {
  answerHttp,
  answerPoll,
  answerPreflight,
  answerStatus,
  type PollResponse,
  PollStatus,
} from "./longpoll-answer.js";
import { messagesOf } from "./longpoll-batch.js";
import { type Body, type Budget, readBody } from "./longpoll-body.js";
import { type LongPollOptions, resolveLongPollOptions, WINDOWS_UNTIL_IDLE } from "./longpoll-options.js";
import { type PassedRequest, Relay } from "./longpoll-relay.js";
import { LongPollSession, type SessionHost } from "./longpoll-session.js";
import { SessionTokens } from "./longpoll-token.js";

/** How finely it is measured that a session is not polled. */
const SWEEPS_UNTIL_IDLE = 4;

/** What a client is told that comes at a bad time. */
const RETRY_AFTER_SECONDS = 5;

type Entered = (() => void) | "max_connections" | "max_connections_per_address";

/** A request that went through `checkOrigin`. */
export interface LongPollRequest {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** The parameter `token`. A header `x-phoenix-longpoll-token` goes before it. */
  readonly token: unknown;
  /** Asks whether there is room for one more client: what is to be called when it is gone, or why there is none. */
  readonly enter: () => Entered | Promise<Entered>;
  /** Asks whether the client may connect, should this begin a session. */
  readonly connect: () => Promise<ConnectOutcome>;
}

/** What the mounts of one socket on several threads have in common. */
export interface SharedMount {
  readonly key: Uint8Array;
  readonly openPort: (handler: PortHandler, label: string) => Port;
}

/** The long-poll sessions of one mounted socket. */
export class LongPollMount implements SessionHost {
  readonly budget: Budget;
  readonly #options: Required<LongPollOptions>;
  readonly #afterTurn: (action: () => void) => void;
  readonly #tokens: SessionTokens;
  readonly hit: (code: LimitCode) => void;
  readonly #sessions = new Map<string, LongPollSession>();
  /** Clients whose `connect` has not answered yet. */
  readonly #connecting = new Set<ServerResponse>();
  readonly #sweep: NodeJS.Timeout;
  /** The way to sessions on other threads. */
  readonly #relay: Relay | null;
  #sweeps = 0;
  #unflushed: LongPollSession[] = [];
  #stopped = false;

  /**
   * @param hit - Told each time that a limit has struck.
   * @param shared - If other threads have the same mount: what all of them sign tokens with, and the way to them.
   */
  constructor(
    options: LongPollOptions,
    afterTurn: (action: () => void) => void,
    hit: (code: LimitCode) => void = () => {},
    clock: Clock = monotonicClock,
    shared: SharedMount | null = null,
  ) {
    this.hit = hit;
    this.#options = resolveLongPollOptions(options);
    this.#afterTurn = afterTurn;
    this.#tokens = new SessionTokens(shared?.key ?? randomBytes(32), this.#options.tokenMaxAgeMs, clock);
    this.#relay =
      shared === null ? null : new Relay(shared.openPort, (request, response) => this.#take(request, response));
    this.budget = budgetOf(this.#options.maxTotalBytes);
    this.#sweep = setInterval(this.#endIdle, (this.windowMs * WINDOWS_UNTIL_IDLE) / SWEEPS_UNTIL_IDLE);
    this.#sweep.unref();
  }

  get windowMs(): number {
    return this.#options.windowMs;
  }

  get maxBufferedMessages(): number {
    return this.#options.maxBufferedMessages;
  }

  get maxBufferedBytes(): number {
    return this.#options.maxBufferedBytes;
  }

  /** The sessions there are, by id. */
  get sessions(): ReadonlyMap<string, Drainable> {
    return this.#sessions;
  }

  handle(asked: LongPollRequest): void {
    const { request, response } = asked;
    switch (request.method) {
      case "OPTIONS":
        return answerPreflight(response, request.headers["access-control-request-headers"] ?? "");
      case "GET":
        return this.#poll(asked);
      case "POST": {
        const token = tokenOf(asked);
        const session = this.#find(token);
        if (session === undefined) {
          const elsewhere = this.#ownerOf(token);
          if (elsewhere === undefined) return answerStatus(response, PollStatus.gone);
          void this.#passPost(elsewhere, token as string, request, response); // it was read
          return;
        }
        if (this.#isTooEarly(session, response)) return;
        void this.#post(session, request, response);
        return;
      }
      default:
        return answerHttp(response, 400, ""); // as Phoenix, which says nothing to others
    }
  }

  /** Handles a request that came in on another thread; `false` if its session is not here. */
  #take({ token, contentType, body }: PassedRequest, response: PollResponse): boolean {
    const session = this.#find(token);
    if (session === undefined) return false;
    if (body === null) this.#pollOf(session, response, token);
    else if (!this.#isTooEarly(session, response)) this.#receive(session, contentType, body, response);
    return true;
  }

  /** Begins no more sessions; those there are go on. */
  letNobodyIn(): void {
    this.#stopped = true;
    for (const response of this.#connecting) this.#turnAway(response);
    this.#connecting.clear();
  }

  /** Ends the sessions that are left. */
  stop(): void {
    this.letNobodyIn();
    clearInterval(this.#sweep);
    for (const session of this.#sessions.values()) session.drain();
  }

  // ---- from sessions ----

  flushLater(session: LongPollSession): void {
    if (this.#unflushed.push(session) === 1) this.#afterTurn(this.#flush);
  }

  left(session: LongPollSession): void {
    this.#sessions.delete(session.id);
    session.leave();
  }

  #poll(asked: LongPollRequest): void {
    const token = tokenOf(asked);
    const session = this.#find(token);
    if (session !== undefined) return this.#pollOf(session, asked.response, token as string); // a session was found by it
    const owner = this.#ownerOf(token);
    if (owner === undefined) void this.#open(asked);
    else {
      const poll = { token: token as string, contentType: undefined, body: null }; // it was read
      this.#relay?.pass(owner, poll, asked.response, () => void this.#open(asked));
    }
  }

  #pollOf(session: LongPollSession, response: PollResponse, token: string): void {
    session.heardAt = this.#sweeps;
    session.poll(response, token);
  }

  /** The answer to its last POST is held back. Who sends another one all the same is not slowed down by that. */
  #isTooEarly(session: LongPollSession, response: PollResponse): boolean {
    if (!session.isPaused) return false;
    this.hit("refused.post");
    this.#turnAway(response, 429);
    return true;
  }

  #find(token: unknown): LongPollSession | undefined {
    const id = typeof token === "string" ? this.#tokens.verify(token) : undefined;
    return id === undefined ? undefined : this.#sessions.get(id);
  }

  /** The mount on another thread whose session a token names, if it was signed there. */
  #ownerOf(token: unknown): Pid | undefined {
    const own = this.#relay?.pid;
    const [id] = (own === undefined || typeof token !== "string" ? undefined : this.#tokens.read(token)) ?? [];
    const owner = id?.slice(0, id.indexOf(" "));
    return isPid(owner) && owner !== own ? owner : undefined;
  }

  async #open({ response, enter, connect }: LongPollRequest): Promise<void> {
    const { maxSessions } = this.#options;
    if (this.#stopped) return this.#turnAway(response);
    if (this.#sessions.size + this.#connecting.size >= maxSessions) {
      this.hit("refused.max_sessions");
      return this.#turnAway(response);
    }
    this.#connecting.add(response);
    const entering = enter();
    const entered = entering instanceof Promise ? await entering : entering;
    if (typeof entered === "string") {
      // Stopped meanwhile, it has been turned away already.
      if (this.#connecting.delete(response))
        this.#turnAway(response, entered === "max_connections" ? 503 : 429, entered);
      return;
    }
    const outcome = await connect();
    const isHere = this.#connecting.delete(response) && !response.destroyed; // else stopped meanwhile, or the client is gone
    if (!isHere || outcome.tag !== "accepted") entered();
    if (!isHere) return;
    switch (outcome.tag) {
      case "accepted": {
        const id = randomBytes(16).toString("base64url");
        const session = new LongPollSession(this.#relay === null ? id : `${this.#relay.pid} ${id}`, this, entered);
        session.heardAt = this.#sweeps;
        this.#sessions.set(session.id, session);
        session.driver = outcome.open(session);
        return answerPoll(response, PollStatus.gone, this.#tokens.sign(session.id), "");
      }
      case "refused":
        return answerStatus(response, PollStatus.forbidden);
      case "failed":
        return answerHttp(response, 500);
      case "unavailable":
        return answerHttp(response, 503);
    }
  }

  async #post(session: LongPollSession, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await this.#read(session, request);
    if (body.tag === "whole") this.#receive(session, request.headers["content-type"], body.text, response);
    else this.#unread(body, response);
  }

  /** A POST for a session on another thread: its body is read here. */
  async #passPost(owner: Pid, token: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { maxBodyBytes: maxBytes, bodyTimeoutMs: timeoutMs } = this.#options;
    const body = await readBody(request, { maxBytes, timeoutMs, budget: this.budget });
    if (body.tag !== "whole") return this.#unread(body, response);
    const post = { token, contentType: request.headers["content-type"], body: body.text };
    this.#relay?.pass(owner, post, response, () => answerStatus(response, PollStatus.gone));
  }

  #unread(body: Exclude<Body, { readonly tag: "whole" }>, response: ServerResponse): void {
    switch (body.tag) {
      case "gone":
        return;
      case "too_large":
      case "too_slow":
        response.shouldKeepAlive = false; // the rest of the body may still be under way
        return answerHttp(response, 400);
      case "no_room":
        return this.#turnAway(response);
    }
  }

  /** One session's bodies may take as much as one of them at a time: the others want some of the budget, too. */
  #read(session: LongPollSession, request: IncomingMessage): Promise<Body> {
    const { maxBodyBytes: maxBytes, bodyTimeoutMs: timeoutMs } = this.#options;
    const budget: Budget = {
      take: (bytes) => {
        if (session.bodyBytes + bytes > maxBytes || !this.budget.take(bytes)) return false;
        session.bodyBytes += bytes;
        return true;
      },
      give: (bytes) => {
        session.bodyBytes -= bytes;
        this.budget.give(bytes);
      },
    };
    return readBody(request, { maxBytes, timeoutMs, budget });
  }

  #receive(session: LongPollSession, contentType: string | undefined, text: string, response: PollResponse): void {
    const messages = messagesOf(contentType, text, this.#options.maxBatch);
    if (messages === undefined) return answerHttp(response, 500); // as Phoenix, whose decoder raises
    if (session.hasEnded) return answerStatus(response, PollStatus.gone);
    for (const message of messages) {
      session.driver?.receive(message);
      if (session.hasEnded) return answerStatus(response, PollStatus.timeout);
    }
    session.posted(response);
  }

  #turnAway(response: PollResponse, status: 429 | 503 = 503, body?: string): void {
    response.shouldKeepAlive = false;
    if (!response.headersSent) response.setHeader("retry-after", RETRY_AFTER_SECONDS);
    if (status === 429) answerHttp(response, 429, body);
    else answerHttp(response, 503, body);
  }

  readonly #flush = (): void => {
    const sessions = this.#unflushed;
    this.#unflushed = [];
    for (const session of sessions) session.flush();
  };

  readonly #endIdle = (): void => {
    this.#sweeps++;
    for (const session of this.#sessions.values()) {
      if (this.#sweeps - session.heardAt > SWEEPS_UNTIL_IDLE) session.end(["shutdown", "inactive"]);
    }
  };
}

function tokenOf({ request, token }: LongPollRequest): unknown {
  return request.headers["x-phoenix-longpoll-token"] ?? token;
}

function budgetOf(maxBytes: number): Budget {
  let taken = 0;
  return {
    take(bytes) {
      if (taken + bytes > maxBytes) return false;
      taken += bytes;
      return true;
    },
    give(bytes) {
      taken -= bytes;
    },
  };
}
