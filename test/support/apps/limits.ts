/** The application of the limits' tests: sockets that allow little, and a channel that is slower than its client. */
import { application, channel, ok, reply, type SocketLimits, socket } from "joist";

const handleIn = {
  echo: (payload: unknown) => reply("ok", payload),
  typing: () => reply("ok"),
};

export const Room = channel({ join: () => ok(), handleIn });

export const Strict = channel({
  join: () => ok(),
  handleIn,
  limits: { messages: { perSecond: 1, burst: 4 }, events: { typing: { perSecond: 1, burst: 2 } } },
});

/** Each message takes time; it answers how many came, and whether each was in its place. */
export const Slow = channel<{ count?: number; disorder?: number }>({
  join: () => ok(),
  handleIn: {
    n: ({ n }: { n: number }, socket) => {
      const count = socket.assigns.count ?? 0;
      if (n !== count) socket.assigns.disorder = (socket.assigns.disorder ?? 0) + 1;
      socket.assigns.count = count + 1;
      for (let i = 0; i < 5000; i++) Math.sqrt(i); // some microseconds
    },
    wait: () => new Promise<void>((resolve) => setTimeout(resolve, 20)),
    crash: async () => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      throw new Error("crashed on purpose");
    },
    done: (_, socket) => reply("ok", { count: socket.assigns.count ?? 0, disorder: socket.assigns.disorder ?? 0 }),
  },
});

/** Of three messages, or nothing much. */
export const Tiny = channel({ ...Slow.options, limits: { maxUnhandled: 3 } });

const socketOf = (limits: SocketLimits) =>
  socket({ channels: { "room:*": Room, "strict:*": Strict, "slow:*": Slow, "tiny:*": Tiny }, limits });

export const Usual = socketOf({});
export const Slowed = socketOf({ messages: { perSecond: 200, burst: 20 }, throttleMs: 30_000 });
export const Refusing = socketOf({
  ...{ messages: { perSecond: 1, burst: 10 }, throttleMs: 0 },
  refusals: { perSecond: 1, burst: 50 },
});
export const FewJoins = socketOf({ joins: { perSecond: 1, burst: 2 }, throttleMs: 0 });
export const FewBytes = socketOf({ maxUnhandledBytes: 1000 });
export const Never = socket({ connect: () => new Promise(() => {}), connectTimeoutMs: 50, channels: {} });
export const Unlimited = socketOf({ messages: false, joins: false });

const longpoll = { windowMs: 1000 };

export default application({
  sockets: {
    "/usual": { socket: Usual, longpoll },
    "/slowed": { socket: Slowed, longpoll },
    "/refusing": { socket: Refusing, longpoll },
    "/joins": FewJoins,
    "/bytes": { socket: FewBytes, longpoll },
    "/unlimited": Unlimited,
    "/never": Never,
  },
});
