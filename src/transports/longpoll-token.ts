/**
 * The token that holds a long-poll session together: each request of a client brings it along. In the shape of
 * `Phoenix.Token` (a compact JWS), so that nobody stumbles over it in a log or a proxy:
 *
 * ```
 * SFMyNTY . base64url of ["session id", milliseconds] . base64url of HMAC-SHA256
 * ```
 *
 * The key is made when the socket is mounted, or with the endpoint if that is on several threads, and never leaves it: a session
 * ends with its runtime, so a key that outlived it would open nothing.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import type { Clock } from "../core/clock.js";

/** `{"alg":"HS256"}`, as Plug writes it. */
const protectedHeader = "SFMyNTY";

/** Longer ones are none of ours: not worth hashing. */
const MAX_TOKEN_CHARACTERS = 256;

export class SessionTokens {
  readonly #key: Uint8Array;
  readonly #maxAgeMs: number;
  readonly #clock: Clock;

  constructor(key: Uint8Array, maxAgeMs: number, clock: Clock) {
    this.#key = key;
    this.#maxAgeMs = maxAgeMs;
    this.#clock = clock;
  }

  sign(sessionId: string): string {
    const payload = Buffer.from(JSON.stringify([sessionId, Math.floor(this.#clock.now())])).toString("base64url");
    const signed = `${protectedHeader}.${payload}`;
    return `${signed}.${this.#signature(signed).toString("base64url")}`;
  }

  /** The session it names; undefined if it was never issued here, was changed, or is too old. */
  verify(token: string): string | undefined {
    const read = this.read(token);
    if (read === undefined) return undefined;
    const [sessionId, signedAtMs] = read;
    return this.#clock.now() - signedAtMs <= this.#maxAgeMs ? sessionId : undefined;
  }

  /** What was signed with this key, by the clock of who has signed it: that may be another thread's. */
  read(token: string): readonly [sessionId: string, signedAtMs: number] | undefined {
    if (token.length > MAX_TOKEN_CHARACTERS) return undefined;
    const [header, payload = "", signature = "", ...more] = token.split(".");
    if (header !== protectedHeader || more.length > 0) return undefined;
    // As text: base64 has several spellings of the same bytes, and only the one that was issued counts.
    const expected = Buffer.from(this.#signature(`${header}.${payload}`).toString("base64url"));
    const given = Buffer.from(signature);
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
    return JSON.parse(Buffer.from(payload, "base64url").toString()) as [string, number]; // we signed it
  }

  #signature(text: string): Buffer {
    return createHmac("sha256", this.#key).update(text).digest();
  }
}
