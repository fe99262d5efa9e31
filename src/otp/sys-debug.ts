/**
 * Who watches one process, and what they have seen so far. Made when the first one asks, dropped with the last: a process
 * that nobody watches has none, and that is all it costs.
 */

import { isDown } from "../core/messages.js";
import type { Pid } from "../core/pid.js";
import { toPlain } from "../core/plain.js";
import type { Ref } from "../core/ref.js";
import { demonitor, monitor, notice, report, self, send } from "../runtime/process.js";
import { formatEvent, type SystemEvent, type TraceMessage } from "./sys-events.js";

/** Who gets the events: people (`true`), a process, or a function of the same thread. */
export type TraceSink = true | Pid | ((event: SystemEvent) => void);

/** What `sys.statistics` counts. */
export interface Statistics {
  /** Milliseconds since 1970. */
  readonly startedAtMs: number;
  readonly nowMs: number;
  readonly messagesIn: number;
  /** Answers, as far as the process gave them by the result of a callback. */
  readonly messagesOut: number;
}

export class Debug {
  #sink: TraceSink | null = null;
  #sinkMonitor: Ref | null = null;
  #log: SystemEvent[] | null = null;
  #maxLog = 0;
  #statistics: { readonly startedAtMs: number; messagesIn: number; messagesOut: number } | null = null;
  /** Whether the message being handled has been answered: then there is no `noreply`. */
  #answered = false;

  /** Whether nobody watches any more. */
  get isIdle(): boolean {
    return this.#sink === null && this.#log === null && this.#statistics === null;
  }

  // ---- what they ask for ----

  trace(sink: TraceSink | null): void {
    if (this.#sinkMonitor !== null) demonitor(this.#sinkMonitor, { flush: true });
    this.#sink = sink;
    this.#sinkMonitor = typeof sink === "string" ? monitor(sink) : null;
  }

  /** Keeps the last `count` events; 0 keeps none and forgets those there are. */
  keep(count: number): void {
    this.#maxLog = count;
    this.#log = count === 0 ? null : (this.#log ?? []).slice(-count);
  }

  get log(): readonly SystemEvent[] {
    return this.#log ?? [];
  }

  count(on: boolean): void {
    this.#statistics = on ? { startedAtMs: Date.now(), messagesIn: 0, messagesOut: 0 } : null;
  }

  get statistics(): Statistics | undefined {
    return this.#statistics === null ? undefined : { ...this.#statistics, nowMs: Date.now() };
  }

  /** What is switched on, for `sys.getStatus`. */
  get summary(): { readonly trace: boolean | Pid | "function"; readonly log: number; readonly statistics: boolean } {
    const sink = this.#sink;
    const trace = typeof sink === "function" ? "function" : (sink ?? false);
    return { trace, log: this.#maxLog, statistics: this.#statistics !== null };
  }

  // ---- what happens ----

  /** Whether this is the end of the process that traces: then nobody does any more, and the message is nobody else's. */
  takeSinkDown(message: unknown): boolean {
    if (this.#sinkMonitor === null || !isDown(message) || message.ref !== this.#sinkMonitor) return false;
    this.#sink = null;
    this.#sinkMonitor = null;
    return true;
  }

  in(message: unknown): void {
    this.#answered = false;
    if (this.#statistics !== null) this.#statistics.messagesIn++;
    if (this.#isSeen) this.#happened({ tag: "in", message: toPlain(message) });
  }

  out(message: unknown, to: Pid, state: unknown): void {
    this.#answered = true;
    if (this.#statistics !== null) this.#statistics.messagesOut++;
    if (this.#isSeen) this.#happened({ tag: "out", message: toPlain(message), to, state: toPlain(state) });
  }

  /** The message has been handled. */
  handled(state: unknown): void {
    if (!this.#answered && this.#isSeen) this.#happened({ tag: "noreply", state: toPlain(state) });
  }

  get #isSeen(): boolean {
    return this.#sink !== null || this.#log !== null;
  }

  #happened(event: SystemEvent): void {
    if (this.#log !== null) {
      if (this.#log.length >= this.#maxLog) this.#log.shift(); // short, and only where somebody debugs
      this.#log.push(event);
    }
    const sink = this.#sink;
    if (sink === null) return;
    if (sink === true) report({ tag: "trace", event, text: formatEvent(event) });
    else if (typeof sink === "string") send(sink, { tag: "trace", from: self(), event } satisfies TraceMessage);
    else this.#callSink(sink, event);
  }

  /** A fault in what somebody watches with must not be the fault of the process that is watched. */
  #callSink(sink: (event: SystemEvent) => void, event: SystemEvent): void {
    try {
      sink(event);
    } catch (error) {
      this.#sink = null;
      notice(`is not traced any more: the function it was traced with threw ${String(error)}`);
    }
  }
}
