/** Ways for each callback of a channel to go wrong: by a throw, by a rejection, or by never coming back. */
import { broadcast, call, cast, proc, processInfo, type Socket, schedulersOnline, self, send, spawn } from "joist";

export interface Assigns {
  /** How its `terminate` goes. */
  terminate?: How;
  /** Numbers of what it has published. */
  shouts?: number;
  relays?: number;
  [name: string]: unknown;
}

export type How = "throw" | "reject" | "hang" | "loop";

export function go(how: unknown): unknown {
  switch (how) {
    case "throw":
      throw new Error("boom");
    case "reject":
      return Promise.reject(new Error("boom"));
    case "hang":
      return new Promise(() => {});
    case "loop":
      for (;;);
    default:
      return undefined;
  }
}

/** Calls a channel, so that its `handleCall` runs. */
export const Caller = proc(async (to: ReturnType<typeof self>, how: How) => {
  await call(to, "go", how, 1000).catch(() => {});
});

const FLOOD = 1_000_000;
const FLOOD_CHUNK = 10_000;

/** Sends a channel a million messages, as fast as its own thread lets it. */
export const Flooder = proc(async (to: ReturnType<typeof self>) => {
  for (let sent = 0; sent < FLOOD; ) {
    for (const end = sent + FLOOD_CHUNK; sent < end; sent++) send(to, ["flood", sent]);
    await new Promise((resolve) => setImmediate(resolve));
  }
  send(to, ["flooded"]);
});

/** Broadcasts of a storm: each goes to everybody on the topic. */
const STORM = 200;

type Deed = (socket: Socket<Assigns>) => unknown;

const inEach = (name: string, deed: (how: How) => Deed): Record<string, Deed> => ({
  [`throw_in_${name}`]: deed("throw"),
  [`reject_in_${name}`]: deed("reject"),
});

export const callbacks: Record<string, Deed> = {
  ...inEach("handle_in", (how) => () => go(how)),
  bad_return_of_handle_in: () => 42,
  ...inEach("handle_info", (how) => () => send(self(), ["go", how])),
  ...inEach(
    "handle_out",
    (how) =>
      ({ topic }) =>
        broadcast(topic, "intercepted", { pid: self(), how }),
  ),
  ...inEach("handle_cast", (how) => () => cast(self(), "go", how)),
  ...inEach("handle_call", (how) => () => void spawn(Caller, [self(), how])),
  ...inEach("terminate", (how) => (socket) => {
    socket.assign({ terminate: how });
    go("throw");
  }),
  hang_in_handle_in: () => go("hang"),
  hang_in_terminate: (socket) => {
    socket.assign({ terminate: "hang" });
    go("throw");
  },
  loop_in_terminate: (socket) => {
    socket.assign({ terminate: "loop" });
    go("throw");
  },
  flood_of_a_mailbox: async () => {
    const own = (await processInfo(self()))?.scheduler ?? 1;
    spawn(Flooder, [self()], { scheduler: own === 1 && schedulersOnline() > 1 ? 2 : 1 });
  },
  storm_of_broadcasts: ({ topic }) => {
    for (let n = 0; n < STORM; n++) broadcast(topic, "storm", { text: "x".repeat(200) });
  },
  unread_pushes: (socket) => {
    for (let n = 0; n < 16; n++) socket.push("much", { text: "x".repeat(64 * 1024) });
    socket.broadcast("pushed", {}); // for one who reads
  },
};
