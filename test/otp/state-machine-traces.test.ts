/** What gen_statem of Erlang/OTP 25.2 did with 140 generated scenarios, done here. `record.escript` there says what they mean. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Pid } from "../../src/core/pid.js";
import { call, cast, stopServer } from "../../src/otp/gen-server-calls.js";
import { reply } from "../../src/otp/results.js";
import { stateMachine } from "../../src/otp/state-machine.js";
import {
  eventTimeout,
  genericTimeout,
  type MachineAction,
  nextEvent,
  postpone,
  stateTimeout,
  type TimeoutTime,
} from "../../src/otp/state-machine-actions.js";
import type { MachineEvent, StateEvent } from "../../src/otp/state-machine-events.js";
import {
  keepState,
  keepStateAndData,
  type MachineInit,
  nextState,
  repeatState,
  type StateResult,
} from "../../src/otp/state-machine-results.js";
import { findRoot } from "../architecture/imports.js";
import { inline } from "../support/inline.js";

type Step = readonly ["postpone"] | readonly ["insert" | "set", string, unknown, ...(readonly unknown[])];
type Answer = readonly [result: "next" | "keep" | "repeat", state: string, steps: readonly Step[]];
type Sent = readonly [name: string, answers: readonly Answer[]];
type Scenario = readonly [entries: readonly (readonly [string, readonly Answer[]])[], events: readonly Sent[]];
type Seen = readonly [type: string, name: string, state: string];

interface Data {
  readonly entries: ReadonlyMap<string, readonly Answer[]>;
  readonly seen: Map<string, number>;
  readonly trace: Seen[];
}

const recorded = readFileSync(join(findRoot(), "test/otp/state-machine-traces/traces.jsonl"), "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as readonly [Scenario, readonly Seen[]]);

/** As in the recorder: what brings to light which timeouts run, and what is postponed. */
const timeouts = ["timeout", "state_timeout", "a", "b"];
const final: readonly Sent[] = [
  ["last", [["keep", "-", timeouts.map((type) => ["set", type, "update", `off-${type}`, []] as const)]]],
  ["end", [["next", "end", []]]],
];

function handle(event: MachineEvent<string>, state: string, data: Data): StateResult<string, Data> {
  if (event.type === "call") return keepStateAndData(reply(event.from, data.trace));
  if (event.type === "enter") {
    data.trace.push(["enter", event.content, state]);
    return answer(`enter ${state}`, data.entries.get(state) ?? [], data);
  }
  const [name, answers] = event.content as Sent;
  data.trace.push([event.type === "generic_timeout" ? event.name : event.type, name, state]);
  return answer(name, answers, data);
}

function answer(key: string, answers: readonly Answer[], data: Data): StateResult<string, Data> {
  const times = data.seen.get(key) ?? 0;
  data.seen.set(key, times + 1);
  const now = answers[times];
  if (now === undefined) return keepStateAndData();
  const [result, state, steps] = now;
  const actions = steps.map(action);
  switch (result) {
    case "next":
      return nextState(state, data, actions);
    case "keep":
      return keepState(data, actions);
    case "repeat":
      return repeatState(data, actions);
  }
}

function action(step: Step): MachineAction {
  if (step[0] === "postpone") return postpone();
  const [what, type, third, ...rest] = step;
  if (what === "insert") return nextEvent(inserted(type, [third, ...rest] as unknown as Sent));
  const time = (third === "infinity" ? Number.POSITIVE_INFINITY : third) as TimeoutTime;
  if (type === "timeout") return eventTimeout(time, rest);
  return type === "state_timeout" ? stateTimeout(time, rest) : genericTimeout(type, time, rest);
}

function inserted(type: string, content: Sent): StateEvent {
  switch (type) {
    case "internal":
    case "cast":
      return { type, name: "event", content };
    case "info":
    case "timeout":
    case "state_timeout":
      return { type, content };
    default:
      return { type: "generic_timeout", name: type, content };
  }
}

const begin = (scenario: Scenario): Data => ({ entries: new Map(scenario[0]), seen: new Map(), trace: [] });
const init = (scenario: Scenario): MachineInit<string, Data> => nextState("a", begin(scenario));

const withHandleEvent = stateMachine({ init, stateEnter: true, handleEvent: handle });
const withAsyncCallbacks = stateMachine({
  init,
  stateEnter: true,
  handleEvent: async (event, state, data) => {
    await Promise.resolve();
    return handle(event, state, data);
  },
});
/** The states that the scenarios name are these four. */
type Result = StateResult<"a" | "b" | "c" | "end", Data>;
const withStateFunctions = stateMachine({
  init: (scenario: Scenario) => nextState("a", begin(scenario)),
  stateEnter: true,
  states: {
    a: (event, data) => handle(event, "a", data) as Result,
    b: (event, data) => handle(event, "b", data) as Result,
    c: (event, data) => handle(event, "c", data) as Result,
    end: (event, data) => handle(event, "end", data) as Result,
  },
});

for (const [name, machine] of Object.entries({ withHandleEvent, withAsyncCallbacks, withStateFunctions })) {
  test(`${recorded.length} scenarios recorded on Erlang go the same way ${name}`, async () => {
    assert.ok(recorded.length > 100);
    await inline().run(async () => {
      for (const [scenario, trace] of recorded) {
        const [, pid] = (await machine.start(scenario)) as readonly ["ok", Pid];
        for (const sent of [...scenario[1], ...final]) cast(pid, "event", sent);
        assert.deepEqual(await call(pid, "trace"), trace, JSON.stringify(scenario));
        await stopServer(pid); // and with it timeouts that were never to come
      }
    });
  });
}
