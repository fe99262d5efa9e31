/**
 * Definitions and functions by name. A closure cannot cross threads, so what is to run there is named by its place in the
 * application module's exports: `Counter`, `UserSocket.channels.room:*`, `prices.total`; what a dependency of it exports has
 * its name in front, `accounts/Session`. Every thread evaluates these modules once and so finds the same thing in the same place.
 */
import { ErrorCode, RuntimeError } from "../core/errors.js";
import { type Definition, isDefinition } from "./behaviour.js";
import { checkIsolation, type Isolation } from "./isolation.js";

/** How deep the exports are searched: a channel inside a socket inside an application's default export is at 7. */
const MAX_DEPTH = 8;

/** Something among the exports. */
interface Found {
  readonly path: string;
  readonly value: unknown;
  /** Whether a function here is anybody's: those inside a definition, or an object with a class, are its own business. */
  readonly open: boolean;
}

/** A function of any kind, to be called with what its caller knows it takes. */
export type AnyFunction = (...args: never) => unknown;

/** A definition of the application as the main thread knows it. */
export interface ListedDefinition {
  readonly key: string;
  /** The other keys it is found by: other modules that export it, too. */
  readonly aliases: readonly string[];
  readonly isolation: Isolation;
}

export class Definitions {
  readonly #byKey = new Map<string, Definition>();
  readonly #keys = new Map<Definition, string>();
  /** Those of the application, each with its place in {@link list}, from 1 on. */
  readonly #numbers = new Map<Definition, number>();
  readonly #functions = new Map<string, AnyFunction>();
  readonly #functionKeys = new Map<AnyFunction, string>();

  readonly #own: Readonly<Record<string, Definition>>;

  /** @param own - The library's own definitions, by their keys. */
  constructor(own: Readonly<Record<string, Definition>> = {}) {
    this.#own = own;
    for (const [key, definition] of Object.entries(own)) this.add(key, definition);
  }

  /**
   * Finds the definitions in a module's exports, at the top and inside plain objects and other definitions, and the
   * functions, at the top and inside plain objects.
   *
   * @param prefix - What their keys begin with: no export of another module may be taken for one of these.
   */
  collect(exports: Readonly<Record<string, unknown>>, prefix = ""): void {
    // Breadth first: a definition that is exported by name is known by that name, not by a place deep inside another.
    let level: Found[] = Object.entries(exports).map(([name, value]) => ({ path: prefix + name, value, open: true }));
    const seen = new Set<unknown>();
    for (let depth = 0; depth < MAX_DEPTH && level.length > 0; depth++) {
      const next: Found[] = [];
      for (const { path, value, open } of level) {
        if (typeof value === "function" && open) this.#addFunction(path, value as AnyFunction); // what it takes, its caller knows
        if (typeof value !== "object" || value === null || seen.has(value)) continue;
        seen.add(value);
        const defines = isDefinition(value);
        if (defines && !this.#isOwn(value)) this.add(path, value);
        const inside = open && !defines && isPlainObject(value);
        for (const [name, inner] of Object.entries(value)) {
          next.push({ path: `${path}.${name}`, value: inner, open: inside });
        }
      }
      level = next;
    }
  }

  #isOwn(definition: Definition): boolean {
    const key = this.#keys.get(definition);
    return key !== undefined && Object.hasOwn(this.#own, key);
  }

  add(key: string, definition: Definition): void {
    this.#byKey.set(key, definition);
    // Found again, in another module that exports it too, it keeps its first name.
    if (this.#keys.has(definition)) return;
    this.#keys.set(definition, key);
    if (!this.#isOwn(definition)) this.#numbers.set(definition, this.#numbers.size + 1);
  }

  /** The application's own definitions, in the order of their numbers. @throws RuntimeError `badOption` for a bad isolation. */
  list(): ListedDefinition[] {
    const aliases = new Map<Definition, string[]>();
    for (const [key, definition] of this.#byKey) {
      if (this.#keys.get(definition) === key) aliases.set(definition, []);
      else aliases.get(definition)?.push(key);
    }
    return [...this.#numbers.keys()].map((definition) => {
      const { isolation } = definition;
      checkIsolation(isolation);
      const key = this.#keys.get(definition) as string; // `add` sets both
      return { key, aliases: aliases.get(definition) ?? [], isolation: isolation ?? "shared" };
    });
  }

  /** Which one of {@link list} a definition is, counted from 1; 0 for one of the library, or that is not exported. */
  numberOf(definition: Definition): number {
    return this.#numbers.get(definition) ?? 0;
  }

  /** The key of a definition, if it is among the exports. */
  findKey(definition: Definition): string | undefined {
    return this.#keys.get(definition);
  }

  /** @throws RuntimeError `unknownDefinition` */
  keyOf(definition: Definition): string {
    const key = this.#keys.get(definition);
    if (key !== undefined) return key;
    throw new RuntimeError(
      ErrorCode.unknownDefinition,
      `this ${definition.kind} cannot be started on another thread: it is not among the application module's exports (${this.#list()}); export it there`,
    );
  }

  /** @throws RuntimeError `unknownDefinition` */
  find(key: string): Definition {
    const definition = this.#byKey.get(key);
    if (definition !== undefined) return definition;
    throw new RuntimeError(
      ErrorCode.unknownDefinition,
      `the application module exports no definition "${key}" (it has ${this.#list()})`,
    );
  }

  hasKey(key: string): boolean {
    return this.#byKey.has(key);
  }

  // ---- functions ----

  /** One that is exported twice is known by the first of its names. */
  #addFunction(key: string, run: AnyFunction): void {
    this.#functions.set(key, run);
    if (!this.#functionKeys.has(run)) this.#functionKeys.set(run, key);
  }

  /** The key of a function, if it is among the exports. */
  findFunctionKey(run: AnyFunction): string | undefined {
    return this.#functionKeys.get(run);
  }

  /** The function or definition of that key. @throws RuntimeError `unknownDefinition` */
  findRunnable(key: string): AnyFunction | Definition {
    const found = this.#functions.get(key) ?? this.#byKey.get(key);
    if (found !== undefined) return found;
    throw new RuntimeError(
      ErrorCode.unknownDefinition,
      `the application module exports no function or definition "${key}" (it has ${this.listFunctions()}; ${this.#list()})`,
    );
  }

  listFunctions(): string {
    return list([...this.#functions.keys()]);
  }

  #list(): string {
    return list([...this.#byKey.keys()].filter((key) => !Object.hasOwn(this.#own, key)));
  }
}

function list(keys: readonly string[]): string {
  return keys.length === 0 ? "none" : keys.join(", ");
}

/** A literal, or a module's namespace (`export * as prices from …`). */
function isPlainObject(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
