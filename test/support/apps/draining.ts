/** What stops when, written to standard output line by line, and by itself: a thread's console would be lost at the end. */
import { writeSync } from "node:fs";
import { application, channel, genServer, ok, socket, trapExit } from "joist";

const say = (line: string): void => {
  if (process.env.SAY_WHAT_ENDS !== undefined) writeSync(1, `${line}\n`);
};
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export const SlowChannel = channel({
  join: () => ok(),
  terminate: async (reason, socket) => {
    await pause(50);
    say(`${socket.topic} ended: ${JSON.stringify(reason)}`);
  },
});

/** Never ends by itself. */
export const StuckChannel = channel({ join: () => ok(), terminate: () => pause(60_000) });

export const Child = genServer({
  init: (name: string) => {
    trapExit(true);
    return { name };
  },
  terminate: (_reason, { name }) => say(`child ${name} ended`),
});

export default application({
  children: [Child.child("1", { id: "1" }), Child.child("2", { id: "2" })],
  sockets: { "/socket": socket({ connect: () => ok({}), channels: { "slow:*": SlowChannel, stuck: StuckChannel } }) },
});
