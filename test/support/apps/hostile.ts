/** The application of the watchdog's tests: a channel that is told what to do to its thread. Small limits are for the runner. */
import { application, channel, genServer, ok, processInfo, reply, self, socket } from "joist";
import { leaks } from "../../chaos/deeds/leaks.js";
import { forever, loops } from "../../chaos/deeds/loops.js";

/** Ways to end the OS process, as a fault in native code does. */
const faults = {
  abort: () => fault("SIGABRT"),
  segmentation_fault: () => fault("SIGSEGV"),
  killed: () => fault("SIGKILL"),
};

function fault(signal: NodeJS.Signals): never {
  process.kill(process.pid, signal);
  return forever(() => {}); // until it takes effect
}

/** Ways to make a thread useless. */
export const deeds = { ...loops, ...leaks } satisfies Record<string, () => unknown>;

export type Deed = keyof typeof deeds | keyof typeof faults;

export const isLeak = (deed: Deed): boolean => Object.hasOwn(leaks, deed);

/** Registered, so that the runner can see that names and supervisors come through as well. */
export const Counter = genServer({
  init: () => 0,
  handleCall: { add: (by: number, count) => reply(count + by, count + by) },
});

export const RoomChannel = channel({
  join: () => ok(),
  handleIn: {
    ...Object.fromEntries(
      Object.entries({ ...deeds, ...faults }).map(([name, deed]) => [name, async () => void (await deed())]),
    ),
    where: async () => reply("ok", { pid: self(), scheduler: (await processInfo(self()))?.scheduler }),
  },
});

export const UserSocket = socket({ channels: { "room:*": RoomChannel } });

export default application({
  sockets: { "/socket": UserSocket },
  children: [Counter.child(undefined, { name: "counter" })],
});
