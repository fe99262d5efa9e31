/**
 * Tokens: data that a client carries and cannot change, and cannot read if it is encrypted. Phoenix.Token, byte for byte:
 * tokens of an Elixir application are valid here and the other way round, with the same secret and salt.
 *
 * ```ts
 * const token = Token.sign(secretKeyBase, "user socket", { userId: 7 });
 *
 * const result = Token.verify(secretKeyBase, "user socket", params.token, { maxAgeSeconds: 86_400 });
 * if (result[0] === "ok") return ok({ assigns: result[1] });
 * ```
 *
 * Data is what `external-term.ts` lists: plain data, and Erlang's atoms and tuples.
 *
 * @see https://hexdocs.pm/phoenix/Phoenix.Token.html
 */
import { checkInteger } from "../core/check-integer.js";
import { ErrorCode, RuntimeError } from "../core/errors.js";
import { Atom, encodeTerm, Tuple, tuple } from "./external-term.js";
import { decodeTerm } from "./external-term-reader.js";
import { decryptMessage, encryptMessage, signMessage, verifyMessage } from "./token-crypto.js";
import { type KeyDigest, TokenKeys } from "./token-keys.js";
import { KEY_BYTES } from "./xchacha20-poly1305.js";

/** Where the secret comes from: the secret itself, at least 20 bytes of it, or something that has it. */
export type TokenContext = string | { readonly secretKeyBase: string };

/** How the key is made out of secret and salt. Both sides must have the same. */
export interface TokenKeyOptions {
  /** Rounds of PBKDF2. @defaultValue 1000 */
  readonly keyIterations?: number;
  /** Bytes of the key. To encrypt it takes 32 or more. @defaultValue 32 */
  readonly keyLength?: number;
  /** Hash function of PBKDF2. The signature is HMAC-SHA256 whatever this is. @defaultValue `"sha256"` */
  readonly keyDigest?: KeyDigest;
}

export interface TokenSignOptions extends TokenKeyOptions {
  /** When it was signed, in seconds since 1970, fractions allowed. @defaultValue now */
  readonly signedAtSeconds?: number;
  /** Seconds it is valid, unless who verifies it says otherwise; `Infinity`: for ever. @defaultValue 86400, a day */
  readonly maxAgeSeconds?: number;
}

export interface TokenVerifyOptions extends TokenKeyOptions {
  /** Seconds since it was signed after which it has expired; `Infinity`: never. @defaultValue what it was signed with */
  readonly maxAgeSeconds?: number;
}

/**
 * `missing`: there is no token (`null`, `undefined`). `expired`: it was valid. `invalid`: anything else, such as a token of
 * another secret or salt, one that was changed, one from the future.
 */
export type TokenResult =
  | readonly ["ok", data: unknown]
  | readonly ["error", reason: "expired" | "invalid" | "missing"];

/** Seconds a token is valid unless something else is said. */
export const DEFAULT_MAX_AGE_SECONDS = 86_400;
/** Characters of a token; longer ones are neither made nor looked at. */
export const MAX_TOKEN_CHARACTERS = 65_536;
const MIN_SECRET_BYTES = 20;
const MAX_KEY_BYTES = 1024;
const MAX_ITERATIONS = 10_000_000;
const infinity = "infinity";

// A thread's own: it remembers what a pure function gave, so nobody can tell that other threads have another one.
const keys = new TokenKeys();

/**
 * Makes a token that anybody can read and nobody can change.
 *
 * @throws RuntimeError `badArgument` for a secret that is too short, data no token can hold, or too much of it; `badOption`.
 */
function sign(context: TokenContext, salt: string, data: unknown, options: TokenSignOptions = {}): string {
  return checkLength(signMessage(pack(data, options), keyOf(context, salt, options)));
}

/**
 * The data of a token that {@link sign} made with the same secret, salt and key options.
 *
 * @param token - As it came from the client; anything that is no token is `invalid`.
 */
function verify(context: TokenContext, salt: string, token: unknown, options: TokenVerifyOptions = {}): TokenResult {
  return unpack(token, options, keyOf(context, salt, options), verifyMessage);
}

/** {@link sign}, but the client cannot read it either. The parameter is called secret in Phoenix; it is a salt as well. */
function encrypt(context: TokenContext, secret: string, data: unknown, options: TokenSignOptions = {}): string {
  if ((options.keyLength ?? KEY_BYTES) < KEY_BYTES) {
    throw new RuntimeError(
      ErrorCode.badOption,
      `bad keyLength ${options.keyLength}: to encrypt, a key has ${KEY_BYTES} bytes or more`,
    );
  }
  return checkLength(encryptMessage(pack(data, options), keyOf(context, secret, options)));
}

/** The data of a token that {@link encrypt} made, or Phoenix in one of its earlier versions. */
function decrypt(context: TokenContext, secret: string, token: unknown, options: TokenVerifyOptions = {}): TokenResult {
  return unpack(token, options, keyOf(context, secret, options), decryptMessage);
}

