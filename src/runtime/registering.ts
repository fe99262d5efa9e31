/**
 * Registries, from a process's side: becoming one, having a key in one, and finding who has it. What a registry is for its users
 * is in `otp/registry.ts`; here is what must be true at once, as it is for registered names:
 *
 * - A unique key has at most one owner, and all threads see the same one.
 * - An owner's keys are free before anybody hears of its end, and a thread's with the thread.
 * - A registry that ends takes its keys with it: they are keys of its pid, not of its name.
 *
 * Processes are linked to the registries they are in, as in Elixir.
 */
import { canonicalKey } from "../core/canonical-key.js";
import { ErrorCode, RuntimeError } from "../core/errors.js";
import { hash53 } from "../core/hash.js";
import type { Pid } from "../core/pid.js";
import type { Via } from "../core/via.js";
import { current } from "./context.js";
import type { ProcessRecord } from "./process-record.js";
import type { Registration, Registrations, RegistryKind, RunningRegistry } from "./registrations.js";
import type { Scheduler } from "./scheduler.js";

/** To a registry's process: `[REGISTERED, pid, key, value]`, `[UNREGISTERED, pid, key]`. A process that ends is not told. */
export const REGISTERED = "$registered";
export const UNREGISTERED = "$unregistered";

/** The key under which a registry has itself, with its kind as a number. No canonical form begins like this. */
const ITSELF = "\0";

/** Registries whose kind a thread remembers; the others it looks up in shared memory. */
const MAX_KNOWN = 256;

/** A key that has been resolved, ready to be claimed: plain data, travels with a spawn. */
export interface KeyName {
  readonly registry: Pid;
  readonly key: unknown;
  readonly form: string;
  readonly value: unknown;
  readonly duplicate: boolean;
  readonly listens: boolean;
}

/** The calling process becomes a registry, under its registered name. */
export function openRegistry(kind: Partial<RegistryKind>): void {
  const record = current();
  const { pid } = record;
  const number = (kind.duplicate ? 1 : 0) | (kind.listens ? 2 : 0) | ((kind.partitions ?? 0) << 2);
  record.scheduler.names.keys.claim(pid, ITSELF, pid, number);
  record.scheduler.names.registrations.open.add(pid);
}

/** The registry that runs under `name`; `undefined` if there is none, or it is none. */
export function findRegistry(name: string): RunningRegistry | undefined {
  return find(current().scheduler, name);
}

function find({ names }: Scheduler, name: string): RunningRegistry | undefined {
  const pid = names.whereis(name);
  if (pid === undefined) return undefined;
  const { known } = names.registrations;
  const before = known.get(pid);
  if (before !== undefined) return before;
  const kind = names.keys.dataOf(pid, ITSELF);
  if (kind === undefined) return undefined;
  const found = { pid, duplicate: (kind & 1) !== 0, listens: (kind & 2) !== 0, partitions: kind >>> 2 };
  if (known.size >= MAX_KNOWN) known.clear();
  known.set(pid, found);
  return found;
}

/** @throws RuntimeError `noProcess` */
export function runningRegistry(name: string): RunningRegistry {
  return running(current().scheduler, name);
}

function running(scheduler: Scheduler, name: string): RunningRegistry {
  const registry = find(scheduler, name);
  if (registry !== undefined) return registry;
  throw new RuntimeError(ErrorCode.noProcess, `no registry runs under the name "${name}"`, { exitReason: "badarg" });
}

/** The process that has the key of `via`. @throws RuntimeError `badArgument` for keys that can have several. */
export function whereisVia(scheduler: Scheduler, via: Via): Pid | undefined {
  const registry = find(scheduler, checkVia(via).registry);
  if (registry === undefined) return undefined;
  return scheduler.names.keys.whereis(registry.pid, formIn(registry, via));
}

/** Resolves `via` for a process that `record` is about to start. @throws RuntimeError `noProcess`, `badArgument` */
export function resolveVia(record: ProcessRecord, via: Via): KeyName {
  const registry = running(record.scheduler, checkVia(via).registry);
  if (registry.partitions > 0 && registry.pid !== record.pid) {
    throw new RuntimeError(
      ErrorCode.badArgument,
      `"${via.registry}" is a partition supervisor: it starts its own children`,
    );
  }
  const { pid, duplicate, listens } = registry;
  if (listens) checkListened(via.value);
  return { registry: pid, key: via.key, form: formIn(registry, via), value: via.value, duplicate, listens };
}

/** The number of the partition a key stands for: a whole number itself, anything else its hash. */
export function partitionOf(key: unknown, partitions: number): number {
  if (Number.isSafeInteger(key)) return Math.abs(key as number) % partitions;
  return hash53(canonicalKey(key), 0) % partitions;
}

