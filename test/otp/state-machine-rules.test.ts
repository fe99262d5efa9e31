/** What a state machine does with what goes wrong, and how it starts and ends. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode, type RuntimeError } from "../../src/core/errors.js";
import type { ExitReason } from "../../src/core/exit-reason.js";
import { isDown, isExit } from "../../src/core/messages.js";
import type { Pid } from "../../src/core/pid.js";
import { call, cast, stopServer } from "../../src/otp/gen-server-calls.js";
import { error, ignore, reply, stop } from "../../src/otp/results.js";
import type { StartResult } from "../../src/otp/start.js";
import { stateMachine } from "../../src/otp/state-machine.js";
import {
  eventTimeout,
  genericTimeout,
  nextEvent,
  postpone,
  stateTimeout,
} from "../../src/otp/state-machine-actions.js";
import {
  keepState,
  keepStateAndData,
  type MachineInit,
  nextState,
  repeatStateAndData,
  type StateResult,
  stopAndReply,
} from "../../src/otp/state-machine-results.js";
import {
  exit,
  kill,
  monitor,
  now,
  parent,
  receive,
  self,
  send,
  sendAfter,
  spawn,
  timeout,
  trapExit,
  whereis,
} from "../../src/runtime/process.js";
import { type Inline, inline } from "../support/inline.js";

function pidOf(result: StartResult): Pid {
  assert.equal(result[0], "ok");
  return result[1] as Pid;
}

/** Runs `body` as a process, and stops what runs on after it. Answers what was reported. */
async function run(body: () => Promise<void>): Promise<Inline["reports"]> {
  const { run, scheduler, reports } = inline();
  try {
    await run(body);
    return reports;
  } finally {
    scheduler.stop();
  }
}

async function reasonOf(pid: Pid): Promise<ExitReason> {
  const ref = monitor(pid);
  const down = await receive(isDown);
  assert.equal(down.ref, ref);
  return down.reason;
}

type Name = "a" | "b";
interface Data {
  readonly owner: Pid;
  /** What `enter` of b returns, if anything. */
  readonly enterB?: () => never;
  count: number;
}

/** Does what it is told by casts: each carries a function that answers. Functions pass within a thread. */
const Told = stateMachine({
  init: ({ trap = false, ...data }: Partial<Data> & { readonly trap?: boolean }) => {
    trapExit(trap);
    return nextState("a", { owner: parent() as Pid, count: 0, ...data });
  },
  states: {
    a: {},
    b: { enter: (_, data) => data.enterB?.() },
  },
  handleEvent: {
    cast: { do: (answer: (data: Data) => StateResult<Name, Data>, data) => answer(data) },
    call: {
      do: (answer: (from: never) => StateResult<Name, Data>, _data, from) => answer(from as never),
      state: (_, data, from, state) => keepStateAndData(reply(from, [state, data.count])),
    },
    info: (message, data) => send(data.owner, ["info", message]),
  },
  terminate: (reason, state, data) => send(data.owner, ["terminate", reason, state, data.count]),
});

test("init may be async, refuse, ignore or crash, and the starter hears it when the process is gone", async () => {
  const Choosy = stateMachine({
    init: async (how: string) => {
      await Promise.resolve();
      switch (how) {
        case "ignore":
          return ignore();
        case "error":
          return error("no_way");
        case "stop":
          return stop("bad");
        case "throw":
          throw new Error("early");
        case "elsewhere":
          return nextState("elsewhere" as "a", {});
        case "nothing":
          return undefined as never;
      }
      return nextState("a", {});
    },
    states: { a: {} },
  });
  const reports = await run(async () => {
    trapExit(true);
    assert.deepEqual(await Choosy.startLink("ignore", { name: "c" }), ["ignore"]);
    assert.equal(whereis("c"), undefined);
    assert.deepEqual(await Choosy.startLink("error"), ["error", "no_way"]);
    assert.deepEqual(await Choosy.startLink("stop"), ["error", "bad"]);
    assert.deepEqual(await Choosy.startLink("nothing"), ["error", ["bad_return_from_init", undefined]]);
    const [, reason] = await Choosy.startLink("throw");
    assert.equal((reason as { message: string }).message, "early");
    const [, elsewhere] = (await Choosy.startLink("elsewhere")) as [string, [string, { state: string }]];
    assert.deepEqual([elsewhere[0], elsewhere[1].state], ["bad_return_from_init", "elsewhere"]);
    const pid = pidOf(await Choosy.startLink("fine", { name: "c" }));
    assert.deepEqual(await Choosy.startLink("fine", { name: "c" }), ["error", ["already_started", pid]]);
    // No EXIT of all these was left behind.
    assert.equal(await receive(() => true, 0), timeout);
  });
  const notices = reports.flatMap((report) => (report.tag === "notice" ? report.message : []));
  assert.match(
    notices.join("\n"),
    /init returned undefined; allowed: nextState.*\n.*there is no state 'elsewhere'; there are a/,
  );
});

