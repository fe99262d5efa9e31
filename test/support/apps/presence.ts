/** The application of the presence tests: a room that shows who is in it, and ways to die in it. */
import { application, channel, ok, presence, processInfo, reply, self, send, socket } from "joist";

export const RoomPresence = presence<{ name: string; away?: boolean }>({ name: "room_presence", poolSize: 2 });

/** For topics with a `fetch` that fails in a way no promise tells. */
export const StrayPresence = presence({
  name: "stray_presence",
  fetch: () => {
    setImmediate(() => {
      throw new Error("a stray error");
    });
    return new Promise<never>(() => {});
  },
});

export const RoomChannel = channel<{ key?: string }>({
  join: (_topic, params, socket) => {
    const { key } = params as { key?: string };
    if (key !== undefined) socket.assign({ key });
    send(self(), "after_join");
    return ok();
  },
  handleIn: {
    away: async (_payload, socket) => {
      const [tag] = await RoomPresence.update(socket, socket.assigns.key ?? "", (meta) => ({ ...meta, away: true }));
      return reply(tag);
    },
    where: async () => reply("ok", { scheduler: (await processInfo(self()))?.scheduler ?? -1 }),
    crash: () => {
      throw new Error("as asked");
    },
    kill_thread: () => process.exit(1),
  },
  handleInfo: async (_message, socket) => {
    const { key } = socket.assigns;
    socket.push("presence_state", await RoomPresence.list(socket));
    if (key !== undefined) await RoomPresence.track(socket, key, { name: `name of ${key}` });
  },
});

export const StrayChannel = channel({
  join: () => {
    send(self(), "after_join");
    return ok();
  },
  handleIn: { ping: () => reply("ok") },
  handleInfo: async (_message, socket) => {
    await StrayPresence.track(socket, "u", {});
  },
});

export const UserSocket = socket({ channels: { "room:*": RoomChannel, "stray:*": StrayChannel } });

export default application({
  sockets: { "/socket": UserSocket },
  children: [RoomPresence.child(), StrayPresence.child()],
});
