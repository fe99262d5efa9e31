/**
 * The pulse: whether a scheduler thread still does what it is for. One whose event loop turns may be of no use all the same:
 * code that replaced `Array.prototype.push` or `Promise.prototype.then` has changed them for everybody on the thread, and
 * messages vanish without an error that anybody would see; one that closed `parentPort` never learns of births and deaths of
 * other threads. So a process on each thread is asked something once a second, on the ways that everything takes: link,
 * mailbox, slice, `await`, link, and orders.
 *
 * ```
 *   main thread ── [port, n] ──────► pulse process: when it has both, ── [pid, n, problem] ──► main thread
 *               ── order pulse n ──►                makes a promise and a copy
 * ```
 *
 * A thread that says it can't, or says nothing for `maxDeafMs` while its event loop turns, is *deaf*: as good as dead.
 */
import type { Pid } from "../../core/pid.js";
import type { Definition } from "../behaviour.js";
import { current } from "../context.js";
import type { Scheduler } from "../scheduler.js";

/** Milliseconds between two questions to one thread. */
const ASK_EVERY_MS = 1000;

type Question = readonly [from: Pid, n: number];
/** `problem` is empty if all is well. */
type Answer = readonly [pid: Pid, n: number, problem: string];

/** The process that answers, one on each scheduler thread. It is sent questions, and the bare number that came as an order. */
export const pulse: Definition<readonly []> = {
  kind: "pulse",
  boot() {
    let ordered = 0;
    let question: Question | null = null;
    return {
      async handle(message) {
        // Nobody else knows its pid: the main thread, and what takes its orders here.
        if (typeof message === "number") ordered = message;
        else question = message as Question;
        if (question === null || question[1] !== ordered) return;
        const [from, n] = question;
        const problem = await problemHere();
        const { scheduler, pid } = current();
        scheduler.send(pid, from, [pid, n, problem] satisfies Answer);
      },
    };
  },
};

/** What keeps a process of this thread from its work, of what code can have taken away; empty if nothing does. */
async function problemHere(): Promise<string> {
  try {
    await new Promise((resolve) => resolve(structuredClone([0])));
    return "";
  } catch (error) {
    return String(error);
  }
}

/** What is known of one thread's pulse. */
export interface PulseState {
  /** The number of the question it was asked last. */
  readonly asked: number;
  /** Looks since that it was asked; with an answer outstanding only those that saw its event loop turn. */
  readonly looks: number;
  readonly beat: number;
}

/** What one look sees of it. */
export interface PulseSeen {
  /** The number of its last answer. */
  readonly answered: number;
  readonly beat: number;
}

/**
 * What to do about a thread at this look: `ask` it the next question, hold it for `deaf`, or nothing. Counted in looks and never by
 * the clock, and not while it stands still: that is another fault, with another limit.
 */
export function feel(
  state: PulseState,
  { answered, beat }: PulseSeen,
  limits: PulseLimits,
): readonly [PulseState, what: "ask" | "deaf" | null] {
  const { maxDeafMs, watchdogIntervalMs } = limits;
  const isAnswered = answered === state.asked;
  const looks = isAnswered || beat !== state.beat ? state.looks + 1 : state.looks;
  if (isAnswered && looks * watchdogIntervalMs >= ASK_EVERY_MS)
    return [{ asked: state.asked + 1, looks: 0, beat }, "ask"];
  const isDeaf = !isAnswered && looks * watchdogIntervalMs >= maxDeafMs;
  return [{ asked: state.asked, looks, beat }, isDeaf ? "deaf" : null];
}

/** A thread as it is looked at. */
export interface PulseThread {
  /** Its {@link pulse} process. */
  readonly pid: Pid;
  readonly beat: number;
  /** Sends it an order of that number. */
  order(n: number): void;
}

interface Watched {
  state: PulseState;
  answered: number;
  problem: string;
}

export interface PulseLimits {
  /** 0: never deaf. */
  readonly maxDeafMs: number;
  readonly watchdogIntervalMs: number;
}

/** Asks all threads, on the main thread. */
export class Pulse {
  readonly #scheduler: Scheduler;
  readonly #limits: PulseLimits;
  readonly #port: Pid;
  #watched: ReadonlyMap<Pid, Watched> = new Map();

  constructor(scheduler: Scheduler, limits: PulseLimits) {
    this.#scheduler = scheduler;
    this.#limits = limits;
    const message = (answer: unknown): void => {
      if (Array.isArray(answer)) this.#answered(answer as unknown as Answer); // of a thread in its right mind
    };
    this.#port = scheduler.openPort({ message }, "pulse").pid;
  }

  /** Asks whom it is time to ask, of all threads by their numbers. Answers which are deaf, and why they are held for it. */
  look(threads: ReadonlyMap<number, PulseThread>): ReadonlyMap<number, string> {
    const { maxDeafMs } = this.#limits;
    const deaf = new Map<number, string>();
    const next = new Map<Pid, Watched>();
    for (const [thread, host] of maxDeafMs === 0 ? [] : threads) {
      const { pid, beat } = host;
      const { state: before, answered, problem } = this.#watched.get(pid) ?? firstOf(beat);
      const [state, what] = feel(before, { answered, beat }, this.#limits);
      next.set(pid, { state, answered, problem });
      if (problem !== "") deaf.set(thread, `its processes can't work any more: ${problem}`);
      else if (what === "deaf") deaf.set(thread, `it has handled no message for ${maxDeafMs} ms (maxDeafMs)`);
      else if (what === "ask") {
        host.order(state.asked);
        this.#scheduler.send(this.#port, pid, [this.#port, state.asked] satisfies Question);
      }
    }
    this.#watched = next;
    return deaf;
  }

  #answered([pid, n, problem]: Answer): void {
    const watched = this.#watched.get(pid);
    if (watched === undefined) return; // of a thread that was given up meanwhile
    watched.answered = n;
    watched.problem = problem;
  }
}

function firstOf(beat: number): Watched {
  return { state: { asked: 0, looks: 0, beat }, answered: 0, problem: "" };
}
