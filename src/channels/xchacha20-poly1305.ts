/**
 * XChaCha20-Poly1305, which Node.js has without the X: HChaCha20 makes a key of its own out of the key and the first 16
 * bytes of the nonce; the rest is `chacha20-poly1305` with the other 8. A nonce of 24 bytes may be drawn at random.
 *
 * @see https://datatracker.ietf.org/doc/html/draft-irtf-cfrg-xchacha-03
 */
import { createCipheriv, createDecipheriv } from "node:crypto";

export const KEY_BYTES = 32;
export const NONCE_BYTES = 24;
export const TAG_BYTES = 16;

const algorithm = "chacha20-poly1305";

export interface Sealed {
  readonly ciphertext: Buffer;
  readonly tag: Buffer;
}

export function seal(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Sealed {
  const cipher = createCipheriv(algorithm, hchacha20(key, nonce), shortNonce(nonce), { authTagLength: TAG_BYTES });
  cipher.setAAD(aad, { plaintextLength: plaintext.length });
  const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  return { ciphertext, tag: cipher.getAuthTag() };
}

/** The plaintext, or undefined if anything of it was changed. */
export function open(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, sealed: Sealed): Buffer | undefined {
  const cipher = createDecipheriv(algorithm, hchacha20(key, nonce), shortNonce(nonce), { authTagLength: TAG_BYTES });
  cipher.setAAD(aad, { plaintextLength: sealed.ciphertext.length });
  cipher.setAuthTag(sealed.tag);
  const plaintext = cipher.update(sealed.ciphertext);
  try {
    return Buffer.concat([plaintext, cipher.final()]);
  } catch {
    return undefined; // the only thing `final` throws for is a tag that does not fit
  }
}

function shortNonce(nonce: Uint8Array): Buffer {
  return Buffer.concat([Buffer.alloc(4), nonce.subarray(16)]);
}

/** Section 2.2: 20 rounds over key and nonce; of the state, the first and the last row are the new key. */
export function hchacha20(key: Uint8Array, nonce: Uint8Array): Buffer {
  const input = Buffer.concat([Buffer.from("expand 32-byte k"), key, nonce.subarray(0, 16)]);
  const state = Uint32Array.from({ length: 16 }, (_, i) => input.readUInt32LE(4 * i));
  for (let round = 0; round < 10; round++) {
    for (let i = 0; i < 4; i++) quarterRound(state, i, 4 + i, 8 + i, 12 + i);
    for (let i = 0; i < 4; i++) quarterRound(state, i, 4 + ((i + 1) & 3), 8 + ((i + 2) & 3), 12 + ((i + 3) & 3));
  }
  const derived = Buffer.alloc(KEY_BYTES);
  for (let i = 0; i < 4; i++) {
    derived.writeUInt32LE(state[i] as number, 4 * i);
    derived.writeUInt32LE(state[12 + i] as number, 16 + 4 * i);
  }
  return derived;
}

function quarterRound(state: Uint32Array, a: number, b: number, c: number, d: number): void {
  addAndRotate(state, a, b, d, 16);
  addAndRotate(state, c, d, b, 12);
  addAndRotate(state, a, b, d, 8);
  addAndRotate(state, c, d, b, 7);
}

/** `x += y; z = (z ^ x) <<< bits`, in 32 bits: the array keeps them so. */
function addAndRotate(state: Uint32Array, x: number, y: number, z: number, bits: number): void {
  const sum = ((state[x] as number) + (state[y] as number)) | 0;
  const mixed = (state[z] as number) ^ sum;
  state[x] = sum;
  state[z] = (mixed << bits) | (mixed >>> (32 - bits));
}
