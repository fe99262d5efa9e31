/** Definitions with an OS process of their own, and the same ones on the schedulers, which are threads. */
import {
  application,
  broadcast,
  channel,
  type ExitReason,
  exit,
  genServer,
  link,
  monitor,
  noreply,
  ok,
  type Pid,
  proc,
  publish,
  receive,
  register,
  registry,
  reply,
  self,
  send,
  sendAfter,
  socket,
  spawn,
  subscribe,
  supervisor,
  trapExit,
  unregister,
  whereis,
} from "joist";

function raise(signal: NodeJS.Signals): never {
  process.kill(process.pid, signal);
  for (;;); // until it takes effect
}

export const Rooms = registry<string, null>({ name: "rooms", keys: "unique" });

const deeds = {
  tell: (to: Pid, message: unknown) => send(to, message),
  name: (to: Pid, name: string) => {
    register(name);
    send(to, ["named", name]);
  },
  unname: (name: string) => unregister(name),
  whereis: (to: Pid, name: string) => send(to, ["whereis", name, whereis(name)]),
  key: (to: Pid, key: string) => {
    Rooms.register(key, null);
    send(to, ["keyed", key]);
  },
  holder: (to: Pid, key: string) => send(to, ["holder", key, Rooms.whereis(key)]),
  /** Has others started and registered one after the other, a turn each, and says nothing of it. */
  fill: (prefix: string, count: number, i = 0) => {
    if (i === count) return;
    spawn(idle, [], { name: `${prefix}${i}` });
    Rooms.register(`${prefix}${i}`, null);
    sendAfter(self(), ["fill", prefix, count, i + 1], 0);
  },
  /** Looks for each of those until it is there, and then has `asked` look for it. */
  watch: (asked: Pid, to: Pid, prefix: string, count: number, i = 0) => {
    if (i === count) return;
    const key = `${prefix}${i}`;
    for (const deadline = Date.now() + 60_000; Rooms.whereis(key) === undefined && Date.now() < deadline; );
    send(asked, ["whereis", to, key]);
    send(asked, ["holder", to, key]);
    sendAfter(self(), ["watch", asked, to, prefix, count, i + 1], 0);
  },
  /** A cause, and what has `by` send the effect. */
  cause: (to: Pid, by: Pid, text: string) => {
    send(to, `cause ${text}`);
    send(by, ["tell", to, `effect ${text}`]);
  },
  subscribe: (to: Pid, topic: string) => {
    subscribe(topic);
    send(to, ["subscribed", topic]);
  },
  publish: (topic: string, message: unknown) => publish(topic, message),
  link: (to: Pid, other: Pid) => {
    link(other);
    send(to, ["linked", other]);
  },
  monitor: (to: Pid, other: Pid) => {
    monitor(other);
    send(to, ["monitors", other]);
  },
  count: (to: Pid, last: number) => {
    for (let i = 0; i <= last; i++) send(to, i);
  },
  exit: (reason: ExitReason) => exit(reason),
  exitThread: () => process.exit(7),
  raise,
} as const;

async function idle(): Promise<void> {
  await receive(() => false);
}

/** Does what it is told by name, `[deed, …]`, and passes everything else on. */
async function obey(to: Pid): Promise<void> {
  trapExit(true);
  send(to, [self(), process.pid]);
  for (;;) {
    const message = await receive();
    const [what, ...args] = Array.isArray(message) ? (message as [string, ...unknown[]]) : [""];
    if (Object.hasOwn(deeds, what)) (deeds as Record<string, (...args: never) => unknown>)[what]?.(...(args as never));
    else send(to, message);
  }
}

export const OnThread = proc(obey);
export const Apart = proc(obey, { isolation: "process" });
/** Another one, with an OS process of its own. */
export const AlsoApart = proc(obey, { isolation: "process" });

export const Parser = genServer({
  init: (start: number) => ({ parsed: start }),
  handleCall: {
    parse: (_text: string, state) => reply(++state.parsed),
    where: () => reply([self(), process.pid] as const),
  },
  handleCast: {
    raise: (signal: NodeJS.Signals) => raise(signal),
    loop: () => {
      for (;;);
    },
    subscribe: (topic: string) => {
      subscribe(topic);
      return noreply();
    },
  },
  isolation: "process",
});

export const Tree = supervisor({ children: [Parser.child(0, { name: "parser" })] });

const deedsOfClients = {
  where: () => reply("ok", { pid: self(), osProcess: process.pid }),
  raise: (payload: unknown) => raise((payload as { signal: NodeJS.Signals }).signal),
  parse: async (text: unknown) =>
    reply("ok", { parsed: await Parser.call("parser", "parse", (text as { text: string }).text) }),
  /** Tells all channels of a topic, from wherever this one is. */
  shout: (to: unknown) => {
    broadcast((to as { topic: string }).topic, "shout", to);
    return noreply();
  },
};

export const RoomChannel = channel({ join: () => ok(), handleIn: deedsOfClients });
export const VaultChannel = channel({ join: () => ok(), handleIn: deedsOfClients, isolation: "process" });

export const UserSocket = socket({ channels: { "room:*": RoomChannel, "vault:*": VaultChannel } });

export default application({ sockets: { "/socket": UserSocket }, children: [Rooms.child(), Tree.child()] });
