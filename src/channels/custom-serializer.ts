/**
 * Serializers of an application. One is the default export of a module of its own, which has two lives: the application
 * imports it, so it is on every scheduler, and the I/O thread imports it by its URL, to read heads and to make frames.
 *
 * ```ts
 * // cbor.ts: runs on the I/O thread, too, where all connections are
 * export default serializer({
 *   url: import.meta.url,
 *   decode: (raw) => toMessage(cbor.decode(raw)),
 *   encode: (message) => cbor.encode(fromMessage(message)),
 * });
 *
 * // app.ts
 * import Cbor from "./cbor.js";
 * versions: [{ serializer: Cbor, accepts: "~> 2.0.0+cbor" }, { vsn: "2.0.0", accepts: "~> 2.0.0" }]
 * ```
 *
 * It is the one thing of an application that runs on the I/O thread. What it throws there costs one connection, or one
 * frame; an endless loop in it, or a module that does something at import, costs all of them. See
 * `docs/decisions/0010-custom-serializers.md`.
 */
import { ErrorCode, RuntimeError } from "../core/errors.js";
import { type Definition, definitionOf } from "../runtime/process.js";
import { type Codec, codecSerializer } from "./codec.js";
import type { Serializer } from "./serializer.js";

export interface SerializerOptions extends Codec {
  /** `import.meta.url` of the module whose default export it is. */
  readonly url: string | URL;
}

export class CustomSerializer implements Definition {
  // A definition, so that it is named in other threads as processes are; it is none.
  readonly kind = "serializer";
  readonly url: string;
  readonly codec: Codec;

  constructor({ url, ...codec }: SerializerOptions) {
    this.url = checkUrl(url);
    this.codec = codec;
  }

  boot(): never {
    throw new RuntimeError(ErrorCode.badArgument, "a serializer is no process: name it in the versions of a mount");
  }
}

/** Defines a serializer; make it the default export of its module. */
export function serializer(options: SerializerOptions): CustomSerializer {
  return new CustomSerializer(options);
}

/** The serializer under a key, on a scheduler. @throws RuntimeError `unknownDefinition` */
export function customSerializer(key: string): Serializer {
  const found = definitionOf(key);
  if (found instanceof CustomSerializer) return codecSerializer(key, found.codec);
  throw new RuntimeError(ErrorCode.badOption, `no serializer speaks version ${JSON.stringify(key)}`);
}

/**
 * Loads one on the I/O thread.
 *
 * @throws RuntimeError `badOption` if its module has it not as its default export; whatever that throws.
 */
export async function loadSerializer(key: string, url: string): Promise<Serializer> {
  const found = ((await import(url)) as { default?: unknown }).default;
  if (found instanceof CustomSerializer && found.url === url) return codecSerializer(key, found.codec);
  throw new RuntimeError(
    ErrorCode.badOption,
    `${url} must have the serializer as its default export: export default serializer({ url: import.meta.url, … })`,
  );
}

function checkUrl(url: string | URL): string {
  if (URL.canParse(String(url))) return new URL(url).href;
  throw new RuntimeError(
    ErrorCode.badOption,
    `bad url ${String(url)}: it must be the URL of the serializer's module, import.meta.url`,
  );
}
