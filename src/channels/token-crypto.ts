/**
 * Signed and encrypted messages, byte for byte those of Plug.Crypto: its `MessageVerifier` and `MessageEncryptor`.
 *
 * ```
 *   signed      SFMyNTY . message . HMAC-SHA256(key, all before this dot)
 *   encrypted   XCP     . nonce (24) + tag (16) + ciphertext                      XChaCha20-Poly1305
 *   (of old)    QTEyOEdDTQ . wrapped key . iv . ciphertext . tag                  AES-GCM; read, never written
 * ```
 *
 * Each part is base64url without padding. Nothing is decoded before it was found to be authentic.
 *
 * @see https://hexdocs.pm/plug_crypto/Plug.Crypto.MessageVerifier.html
 * @see https://hexdocs.pm/plug_crypto/Plug.Crypto.MessageEncryptor.html
 */
import { createDecipheriv, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { KEY_BYTES, NONCE_BYTES, open, seal, TAG_BYTES } from "./xchacha20-poly1305.js";

/** base64url of HS256 and so on. Signing takes the first; verifying takes what the token names. */
const HS256 = "SFMyNTY";
const hmacs: ReadonlyMap<string, string> = new Map([
  [HS256, "sha256"],
  ["SFMzODQ", "sha384"],
  ["SFM1MTI", "sha512"],
]);
const XCP = "XCP";
/** base64url of `A128GCM`. */
const A128GCM = "QTEyOEdDTQ";
const aad = Buffer.from("A128GCM");

const AES_IV_BYTES = 12;
/** Tag and iv that follow the key in a wrapped one. */
const WRAPPING_BYTES = TAG_BYTES + AES_IV_BYTES;

export function signMessage(message: Uint8Array, key: Uint8Array): string {
  const signed = `${HS256}.${toBase64(message)}`;
  return `${signed}.${createHmac("sha256", key).update(signed).digest("base64url")}`;
}

/** The message, or undefined if the key has not signed it. */
export function verifyMessage(token: string, key: Uint8Array): Buffer | undefined {
  const [header = "", message = "", signature = "", ...more] = token.split(".");
  const hmac = hmacs.get(header);
  const given = fromBase64(signature);
  if (hmac === undefined || given === undefined || more.length > 0) return undefined;
  const expected = createHmac(hmac, key).update(`${header}.${message}`).digest();
  // Lengths are no secret; where the first difference is would be.
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
  return fromBase64(message);
}

/** @param key - 32 bytes or more, of which 32 count. */
export function encryptMessage(message: Uint8Array, key: Uint8Array): string {
  const nonce = randomBytes(NONCE_BYTES);
  const { ciphertext, tag } = seal(key.subarray(0, KEY_BYTES), nonce, aad, message);
  return `${XCP}.${toBase64(Buffer.concat([nonce, tag, ciphertext]))}`;
}

/** The message, or undefined if it was not encrypted with this key. */
export function decryptMessage(token: string, key: Uint8Array): Buffer | undefined {
  const [header, ...parts] = token.split(".");
  const bytes = parts.map(fromBase64);
  if (header === XCP && bytes.length === 1) return decryptXcp(bytes[0], key);
  if (header === A128GCM && bytes.length === 4) return decryptAes(bytes, key.subarray(0, KEY_BYTES));
  return undefined;
}

function decryptXcp(sealed: Buffer | undefined, key: Uint8Array): Buffer | undefined {
  if (sealed === undefined || sealed.length < NONCE_BYTES + TAG_BYTES || key.length < KEY_BYTES) return undefined;
  return open(key.subarray(0, KEY_BYTES), sealed.subarray(0, NONCE_BYTES), aad, {
    tag: sealed.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES),
    ciphertext: sealed.subarray(NONCE_BYTES + TAG_BYTES),
  });
}

/** A key of the message's own, wrapped by ours. RFC 7518, section 4.7. */
function decryptAes(parts: readonly (Buffer | undefined)[], key: Uint8Array): Buffer | undefined {
  const [wrapped, iv, ciphertext, tag] = parts;
  if (wrapped === undefined || iv === undefined || ciphertext === undefined || tag === undefined) return undefined;
  const wrappedBytes = wrapped.length - WRAPPING_BYTES;
  if (wrappedBytes < 0) return undefined;
  const inner = decryptGcm(
    key,
    wrapped.subarray(wrappedBytes + TAG_BYTES),
    Buffer.alloc(0),
    wrapped.subarray(0, wrappedBytes),
    wrapped.subarray(wrappedBytes, wrappedBytes + TAG_BYTES),
  );
  return inner && decryptGcm(inner, iv, aad, ciphertext, tag);
}

function decryptGcm(
  key: Uint8Array,
  iv: Uint8Array,
  associated: Uint8Array,
  ciphertext: Uint8Array,
  tag: Uint8Array,
): Buffer | undefined {
  const bits = key.length * 8;
  if ((bits !== 128 && bits !== 192 && bits !== 256) || iv.length !== AES_IV_BYTES || tag.length !== TAG_BYTES) {
    return undefined;
  }
  const cipher = createDecipheriv(`aes-${bits}-gcm`, key, iv, { authTagLength: TAG_BYTES });
  cipher.setAAD(associated);
  cipher.setAuthTag(tag);
  const plaintext = cipher.update(ciphertext);
  try {
    return Buffer.concat([plaintext, cipher.final()]);
  } catch {
    return undefined; // the only thing `final` throws for is a tag that does not fit
  }
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64url");
}

/** Strict, unlike Node.js, which leaves out what it does not know. */
function fromBase64(text: string): Buffer | undefined {
  return /^[\w-]*$/.test(text) && text.length % 4 !== 1 ? Buffer.from(text, "base64url") : undefined;
}
