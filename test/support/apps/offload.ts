/** Servers that offload in the name of a test. */
import { application, call, genServer, noreply, type OffloadOptions, offload, reply, replyTo } from "joist";
import type { Shared } from "../offloaded/work.js";

const work = new URL("../offloaded/work.js", import.meta.url);

export const Offloader = genServer({
  init: (_: undefined) => null,
  handleCall: {
    offload: async ([name, arg, options]: readonly [string, unknown, OffloadOptions?]) =>
      reply(await offload(work, arg, { name, ...options })),
    /** The error as the process catches it. */
    caught: async ([name, arg, options]: readonly [string, unknown, OffloadOptions?]) => {
      try {
        return reply(await offload(work, arg, { name, ...options }));
      } catch (error) {
        const { code, message, stack, cause } = error as Error & { code?: unknown };
        return reply({ code, message, stack, cause });
      }
    },
    /** What is handed over is gone here. */
    handOver: async (bytes: Uint8Array<ArrayBuffer>) => {
      const sum = await offload(work, bytes, { name: "sum", transfer: [bytes.buffer] });
      return reply([sum, bytes.byteLength]);
    },
    /** Memory that is shared with the function. */
    share: async () => {
      try {
        return reply(await offload(work, new SharedArrayBuffer(8), { name: "later" }));
      } catch (error) {
        return reply({ code: (error as { code?: unknown }).code });
      }
    },
    /** Answers while the offloaded function runs; the call itself is answered after it. */
    spin: async (shared: Shared, _state, from) => {
      replyTo(from, "begins");
      await offload(work, shared, { name: "spin" });
      return noreply();
    },
    calls: async (count: number) => {
      const tookMs: number[] = [];
      for (let i = 0; i < count; i++) {
        const startMs = performance.now();
        await call("neighbour", "ping");
        tookMs.push(performance.now() - startMs);
      }
      return reply(tookMs);
    },
    ping: () => reply("pong"),
  },
  handleCast: {
    /** Ends the whole thread. */
    die: () => process.exit(1),
  },
});

export default application({
  children: [
    Offloader.child(undefined, { name: "worker", id: "worker" }),
    Offloader.child(undefined, { name: "neighbour", id: "neighbour" }),
    Offloader.child(undefined, { name: "client", id: "client" }),
  ],
});
