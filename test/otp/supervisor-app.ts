/** An application for the tests of supervisors across threads. Whatever starts says so to the process named `test`. */
import type { ExitReason } from "../../src/core/exit-reason.js";
import { dynamicSupervisor } from "../../src/otp/dynamic-supervisor.js";
import { genServer } from "../../src/otp/gen-server.js";
import { type Reply, reply } from "../../src/otp/results.js";
import { supervisor } from "../../src/otp/supervisor.js";
import { startChild } from "../../src/otp/supervisor-api.js";
import { exit, self, send } from "../../src/runtime/process.js";

export const Member = genServer({
  init: (label: string) => {
    send("test", { up: label, pid: self() });
    return { label };
  },
  handleCall: {
    startOneMore: async (label: string): Promise<Reply<unknown, undefined>> =>
      reply(await startChild("pool", Member.child(label, { id: label }))),
  },
  handleCast: {
    endThread: () => process.exit(1),
    exit: (reason: ExitReason) => exit(reason),
  },
});

/** Ends its thread at every start but the first. */
export const FatalLater = genServer({
  init: (starts: Int32Array) => {
    if (Atomics.add(starts, 0, 1) > 0) process.exit(1);
    send("test", { up: "fatal", pid: self() });
    return {};
  },
});

/** All on one thread but the last. */
export const Tree = supervisor({
  maxRestarts: 1,
  children: [
    Member.child("a", { id: "a", scheduler: 1 }),
    Member.child("b", { id: "b", scheduler: 1 }),
    Member.child("c", { id: "c", scheduler: 2 }),
  ],
});

/** Its children are defined in no other place. */
export const Nested = supervisor({
  children: [
    supervisor({
      children: [
        genServer({
          init: () => {
            send("test", { up: "inner", pid: self() });
            return {};
          },
        }).child(undefined, { id: "leaf" }),
      ],
    }).child(undefined, { id: "branch" }),
  ],
});

export const Pool = dynamicSupervisor();

export default { services: [], describe: (): null => null };
