/**
 * A registry: processes by key, where keys are any plain data. Elixir's Registry.
 *
 * ```ts
 * export const Rooms = registry<string, { topic: string }>({ name: "rooms", keys: "unique" });
 * // among the children of a supervisor, before those who use it: Rooms.child()
 *
 * await Room.startLink("lobby", { name: Rooms.via("lobby") }); // ["ok", pid], or ["error", ["already_started", pid]]
 * await Room.call(Rooms.via("lobby"), "topic");
 *
 * Rooms.register("lobby", { topic: "tea" }); // in a process that is there: ["error", ["already_registered", pid]]
 * await Rooms.lookup("lobby"); // [[pid, value]]
 * ```
 *
 * With `keys: "unique"` a key has at most one process, and all threads see the same one at the same instant: `register`, `via`
 * and `whereis` are synchronous, as for registered names. With `keys: "duplicate"` a key has any number of entries. An entry is
 * kept on its process's thread, so reading those of others is a promise here; what is read is true there when it is answered.
 *
 * Process model: one process a registry (`registry-process.ts`), to which whoever registers is linked: a registry that ends takes
 * them along, unless they trap exits. Entries of a process that ends are gone before anybody hears of its end.
 *
 * Departures from Elixir: no `partitions`, as entries are spread over the threads already; predicates stand for match
 * specifications, and are run by the caller on what it was sent.
 *
 * @see https://hexdocs.pm/elixir/Registry.html
 */
import { canonicalKey } from "../core/canonical-key.js";
import { ErrorCode, RuntimeError } from "../core/errors.js";
import type { Pid } from "../core/pid.js";
import type { Via } from "../core/via.js";
import {
  type Definition,
  processInfo,
  type RunningRegistry,
  registerKey,
  registrations,
  runningRegistry,
  self,
  unregisterKey,
  whereis,
} from "../runtime/process.js";
import { type ChildOptions, type ChildSpec, childSpec } from "./child-spec.js";
import { type MetaResult, registryProcess } from "./registry-process.js";
import { count, rows } from "./registry-service.js";
import { type StartLinkOptions, type StartResult, startProcess } from "./start.js";

export const KeyKind = { unique: "unique", duplicate: "duplicate" } as const;
export type KeyKind = (typeof KeyKind)[keyof typeof KeyKind];

export interface RegistryOptions {
  /** The name it is registered under; there is one registry of a name. */
  readonly name: string;
  readonly keys: KeyKind;
  /** Registered names of processes that get a `RegistryMessage` for each entry that comes or goes. @defaultValue none */
  readonly listeners?: readonly string[];
  /** What `meta` answers at first: plain data. @defaultValue `{}` */
  readonly meta?: Readonly<Record<string, unknown>>;
}

export type RegisterResult = readonly ["ok", registry: Pid] | readonly ["error", readonly ["already_registered", Pid]];
export type UpdateResult<V> = readonly ["ok", newValue: V, oldValue: V] | readonly ["error", "not_registered"];

/** What `select` sees. */
export interface RegistryEntry<K, V> {
  readonly key: K;
  readonly pid: Pid;
  readonly value: V;
}

/**
 * A registry: its definition and, on every thread, the way to it. Keys and values are what its users say they are; they are
 * plain data. All methods but `via`, `child` and `startLink` throw RuntimeError `noProcess` if it doesn't run; those that take a
 * key, `badArgument` for one that is no plain data.
 */
export class Registry<K, V> implements Definition<readonly []> {
  readonly kind: string = "registry";
  readonly name: string;
  readonly #keys: KeyKind;
  readonly #process: ReturnType<typeof registryProcess>;

  constructor(options: RegistryOptions) {
    const { name, keys, listeners = [], meta = {} } = options;
    if (!Object.hasOwn(KeyKind, keys)) refuse("keys", keys, '"unique", "duplicate"');
    if (typeof name !== "string" || name === "") refuse("name", name, "a non-empty string");
    if (!Array.isArray(listeners) || listeners.some((listener) => typeof listener !== "string")) {
      refuse("listeners", listeners, "a list of registered names");
    }
    this.name = name;
    this.#keys = keys;
    this.#process = registryProcess({ name, duplicate: keys === KeyKind.duplicate, listeners, meta });
  }

  boot(): ReturnType<Definition["boot"]> {
    return this.#process.boot(undefined);
  }

  /** Starts it, linked to the caller. */
  startLink(options: Omit<StartLinkOptions, "name"> = {}): Promise<StartResult> {
    return startProcess(this, [], { ...options, name: this.name, link: true });
  }

  /** Its specification as a supervisor's child. */
  child(options: Omit<ChildOptions, "name"> = {}): ChildSpec {
    return childSpec(this, [], { ...options, name: this.name });
  }

  /**
   * The process of a key, as a name: where a pid or a registered name is accepted, and as the `name` of a start, which then
   * registers the process with `value` before it begins. Unique keys only.
   */
  via(key: K, value?: V): Via {
    this.#uniqueOnly("via");
    const name = { tag: "via", registry: this.name, key } as const;
    return value === undefined ? name : { ...name, value };
  }

  // ---- the calling process's entries ----

