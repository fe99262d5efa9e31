/** An application for the tests of sys across threads. */
import { dynamicSupervisor } from "../../src/otp/dynamic-supervisor.js";
import { genServer } from "../../src/otp/gen-server.js";
import { reply } from "../../src/otp/results.js";
import { supervisor } from "../../src/otp/supervisor.js";

export const Counter = genServer({
  init: (count: number) => ({ count }),
  handleCall: {
    add: (by: number, state) => {
      state.count += by;
      return reply(state.count);
    },
  },
});

/** Its state can be in its own thread only. */
export const Closure = genServer({
  init: () => ({ callback: (): void => {} }),
  handleCall: { ping: () => reply("pong") },
});

export const Tree = supervisor({ children: [Counter.child(1, { id: "a", scheduler: 1 })] });
export const Pool = dynamicSupervisor();

export default { services: [], describe: (): null => null };
