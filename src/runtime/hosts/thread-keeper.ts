/**
 * What follows the death of a scheduler thread, and which threads are kept for definitions. It decides, by `quarantine.ts` and
 * `dedicated.ts`, writes where definitions run, and reports; the runtime starts the threads and stops.
 *
 * ```
 *   a thread dies, of a definition for certain ─► counts against that; at quarantineAfter it goes to a thread of its own
 *                  as its black box tells later ► as if it had been known before
 *                  of nobody, or not known ─────► counts against the runtime: maxThreadRestarts
 *   a thread kept for definitions dies ─────────► counts against that one; too often: refused for dedicatedRetryMs
 * ```
 */

import { ErrorCode, RuntimeError } from "../../core/errors.js";
import type { ListedDefinition } from "../definitions.js";
import type { Isolation } from "../isolation.js";
import type { ReportBody } from "../report.js";
import { MAX_PLACED, type Placements } from "../shared/placements.js";
import {
  type Assigned,
  assign,
  type DedicatedLimits,
  type DedicatedSlots,
  dedicatedSlots,
  type Kept,
  onDedicatedDeath,
  reopened,
  slotAt,
} from "./dedicated.js";
import { type Blames, blame, type QuarantineLimits } from "./quarantine.js";
import { countRestart, type RestartTimes } from "./restart-limit.js";

/** Threads are numbered from 0 and never twice: `names.ts` and `keys.ts` have 16 bits for it. */
export const LAST_THREAD = 65_535;
/** Of these numbers the last ones are for the schedulers: no definition may use them up. */
const LAST_DEDICATED_THREAD = 64_000;

export interface ThreadKeeperSetup {
  readonly limits: QuarantineLimits & DedicatedLimits & { readonly dedicatedRetryMs: number };
  /** The first slot that is kept for definitions, and how many there are. */
  readonly firstSlot: number;
  readonly slots: number;
  readonly placements: Placements;
  readonly report: (body: ReportBody) => void;
  /** Gives the slot the number of its next thread, which is started by {@link ThreadKeeperSetup.start}. */
  readonly reserve: (slot: number) => void;
  readonly start: (slot: number) => void;
  /** How many threads of a slot were given up and are not gone yet. */
  readonly zombies: (slot: number) => number;
}

/** What is to be done about the slot of a dead thread. `opened`: slots that are new, and want a thread as well, before it. */
export type Follow =
  | { readonly tag: "start"; readonly opened: readonly number[] }
  | { readonly tag: "refuse"; readonly opened: readonly number[] }
  | { readonly tag: "stop"; readonly message: string };

export class ThreadKeeper {
  readonly #setup: ThreadKeeperSetup;
  readonly #quarantined = new Set<string>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #definitions: ReadonlyMap<string, ListedDefinition> = new Map();
  #slots: DedicatedSlots;
  #blames: Blames = new Map();
  /** Deaths that count against the runtime. */
  #restarts: RestartTimes = [];

  constructor(setup: ThreadKeeperSetup) {
    this.#setup = setup;
    this.#slots = dedicatedSlots(setup.firstSlot, setup.slots, setup.limits.quarantineAfter > 0);
  }