test("the first state is entered, and init's actions are carried out, after the start is known and before the first message", async () => {
  const Eager = stateMachine({
    init: (owner: Pid): MachineInit<string, Pid> =>
      nextState("a", owner, [nextEvent({ type: "internal", name: "first" }), stateTimeout(0, "zero"), postpone()]),
    stateEnter: true,
    handleEvent: (event, state, owner) => {
      send(owner, [event.type, state]);
      return keepStateAndData();
    },
  });
  await run(async () => {
    const pid = pidOf(await Eager.start(self()));
    send(pid, "message");
    const seen = [await receive(), await receive(), await receive(), await receive()];
    assert.deepEqual(seen.map((one) => (one as string[])[0]), ["enter", "internal", "state_timeout", "info"]); // biome-ignore format: one line
  });
});

const KEEP = "nextState(state, data?, actions?), keepState(data, actions?)";

/** What the machine is told, in which event; its exit reason, as a tag and a value; what the report says. */
const mistakes: readonly (readonly [string, () => unknown, string, unknown, string])[] = [
  ["nothing for a call", () => undefined, "bad_return_from_state_function", undefined, KEEP],
  ["a number", () => 7, "bad_return_from_state_function", 7, KEEP],
  ["a list", () => ["next_state", "b"], "bad_return_from_state_function", ["next_state", "b"], KEEP],
  [
    "no state",
    () => nextState("c"),
    "bad_return_from_state_function",
    undefined,
    "there is no state 'c'; there are a, b",
  ],
  ["no action", () => keepStateAndData("now" as never), "bad_action_from_state_function", "now", "reply(from, value)"],
  [
    "a reply to nobody",
    () => keepStateAndData(reply(1) as never),
    "bad_action_from_state_function",
    undefined,
    "reply(",
  ],
  [
    "no event",
    () => keepStateAndData(nextEvent({ type: "internal" } as never)),
    "bad_action_from_state_function",
    undefined,
    "nextEvent(event)",
  ],
  [
    "no reply",
    () => stopAndReply("normal", postpone() as never),
    "bad_reply_action_from_state_function",
    undefined,
    "allowed: reply(from, value)",
  ],
];

for (const [what, answer, tag, value, allowed] of mistakes) {
  test(`a callback that returns ${what} ends the machine with ${tag}, and the report says what is allowed`, async () => {
    const reports = await run(async () => {
      const pid = pidOf(await Told.start({ owner: self() }));
      const failed = await call(pid, "do", answer).then(undefined, (thrown: RuntimeError) => thrown.cause);
      const [seenTag, seenValue] = failed as [string, unknown];
      assert.equal(seenTag, tag);
      if (value !== undefined) assert.deepEqual(seenValue, value);
      const [name, , state] = (await receive()) as unknown[];
      assert.deepEqual([name, state], ["terminate", "a"]);
    });
    const notice = reports.find((report) => report.tag === "notice");
    assert.ok(notice?.message.includes(`the callback of call "do" returned`), notice?.message);
    assert.ok(notice?.message.includes(allowed), notice?.message);
  });
}

/** What `enter` may not do; the tag of the exit reason. */
const forbidden: readonly (readonly [string, () => unknown, string])[] = [
  ["go to another state", () => nextState("a"), "bad_state_enter_return_from_state_function"],
  ["postpone", () => keepStateAndData(postpone()), "bad_state_enter_action_from_state_function"],
  [
    "insert an event",
    () => keepStateAndData(nextEvent({ type: "info" })),
    "bad_state_enter_action_from_state_function",
  ],
];

