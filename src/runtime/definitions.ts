/**
 * Definitions by name. A closure cannot cross threads, so a definition is named in other threads by its place in the
 * application module's exports: `Counter`, `UserSocket.channels.room:*`; what a dependency of it exports has its name in
 * front, `accounts/Session`. Every thread evaluates these modules once and so finds the same thing in the same place.
 */
import { ErrorCode, RuntimeError } from "../core/errors.js";
import { type Definition, isDefinition } from "./behaviour.js";

/** How deep the exports are searched: a channel inside a socket inside an application's default export is at 7. */
const MAX_DEPTH = 8;

export class Definitions {
  readonly #byKey = new Map<string, Definition>();
  readonly #keys = new Map<Definition, string>();

  /**
   * Finds the definitions in a module's exports, at the top and inside plain objects and other definitions.
   *
   * @param prefix - What their keys begin with: no export of another module may be taken for one of these.
   */
  collect(exports: Readonly<Record<string, unknown>>, prefix = ""): void {
    // Breadth first: a definition that is exported by name is known by that name, not by a place deep inside another.
    let level: (readonly [string, unknown])[] = Object.entries(exports);
    const seen = new Set<unknown>();
    for (let depth = 0; depth < MAX_DEPTH && level.length > 0; depth++) {
      const next: (readonly [string, unknown])[] = [];
      for (const [path, value] of level) {
        if (typeof value !== "object" || value === null || seen.has(value)) continue;
        seen.add(value);
        if (isDefinition(value)) this.add(prefix + path, value);
        for (const [name, inner] of Object.entries(value)) next.push([`${path}.${name}`, inner]);
      }
      level = next;
    }
  }

  add(key: string, definition: Definition): void {
    this.#byKey.set(key, definition);
    // Found again, in another module that exports it too, it keeps its first name.
    if (!this.#keys.has(definition)) this.#keys.set(definition, key);
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

  #list(): string {
    return this.#byKey.size === 0 ? "none" : [...this.#byKey.keys()].join(", ");
  }
}
