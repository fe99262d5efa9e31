/**
 * What the processes of one thread have registered in registries: each thread has its own processes' entries, with their values,
 * and nothing of the others. That a unique key is taken is in shared memory, in `keys.ts`. A table and nothing more;
 * `registering.ts` says what follows from its changes.
 */
import type { Pid } from "../core/pid.js";

/** One entry. */
export interface Registration {
  /** The registry's process: when that is another one, its registrations are others. */
  readonly registry: Pid;
  readonly key: unknown;
  /** The key's canonical form. */
  readonly form: string;
  readonly pid: Pid;
  readonly unique: boolean;
  value: unknown;
}

/** What kind of registry a process is, for as long as it lives. */
export interface RegistryKind {
  /** Whether a key may have several entries. */
  readonly duplicate: boolean;
  /** Whether the registry's process wants to hear of entries; see `registering.ts`. */
  readonly listens: boolean;
  /** Keys stand for the numbers from 0 up to this one: a partition supervisor. Only its own children can have them. */
  readonly partitions: number;
}

export interface RunningRegistry extends RegistryKind {
  readonly pid: Pid;
}

/** Entries by two keys, one inside the other. */
type Index = Map<string, Map<string, Set<Registration>>>;

const NONE: ReadonlySet<Registration> = new Set();

export class Registrations {
  /** Registry, key. */
  readonly #registries: Index = new Map();
  /** Process, registry. */
  readonly #processes: Index = new Map();
  /** Processes of this thread that are registries themselves. */
  readonly open: Set<Pid> = new Set();
  /** Registries of any thread whose kind has been looked up. */
  readonly known: Map<Pid, RunningRegistry> = new Map();
  /** Hears of each registry that gets its first entry here. */
  onRegistry: (registry: Pid) => void = () => {};

  /** Answers whether it is the first under its key on this thread. */
  add(entry: Registration): boolean {
    addTo(this.#processes, entry.pid, entry.registry, entry);
    return addTo(this.#registries, entry.registry, entry.form, entry);
  }

  /** Answers whether it was the last under its key on this thread. */
  remove(entry: Registration): boolean {
    removeFrom(this.#processes, entry.pid, entry.registry, entry);
    return removeFrom(this.#registries, entry.registry, entry.form, entry);
  }

  has(registry: Pid): boolean {
    return this.#registries.has(registry);
  }

  /** Whether a process is registered anywhere, or a registry. */
  isConcerned(pid: Pid): boolean {
    return this.#processes.has(pid) || this.open.has(pid);
  }

  /** The entries under a key. */
  of(registry: Pid, form: string): ReadonlySet<Registration> {
    return this.#registries.get(registry)?.get(form) ?? NONE;
  }

  /** The entries of a process in a registry. */
  ofProcess(pid: Pid, registry: Pid): ReadonlySet<Registration> {
    return this.#processes.get(pid)?.get(registry) ?? NONE;
  }

  /** All entries in a registry. */
  *all(registry: Pid): Generator<Registration> {
    for (const entries of this.#registries.get(registry)?.values() ?? []) yield* entries;
  }

  /** All entries of a process. */
  *allOfProcess(pid: Pid): Generator<Registration> {
    for (const entries of this.#processes.get(pid)?.values() ?? []) yield* entries;
  }
}

function addTo(index: Index, first: string, second: string, entry: Registration): boolean {
  let inner = index.get(first);
  if (inner === undefined) {
    inner = new Map();
    index.set(first, inner);
  }
  const entries = inner.get(second);
  if (entries !== undefined) {
    entries.add(entry);
    return false;
  }
  inner.set(second, new Set([entry]));
  return true;
}

function removeFrom(index: Index, first: string, second: string, entry: Registration): boolean {
  const inner = index.get(first);
  const entries = inner?.get(second);
  if (!entries?.delete(entry) || entries.size > 0) return false;
  inner?.delete(second);
  if (inner?.size === 0) index.delete(first);
  return true;
}
