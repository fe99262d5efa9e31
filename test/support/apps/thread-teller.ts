/**
 * A serializer that tells the client which thread its connection is on, and does what an I/O thread dies of: version 2's frames, as
 * far as the tests need them.
 */
import { threadId } from "node:worker_threads";
import { serializer } from "joist";

export default serializer({
  url: import.meta.url,
  decode: (raw) => {
    const [joinRef, ref, topic, event, payload] = JSON.parse(String(raw));
    if (event === "die") process.exit(1);
    if (event === "spin") for (;;);
    return { joinRef, ref, topic, event, payload };
  },
  encode: ({ joinRef, ref, topic, event, payload }) => {
    // The answer to a heartbeat is made where the connection is.
    const shown = ref === "thread" ? { status: "ok", response: { thread: threadId } } : payload;
    return JSON.stringify([joinRef, ref, topic, event, shown]);
  },
});
