/**
 * The messages of a run: who sends the next one, which are under way, and what became of them.
 *
 *     by the clock ──► the next client in turn sends              (open loop)
 *     an answer ─────► its client sends the next one              (closed loop)
 *
 * Each message that was sent ends in exactly one way: answered, answered with an error, not in time, or lost.
 */
import type { Client } from "./client.js";
import { FailureKind, Failures } from "./failures.js";
import { Latency } from "./latency.js";
import type { LoadOptions } from "./options.js";
import { NONE, Outstanding } from "./outstanding.js";
import { everySecond } from "./pace.js";

export class Messages {
  /** Of the measurement and, apart from it, of messages sent before. */
  readonly failures: Failures = new Failures();
  readonly warmUpFailures: Failures = new Failures();
  readonly latency: Latency = new Latency();
  /** Of the measurement. */
  sent = 0;
  answered = 0;
  /** Answers that came within it, whenever the message was sent. */
  answeredInWindow = 0;
  /** Of the clock, in the measurement. */
  ticks = 0;
  measuring = false;
  readonly #options: LoadOptions;
  /** Told when the last client that could send has gone. */
  readonly #deserted: () => void;
  /** Clients with a channel, which take turns, and where each of them is in that list. */
  readonly #ready: Client[] = [];
  readonly #places = new Map<Client, number>();
  readonly #outstanding: Outstanding;
  /** Messages that wait for the network, also those whose answers are waited for no longer. */
  #unwritten = 0;
  #turn = 0;
  #sending = false;
  #clock: NodeJS.Timeout | undefined;

  constructor(options: LoadOptions, deserted: () => void) {
    this.#options = options;
    this.#deserted = deserted;
    const { connections, channels, rate, inFlight, replyTimeoutMs, maxOutstanding } = options;
    // By the clock, what is sent within the time limit may be under way, and a second's worth for what is sent late.
    const wanted = inFlight > 0 ? connections * inFlight : Math.ceil(rate * (1 + replyTimeoutMs / 1000));
    this.#outstanding = new Outstanding(Math.min(wanted, maxOutstanding), connections, channels + 1);
  }

  /** How many have not ended yet. */
  get underWay(): number {
    return this.#outstanding.size;
  }

  get hasSenders(): boolean {
    return this.#ready.length > 0;
  }

  get isSending(): boolean {
    return this.#sending;
  }

  /** Sends the first messages, or starts the clock. */
  begin(): void {
    const { rate, inFlight } = this.#options;
    this.#sending = true;
    if (rate > 0) this.#clock = everySecond(rate, (meantMs) => this.#byTheClock(meantMs));
    else for (const client of this.#ready) for (let i = 0; i < inFlight; i++) this.#send(client, performance.now());
  }

  /** Sends no more. */
  end(): void {
    this.#sending = false;
    clearInterval(this.#clock);
  }

  /** A client with its first channel. */
  join(client: Client): void {
    if (this.#places.has(client)) return;
    this.#places.set(client, this.#ready.length);
    this.#ready.push(client);
  }

  /**
   * `problem` is what the server said, if that was not "ok".
   *
   * @returns False if the client has no such message under way: another's, or it was too late and has failed.
   */
  answer(client: Client, ref: number, problem: string | null): boolean {
    const slot = this.#outstanding.take(client.index, ref);
    if (slot === NONE) return false;
    if (this.measuring) this.answeredInWindow += 1;
    const counts = this.#outstanding.counts[slot] === 1;
    if (problem !== null) this.#fail(FailureKind.errorReply, problem, counts);
    else if (counts) {
      this.answered += 1;
      this.latency.record(performance.now() - (this.#outstanding.meantMs[slot] as number));
    }
    this.#next(client);
    return true;
  }

  /** What waits for an answer from there gets none. `null`: from any channel. */
  lose(client: Client, channel: number | null): void {
    if (!client.canSend) this.#leave(client);
    const outstanding = this.#outstanding;
    for (let slot = outstanding.oldest(client.index); slot !== NONE; ) {
      const following = outstanding.after(slot);
      if (channel === null || outstanding.channel[slot] === channel) {
        outstanding.release(slot);
        const where = channel === null ? "its connection" : "its channel";
        this.#fail(FailureKind.lost, where, outstanding.counts[slot] === 1);
        this.#next(client);
      }
      slot = following;
    }
  }

  /** What that client has been waiting for too long. */
  expire(client: Client, nowMs: number): void {
    const { replyTimeoutMs } = this.#options;
    const outstanding = this.#outstanding;
    for (;;) {
      const slot = outstanding.oldest(client.index);
      if (slot === NONE || nowMs - (outstanding.sentMs[slot] as number) <= replyTimeoutMs) return;
      outstanding.release(slot);
      this.#fail(FailureKind.timeout, `after ${replyTimeoutMs} ms`, outstanding.counts[slot] === 1);
      this.#next(client);
    }
  }

  /** One has left for the network, or never will. */
  written(): void {
    this.#unwritten -= 1;
  }

  #byTheClock(meantMs: number): void {
    const { length } = this.#ready;
    if (length === 0) return;
    if (this.measuring) this.ticks += 1;
    this.#turn = (this.#turn + 1) % length;
    this.#send(this.#ready[this.#turn] as Client, meantMs);
  }

  #send(client: Client, meantMs: number): void {
    const outstanding = this.#outstanding;
    if (outstanding.isFull || this.#unwritten >= this.#options.maxOutstanding) {
      return this.#fail(FailureKind.unsent, `${outstanding.size} were under way`, this.measuring);
    }
    const channel = client.nextChannel();
    const ref = outstanding.add(client.index, channel, meantMs, performance.now(), this.measuring);
    if (this.measuring) this.sent += 1;
    this.#unwritten += 1;
    client.push(channel, ref);
  }

  /** Closed loop: the next one, after one that is no longer under way. */
  #next(client: Client): void {
    if (this.#sending && this.#options.rate === 0 && client.canSend) this.#send(client, performance.now());
  }

  #fail(kind: FailureKind, example: string, counts: boolean): void {
    (counts ? this.failures : this.warmUpFailures).add(kind, example);
  }

  /** The last one takes its place. */
  #leave(client: Client): void {
    const place = this.#places.get(client);
    if (place === undefined) return;
    this.#places.delete(client);
    const last = this.#ready.pop() as Client; // the client is in it
    if (last !== client) {
      this.#ready[place] = last;
      this.#places.set(last, place);
    }
    if (this.#ready.length === 0 && this.#sending) this.#deserted();
  }
}
