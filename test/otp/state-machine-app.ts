/** An application for the tests of state machines across threads. */
import type { Pid } from "../../src/core/pid.js";
import { reply } from "../../src/otp/results.js";
import { stateMachine } from "../../src/otp/state-machine.js";
import { postpone, stateTimeout } from "../../src/otp/state-machine-actions.js";
import { keepStateAndData, nextState } from "../../src/otp/state-machine-results.js";
import { send } from "../../src/runtime/process.js";

/** Takes requests while it is open, postpones them while it is shut, and tells `test` where it is. */
export const Gate = stateMachine({
  init: (openMs: number) => nextState("shut", { openMs, passed: [] as number[] }),
  states: {
    shut: {
      enter: (oldState) => send("test", ["shut", oldState]),
      call: { pass: () => keepStateAndData(postpone()) },
      cast: { open: () => nextState("open") },
    },
    open: {
      enter: (_, data) => {
        send("test", ["open"]);
        return keepStateAndData(stateTimeout(data.openMs));
      },
      stateTimeout: () => nextState("shut"),
      call: {
        pass: (ticket: number, data, from) => {
          data.passed.push(ticket);
          return keepStateAndData(reply(from, [...data.passed]));
        },
      },
    },
  },
  handleEvent: {
    cast: {
      crash: (to: Pid) => {
        send(to, "crashing");
        throw new Error("boom");
      },
    },
  },
});

export default { services: [], describe: (): null => null };
