/** Definitions that have a thread kept for them, and some that threads die of. */
import { closeSync, openSync } from "node:fs";
import {
  application,
  channel,
  genServer,
  noreply,
  ok,
  type Pid,
  proc,
  processInfo,
  receive,
  reply,
  self,
  send,
  socket,
  spawn,
  supervisor,
} from "joist";

const schedulerHere = async (): Promise<number | undefined> => (await processInfo(self()))?.scheduler;

function forever(): never {
  for (;;);
}

const calls = {
  scheduler: async () => reply(await schedulerHere()),
  /** Starts another one, as code of any thread would. */
  spawn: (key: string) => reply(spawn(key, [0])),
};
const casts = {
  loop: () => forever(),
  /** A call that nothing ends but somebody who opens that pipe to write to it. */
  native: (fifo: string) => closeSync(openSync(fifo, "r")),
  exit: () => process.exit(7),
};
const server = { init: (_start: number) => ({}), handleCall: calls, handleCast: casts };

export const Plain = genServer(server);
export const Apart = genServer({ ...server, isolation: "dedicated" });
export const AlsoApart = proc(
  async (to: Pid) => {
    send(to, await schedulerHere());
    await receive(() => false);
  },
  { isolation: "dedicated" },
);
export const Fatal = genServer(server);
export const Deadly = genServer(server);
/** Is given a function, so that it can run beside its starter only. */
export const Nearby = genServer({
  init: (tell: (scheduler: number | undefined) => void) => ({ tell }),
  handleCast: {
    ...casts,
    tell: async (_: undefined, { tell }: { tell: (scheduler: number | undefined) => void }) => {
      tell(await schedulerHere());
      return noreply();
    },
  },
});
/** Starts a {@link Nearby} and passes on what that says. */
export const Starter = proc(async (to: Pid) => {
  const started = await Nearby.start((scheduler) => send(to, scheduler));
  send(to, started);
  await receive(() => false);
});

export const Tree = supervisor({ children: [Apart.child(0, { name: "apart" }), Plain.child(0, { name: "plain" })] });

const deeds = {
  where: async () => reply("ok", { pid: self(), scheduler: await schedulerHere() }),
  loop: () => forever(),
  loopLater: async () => {
    await new Promise((resolve) => setTimeout(resolve, 20));
    forever();
  },
  loopInATimer: () => void setTimeout(forever, 20),
  exit: () => process.exit(7),
};
const calm = { join: () => ok(), handleIn: deeds };

export const RoomChannel = channel(calm);
export const VaultChannel = channel({ ...calm, isolation: "dedicated" });
/** Fatal to its thread at each join, but for a client that says otherwise. */
export const TrapChannel = channel({
  join: (_topic, params) => ((params as { calm?: boolean }).calm ? ok() : forever()),
  handleIn: deeds,
});

/** Does nothing of its own accord. */
export const SleeperChannel = channel(calm);

export const UserSocket = socket({
  channels: { "room:*": RoomChannel, "vault:*": VaultChannel, "trap:*": TrapChannel, "sleeper:*": SleeperChannel },
});

export default application({ sockets: { "/socket": UserSocket } });
