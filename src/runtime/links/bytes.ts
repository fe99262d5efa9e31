/**
 * Values as bytes, for where there is no port to post them into: between OS processes. Written by V8's serializer, which is what
 * structured clone is made of: the same values arrive, and the same are refused, but for what cannot leave an OS process (ports,
 * shared memory, key objects, blobs).
 */
import { Deserializer, Serializer } from "node:v8";

const NOTHING = new Uint8Array(0);

/** @param head - What the bytes begin with. @throws Error for what cannot be copied. */
export function toBytes(value: unknown, head: Uint8Array = NOTHING): Buffer {
  const serializer = new Serializer();
  serializer.writeRawBytes(head);
  serializer.writeHeader();
  serializer.writeValue(value);
  return serializer.releaseBuffer();
}

/** The value in bytes of {@link toBytes}, without their head. */
export function fromBytes(bytes: Uint8Array): unknown {
  const deserializer = new Deserializer(bytes);
  deserializer.readHeader();
  return deserializer.readValue();
}
