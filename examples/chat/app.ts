/**
 * The application. Every scheduler thread loads this file, so it holds definitions only; nothing runs at import.
 *
 * ```
 *   application ─┬─ history   the last messages of each room
 *                └─ stats     how many messages there were
 *   connections ─── room:lobby, lab:a, lab:b, stats    one channel process per client and topic
 * ```
 *
 * The events that break things are the point of this demo. A real application has none of them, on purpose at least.
 */
import { randomUUID } from "node:crypto";
import {
  application,
  broadcast,
  channel,
  error,
  genServer,
  isNormalExit,
  ok,
  type Pid,
  processInfo,
  reply,
  type Socket,
  self,
  send,
  socket,
} from "joist";

const MAX_NAME_LENGTH = 30;
const MAX_BODY_LENGTH = 500;
const MAX_HISTORY = 50;
const MAX_ROOMS = 100;
const MIB = 2 ** 20;
const REJECT_AFTER_MS = 100;

// ---- servers ----

interface ChatMessage {
  readonly id: string;
  readonly name: string;
  readonly body: string;
  readonly at: number;
}

/** Remembers the last messages of each room, for those who join later. */
export const History = genServer({
  init: () => new Map<string, readonly ChatMessage[]>(),
  handleCall: {
    last: (topic: string, rooms) => reply(rooms.get(topic) ?? []),
  },
  handleCast: {
    keep: ({ topic, message }: { topic: string; message: ChatMessage }, rooms) => {
      const messages = [...(rooms.get(topic) ?? []), message].slice(-MAX_HISTORY);
      rooms.delete(topic); // set again, it goes to the end: the first room is the one that has been silent longest
      rooms.set(topic, messages);
      for (const oldest of rooms.keys()) if (rooms.size > MAX_ROOMS) rooms.delete(oldest);
    },
  },
});

/** Counts messages, and tells every page. Its state dies with it: a restarted one begins at 0. */
export const Stats = genServer({
  init: async () => {
    const state = { messages: 0, ...(await where()) };
    broadcast("stats", "stats", state);
    return state;
  },
  handleCall: {
    read: (_: undefined, state) => reply({ ...state }),
  },
  handleCast: {
    count: (_: undefined, state) => {
      state.messages++;
      broadcast("stats", "stats", state);
    },
    crash: () => {
      throw new Error("the stats server was asked to crash");
    },
  },
});

// ---- channels ----

/** Which process this is, and on which scheduler thread it runs. */
async function where(): Promise<{ pid: Pid; scheduler: number | undefined; startedAt: number }> {
  const info = await processInfo(self());
  return { pid: self(), scheduler: info?.scheduler, startedAt: Date.now() };
}

interface Assigns {
  where: Awaited<ReturnType<typeof where>>;
}

/** What the room and the labs have in common: two harmless events, and five ways to die. */
const labEvents = {
  ping: () => reply("ok"),
  where: (_: unknown, socket: Socket<Assigns>) => reply("ok", socket.assigns.where),

  throw: () => {
    throw new Error("thrown in a handler");
  },
  // Nobody awaits it: in plain Node.js this ends the whole program. Here its channel is found, and ends alone.
  reject_later: () => {
    setTimeout(() => Promise.reject(new Error("rejected later, and nobody listened")), REJECT_AFTER_MS);
  },
  // JavaScript cannot be interrupted, only ended: the watchdog replaces the thread after `maxBlockMs`.
  loop: () => {
    for (;;);
  },
  // Nor can this be: it is replaced when it holds more than `maxHeapBytes`.
  eat_memory: () => {
    const eaten: Buffer[] = [];
    for (;;) eaten.push(Buffer.alloc(MIB, 1));
  },
  // In a worker thread `process.exit` ends the thread. Another one takes its place.
  kill_thread: () => process.exit(1),
};

export const LabChannel = channel<Assigns>({
  join: async (_topic, _params, socket) => {
    socket.assign({ where: await where() });
    return ok();
  },
  handleIn: labEvents,
});

export const RoomChannel = channel<Assigns & { name: string }>({
  join: async (topic, params, socket) => {
    const name = text((params as { name?: unknown }).name, MAX_NAME_LENGTH);
    if (name === undefined) return error({ reason: `a name has 1 to ${MAX_NAME_LENGTH} characters` });
    socket.assign({ name, where: await where() });
    send(self(), "after_join"); // comes once the client has its answer; before that, nothing may be sent
    return ok({ messages: await History.call("history", "last", topic) });
  },
  handleIn: {
    ...labEvents,
    new_msg: (payload, socket) => {
      const body = text((payload as { body?: unknown }).body, MAX_BODY_LENGTH);
      if (body === undefined) return reply("error", { reason: `a message has 1 to ${MAX_BODY_LENGTH} characters` });
      const message: ChatMessage = { id: randomUUID(), name: socket.assigns.name, body, at: Date.now() };
      // Kept first, broadcast second: who joins in between gets it from one of the two, or from both, and goes by its id.
      History.cast("history", "keep", { topic: socket.topic, message });
      Stats.cast("stats", "count");
      socket.broadcast("new_msg", message);
      return reply("ok");
    },
    rename: (payload, socket) => {
      const name = text((payload as { name?: unknown }).name, MAX_NAME_LENGTH);
      if (name === undefined) return reply("error", { reason: `a name has 1 to ${MAX_NAME_LENGTH} characters` });
      socket.broadcast("note", { text: `${socket.assigns.name} is now ${name}` });
      socket.assign({ name });
      return reply("ok");
    },
  },
  handleInfo: (message, socket) => {
    if (message === "after_join") socket.broadcastFrom("note", { text: `${socket.assigns.name} joined` });
  },
  terminate: (reason, socket) => {
    if (!socket.joined) return;
    const what = isNormalExit(reason) ? "left" : "crashed";
    socket.broadcastFrom("note", { text: `${socket.assigns.name} ${what}` });
  },
});

/** Shows the stats server. It outlives the server's crashes: all it does is to be on the topic that the server writes to. */
export const StatsChannel = channel({
  join: async () => ok(await Stats.call("stats", "read")),
  handleIn: {
    crash: () => Stats.cast("stats", "crash"),
  },
});

/** A trimmed string of 1 to `maxLength` characters; anything else is undefined. Nothing has checked what a client sends. */
function text(value: unknown, maxLength: number): string | undefined {
  if (typeof value !== "string") return undefined;
  const trimmed = value.trim();
  return trimmed.length >= 1 && trimmed.length <= maxLength ? trimmed : undefined;
}

// ---- the application ----

export const UserSocket = socket({
  channels: { "room:*": RoomChannel, "lab:*": LabChannel, stats: StatsChannel },
});

export default application({
  // "conn": a page may connect to the host it came from, be that localhost, 127.0.0.1 or a name in the local network.
  sockets: { "/socket": { socket: UserSocket, checkOrigin: "conn" } },
  children: [History.child(undefined, { name: "history" }), Stats.child(undefined, { name: "stats" })],
  // A child that ends more than 3 times in 5 s ends its supervisor, and with it the application. That is what one wants,
  // but not of a page with a button for it.
  maxRestarts: 100,
});
