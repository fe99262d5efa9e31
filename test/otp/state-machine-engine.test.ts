/** The order of events, as the manual has it: tables, and a model too simple to be wrong. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  eventTimeout,
  genericTimeout,
  type SetTimeout,
  stateTimeout,
  type TimeoutTime,
} from "../../src/otp/state-machine-actions.js";
import { Engine, type Outcome, type Timeout, type TimerCommand } from "../../src/otp/state-machine-engine.js";
import { type QueuedEvent, queuedEvent } from "../../src/otp/state-machine-events.js";

const event = (content: string): QueuedEvent => queuedEvent("info", undefined, content, undefined);

/** An outcome with what it differs in from keeping the state and doing nothing. */
function outcome(given: Partial<Outcome> & { readonly insert?: readonly string[] } = {}): Outcome {
  const { insert = [], ...rest } = given;
  return { stateChanged: false, postpone: false, nextEvents: insert.map(event), timeouts: [], ...rest };
}

/** What is taken until there is nothing before the next message. */
function drain(engine: Engine): unknown[] {
  const taken: unknown[] = [];
  for (let next = engine.take(); next !== undefined; next = engine.take()) {
    taken.push(next.content);
    engine.complete(next, outcome());
  }
  return taken;
}

/** Each: how messages m1, m2 … went, and what is handled after them, in order. */
const orders: readonly (readonly [string, readonly Outcome[], readonly string[]])[] = [
  ["nothing follows from an event that was kept", [outcome()], []],
  ["inserted events are handled in the order they were given", [outcome({ insert: ["a", "b", "c"] })], ["a", "b", "c"]],
  ["a postponed event waits while the state stays", [outcome({ postpone: true }), outcome()], []],
  [
    "postponed events come back when the state changes, oldest first",
    [outcome({ postpone: true }), outcome({ postpone: true }), outcome({ stateChanged: true })],
    ["m1", "m2"],
  ],
  [
    "an event that is postponed into another state is retried there, after those postponed before it",
    [outcome({ postpone: true }), outcome({ postpone: true, stateChanged: true })],
    ["m1", "m2"],
  ],
  [
    "inserted events come before retried ones",
    [outcome({ postpone: true }), outcome({ stateChanged: true, insert: ["a", "b"] })],
    ["a", "b", "m1"],
  ],
  [
    "a timeout zero comes after what is inserted",
    [outcome({ insert: ["a"], timeouts: [stateTimeout(0, "z")] })],
    ["a", "z"],
  ],
  [
    "timeouts zero come after retried events, in the order they were set",
    [
      outcome({ postpone: true }),
      outcome({ stateChanged: true, timeouts: [genericTimeout("x", 0, "z1"), stateTimeout(0, "z2")] }),
    ],
    ["m1", "z1", "z2"],
  ],
  [
    "an event timeout zero is cancelled by an inserted event",
    [outcome({ insert: ["a"], timeouts: [eventTimeout(0, "z")] })],
    ["a"],
  ],
  ["an event timeout zero comes when there is nothing else", [outcome({ timeouts: [eventTimeout(0, "z")] })], ["z"]],
  [
    "of two for the same timeout the later one counts, in its place",
    [outcome({ timeouts: [stateTimeout(0, "s1"), genericTimeout("x", 0, "x"), stateTimeout(0, "s2")] })],
    ["x", "s2"],
  ],
  [
    "a timeout set and cancelled at once is none",
    [outcome({ timeouts: [stateTimeout(0, "s"), stateTimeout("cancel")] })],
    [],
  ],
  ["a timeout set to Infinity is none", [outcome({ timeouts: [stateTimeout(Number.POSITIVE_INFINITY, "s")] })], []],
  ["an update of what does not run comes at once", [outcome({ timeouts: [stateTimeout("update", "s")] })], ["s"]],
  [
    "a generic timeout named as another type is not that one",
    [
      outcome({ timeouts: [genericTimeout("timeout", 0, "g"), genericTimeout("state_timeout", 0, "h")] }),
      outcome({ stateChanged: true }),
    ],
    ["g", "h"],
  ],
];

for (const [rule, outcomes, expected] of orders) {
  test(rule, () => {
    const engine = new Engine();
    for (const [index, given] of outcomes.entries()) engine.complete(event(`m${index + 1}`), given);
    assert.deepEqual(drain(engine), expected);
  });
}

test("a change of state cancels the state timeout and the event timeout, any event the event timeout, none a generic one", () => {
  const engine = new Engine();
  const timeouts = [stateTimeout(5, "s"), eventTimeout(6, "e"), genericTimeout("g", 7, "g")];
  const shown = (commands: readonly TimerCommand[]): unknown[] =>
    commands.map(({ tag, timeout, ...rest }) => [tag, timeout.content, ...("time" in rest ? [rest.time] : [])]);
  const all = [["start", "s", 5], ["start", "e", 6], ["start", "g", 7]]; // biome-ignore format: one line
  assert.deepEqual(shown(engine.complete(event("m1"), outcome({ timeouts }))), all);
  assert.deepEqual(shown(engine.complete(event("m2"), outcome())), [["cancel", "e"]]);
  assert.deepEqual(shown(engine.complete(event("m3"), outcome({ timeouts: [stateTimeout("update", "t")] }))), []);
  assert.deepEqual(shown(engine.complete(event("m4"), outcome({ stateChanged: true }))), [["cancel", "t"]]);
  assert.deepEqual(shown(engine.complete(event("m5"), outcome({ timeouts: [genericTimeout("g", 8, "h")] }))), [["cancel", "g"], ["start", "h", 8]]); // biome-ignore format: one line
  assert.deepEqual(shown(engine.cancelAll()), [["cancel", "h"]]);
  assert.deepEqual(shown(engine.complete(event("m6"), outcome({ stateChanged: true }))), []);
});