function formIn({ duplicate, partitions }: RunningRegistry, { registry, key }: Via): string {
  if (partitions > 0) return canonicalKey(partitionOf(key, partitions));
  if (!duplicate) return canonicalKey(key);
  throw new RuntimeError(
    ErrorCode.badArgument,
    `a key of "${registry}" is no name: there it may have several processes`,
  );
}

/** The registry passes values on to its listeners: one that can't be sent would end it, and with it all who are registered. */
function checkListened(value: unknown): void {
  try {
    structuredClone(value);
  } catch (cause) {
    throw new RuntimeError(
      ErrorCode.notSendable,
      `a value of a registry with listeners can't be sent: ${String(cause)}`,
      {
        cause,
      },
    );
  }
}

function checkVia(via: Via): Via {
  if (via?.tag === "via" && typeof via.registry === "string") return via;
  throw new RuntimeError(
    ErrorCode.badArgument,
    `bad name ${String(via)}: a name is a string or { tag: "via", registry, key }`,
  );
}

/**
 * Registers the calling process under a key.
 *
 * @returns who has the key already, if it is unique.
 * @throws RuntimeError `notInProcess` for the host, which is no process; `notSendable` if there are listeners to be told.
 */
export function registerKey(registry: RunningRegistry, key: unknown, value: unknown): Pid | undefined {
  const record = current();
  if (record.port !== null) {
    // The end of the registry would be the end of the host.
    throw new RuntimeError(ErrorCode.notInProcess, "the host cannot be registered under a key: start a process for it");
  }
  const { pid, duplicate, listens } = registry;
  if (listens) checkListened(value);
  const form = canonicalKey(key);
  const owner = duplicate ? undefined : record.scheduler.names.keys.claim(pid, form, record.pid);
  if (owner === undefined) enter(record, { registry: pid, key, form, value, duplicate, listens });
  return owner;
}

/** Puts an entry in whose key has been claimed if it is unique. */
export function enter(record: ProcessRecord, { registry, key, form, value, duplicate, listens }: KeyName): void {
  const { scheduler, pid } = record;
  const { registrations } = scheduler.names;
  const isNew = !registrations.has(registry);
  const entry: Registration = { registry, key, form, pid, unique: !duplicate, value };
  if (registrations.add(entry) && duplicate) scheduler.interest.add(topicOf(registry, form));
  if (isNew) scheduler.interest.add(topicOf(registry));
  scheduler.signals.link(record, registry);
  if (listens) scheduler.send(pid, registry, [REGISTERED, pid, key, value]);
  if (isNew) registrations.onRegistry(registry); // last: a registry that is gone takes all of this back
}

/** Ends those registrations of the calling process under `key` that `match`. Answers how many that were. */
export function unregisterKey(registry: RunningRegistry, key: unknown, match: (value: unknown) => boolean): number {
  const record = current();
  const { scheduler, pid } = record;
  const { registrations } = scheduler.names;
  const entries = [...registrations.of(registry.pid, canonicalKey(key))].filter(
    (entry) => entry.pid === pid && match(entry.value),
  );
  for (const entry of entries) {
    leave(scheduler, entry);
    if (registry.listens) scheduler.send(pid, registry.pid, [UNREGISTERED, pid, entry.key]);
  }
  const wasLast = entries.length > 0 && registrations.ofProcess(pid, registry.pid).size === 0;
  if (wasLast && record.parent !== registry.pid) scheduler.signals.unlink(record, registry.pid);
  return entries.length;
}

/** A process has ended: it is in no registry any more. Before anybody is told. */
export function forgetRegistrations(scheduler: Scheduler, pid: Pid): void {
  const { registrations, keys } = scheduler.names;
  for (const entry of [...registrations.allOfProcess(pid)]) leave(scheduler, entry);
  if (registrations.open.delete(pid)) keys.release(pid, ITSELF, pid);
}

/** A registry has ended: so have all entries in it. */
export function forgetRegistry(scheduler: Scheduler, registry: Pid): void {
  for (const entry of [...scheduler.names.registrations.all(registry)]) leave(scheduler, entry);
}

/** The topic under which a thread says that it has entries: in a registry, under a key of it. */
export function topicOf(registry: Pid, form = ""): string {
  return `registry ${registry}${form}`;
}

/** What the processes of the calling one's thread have registered. */
export function registrations(): Registrations {
  return current().scheduler.names.registrations;
}

function leave({ names, interest }: Scheduler, entry: Registration): void {
  const { registry, form, pid, unique } = entry;
  if (unique) names.keys.release(registry, form, pid);
  if (!names.registrations.remove(entry)) return;
  if (!unique) interest.remove(topicOf(registry, form));
  if (!names.registrations.has(registry)) interest.remove(topicOf(registry));
}