  /**
   * Registers the calling process under `key`, until it ends. With unique keys, if another process or itself has the key already:
   * `["error", ["already_registered", pid]]`.
   *
   * @throws RuntimeError `notInProcess` for the host (`app.run`); `tooManyNames` if all registries together have about 131,072 unique keys.
   */
  register(key: K, value: V): RegisterResult {
    const registry = this.#running();
    const owner = registerKey(registry, key, value);
    return owner === undefined ? ["ok", registry.pid] : ["error", ["already_registered", owner]];
  }

  /** Ends the registrations of the calling process under `key`, if there are any. */
  unregister(key: K): void {
    unregisterKey(this.#running(), key, () => true);
  }

  /** {@link unregister}, of those entries whose value fits. */
  unregisterMatch(key: K, predicate: (value: V) => boolean): void {
    unregisterKey(this.#running(), key, predicate as (value: unknown) => boolean); // what was registered here is a V
  }

  /** Replaces the value of the calling process under `key`. Unique keys only, as in Elixir. */
  updateValue(key: K, update: (value: V) => V): UpdateResult<V> {
    this.#uniqueOnly("updateValue");
    for (const entry of registrations().of(this.#running().pid, canonicalKey(key))) {
      if (entry.pid !== self()) continue;
      const oldValue = entry.value as V; // what was registered here is a V
      entry.value = update(oldValue);
      return ["ok", entry.value as V, oldValue];
    }
    return ["error", "not_registered"];
  }

  // ---- everybody's entries ----

  /** The process of a unique key, at once. */
  whereis(key: K): Pid | undefined {
    return whereis(this.via(key));
  }

  /** The processes under `key`, with their values: with unique keys one at most. */
  async lookup(key: K): Promise<(readonly [Pid, V])[]> {
    const { pid: registry, duplicate } = this.#running();
    const selection = { registry, form: canonicalKey(key) };
    for (;;) {
      const owner = duplicate ? undefined : this.whereis(key);
      if (!duplicate && owner === undefined) return [];
      const found = await rows(selection, owner);
      const isComing = owner !== undefined && found.length === 0 && this.whereis(key) === owner;
      if (!isComing) return found.map(([, pid, value]) => [pid, value as V] as const); // as registered
      // Another thread has started it under this key, and it is still on its way to its own: what asks for it waits there.
      await processInfo(owner);
    }
  }

  /** The keys of a process, as often as it is registered under them. */
  async keys(pid: Pid = self()): Promise<K[]> {
    const found = await rows({ registry: this.#running().pid, pid }, pid);
    return found.map(([key]) => key as K); // as registered
  }

  /** The values of a process under `key`. */
  async values(key: K, pid: Pid = self()): Promise<V[]> {
    const found = await rows({ registry: this.#running().pid, form: canonicalKey(key), pid }, pid);
    return found.map(([, , value]) => value as V); // as registered
  }

  /** Calls `callback` with all entries under `key`, in the calling process; not at all if there are none. */
  async dispatch(key: K, callback: (entries: readonly (readonly [Pid, V])[]) => void): Promise<void> {
    const entries = await this.lookup(key);
    if (entries.length > 0) callback(entries);
  }

  /** Those of {@link lookup} whose value fits. */
  async match(key: K, predicate: (value: V, pid: Pid) => boolean): Promise<(readonly [Pid, V])[]> {
    return (await this.lookup(key)).filter(([pid, value]) => predicate(value, pid));
  }

  /** How many {@link match}. */
  async countMatch(key: K, predicate: (value: V, pid: Pid) => boolean): Promise<number> {
    return (await this.match(key, predicate)).length;
  }

  /** All entries, or those that fit. All of them are sent to the caller: for people who look, not for every request. */
  async select(predicate: (entry: RegistryEntry<K, V>) => boolean = () => true): Promise<RegistryEntry<K, V>[]> {
    const all = await rows({ registry: this.#running().pid });
    return all.map(([key, pid, value]) => ({ key: key as K, pid, value: value as V })).filter(predicate); // as registered
  }

  /** How many entries there are. */
  count(): Promise<number> {
    return count({ registry: this.#running().pid });
  }

  // ---- about the registry ----

  /** What is stored beside the entries under `key`. */
  meta(key: string): Promise<MetaResult> {
    return this.#process.call(this.name, "meta", key) as Promise<MetaResult>; // what its handler replies
  }

  /** Stores plain data beside the entries, for as long as the registry runs. */
  async putMeta(key: string, value: unknown): Promise<void> {
    await this.#process.call(this.name, "putMeta", [key, value]);
  }

  async deleteMeta(key: string): Promise<void> {
    await this.#process.call(this.name, "deleteMeta", key);
  }

  #running(): RunningRegistry {
    const running = runningRegistry(this.name);
    const isThis = running.duplicate === (this.#keys === KeyKind.duplicate) && running.partitions === 0;
    if (isThis) return running;
    throw new RuntimeError(ErrorCode.badArgument, `"${this.name}" is no registry with ${this.#keys} keys`);
  }

  #uniqueOnly(what: string): void {
    if (this.#keys === KeyKind.unique) return;
    throw new RuntimeError(ErrorCode.badArgument, `${what} is for unique keys; those of "${this.name}" are duplicate`);
  }
}

/** Defines a registry. Export it from the application module, to have it started on any thread. */
export function registry<K = unknown, V = unknown>(options: RegistryOptions): Registry<K, V> {
  return new Registry(options);
}

function refuse(option: string, value: unknown, allowed: string): never {
  throw new RuntimeError(ErrorCode.badOption, `bad registry option ${option}: ${String(value)}; allowed: ${allowed}`);
}