for (const [what, enterB, tag] of forbidden) {
  test(`enter may not ${what}: the machine ends in the new state with ${tag}`, async () => {
    await run(async () => {
      const pid = pidOf(await Told.start({ owner: self(), enterB: enterB as never }));
      Told.cast(pid, "do", (data) => nextState("b", { ...data, count: 1 }));
      const [name, reason, state, count] = (await receive()) as unknown[];
      assert.deepEqual([name, (reason as unknown[])[0], state, count], ["terminate", tag, "b", 1]);
    });
  });
}

test("enter may say the state it has entered, stop, reply, set timeouts, and take postponement back", async () => {
  await run(async () => {
    const enterB = () => nextState("b", undefined, [postpone(false), genericTimeout("x", "cancel")]);
    const pid = pidOf(await Told.start({ owner: self(), enterB: enterB as never }));
    Told.cast(pid, "do", () => nextState("b", undefined, postpone()));
    assert.deepEqual(await Told.call(pid, "state"), ["b", 0]);
    const stopping = pidOf(await Told.start({ owner: self(), enterB: (() => stop("enough")) as never }));
    Told.cast(stopping, "do", () => nextState("b"));
    assert.deepEqual(await receive(), ["terminate", "enough", "b", 0]);
  });
});

test("a throw in a handler or in enter ends the machine in the state it was in", async () => {
  const boom = (): never => exit("boom");
  await run(async () => {
    const pid = pidOf(await Told.start({ owner: self() }));
    Told.cast(pid, "do", boom);
    assert.deepEqual(await receive(), ["terminate", "boom", "a", 0]);
    const entering = pidOf(await Told.start({ owner: self(), enterB: boom }));
    Told.cast(entering, "do", (data) => nextState("b", { ...data, count: 5 }));
    assert.deepEqual(await receive(), ["terminate", "boom", "a", 0]);
  });
});

test("what has no handler in the state nor in handleEvent crashes the machine, and names what there is", async () => {
  const Small = stateMachine({
    init: (timeouts: boolean) => nextState("a", {}, timeouts ? [eventTimeout(0), stateTimeout("cancel")] : undefined),
    states: { a: { call: { x: () => keepStateAndData() } } },
    handleEvent: { call: { y: () => keepStateAndData() } },
  });
  await run(async () => {
    const messageOf = async (does: (pid: Pid) => unknown): Promise<string> => {
      const pid = pidOf(await Small.start(false));
      does(pid);
      const { code, message } = (await reasonOf(pid)) as { code: string; message: string };
      assert.equal(code, ErrorCode.unknownEvent);
      return message;
    };
    for (const event of ["z", "__proto__", "constructor", "toString"]) {
      const message = await messageOf((pid) => call(pid, event).catch(() => {}));
      assert.equal(message, `state 'a' has no handler for call "${event}"; it has x, y`);
    }
    assert.equal(await messageOf((pid) => cast(pid, "x")), `state 'a' has no handler for cast "x"; it has none`);
    assert.equal(await messageOf((pid) => send(pid, "hello")), "state 'a' has no handler for info: 'hello'");
    trapExit(true);
    await Small.startLink(true);
    const { reason } = await receive(isExit);
    assert.equal((reason as { message: string }).message, "state 'a' has no handler for timeout: undefined");
  });
});

test("a machine without states and without handleEvent, and a state that is a number, are refused", () => {
  const code = { code: ErrorCode.badOption };
  assert.throws(() => stateMachine({ init: () => nextState("a", 0) }), code);
  assert.throws(() => stateMachine({ init: () => nextState("a", 0), states: { a: 7 as never } }), code);
  assert.throws(() => stateMachine({ init: () => nextState("a", 0), handleEvent: null as never }), code);
});

test("a time that is none is refused where it is given", () => {
  for (const time of [-1, Number.NaN, "soon", undefined]) {
    assert.throws(() => stateTimeout(time as number), { code: ErrorCode.badArgument });
  }
  assert.throws(() => genericTimeout("x", "update", 1, { absolute: true }), { code: ErrorCode.badArgument });
});

