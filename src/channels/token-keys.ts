/** Keys out of a secret and a salt: Plug.Crypto's `KeyGenerator`, with a bounded cache as Phoenix has one. */
import { pbkdf2Sync } from "node:crypto";

export type KeyDigest = "sha256" | "sha384" | "sha512";

export interface KeyOptions {
  readonly iterations: number;
  readonly lengthBytes: number;
  readonly digest: KeyDigest;
}

/** Deriving a key takes some hundred microseconds, and an application has a handful of salts. */
export const MAX_CACHED_KEYS = 256;

export class TokenKeys {
  /** Oldest use first. */
  readonly #keys = new Map<string, Buffer>();

  /** How many are kept. */
  get size(): number {
    return this.#keys.size;
  }

  derive(secret: string, salt: string, { iterations, lengthBytes, digest }: KeyOptions): Buffer {
    const name = JSON.stringify([secret, salt, iterations, lengthBytes, digest]);
    const key = this.#keys.get(name) ?? pbkdf2Sync(secret, salt, iterations, lengthBytes, digest);
    this.#keys.delete(name);
    this.#keys.set(name, key);
    if (this.#keys.size > MAX_CACHED_KEYS) {
      for (const oldest of this.#keys.keys()) {
        this.#keys.delete(oldest);
        break;
      }
    }
    return key;
  }
}
