/**
 * A map that holds one entry in itself and further ones in a `Map`. What processes keep by reference (monitors, watchers,
 * requests) is nearly always none or one at a time: then setting and deleting cost two assignments, and no table of 200 bytes
 * stays behind in each idle process. In order of insertion, as `Map`.
 */
export class SmallMap<K extends string | number, V> {
  // `null` in #key: the place is free. While #more has entries, new ones go there, or the order would be lost.
  #key: K | null = null;
  #value: V | null = null;
  #more: Map<K, V> | null = null;

  get size(): number {
    return (this.#key === null ? 0 : 1) + (this.#more === null ? 0 : this.#more.size);
  }

  get(key: K): V | undefined {
    return this.#key === key ? (this.#value as V) : this.#more?.get(key); // a key that is set has its value
  }

  set(key: K, value: V): void {
    if (this.#key === key || (this.#key === null && (this.#more === null || this.#more.size === 0))) {
      this.#key = key;
      this.#value = value;
      return;
    }
    this.#more ??= new Map();
    this.#more.set(key, value);
  }

  /** Whether there was such an entry. */
  delete(key: K): boolean {
    if (this.#key !== key) return this.#more?.delete(key) === true;
    this.#key = null;
    this.#value = null;
    return true;
  }

  /** All values as they are now, as {@link entries}. */
  values(): V[] {
    const first = this.#key === null ? [] : [this.#value as V];
    return this.#more === null ? first : first.concat([...this.#more.values()]);
  }

  clear(): void {
    this.#key = null;
    this.#value = null;
    this.#more = null;
  }

  /** All entries as they are now: it may change while they are gone through. */
  entries(): (readonly [K, V])[] {
    const first: (readonly [K, V])[] = this.#key === null ? [] : [[this.#key, this.#value as V]];
    return this.#more === null ? first : first.concat([...this.#more]);
  }
}
