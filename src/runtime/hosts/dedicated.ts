/**
 * The slots that are kept for definitions: who gets which, and what the death of a thread there means. They have limits of their
 * own, so that whatever happens on them is no reason to end the runtime. Pure.
 *
 * ```
 *   free ── assign ──► running ── death ──► running        a new thread at once
 *                         │ ▲
 *                         │ └── dedicatedRetryMs ──┐
 *                         └── one death too many ──► refused     nothing can be started there
 * ```
 */
import { countRestart, type RestartTimes } from "./restart-limit.js";

/** `dedicated`, `process`: it says so itself; then it is an OS process. `quarantine`: threads died of it. */
export type Kept = "dedicated" | "process" | "quarantine";

export interface DedicatedSlot {
  readonly slot: number;
  readonly kept: Kept;
  readonly definitions: readonly string[];
  readonly deaths: RestartTimes;
  readonly isRefused: boolean;
}

/** The slots in use; the others of `first` … `first + most - 1` are free. */
export interface DedicatedSlots {
  readonly first: number;
  readonly most: number;
  /** Free slots that only quarantine may have. */
  readonly reserve: number;
  readonly used: readonly DedicatedSlot[];
}

/** @param quarantines - Whether there may be definitions in quarantine: then the last slot is kept free for them, if there are two. */
export function dedicatedSlots(first: number, most: number, quarantines: boolean): DedicatedSlots {
  return { first, most, reserve: quarantines && most > 1 ? 1 : 0, used: [] };
}

/** Where a definition goes. */
export interface Assigned {
  readonly slot: number;
  /** The slot was free: it has no thread yet. */
  readonly isNew: boolean;
  /** Who is there already. */
  readonly with: readonly string[];
}

/**
 * A free slot for `definition`; if there is none, one that it shares, the one with the fewest definitions, and rather one of its
 * own kind. OS processes are for those that ask for one, and these for nothing else. `undefined` if there is no such slot at all.
 */
export function assign(
  slots: DedicatedSlots,
  definition: string,
  kept: Kept,
): readonly [DedicatedSlots, Assigned | undefined] {
  const { first, most, reserve, used } = slots;
  if (used.length < most - (kept === "quarantine" ? 0 : reserve)) {
    const slot = first + used.length; // a slot in use stays in use
    const added: DedicatedSlot = { slot, kept, definitions: [definition], deaths: [], isRefused: false };
    return [
      { ...slots, used: [...used, added] },
      { slot, isNew: true, with: [] },
    ];
  }
  const own = used.filter((other) => other.kept === kept);
  const others = kept === "process" ? [] : used.filter((other) => other.kept !== "process");
  const shared = (own.length > 0 ? own : others).toSorted((a, b) => a.definitions.length - b.definitions.length)[0];
  if (shared === undefined) return [slots, undefined];
  const definitions = [...shared.definitions, definition];
  const assigned = { slot: shared.slot, isNew: false, with: shared.definitions };
  return [withSlot(slots, { ...shared, definitions }), assigned];
}

/** The slot of that number, if it is kept for definitions and in use. */
export function slotAt(slots: DedicatedSlots, slot: number): DedicatedSlot | undefined {
  return slots.used.find((other) => other.slot === slot);
}

/**
 * Threads of a slot that were given up and are not gone, because they are in calls that don't return: each holds its memory and
 * maybe a core. One more, and its definitions are refused until some are gone.
 */
export const MAX_ZOMBIES = 2;

export interface DedicatedLimits {
  readonly maxThreadRestarts: number;
  readonly threadRestartWindowMs: number;
}

/** The thread of a slot has died: whether it gets a new one now, or why it is refused for a while. */
export function onDedicatedDeath(
  slots: DedicatedSlots,
  slot: DedicatedSlot,
  nowMs: number,
  zombies: number,
  { maxThreadRestarts, threadRestartWindowMs }: DedicatedLimits,
): readonly [DedicatedSlots, "start" | "deaths" | "zombies"] {
  const deaths = countRestart(slot.deaths, nowMs, maxThreadRestarts, threadRestartWindowMs);
  if (deaths !== undefined && zombies <= MAX_ZOMBIES) return [withSlot(slots, { ...slot, deaths }), "start"];
  return [withSlot(slots, { ...slot, deaths: [], isRefused: true }), deaths === undefined ? "deaths" : "zombies"];
}

/** It was refused for long enough: it is open again, unless too many of its threads are still there. */
export function reopened(slots: DedicatedSlots, slot: DedicatedSlot, zombies: number): DedicatedSlots | undefined {
  return zombies > MAX_ZOMBIES ? undefined : withSlot(slots, { ...slot, isRefused: false });
}

function withSlot(slots: DedicatedSlots, changed: DedicatedSlot): DedicatedSlots {
  return { ...slots, used: slots.used.map((other) => (other.slot === changed.slot ? changed : other)) };
}