test("a timeout whose timer has fired is an event once, and none if it was cancelled meanwhile", () => {
  const engine = new Engine();
  const [start] = engine.complete(event("m1"), outcome({ timeouts: [genericTimeout("g", 5, "late")] }));
  const timeout = start?.timeout as Timeout;
  const due = engine.due(timeout);
  assert.deepEqual(due, { type: "generic_timeout", name: "g", content: "late", from: undefined });
  assert.equal(engine.due(timeout), undefined);
});

// ---- the model ----

interface Set {
  readonly key: string;
  readonly content: unknown;
  readonly isZero: boolean;
}

/** The same rules with plain lists, copied at every step. */
class Model {
  queue: readonly QueuedEvent[] = [];
  postponed: readonly QueuedEvent[] = [];
  /** All timeouts, in the order they were set. */
  timeouts: readonly Set[] = [];

  take(): unknown {
    const [next, ...rest] = this.queue;
    this.queue = rest;
    if (next !== undefined) return next.content;
    const zero = this.timeouts.find(({ isZero }) => isZero);
    this.timeouts = this.timeouts.filter((set) => set !== zero);
    return zero?.content;
  }

  complete(done: QueuedEvent, { stateChanged, postpone, nextEvents, timeouts }: Outcome): void {
    const postponed = postpone ? [...this.postponed, done] : this.postponed;
    this.postponed = stateChanged ? [] : postponed;
    this.queue = [...nextEvents, ...(stateChanged ? postponed : []), ...this.queue];
    this.#remove("timeout");
    if (stateChanged) this.#remove("state_timeout");
    const last = new Map(timeouts.map((action) => [key(action), action]));
    for (const action of timeouts) if (last.get(key(action)) === action) this.#apply(action);
  }

  #apply(action: SetTimeout): void {
    const { time, content } = action;
    const wanted = key(action);
    if (time === "update" && this.timeouts.some((set) => set.key === wanted)) {
      this.timeouts = this.timeouts.map((set) => (set.key === wanted ? { ...set, content } : set));
      return;
    }
    this.#remove(wanted);
    if (time === "cancel" || time === Number.POSITIVE_INFINITY) return;
    this.timeouts = [...this.timeouts, { key: wanted, content, isZero: time === 0 || time === "update" }];
  }

  #remove(wanted: string): void {
    this.timeouts = this.timeouts.filter((set) => set.key !== wanted);
  }
}

const key = ({ type, name }: { readonly type: string; readonly name: string | undefined }): string =>
  type === "generic_timeout" ? `generic ${name}` : type;

const times = fc.constantFrom<TimeoutTime>(0, 0, 5, 5, Number.POSITIVE_INFINITY, "update", "cancel");
const timeoutActions = fc
  .tuple(fc.constantFrom("timeout", "state_timeout", "x", "y"), times, fc.integer({ min: 0, max: 999 }))
  .map(([type, time, content]) => {
    if (type === "timeout") return eventTimeout(time, content);
    return type === "state_timeout" ? stateTimeout(time, content) : genericTimeout(type, time, content);
  });
const outcomes: fc.Arbitrary<Outcome> = fc.record({
  stateChanged: fc.boolean(),
  postpone: fc.boolean(),
  nextEvents: fc.array(fc.string({ maxLength: 3 }).map(event), { maxLength: 2 }),
  timeouts: fc.array(timeoutActions, { maxLength: 3 }),
});
/** One thing that happens: an event goes so, or first the timer comes that is so far down the list of those that ever ran. */
const happenings = fc.array(fc.tuple(outcomes, fc.option(fc.nat({ max: 20 }))), { maxLength: 60 });

test("whatever happens, the engine takes what the model takes, and the timers that run are the model's", () => {
  fc.assert(
    fc.property(happenings, (list) => {
      const engine = new Engine();
      const model = new Model();
      const everStarted: Timeout[] = [];
      const running = new Set<Timeout>();
      list.forEach(([given, fired], index) => {
        let taken = engine.take();
        assert.equal(taken?.content, model.take());
        const timeout = fired === null ? undefined : everStarted[fired % Math.max(1, everStarted.length)];
        if (taken === undefined && timeout !== undefined) {
          taken = engine.due(timeout);
          assert.equal(
            taken !== undefined,
            running.delete(timeout),
            "a timer that runs is an event, another one is none",
          );
          if (taken !== undefined) model.timeouts = model.timeouts.filter((set) => set.key !== key(timeout));
        }
        taken ??= event(`m${index}`);
        model.complete(taken, given);
        for (const command of engine.complete(taken, given)) {
          if (command.tag === "cancel") assert.ok(running.delete(command.timeout), "only what runs is cancelled");
          else {
            running.add(command.timeout);
            everStarted.push(command.timeout);
          }
        }
        const expected = model.timeouts.filter(({ isZero }) => !isZero).map((set) => [set.key, set.content]);
        assert.deepEqual(
          [...running].map((one) => [key(one), one.content]),
          expected,
        );
      });
      // What is left comes in the model's order too: what is postponed, after a last change of state.
      const last = outcome({ stateChanged: true });
      engine.complete(event("last"), last);
      model.complete(event("last"), last);
      for (let taken = engine.take(); taken !== undefined; taken = engine.take()) {
        assert.equal(taken.content, model.take());
        engine.complete(taken, outcome());
        model.complete(taken, outcome());
      }
      assert.equal(model.take(), undefined);
    }),
    { numRuns: 300 },
  );
});