test("stopAndReply answers first and then runs terminate; stop leaves callers without an answer", async () => {
  await run(async () => {
    const owner = self();
    const pid = pidOf(await Told.start({ owner }));
    const answered = call(pid, "do", (from: never) =>
      stopAndReply("shutdown", [reply(from, "bye")], { data: { owner, count: 9 } }),
    );
    assert.equal(await answered, "bye");
    assert.deepEqual(await receive(), ["terminate", "shutdown", "a", 9]);
    const stopped = pidOf(await Told.start({ owner: self() }));
    const failed = call(stopped, "do", () => stop("normal", { data: { owner, count: 3 } }));
    await assert.rejects(failed, { code: ErrorCode.callFailed, cause: "normal" });
    assert.deepEqual(await receive(), ["terminate", "normal", "a", 3]);
  });
});

test("stopServer ends a machine through terminate", async () => {
  await run(async () => {
    const pid = pidOf(await Told.start({ owner: self() }));
    await stopServer(pid, "shutdown");
    assert.deepEqual(await receive(), ["terminate", "shutdown", "a", 0]);
  });
});

test("the exit of its parent ends a trapping machine through terminate, even normal; that of others is an event", async () => {
  await run(async () => {
    trapExit(true);
    for (const reason of ["shutdown", "normal"]) {
      const pid = pidOf(await Told.startLink({ owner: self(), trap: true }));
      spawn(async () => exit(pid, "stranger"), []);
      const [tag, message] = (await receive(Array.isArray)) as unknown as [string, { reason: unknown }];
      assert.deepEqual([tag, message.reason], ["info", "stranger"]);
      exit(pid, reason);
      assert.deepEqual(await receive(Array.isArray), ["terminate", reason, "a", 0]);
      assert.deepEqual(await receive(isExit), { tag: "EXIT", from: pid, reason });
    }
  });
});

test("data may be changed in place, and a result without data keeps it", async () => {
  await run(async () => {
    const pid = pidOf(await Told.start({ owner: self() }));
    const count = (data: Data): StateResult<Name, Data> => {
      data.count++;
      return data.count === 2 ? nextState("b") : keepStateAndData();
    };
    Told.cast(pid, "do", count);
    Told.cast(pid, "do", count);
    assert.deepEqual(await Told.call(pid, "state"), ["b", 2]);
    Told.cast(pid, "do", (data) => keepState({ ...data, count: 7 }));
    assert.deepEqual(await Told.call(pid, "state"), ["b", 7]);
  });
});

test("a timeout may be a moment of the clock, past ones included", async () => {
  const Moments = stateMachine({
    init: (owner: Pid) => nextState("a", owner),
    states: {
      a: {
        cast: {
          at: (moment: number) => keepStateAndData(genericTimeout("moment", moment, moment, { absolute: true })),
        },
        genericTimeout: { moment: (moment, owner) => send(owner, moment) },
      },
    },
  });
  await run(async () => {
    const pid = pidOf(await Moments.startLink(self()));
    for (const moment of [now() + 20, -5, now() - 100]) {
      Moments.cast(pid, "at", moment);
      assert.deepEqual(await receive(), moment);
      // Timers of Node.js count whole milliseconds, and so may be early by one.
      assert.ok(now() > moment - 2, `${moment} came at ${now()}`);
    }
  });
});

test("a timeout that was due while its callback waited, and is cancelled by it, does not come", async () => {
  const Late = stateMachine({
    // Goes before anything else could come.
    init: (owner: Pid) => nextState("a", owner, [stateTimeout(1, "late"), nextEvent({ type: "internal", name: "go" })]),
    states: {
      a: {
        stateTimeout: (_, owner) => send(owner, "a timeout"),
        internal: {
          go: async () => {
            // Set later and for as long: when this has come, so has the state timeout.
            sendAfter(self(), "tick", 1);
            await receive((message) => message === "tick");
            return nextState("b");
          },
        },
      },
      b: {
        stateTimeout: (_, owner) => send(owner, "a timeout"),
        call: { sync: (_, __, from) => keepStateAndData(reply(from, "no timeout")) },
      },
    },
  });
  await run(async () => {
    const pid = pidOf(await Late.startLink(self()));
    assert.equal(await Late.call(pid, "sync"), "no timeout");
    assert.equal(await receive(() => true, 0), timeout);
  });
});

