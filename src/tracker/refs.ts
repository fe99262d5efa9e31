/** The refs that name metas, `phx_ref`: 16 characters of URL-safe base64, as Phoenix's. */
import type { Meta } from "./state-data.js";

/** Random bytes of the process that makes them; the rest is a count. */
const PREFIX_BYTES = 6;
const COUNT_BYTES = 6;

export class Refs {
  readonly #bytes = Buffer.alloc(PREFIX_BYTES + COUNT_BYTES);
  #count = 0;

  /** @param prefix - Six random bytes, so that no two processes make the same refs. */
  constructor(prefix: Uint8Array) {
    this.#bytes.set(prefix.subarray(0, PREFIX_BYTES));
  }

  next(): string {
    this.#bytes.writeUIntBE(++this.#count, PREFIX_BYTES, COUNT_BYTES);
    return this.#bytes.toString("base64url");
  }
}

/** A meta with its ref, and after an update that of the one before. Refs that it had, as a copy of another meta, go. */
export function withRef(meta: Meta, ref: string, previous?: string): Meta {
  const { phx_ref: _ref, phx_ref_prev: _previous, ...own } = meta;
  return previous === undefined ? { phx_ref: ref, ...own } : { phx_ref: ref, phx_ref_prev: previous, ...own };
}
