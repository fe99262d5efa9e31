/**
 * One connection's limits, carried out: its buckets, and whether it is read. It is not while it pays for what it sent too
 * fast, nor while its channels have too much of it to handle; the client notices as TCP (or its POST) makes it wait.
 */
import type { LimitCode } from "../core/limit-codes.js";
import type { ConnectionRates } from "./limits.js";
import type { LimitSubject, Throttle, Waiting } from "./throttle.js";
import { onRefused, TokenBucket, Verdict } from "./token-bucket.js";
import type { Transport } from "./transport.js";

/** Why a connection is not read. */
const RATE = 1;
const UNHANDLED = 2;

export class ConnectionLimits implements Waiting, LimitSubject {
  readonly id: string | null;
  readonly #rates: ConnectionRates;
  readonly #throttle: Throttle;
  readonly #connection: Transport;
  readonly #messages: TokenBucket | null;
  // Made when they are needed: idle connections are many.
  #joins: TokenBucket | null = null;
  #refusals: TokenBucket | null = null;
  #paused = 0;
  /** Of messages that its channels have not handled. */
  #unhandledBytes = 0;
  /** Channels with more messages than they may have. */
  #overflowing = 0;

  constructor(rates: ConnectionRates, throttle: Throttle, transport: Transport, id: string | null) {
    this.#rates = rates;
    this.#throttle = throttle;
    this.#connection = transport;
    this.id = id;
    this.#messages = rates.messages === null ? null : new TokenBucket(rates.messages, throttle.nowMs());
  }

  get transport(): string {
    return this.#connection.name;
  }

  get topic(): null {
    return null;
  }

  nowMs(): number {
    return this.#throttle.nowMs();
  }

  /** A message has come. `Verdict.pass`, or what shall become of it. */
  onMessage(): number {
    if (this.#messages === null || this.#rates.messages === null) return Verdict.pass;
    const verdict = this.#messages.take(this.#rates.messages, this.#throttle.nowMs());
    return verdict === Verdict.pass ? verdict : this.#slowed(verdict, "connection");
  }

  onJoin(): number {
    const { joins } = this.#rates;
    if (joins === null) return Verdict.pass;
    const nowMs = this.#throttle.nowMs();
    this.#joins ??= new TokenBucket(joins, nowMs);
    const verdict = this.#joins.take(joins, nowMs);
    return verdict === Verdict.pass ? verdict : this.#slowed(verdict, "joins");
  }

  /** A message is refused by this limit, of this topic: `Verdict.refuse`, or it was one too many. */
  refused(limit: "connection" | "joins" | "channel" | "event", topic: string | null = null): number {
    this.hit(`refused.rate.${limit}`, topic);
    const { refusals } = this.#rates;
    const nowMs = this.#throttle.nowMs();
    if (refusals !== null) this.#refusals ??= new TokenBucket(refusals, nowMs);
    const verdict = onRefused(this.#refusals, refusals, nowMs);
    if (verdict === Verdict.close) this.#throttle.hit("closed.rate", this);
    return verdict;
  }

  /** Another limit of the connection has struck. */
  hit(code: LimitCode, topic: string | null = null): void {
    this.#throttle.hit(code, { transport: this.transport, id: this.id, topic });
  }

  /** The transport's own limits have struck: it counts them itself. */
  tell(code: LimitCode, count: number): void {
    this.#throttle.tell(code, this, count);
  }

  /** Bytes were handed to a channel. */
  given(bytes: number): void {
    this.#unhandledBytes += bytes;
    if (this.#unhandledBytes > this.#rates.maxUnhandledBytes) this.#pause(UNHANDLED, "paused.unhandled.bytes");
  }

  /** Bytes were handled, or their channel is gone. */
  handled(bytes: number): void {
    this.#unhandledBytes -= bytes;
    this.#goOn();
  }

  /** A channel has as many messages as it may have; `false`: no longer. */
  overflows(isOver: boolean): void {
    this.#overflowing += isOver ? 1 : -1;
    if (isOver) this.#pause(UNHANDLED, "paused.unhandled.messages");
    else this.#goOn();
  }

  /** The debt is paid. */
  wake(): void {
    this.#resume(RATE);
  }

  closed(): void {
    this.#throttle.forget(this);
  }

  #slowed(verdict: number, limit: "connection" | "joins"): number {
    if (verdict < 0) return this.refused(limit);
    this.#pause(RATE, `paused.rate.${limit}`);
    this.#throttle.wakeAt(this, this.#throttle.nowMs() + verdict);
    return Verdict.pass;
  }

  #pause(why: number, code: LimitCode): void {
    if ((this.#paused & why) !== 0) return;
    this.#throttle.hit(code, this);
    if (this.#paused === 0) this.#connection.pause();
    this.#paused |= why;
  }

  #goOn(): void {
    if ((this.#paused & UNHANDLED) === 0 || this.#overflowing > 0) return;
    if (this.#unhandledBytes <= this.#rates.maxUnhandledBytes / 2) this.#resume(UNHANDLED);
  }

  #resume(why: number): void {
    if ((this.#paused & why) === 0) return;
    this.#paused &= ~why;
    if (this.#paused === 0) this.#connection.resume();
  }
}
