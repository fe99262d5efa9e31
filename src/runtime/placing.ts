/** Where a new process runs: where it is asked for, unless its definition has a thread kept for it. */
import { ErrorCode, RuntimeError } from "../core/errors.js";
import { type Pid, threadOf } from "../core/pid.js";
import type { Definition } from "./behaviour.js";
import type { Scheduler } from "./scheduler.js";

/** Processes by which a scheduler may be ahead of the least loaded one and still take those that are over soon. */
const MOST_AHEAD = 16;

/**
 * Where a new process runs: here (the default), on a scheduler by its number 1 … N, on the least loaded one, or on the
 * thread of another process. Not asked for a definition with `isolation`: that has a thread of its own.
 */
export type Placement = "here" | "least_loaded" | number | { readonly beside: Pid };

/**
 * The slot that is kept for a definition; 0 if there is none.
 *
 * @throws RuntimeError `unknownDefinition` for one with `isolation` that is not exported: no other thread could find it.
 */
export function keptSlot(scheduler: Scheduler, definition: Definition | string): number {
  const { definitions, placements, cells } = scheduler;
  if (typeof definition === "string") return placements.slotOf(definition);
  const key = definitions.findKey(definition);
  if (key !== undefined) return placements.slotOf(key);
  const { isolation = "shared" } = definition;
  if (isolation !== "shared" && cells.slots > 1) definitions.keyOf(definition);
  return 0;
}

/** The thread for a new process. @throws RuntimeError `noScheduler`, `badOption`, `unknownDefinition`. */
export function threadFor(
  scheduler: Scheduler,
  definition: Definition | string,
  args: readonly unknown[],
  placement: Placement,
): number {
  const { cells } = scheduler;
  const slot = keptSlot(scheduler, definition);
  if (slot === 0) return asked(scheduler, placement);
  if (slot === scheduler.slot) return scheduler.thread;
  if (placement === "here" && mustStay(definition, args)) return scheduler.thread;
  const thread = cells.threadOf(slot);
  if (thread !== undefined) return thread;
  const what = typeof definition === "string" ? definition : scheduler.definitions.keyOf(definition);
  throw new RuntimeError(
    ErrorCode.noScheduler,
    `${what} cannot be started now: the thread kept for it has died too often, and is given a rest`,
  );
}

function asked({ cells, thread: here }: Scheduler, placement: Placement): number {
  if (placement === "here") return here;
  if (typeof placement === "object") {
    const thread = threadOf(placement.beside);
    if (cells.isAlive(thread)) return thread;
    throw new RuntimeError(ErrorCode.noScheduler, `the thread of ${placement.beside} is gone: it can take no process`);
  }
  const slot = placement === "least_loaded" ? (cells.leastLoaded() ?? (cells.slots === 1 ? 0 : undefined)) : placement;
  if (slot !== undefined && !(Number.isInteger(slot) && slot >= 0 && slot <= cells.schedulers)) {
    throw new RuntimeError(
      ErrorCode.badOption,
      `scheduler ${slot} does not exist; allowed are 1 to ${cells.schedulers}`,
    );
  }
  const thread = slot === undefined ? undefined : cells.threadOf(slot);
  if (thread === undefined) {
    throw new RuntimeError(ErrorCode.noScheduler, `no scheduler can take a process now (asked for ${placement})`);
  }
  return thread;
}

/**
 * The slot for a process that is over soon: of the schedulers that get a batch at the end of this turn anyway the first one with room,
 * else the least loaded one. A batch wakes its thread, which costs more than such a process. `undefined` if none is ready.
 */
export function slotForBrief({ cells, router }: Scheduler): number | undefined {
  const leastLoaded = cells.leastLoaded();
  if (leastLoaded === undefined) return undefined;
  const most = cells.loadOf(leastLoaded) + MOST_AHEAD;
  for (let slot = 1; slot <= cells.schedulers; slot++) {
    const thread = cells.threadOf(slot);
    if (thread !== undefined && router.hasSomethingFor(thread) && cells.loadOf(slot) < most) return slot;
  }
  return leastLoaded;
}

/**
 * Quarantine comes over a definition that was written to run beside its starter. If what it is given can't be copied, it runs
 * on there: otherwise its starter would end for it. One that says `isolation` itself is given what can be copied.
 */
function mustStay(definition: Definition | string, args: readonly unknown[]): boolean {
  if (typeof definition === "string" || (definition.isolation ?? "shared") !== "shared") return false;
  try {
    structuredClone(args);
    return false;
  } catch {
    return true;
  }
}
