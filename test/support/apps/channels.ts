/** The application of the channel tests: a room with every way to live and to die. */
import {
  application,
  broadcast,
  channel,
  error,
  exit,
  genServer,
  isDown,
  noreply,
  ok,
  proc,
  processInfo,
  receive,
  register,
  reply,
  type SocketRef,
  self,
  send,
  sendAfter,
  socket,
  socketReply,
  spawn,
  stop,
} from "joist";

export const Counter = genServer({
  init: (first: number) => ({ count: first }),
  handleCall: {
    add: (by: number, state) => {
      state.count += by;
      return reply(state.count);
    },
    crash: (_: undefined) => {
      throw new Error("the counter crashed");
    },
  },
});

/** Answers a socket ref from a process of its own. */
export const Answerer = proc(async (to: SocketRef, response: unknown) => {
  socketReply(to, "ok", response);
});

interface Join {
  readonly refuse?: unknown;
  readonly crash?: boolean;
  readonly slowMs?: number;
  /** Until a channel is told `let_in`. */
  readonly waits?: boolean;
  readonly after?: string;
  readonly early?: boolean;
  readonly observer?: string;
  readonly bye?: string;
}

const boom = (): never => {
  throw new Error("boom");
};

export const RoomChannel = channel<{ userId?: string; count?: number; observer?: string; bye?: string }>({
  join: async (topic, params, socket) => {
    const { refuse, crash, slowMs, waits, after, early, observer, bye } = params as Join;
    if (slowMs !== undefined) await new Promise((resolve) => setTimeout(resolve, slowMs));
    if (waits) {
      register("waiting join");
      await receive((message) => message === "come in");
    }
    if (refuse !== undefined) return error(refuse);
    if (crash) throw new Error("join crashed on purpose");
    if (early) socket.push("too_early", {});
    if (after !== undefined) {
      broadcast(topic, "too_early", {});
      send(self(), { after });
    }
    socket.assign({ ...(observer === undefined ? {} : { observer }), ...(bye === undefined ? {} : { bye }) });
    return ok({ userId: socket.assigns.userId ?? null });
  },
  handleIn: {
    echo: (payload) => reply("ok", payload),
    status: ({ status, response }: { status: string; response: unknown }) => reply(status, response),
    nothing: () => noreply(),
    let_in: () => send("waiting join", "come in"),
    bytes: (payload) => reply("ok", { hex: Buffer.from(payload as Uint8Array).toString("hex") }),
    bytes_back: ({ hex }: { hex: string }, socket) => {
      socket.push("bytes", Buffer.from(hex, "hex"));
    },
    where: async () => {
      const info = await processInfo(self());
      return reply("ok", { pid: self(), scheduler: info?.scheduler ?? -1 });
    },
    count: (_, socket) => {
      socket.assigns.count = (socket.assigns.count ?? 0) + 1;
      return reply("ok", { count: socket.assigns.count });
    },
    push: (payload, socket) => {
      socket.push("pushed", payload);
    },
    shout: (payload, socket) => {
      socket.broadcast("shout", payload);
      return reply("ok");
    },
    shout_from: (payload, socket) => {
      socket.broadcastFrom("shout", payload);
      return reply("ok");
    },
    mixed: (_, socket) => {
      socket.broadcast("shout", { n: 1 });
      socket.push("pushed", { n: 2 });
      socket.broadcast("shout", { n: 3 });
      return reply("ok", { n: 4 });
    },
    burst: ({ count }: { count: number }, socket) => {
      for (let i = 1; i <= count; i++) socket.push("item", { i });
      return reply("ok", { count });
    },
    shouts: ({ event, from, count }: { event: string; from: number; count: number }, socket) => {
      for (let i = 1; i <= count; i++) socket.broadcast(event, { from, i });
      return reply("ok");
    },
    whisper: (payload, socket) => {
      socket.broadcast("whisper", payload);
      return reply("ok");
    },
    later: ({ ms }: { ms: number }, socket) => {
      sendAfter(self(), { answer: socket.socketRef() }, ms);
    },
    outside: (payload, socket) => {
      spawn(Answerer, [socket.socketRef(), payload]);
      return stop("normal");
    },
    info: ({ message }: { message: unknown }) => {
      send(self(), { pass: message });
      return reply("ok");
    },
    call_counter: async ({ by }: { by: number }) => reply("ok", { count: await Counter.call("counter", "add", by) }),
    slow: async ({ ms }: { ms: number }) => {
      await new Promise((resolve) => setTimeout(resolve, ms));
      return reply("ok");
    },
    stop: ({ reason }: { reason: string }) => stop(reason, { reply: reply("ok", { stopping: reason }) }),
    // ways to crash
    throw: boom,
    reject: async () => boom(),
    timer: () => {
      setTimeout(boom, 1);
    },
    immediate: () => {
      setImmediate(boom);
    },
    tick: () => {
      process.nextTick(boom);
    },
    microtask: () => {
      queueMicrotask(boom);
    },
    unhandled: () => {
      void Promise.reject(new Error("boom"));
    },
    bad_return: () => 42 as never,
    bad_payload: (_, socket) => socket.push("pushed", 42),
    exit_normal: () => exit("normal"),
    linked: () => {
      throw new RangeError("deep");
    },
    overflow: () => {
      const deeper = (): number => deeper() + 1;
      deeper();
    },
    kill_thread: () => process.exit(1),
  },
  handleOut: {
    whisper: (payload, socket) => {
      socket.push("whisper", { ...(payload as object), for: socket.assigns.userId ?? null });
    },
  },
  handleInfo: (message, socket) => {
    const told = message as { after?: string; answer?: SocketRef; pass?: unknown };
    if (isDown(message)) return;
    if (told.after !== undefined) {
      socket.push("after", { value: told.after });
      socket.broadcast("shout", { value: told.after });
    } else if (told.answer !== undefined) socketReply(told.answer, "ok", { late: true });
    else socket.push("info", { message: told.pass ?? null });
  },
  terminate: (reason, socket) => {
    const { observer, bye } = socket.assigns;
    if (observer !== undefined) {
      broadcast(observer, "terminated", { topic: socket.topic, reason: typeof reason === "object" ? "crash" : reason });
    }
    if (bye !== undefined) socket.push("bye", { bye });
  },
});

export const UserSocket = socket({
  connect: async (params) => {
    if (params.reject === "true") return error();
    if (params.raise === "true") throw new Error("connect crashed on purpose");
    if (params.bad === "true") return 42 as never;
    const userId = params.user_id;
    return ok(userId === undefined ? { assigns: {} } : { id: `user:${userId}`, assigns: { userId } });
  },
  channels: { "room:*": RoomChannel },
  maxChannels: 5,
});

/** Its joins may not take long. */
export const HastySocket = socket({ channels: { "room:*": RoomChannel }, joinTimeoutMs: 60 });

export default application({
  sockets: { "/socket": { socket: UserSocket, longpoll: { windowMs: 1000 } }, "/hasty": HastySocket },
  children: [Counter.child(0, { name: "counter" })],
});