/** Phoenix.Token: signed and encrypted data for clients to carry. */
export const Token: {
  readonly sign: typeof sign;
  readonly verify: typeof verify;
  readonly encrypt: typeof encrypt;
  readonly decrypt: typeof decrypt;
} = { sign, verify, encrypt, decrypt };

/** `{data, signed_at_ms, max_age_seconds}`. */
function pack(data: unknown, { signedAtSeconds, maxAgeSeconds = DEFAULT_MAX_AGE_SECONDS }: TokenSignOptions): Buffer {
  if (signedAtSeconds !== undefined && !Number.isFinite(signedAtSeconds))
    throw badSeconds("signedAtSeconds", signedAtSeconds);
  const signedAtMs = signedAtSeconds === undefined ? Date.now() : Math.trunc(signedAtSeconds * 1000);
  const maxAge = checkMaxAge(maxAgeSeconds);
  return encodeTerm(tuple(data, signedAtMs, maxAge === Number.POSITIVE_INFINITY ? new Atom(infinity) : maxAge));
}

function unpack(
  token: unknown,
  options: TokenVerifyOptions,
  key: Uint8Array,
  open: (token: string, key: Uint8Array) => Buffer | undefined,
): TokenResult {
  const given = options.maxAgeSeconds === undefined ? undefined : checkMaxAge(options.maxAgeSeconds);
  if (token === null || token === undefined) return ["error", "missing"];
  if (typeof token !== "string" || token.length > MAX_TOKEN_CHARACTERS) return ["error", "invalid"];
  const message = open(token, key);
  const content = message === undefined ? undefined : contentOf(decodeTerm(message));
  const nowMs = Date.now();
  if (content === undefined || content.signedAtMs > nowMs) return ["error", "invalid"];
  const maxAge = given ?? content.maxAgeSeconds;
  if (maxAge <= 0 || content.signedAtMs + Math.trunc(maxAge * 1000) < nowMs) return ["error", "expired"];
  return ["ok", content.data];
}

interface Content {
  readonly data: unknown;
  readonly signedAtMs: number;
  readonly maxAgeSeconds: number;
}

/** Earlier versions of Phoenix left the age out, and before that had a map. */
function contentOf(term: unknown): Content | undefined {
  if (term instanceof Tuple) {
    const { elements } = term;
    if (elements.length !== 2 && elements.length !== 3) return undefined;
    const [data, signedAtMs, maxAge = DEFAULT_MAX_AGE_SECONDS] = elements;
    const maxAgeSeconds = maxAge instanceof Atom && maxAge.name === infinity ? Number.POSITIVE_INFINITY : maxAge;
    if (typeof signedAtMs !== "number" || typeof maxAgeSeconds !== "number") return undefined;
    return { data, signedAtMs, maxAgeSeconds };
  }
  const { data, signed } = (term ?? {}) as { data?: unknown; signed?: unknown }; // any term has no such fields, or has
  if (data === undefined || typeof signed !== "number") return undefined;
  return { data, signedAtMs: signed, maxAgeSeconds: DEFAULT_MAX_AGE_SECONDS };
}

function keyOf(context: TokenContext, salt: string, options: TokenKeyOptions): Buffer {
  const { keyIterations = 1000, keyLength = KEY_BYTES, keyDigest = "sha256" } = options;
  const secret: unknown = typeof context === "string" ? context : context?.secretKeyBase;
  if (typeof secret !== "string" || Buffer.byteLength(secret) < MIN_SECRET_BYTES) {
    // Whatever was given may be a secret: it is not shown.
    throw new RuntimeError(
      ErrorCode.badArgument,
      `bad secret: it must be a string of at least ${MIN_SECRET_BYTES} bytes, or { secretKeyBase } with one`,
    );
  }
  if (typeof salt !== "string") {
    throw new RuntimeError(ErrorCode.badArgument, `bad salt: it must be a string, not a ${typeof salt}`);
  }
  checkInteger("keyIterations", keyIterations, 1, MAX_ITERATIONS);
  checkInteger("keyLength", keyLength, 1, MAX_KEY_BYTES);
  if (keyDigest !== "sha256" && keyDigest !== "sha384" && keyDigest !== "sha512") {
    const allowed = `allowed are "sha256", "sha384", "sha512"`;
    throw new RuntimeError(ErrorCode.badOption, `bad keyDigest ${JSON.stringify(keyDigest)}: ${allowed}`);
  }
  return keys.derive(secret, salt, { iterations: keyIterations, lengthBytes: keyLength, digest: keyDigest });
}

function checkMaxAge(seconds: number): number {
  if (typeof seconds === "number" && !Number.isNaN(seconds)) return seconds;
  throw badSeconds("maxAgeSeconds", seconds);
}

function badSeconds(name: string, value: unknown): RuntimeError {
  return new RuntimeError(ErrorCode.badOption, `bad ${name} ${String(value)}: it must be a number of seconds`);
}

function checkLength(token: string): string {
  if (token.length <= MAX_TOKEN_CHARACTERS) return token;
  throw new RuntimeError(
    ErrorCode.badArgument,
    `the data is too large for a token: it would have ${token.length} characters, ${MAX_TOKEN_CHARACTERS} are allowed`,
  );
}