  /** The definitions that were put on a thread of their own for what they did, in that order. */
  get quarantined(): readonly string[] {
    return [...this.#quarantined];
  }

  /** Whether a slot is kept for definitions. */
  isKept(slot: number): boolean {
    return slot >= this.#setup.firstSlot;
  }

  /** Whether a slot is kept for definitions that run in an OS process of their own. */
  isProcess(slot: number): boolean {
    return slotAt(this.#slots, slot)?.kept === "process";
  }

  /**
   * Places the definitions that ask for it. Returns the slots that want a thread.
   *
   * @throws RuntimeError `badOption` if there is no slot for one that must have an OS process: on the schedulers it would end all.
   */
  place(definitions: readonly ListedDefinition[]): number[] {
    this.#definitions = new Map(definitions.map((definition) => [definition.key, definition]));
    const opened: number[] = [];
    const asking = (what: Isolation): ListedDefinition[] => definitions.filter(({ isolation }) => isolation === what);
    for (const { key, isolation } of [...asking("process"), ...asking("dedicated")]) {
      const assigned = this.#assign(key, isolation === "process" ? "process" : "dedicated");
      if (assigned === undefined) {
        if (isolation === "process") throw noProcess(key);
        this.#notice(`${key} asks for a thread of its own, and there is none for it: it runs on the schedulers`);
        continue;
      }
      this.#setup.placements.place(this.#keysOf(key), assigned.slot);
      if (assigned.isNew) opened.push(assigned.slot);
      else {
        const what = isolation === "process" ? "OS process" : "thread";
        this.#notice(`${key} has no ${what} of its own: it shares one with ${assigned.with.join(", ")}`);
      }
    }
    for (const slot of opened) this.#setup.reserve(slot);
    return opened;
  }

  /**
   * The thread of a slot has died. Where definitions run has been changed when this returns, and new slots have their threads'
   * numbers: whoever is told of the death may start again at once.
   *
   * @param definition - What it died of, for certain; `null` if that is not known.
   * @param threads - How many threads there were so far.
   */
  died(slot: number, definition: string | null, reason: string, nowMs: number, threads: number): Follow {
    const { maxThreadRestarts, threadRestartWindowMs, quarantineAfter, dedicatedRetryMs } = this.#setup.limits;
    const isKnown = definition !== null && quarantineAfter > 0 && this.#setup.slots > 0;
    const opened = isKnown ? this.#blame(definition, nowMs) : [];
    const kept = slotAt(this.#slots, slot);
    if (kept === undefined) {
      if (isKnown) return { tag: "start", opened };
      const times = countRestart(this.#restarts, nowMs, maxThreadRestarts, threadRestartWindowMs);
      if (times !== undefined && threads < LAST_THREAD) {
        this.#restarts = times;
        return { tag: "start", opened };
      }
      const message =
        times === undefined
          ? `scheduler threads died more than ${maxThreadRestarts} times within ${threadRestartWindowMs} ms, the last one because ${reason}`
          : `there were ${threads} threads, and there are no numbers for more`;
      return { tag: "stop", message };
    }
    const zombies = this.#setup.zombies(slot);
    const [slots, then] = onDedicatedDeath(this.#slots, kept, nowMs, zombies, this.#setup.limits);
    this.#slots = slots;
    const areNumbersOut = threads >= LAST_DEDICATED_THREAD;
    if (then === "start" && !areNumbersOut) {
      this.#setup.reserve(slot);
      return { tag: "start", opened };
    }
    const why = areNumbersOut
      ? `any more: there were ${threads} threads, and the numbers run out`
      : then === "zombies"
        ? `for ${dedicatedRetryMs} ms: ${zombies} threads they were on don't come to an end`
        : `for ${dedicatedRetryMs} ms: their thread died more than ${maxThreadRestarts} times within ${threadRestartWindowMs} ms, the last time because ${reason}`;
    this.#notice(`${kept.definitions.join(", ")} can't be started ${why}`);
    if (!areNumbersOut) this.#later(dedicatedRetryMs, () => this.#reopen(slot));
    return { tag: "refuse", opened };
  }

  /**
   * It has come out only now what a thread died of that nobody was to blame for: the death counts against that definition, and
   * no more against the runtime. Returns the slots that are new, as {@link ThreadKeeper.died} does.
   */
  blameLater(slot: number, definition: string, nowMs: number): readonly number[] {
    const { placements, slots, limits } = this.#setup;
    if (limits.quarantineAfter === 0 || slots === 0 || !this.#definitions.has(definition)) return [];
    if (placements.slotOf(definition) !== 0) return []; // what can be done about it was done
    if (slotAt(this.#slots, slot) === undefined) this.#restarts = this.#restarts.slice(0, -1);
    return this.#blame(definition, nowMs);
  }

  stop(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  /** Counts a death; returns the new slot, if it is one too many and there was a free one. */
  #blame(definition: string, nowMs: number): readonly number[] {
    const { placements, limits, report, reserve } = this.#setup;
    // It has a thread of its own. What dies elsewhere is what was started there before; it will not be started there again.
    if (placements.slotOf(definition) !== 0) return [];
    const [blames, { isEnough, count }] = blame(this.#blames, definition, nowMs, limits);
    this.#blames = blames;
    if (!isEnough) return [];
    const assigned = this.#assign(definition, "quarantine");
    if (assigned === undefined) return [];
    if (assigned.isNew) reserve(assigned.slot); // first: once it is placed there, it is started there
    placements.place(this.#keysOf(definition), assigned.slot);
    this.#quarantined.add(definition);
    report({
      ...{ tag: "quarantined", definition, count, windowMs: limits.quarantineWindowMs },
      ...{ scheduler: assigned.slot, with: assigned.with },
    });
    return assigned.isNew ? [assigned.slot] : [];
  }

  /** A slot for a definition; `undefined` if there are none, or the table of those that have one is full. */
  #assign(definition: string, kept: Kept): Assigned | undefined {
    if (!this.#setup.placements.hasRoom(this.#keysOf(definition).length)) return undefined;
    const [slots, assigned] = assign(this.#slots, definition, kept);
    this.#slots = slots;
    return assigned;
  }

  #reopen(slot: number): void {
    const kept = slotAt(this.#slots, slot);
    if (kept === undefined) return;
    const slots = reopened(this.#slots, kept, this.#setup.zombies(slot));
    if (slots === undefined) return this.#later(this.#setup.limits.dedicatedRetryMs, () => this.#reopen(slot));
    this.#slots = slots;
    this.#setup.reserve(slot);
    this.#setup.start(slot);
  }

  #later(ms: number, action: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      action();
    }, ms);
    timer.unref();
    this.#timers.add(timer);
  }

  #keysOf(key: string): readonly string[] {
    return [key, ...(this.#definitions.get(key)?.aliases ?? [])];
  }

  #notice(message: string): void {
    this.#setup.report({ tag: "notice", message });
  }
}

function noProcess(key: string): RuntimeError {
  return new RuntimeError(
    ErrorCode.badOption,
    `${key} has isolation "process", and there is no OS process for it: maxDedicatedThreads must be 1 or more, and definitions with an isolation may have ${MAX_PLACED} names`,
  );
}
