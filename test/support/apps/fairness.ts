/** Processes for the tests of fairness: those that take a lot, and those that should not notice. */
import type { Pid } from "../../../src/core/pid.js";
import { openRequest, self, send } from "../../../src/runtime/process.js";

export { busy, whoami } from "./processes.js";

/** Sends `rounds` × `perRound` messages to `victim`, a turn of its own for each round, and last a question: `[to, "done"]`. */
export const flooder = {
  kind: "flooder",
  boot: (victim: Pid, to: Pid, rounds: number, perRound: number) => {
    let left = rounds;
    send(self(), "go");
    return {
      handle: (): void => {
        for (let i = 0; i < perRound; i++) send(victim, i);
        left--;
        if (left > 0) send(self(), "go");
        else send(victim, [to, "done"]);
      },
    };
  },
};

/** Sets timers of a millisecond until it is told to stop, then tells `to` how late each was, in milliseconds. */
export const ticker = {
  kind: "ticker",
  boot: (to: Pid) => {
    const late: number[] = [];
    const tick = (): NodeJS.Timeout => {
      const due = performance.now() + 1;
      return setTimeout(() => {
        late.push(performance.now() - due);
        timer = tick();
      }, 1);
    };
    let timer = tick();
    return {
      handle: (): void => {
        clearTimeout(timer);
        send(to, { late });
      },
    };
  },
};

/** Says each message to `to`. For `"hold"` it awaits an answer from there first: `{ hold: from }` asks for it. */
export const holder = {
  kind: "holder",
  boot: (to: Pid) => ({
    handle: (message: unknown): void | Promise<void> => {
      if (message !== "hold") return send(to, { said: message });
      const request = openRequest(to);
      send(to, { hold: request.from });
      return request.answered.then(() => send(to, { said: message }));
    },
  }),
};

export default { services: [], describe: (): null => null };
