import {
  application,
  keepStateAndData,
  nextState,
  type Pid,
  proc,
  receive,
  reply,
  self,
  send,
  stateMachine,
  stateTimeout,
} from "joist";

const FAILURES_ALLOWED = 2;
const PAUSE_MS = 100;

/**
 * A circuit breaker: stands before something that may fail, and says whether to try.
 *
 *   closed ── too many failures ──► open ── PAUSE_MS later ──► half_open ── success ──► closed
 *                                    ▲                             └────── failure ──► open
 */
export const Breaker = stateMachine({
  init: (owner: Pid) => nextState("closed", { owner, failures: 0 }),
  states: {
    closed: {
      call: { may_i: (_, _data, from) => keepStateAndData(reply(from, true)) },
      cast: {
        succeeded: (_, data) => nextState("closed", { ...data, failures: 0 }),
        failed: (_, data) => {
          const failures = data.failures + 1;
          return nextState(failures > FAILURES_ALLOWED ? "open" : "closed", { ...data, failures });
        },
      },
    },
    open: {
      enter: () => keepStateAndData(stateTimeout(PAUSE_MS, "over")), // gone by itself when the state is left
      stateTimeout: () => nextState("half_open"),
      call: { may_i: (_, _data, from) => keepStateAndData(reply(from, false)) },
      cast: { succeeded: () => keepStateAndData(), failed: () => keepStateAndData() }, // late news
    },
    half_open: {
      enter: (_, data) => send(data.owner, "half open"),
      call: { may_i: (_, _data, from) => keepStateAndData(reply(from, true)) },
      cast: {
        succeeded: (_, data) => nextState("closed", { ...data, failures: 0 }),
        failed: () => nextState("open"),
      },
    },
  },
});

export const Main = proc(async () => {
  await Breaker.startLink(self(), { name: "breaker" });
  const ask = async (when: string): Promise<void> =>
    console.log(`${when}: ${(await Breaker.call("breaker", "may_i")) ? "go ahead" : "don't"}`);

  await ask("at first");
  for (let i = 0; i < 3; i++) Breaker.cast("breaker", "failed");
  await ask("after three failures");
  console.log(await receive());
  await ask("one try");
  Breaker.cast("breaker", "failed");
  await ask("it failed");
  console.log(await receive());
  Breaker.cast("breaker", "succeeded");
  await ask("the next one succeeded");
});

export default application({});
