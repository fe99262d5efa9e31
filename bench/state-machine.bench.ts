/** What does a state machine cost beside a genServer: a call and a cast, with and without what only it can do? */
import { Bench } from "tinybench";
import type { Pid } from "../src/core/pid.js";
import { genServer } from "../src/otp/gen-server.js";
import { call, cast } from "../src/otp/gen-server-calls.js";
import { noreply, reply } from "../src/otp/results.js";
import type { StartResult } from "../src/otp/start.js";
import { stateMachine } from "../src/otp/state-machine.js";
import { nextEvent, postpone, stateTimeout } from "../src/otp/state-machine-actions.js";
import { keepState, keepStateAndData, nextState } from "../src/otp/state-machine-results.js";
import { asProcess, printTable } from "./support.js";

/** Operations a measurement: enough that the turn around them does not count. */
const BATCH = 1000;

const Server = genServer({
  init: () => ({ count: 0 }),
  handleCall: { add: (by: number, state) => reply(state.count, { count: state.count + by }) },
  handleCast: { add: (by: number, state) => noreply({ count: state.count + by }) },
});

const Machine = stateMachine({
  init: () => nextState("a", { count: 0 }),
  states: {
    a: {
      cast: {
        turn: () => nextState("b"),
        insert: () => keepStateAndData(nextEvent({ type: "internal", name: "nothing" })),
        timer: () => keepStateAndData(stateTimeout(60_000)),
        late: () => keepStateAndData(postpone()),
      },
    },
    b: { cast: { turn: () => nextState("a"), late: () => {} } },
  },
  handleEvent: {
    call: { add: (by: number, data, from) => keepState({ count: data.count + by }, reply(from, data.count)) },
    cast: { add: (by: number, data) => keepState({ count: data.count + by }) },
    internal: { nothing: () => {} },
  },
});

const pidOf = (result: StartResult): Pid => {
  if (result[0] !== "ok") throw new Error("it did not start");
  return result[1];
};

async function main(): Promise<void> {
  const server = pidOf(await Server.startLink());
  const machine = pidOf(await Machine.startLink());
  const bench = new Bench({ time: 1000, warmupTime: 300 });
  const casts = (name: string, to: Pid, ...events: readonly string[]): void => {
    bench.add(name, async () => {
      for (let i = 0; i < BATCH; i++) cast(to, events[i % events.length] as string, 1);
      await call(to, "add", 1);
    });
  };
  const calls = (name: string, to: Pid): void => {
    bench.add(name, async () => {
      for (let i = 0; i < BATCH; i++) await call(to, "add", 1);
    });
  };
  calls("genServer: call", server);
  calls("stateMachine: call", machine);
  casts("genServer: cast", server, "add");
  casts("stateMachine: cast", machine, "add");
  casts("stateMachine: cast that changes the state", machine, "turn");
  casts("stateMachine: cast, with an event inserted", machine, "insert");
  casts("stateMachine: cast that sets a state timeout anew", machine, "timer");
  casts("stateMachine: four casts, one of them postponed and retried", machine, "late", "turn", "add", "turn");
  await bench.run();
  printTable(bench, () => BATCH);
}

asProcess(main);