test("nothing of a machine runs on that was killed while it awaited something", async () => {
  const told: string[] = [];
  const Async = stateMachine({
    init: (owner: Pid) => nextState("a", owner),
    states: {
      a: {
        cast: {
          go: async (gate: Promise<void>, owner) => {
            send(owner, "in");
            await gate;
            told.push("back");
            return nextState("b", owner, nextEvent({ type: "internal", name: "next" }));
          },
        },
      },
      b: { enter: () => void told.push("enter"), internal: { next: () => void told.push("next") } },
    },
    terminate: () => told.push("terminate"),
  });
  await run(async () => {
    const pid = pidOf(await Async.start(self()));
    let open = (): void => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    Async.cast(pid, "go", gate);
    assert.equal(await receive(), "in");
    kill(pid);
    assert.equal(await reasonOf(pid), "noproc");
    open();
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(told, ["back"]);
  });
});

test("a machine that gives itself events for ever leaves the others of its thread their turns", async () => {
  for (const isAsync of [false, true]) {
    const Endless = stateMachine({
      init: () => nextState("a", { count: 0 }, nextEvent({ type: "internal", name: "again" })),
      states: {
        a: {
          internal: {
            again: (_, data) => {
              data.count++;
              const result = keepStateAndData(nextEvent({ type: "internal", name: "again" }));
              return isAsync ? Promise.resolve(result) : result;
            },
          },
        },
      },
      terminate: (_reason, _state, data) => data,
    });
    await run(async () => {
      const pid = pidOf(await Endless.start());
      for (let i = 1; i <= 3; i++) {
        sendAfter(self(), i, 1);
        assert.equal(await receive(), i);
      }
      kill(pid);
    });
  }
});

test("a repeat in enter enters once more, with the old state of the change", async () => {
  const Twice = stateMachine({
    init: (owner: Pid) => nextState("a", { owner, entered: 0 }),
    states: {
      a: { cast: { go: () => nextState("b") } },
      b: {
        enter: (oldState, data) => {
          send(data.owner, ["enter", oldState]);
          return ++data.entered < 2 ? repeatStateAndData() : undefined;
        },
        call: { sync: (_, __, from) => keepStateAndData(reply(from, "done")) },
      },
    },
  });
  await run(async () => {
    const pid = pidOf(await Twice.startLink(self()));
    Twice.cast(pid, "go");
    assert.equal(await Twice.call(pid, "sync"), "done");
    assert.deepEqual([await receive(), await receive()], [["enter", "a"], ["enter", "a"]]); // biome-ignore format: a pair
  });
});

test("a state without enter is entered with that of handleEvent; functions are told of it only if they are to be", async () => {
  await run(async () => {
    const owner = self();
    const Tables = stateMachine({
      init: () => nextState("own", 0),
      states: {
        own: { enter: () => send(owner, "own"), cast: { go: () => nextState("shared") } },
        shared: {},
      },
      handleEvent: { enter: (oldState, _, state) => send(owner, [oldState, state]) },
    });
    Tables.cast(pidOf(await Tables.startLink()), "go");
    assert.deepEqual([await receive(), await receive()], ["own", ["own", "shared"]]);
    for (const stateEnter of [false, true]) {
      const Functions = stateMachine({
        init: () => nextState("f", 0, nextEvent({ type: "info", content: "inserted" })),
        stateEnter,
        states: {
          f: (event) => {
            send(owner, event.type);
            return event.type === "info" ? nextState("t") : keepStateAndData();
          },
          t: { cast: { go: () => nextState("f") } },
        },
        handleEvent: (event, state) => {
          send(owner, [event.type, state]);
          return keepStateAndData();
        },
      });
      send(pidOf(await Functions.startLink()), "message");
      const seen = stateEnter ? ["enter", "info", ["enter", "t"], ["info", "t"]] : ["info", ["info", "t"]];
      for (const expected of seen) assert.deepEqual(await receive(), expected);
    }
  });
});

test("child gives a specification with defaults", () => {
  const { id, restart, shutdown, type } = Told.child({}, { name: "told" });
  assert.deepEqual([id, restart, shutdown, type], ["told", "permanent", 5000, "worker"]);
  assert.equal(Told.child({}).id, "stateMachine");
});
