/**
 * The mailbox of a test: what its clients were sent, what it subscribed to, what processes sent it, in the order of arrival.
 * Not a process's own: a test runs outside of any, and its assertions must be able to show all that did arrive.
 */
import { AssertionError } from "node:assert";
import { inspect } from "node:util";
import type { CrashReport } from "../runtime/report.js";

/** Messages kept that nobody has asked for; then the oldest are dropped, and a failed assertion says so. */
export const MAX_INBOX = 10_000;
/** Messages and crashes a failed assertion shows: the newest. */
const SHOWN = 20;

interface Waiter {
  readonly match: (message: unknown) => boolean;
  readonly resolve: (message: unknown) => void;
}

/** What did not happen, or should not have: in words, and as what was looked for. */
export interface Expectation {
  /** The assertion's name. */
  readonly operator: string;
  /** `a reply "ok" to ping` */
  readonly what: string;
  readonly expected: unknown;
}

export class Inbox {
  readonly #crashes: () => readonly CrashReport[];
  #messages: unknown[] = [];
  #dropped = 0;
  readonly #waiters = new Set<Waiter>();

  /** @param crashes - What crashed so far: most often the reason for what did not arrive. */
  constructor(crashes: () => readonly CrashReport[]) {
    this.#crashes = crashes;
  }

  /** What has arrived and nobody has asked for, the oldest first. */
  get messages(): readonly unknown[] {
    return this.#messages;
  }

  add(message: unknown): void {
    for (const waiter of this.#waiters) {
      if (!waiter.match(message)) continue;
      this.#waiters.delete(waiter);
      waiter.resolve(message);
      return;
    }
    this.#messages.push(message);
    if (this.#messages.length <= MAX_INBOX) return;
    this.#messages.shift(); // a test that comes here has lost already
    this.#dropped++;
  }

  /** Forgets what has arrived. Answers it. */
  flush(): readonly unknown[] {
    const flushed = this.#messages;
    this.#messages = [];
    return flushed;
  }

  /** Takes the oldest message that matches, or waits so long for one. @throws AssertionError that shows what did arrive. */
  async expect(match: (message: unknown) => boolean, timeoutMs: number, expectation: Expectation): Promise<unknown> {
    const index = this.#messages.findIndex(match);
    if (index !== -1) return this.#messages.splice(index, 1)[0];
    const arrived = await this.#next(match, timeoutMs);
    if (arrived !== NOTHING) return arrived;
    throw this.failure(`no ${expectation.what} within ${timeoutMs} ms`, expectation);
  }

  /** Waits so long, and fails if a message matches. What matched stays where it is. */
  async refute(match: (message: unknown) => boolean, timeoutMs: number, expectation: Expectation): Promise<void> {
    let found: unknown = this.#messages.find(match) ?? NOTHING;
    if (found === NOTHING) {
      found = await this.#next(match, timeoutMs);
      if (found === NOTHING) return;
      this.add(found);
    }
    throw this.failure(`there should be no ${expectation.what}, but it came:\n  ${show(found)}`, expectation);
  }

  failure(message: string, { operator, expected }: Expectation): AssertionError {
    const lines = [message];
    // Undefined matches all of them: no use to print that.
    if (expected !== undefined) lines.push(`expected:\n  ${show(expected)}`);
    const { length } = this.#messages;
    const dropped = this.#dropped === 0 ? "" : `, after ${this.#dropped} that were dropped`;
    lines.push(length === 0 ? "the mailbox is empty" : `the mailbox holds ${count(length, "message")}${dropped}:`);
    if (length > SHOWN) lines.push(`  … ${length - SHOWN} older ones`);
    for (const message of this.#messages.slice(-SHOWN)) lines.push(`  ${show(message)}`);
    const crashes = this.#crashes();
    if (crashes.length > 0) lines.push(`${count(crashes.length, "process", "processes")} crashed meanwhile:`);
    for (const { pid, label, reason } of crashes.slice(-SHOWN)) lines.push(`  ${pid} (${label}): ${firstLine(reason)}`);
    return new AssertionError({ message: lines.join("\n"), operator, expected, actual: [...this.#messages] });
  }

  #next(match: (message: unknown) => boolean, timeoutMs: number): Promise<unknown> {
    if (timeoutMs === 0) return Promise.resolve(NOTHING);
    return new Promise((resolve) => {
      const waiter: Waiter = {
        match,
        resolve: (message) => {
          clearTimeout(timer);
          resolve(message);
        },
      };
      const timer = setTimeout(() => {
        this.#waiters.delete(waiter);
        resolve(NOTHING);
      }, timeoutMs);
      this.#waiters.add(waiter);
    });
  }
}

const NOTHING = Symbol("nothing");

function count(number: number, one: string, more = `${one}s`): string {
  return `${number} ${number === 1 ? one : more}`;
}

function show(value: unknown): string {
  return inspect(value, { depth: 6, maxStringLength: 200, maxArrayLength: 20, breakLength: 100 }).replaceAll(
    "\n",
    "\n  ",
  );
}

function firstLine(reason: unknown): string {
  const { stack } = (typeof reason === "object" && reason !== null ? reason : {}) as { readonly stack?: unknown };
  return typeof stack === "string" ? (stack.split("\n")[0] ?? "") : show(reason);
}
