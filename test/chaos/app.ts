/**
 * The application that everything is done to: a channel that echoes, publishes numbered events, and does each of the deeds in
 * `deeds/` when it is told to.
 */
import { application, channel, noreply, ok, processInfo, register, reply, self, socket, stop, whereis } from "joist";
import { current } from "../../src/runtime/context.js";
import { type Assigns, callbacks, go } from "./deeds/callbacks.js";
import { ends } from "./deeds/ends.js";
import { globals } from "./deeds/globals.js";
import { leaks } from "./deeds/leaks.js";
import { loops } from "./deeds/loops.js";
import { strays } from "./deeds/strays.js";

export { Caller, Flooder } from "./deeds/callbacks.js";

/** What a client can tell a channel to do. */
export const deeds: Record<string, (socket: never) => unknown> = {
  ...{ ...callbacks, ...strays, ...loops, ...leaks, ...ends, ...globals },
};

/** What there is on the thread that runs {@link census}. */
export interface ThreadCensus {
  readonly processes: number;
  /** Names, and topics, of those that channels here have, that somebody has or wants: on all threads. */
  readonly names: number;
  readonly topics: number;
}

/** Names of channels by their topic: as many as there are topics, so that the table of names stays as it is. */
const nameOf = (topic: string): string => `named ${topic}`;
const ROOMS = 200;

/** Counts, after a full collection where the OS process was started with `--expose-gc`. */
export function census(): ThreadCensus {
  (globalThis as { gc?: () => void }).gc?.();
  const { scheduler } = current();
  const topics = Array.from({ length: ROOMS * 3 }, (_, n) => `room:${Math.floor(n / 3)}:${n % 3}`);
  return {
    processes: scheduler.processes.size,
    names: topics.filter((topic) => whereis(nameOf(topic)) !== undefined).length,
    topics: topics.filter((topic) => scheduler.interest.slotsFor(topic) !== 0).length,
  };
}

export const RoomChannel = channel<Assigns>({
  join: async (topic, params) => {
    const { how, slowMs } = params as { how?: unknown; slowMs?: number };
    if (slowMs !== undefined) await new Promise((resolve) => setTimeout(resolve, slowMs));
    await go(how);
    const info = await processInfo(self());
    if (whereis(nameOf(topic)) === undefined) register(nameOf(topic), self());
    return ok({ pid: self(), scheduler: info?.scheduler ?? 0 });
  },
  handleIn: {
    echo: (payload) => reply("ok", payload),
    deed: ({ name }: { name: string }, socket) => deeds[name]?.(socket as never) as undefined,
    /** Goes to everybody as it is. */
    shout: (_, socket) => {
      socket.assigns.shouts = (socket.assigns.shouts ?? 0) + 1;
      socket.broadcast("shout", { from: self(), n: socket.assigns.shouts });
    },
    /** Goes to everybody by way of their channels. */
    relay: (_, socket) => {
      socket.assigns.relays = (socket.assigns.relays ?? 0) + 1;
      socket.broadcast("relay", { from: self(), n: socket.assigns.relays });
    },
    shrug: () => {},
    stop: () => stop("normal"),
  },
  handleOut: {
    relay: (payload, socket) => socket.push("relay", payload),
    intercepted: (payload, _socket) => {
      const { pid, how } = payload as { pid: string; how: string };
      return pid === self() ? (go(how) as undefined) : noreply();
    },
  },
  handleInfo: (message) => (Array.isArray(message) && message[0] === "go" ? (go(message[1]) as undefined) : undefined),
  handleCall: { go: (how) => (go(how) ?? reply(null)) as never },
  handleCast: { go: (how) => go(how) as undefined },
  terminate: (_reason, socket) => go(socket.assigns.terminate) as undefined,
});

export const UserSocket = socket({
  connect: async ({ how }) => {
    if (how === "bad_id") return ok({ id: 7 as never });
    await go(how);
    return ok();
  },
  channels: { "room:*": RoomChannel },
  joinTimeoutMs: 2000,
});

export default application({ sockets: { "/socket": UserSocket } });
