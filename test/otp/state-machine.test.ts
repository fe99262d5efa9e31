/** The examples of OTP's manual, "gen_statem Behaviour", in both callback modes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { From } from "../../src/core/messages.js";
import type { Pid } from "../../src/core/pid.js";
import { call, cast } from "../../src/otp/gen-server-calls.js";
import { reply, stop } from "../../src/otp/results.js";
import type { StartResult } from "../../src/otp/start.js";
import { stateMachine } from "../../src/otp/state-machine.js";
import {
  eventTimeout,
  genericTimeout,
  nextEvent,
  postpone,
  stateTimeout,
  type TimeoutTime,
} from "../../src/otp/state-machine-actions.js";
import type { MachineEvent } from "../../src/otp/state-machine-events.js";
import {
  keepState,
  keepStateAndData,
  type MachineInit,
  nextState,
  repeatStateAndData,
  stopAndReply,
} from "../../src/otp/state-machine-results.js";
import { receive, self, send } from "../../src/runtime/process.js";
import { inline } from "../support/inline.js";

function pidOf(result: StartResult): Pid {
  assert.equal(result[0], "ok");
  return result[1] as Pid;
}

/** Runs `body` as a process, and stops what runs on after it: timers that were never to come would keep the test alive. */
async function run(body: () => Promise<void>): Promise<void> {
  const { run, scheduler } = inline();
  try {
    await run(body);
  } finally {
    scheduler.stop();
  }
}

/** Too long to come in a test. */
const LONG_MS = 600_000;

// ---- the push button ----

/** As it stands at the head of `state-machine.ts`. */
const PushButton = stateMachine({
  init: (count: number) => nextState("off", { count }),
  states: {
    off: {
      call: {
        push: (_, data, from) => nextState("on", { count: data.count + 1 }, reply(from, "on")),
      },
    },
    on: {
      enter: () => keepStateAndData(stateTimeout(10_000, "forgotten")),
      stateTimeout: () => nextState("off"),
      call: {
        push: (_, data, from) => nextState("off", data, reply(from, "off")),
      },
    },
  },
  handleEvent: {
    call: { count: (_, data, from) => keepStateAndData(reply(from, data.count)) },
  },
});

/** The same with one function a state, as a module of Erlang has it. */
const PushButtonFunctions = stateMachine({
  init: (count: number) => nextState("off", count),
  states: {
    off: (event, count) =>
      event.type === "call" && event.name === "push"
        ? nextState("on", count + 1, reply(event.from, "on"))
        : counted(event, count),
    on: (event, count) =>
      event.type === "call" && event.name === "push"
        ? nextState("off", count, reply(event.from, "off"))
        : counted(event, count),
  },
});

/** `handle_common` of the manual. */
function counted(event: MachineEvent, count: number) {
  return event.type === "call" ? keepStateAndData(reply(event.from, count)) : keepState(count);
}

/** The same with one function for all states. */
const PushButtonHandler = stateMachine({
  init: (count: number): MachineInit<"on" | "off", number> => nextState("off", count),
  handleEvent: (event, state, count) => {
    if (event.type !== "call") return keepStateAndData();
    if (event.name === "count") return keepStateAndData(reply(event.from, count));
    return state === "off"
      ? nextState("on", count + 1, reply(event.from, "on"))
      : nextState("off", count, reply(event.from, "off"));
  },
});

for (const [how, machine] of Object.entries({
  "a table of tables": PushButton,
  "state functions": PushButtonFunctions,
  "one handler of all events": PushButtonHandler,
})) {
  test(`a push button written as ${how} goes on and off, and counts how often it went on`, async () => {
    await run(async () => {
      const pid = pidOf(await machine.startLink(0, { name: "button" }));
      for (const expected of ["on", "off", "on"]) assert.equal(await call("button", "push"), expected);
      assert.equal(await call(pid, "count"), 2);
    });
  });
}

test("the types of a call are those of its handlers in all states", async () => {
  await run(async () => {
    const pid = pidOf(await PushButton.start(7));
    const pushed: string = await PushButton.call(pid, "push");
    const count: number = await PushButton.call(pid, "count");
    assert.deepEqual([pushed, count], ["on", 8]);
    // @ts-expect-error no state has such an event
    await assert.rejects(PushButton.call(pid, "pull"));
    // @ts-expect-error there are no casts
    PushButton.cast(pid, "push");
  });
});

test("a state that is none, data of another type and a reply to nobody are no types", () => {
  const init = () => nextState("a", 0);
  // @ts-expect-error there is no state b
  stateMachine({ init, states: { a: { cast: { x: () => nextState("b") } } } });
  // @ts-expect-error it cannot begin there
  stateMachine({ init, states: { b: {} } });
  // @ts-expect-error the data is a number
  stateMachine({ init, states: { a: { cast: { x: () => keepState("text") } } } });
  // @ts-expect-error whom to answer is missing
  stateMachine({ init, states: { a: { call: { x: () => keepStateAndData(reply(1)) } } } });
  // @ts-expect-error nothing returned: the caller waits
  stateMachine({ init, states: { a: { call: { x: () => {} } } } });
});

// ---- the code lock ----

interface Lock {
  readonly owner: Pid;
  readonly code: readonly string[];
  readonly openMs: number;
  buttons: readonly string[];
}

const typed = (button: string, data: Lock): readonly string[] => [...data.buttons, button].slice(-data.code.length);
const isCode = (buttons: readonly string[], data: Lock): boolean => buttons.join() === data.code.join();
const lock = (arg: Partial<Lock>): Lock => ({ owner: self(), code: ["1", "2"], openMs: LONG_MS, buttons: [], ...arg });

/** With a state timeout, postponed buttons while it is open, and enter calls that do and undo. */
const CodeLock = stateMachine({
  init: (arg: Partial<Lock>) => nextState("locked", lock(arg)),
  states: {
    locked: {
      enter: (oldState, data) => {
        send(data.owner, ["do_lock", oldState]);
        data.buttons = [];
      },
      cast: {
        button: (button: string, data) => {
          const buttons = typed(button, data);
          return isCode(buttons, data) ? nextState("open", data) : keepState({ ...data, buttons });
        },
      },
    },
    open: {
      enter: (_, data) => {
        send(data.owner, "do_unlock");
        return keepStateAndData(stateTimeout(data.openMs, "lock"));
      },
      stateTimeout: () => nextState("locked"),
      cast: { button: () => keepStateAndData(postpone()) },
    },
  },
  handleEvent: {
    call: { codeLength: (_, data, from, state) => keepStateAndData(reply(from, [state, data.code.length])) },
    cast: { lock: () => nextState("locked") },
  },
});

test("a code lock opens at the right buttons, and its state timeout locks it again", async () => {
  await run(async () => {
    const pid = pidOf(await CodeLock.startLink({ owner: self(), openMs: 2 }));
    assert.deepEqual(await receive(), ["do_lock", "locked"]);
    for (const button of ["2", "1", "2"]) CodeLock.cast(pid, "button", button);
    assert.equal(await receive(), "do_unlock");
    assert.deepEqual(await receive(), ["do_lock", "open"]);
    assert.deepEqual(await CodeLock.call(pid, "codeLength"), ["locked", 2]);
  });
});

test("buttons pressed while it is open are postponed, and typed in order once it is locked", async () => {
  await run(async () => {
    const pid = pidOf(await CodeLock.startLink({ owner: self() }));
    for (const button of ["1", "2", /* open */ "9", "1", "2"]) CodeLock.cast(pid, "button", button);
    assert.deepEqual(await CodeLock.call(pid, "codeLength"), ["open", 2]);
    CodeLock.cast(pid, "lock");
    assert.deepEqual(await CodeLock.call(pid, "codeLength"), ["open", 2]);
    const seen = [];
    for (let i = 0; i < 4; i++) seen.push(await receive());
    assert.deepEqual(seen, [["do_lock", "locked"], "do_unlock", ["do_lock", "open"], "do_unlock"]);
  });
});

test("the same by selective receive: an async callback that waits leaves the buttons in the mailbox", async () => {
  const isLock = (message: unknown): boolean => message === "lock";
  const Selective = stateMachine({
    init: (arg: Partial<Lock>) => nextState("locked", lock(arg)),
    states: {
      locked: {
        cast: {
          button: async (button: string, data) => {
            const buttons = typed(button, data);
            if (!isCode(buttons, data)) return keepState({ ...data, buttons });
            send(data.owner, "do_unlock");
            await receive(isLock);
            send(data.owner, "do_lock");
            return keepState({ ...data, buttons: [] });
          },
        },
      },
    },
  });
  await run(async () => {
    const pid = pidOf(await Selective.startLink({ owner: self() }));
    for (const button of ["1", "2", "1", "2"]) Selective.cast(pid, "button", button);
    assert.equal(await receive(), "do_unlock");
    send(pid, "lock");
    assert.equal(await receive(), "do_lock");
    assert.equal(await receive(), "do_unlock");
    send(pid, "lock");
    assert.equal(await receive(), "do_lock");
  });
});

test("an event timeout comes when nothing happens, and any event cancels it", async () => {
  /** Forgets what was typed when nobody types for a while. */
  const Forgetful = stateMachine({
    init: (owner: Pid) => nextState("locked", { owner, buttons: "" }),
    states: {
      locked: {
        cast: {
          button: ([button, idleMs]: readonly [string, number], data) =>
            keepState({ ...data, buttons: data.buttons + button }, eventTimeout(idleMs, "idle")),
        },
        eventTimeout: (why, data) => {
          send(data.owner, [why, data.buttons]);
          return keepState({ ...data, buttons: "" });
        },
        call: { buttons: (_, data, from) => keepStateAndData(reply(from, data.buttons)) },
      },
    },
  });
  await run(async () => {
    const pid = pidOf(await Forgetful.startLink(self()));
    Forgetful.cast(pid, "button", ["1", LONG_MS]); // cancelled by the next one
    Forgetful.cast(pid, "button", ["2", 2]);
    assert.deepEqual(await receive(), ["idle", "12"]);
    // 0: at once, before what is in the mailbox already.
    for (const button of ["3", "4"]) Forgetful.cast(pid, "button", [button, 0]);
    assert.equal(await Forgetful.call(pid, "buttons"), "");
    assert.deepEqual([await receive(), await receive()], [["idle", "3"], ["idle", "4"]]); // biome-ignore format: a pair
  });
});

test("a generic timeout outlives changes of state and other events, until it is cancelled or set anew", async () => {
  const Timers = stateMachine({
    init: (owner: Pid) => nextState("a", owner),
    states: { a: {}, b: {} },
    handleEvent: {
      cast: {
        set: ([name, time, content]: readonly [string, TimeoutTime, unknown]) =>
          keepStateAndData(genericTimeout(name, time, content)),
        turn: (_content, _owner, state) => nextState(state === "a" ? "b" : "a"),
      },
      genericTimeout: {
        one: (content, owner, state) => send(owner, ["one", content, state]),
        two: (content, owner, state) => send(owner, ["two", content, state]),
      },
    },
  });
  await run(async () => {
    const pid = pidOf(await Timers.startLink(self()));
    Timers.cast(pid, "set", ["one", LONG_MS, "x"]);
    Timers.cast(pid, "turn");
    Timers.cast(pid, "set", ["one", "update", "y"]); // it runs on, or this would come at once
    Timers.cast(pid, "set", ["two", "update", "z"]); // it does not run
    assert.deepEqual(await receive(), ["two", "z", "b"]);
    Timers.cast(pid, "set", ["one", 1, "sooner"]);
    assert.deepEqual(await receive(), ["one", "sooner", "b"]);
    Timers.cast(pid, "set", ["one", LONG_MS, "never"]);
    Timers.cast(pid, "set", ["one", "cancel", undefined]);
    Timers.cast(pid, "set", ["one", "update", "it was cancelled"]);
    assert.deepEqual(await receive(), ["one", "it was cancelled", "b"]);
  });
});

test("events that a machine gives itself come before those that wait", async () => {
  /** Ups and downs of a button make the internal event that the lock is about. */
  const Raw = stateMachine({
    init: (owner: Pid) => nextState("up", { owner, down: "" }),
    states: {
      up: { cast: { down: (button: string, data) => nextState("down", { ...data, down: button }) } },
      down: {
        cast: {
          up: (button: string, data) =>
            button === data.down
              ? nextState("up", data, nextEvent({ type: "internal", name: "button", content: button }))
              : keepStateAndData(),
        },
      },
    },
    handleEvent: {
      internal: { button: (button, data) => send(data.owner, button) },
      call: {
        sync: (_, __, from) => keepStateAndData([nextEvent({ type: "call", name: "later", from })]),
        later: (_, data, from, state) => keepStateAndData(reply(from, [state, data.down])),
      },
    },
  });
  await run(async () => {
    const pid = pidOf(await Raw.startLink(self()));
    Raw.cast(pid, "down", "1");
    Raw.cast(pid, "up", "2");
    Raw.cast(pid, "up", "1");
    Raw.cast(pid, "down", "3");
    assert.deepEqual(await Raw.call(pid, "sync"), ["down", "3"]);
    assert.equal(await receive(), "1");
  });
});

test("a repeated state is entered again, and keeps what is postponed and its state timeout", async () => {
  const Repeating = stateMachine({
    init: (owner: Pid) => nextState("a", owner),
    states: {
      a: {
        enter: (oldState, owner) => send(owner, ["enter", oldState]),
        cast: { again: () => repeatStateAndData(stateTimeout("update", "x")), put: () => keepStateAndData(postpone()) },
        stateTimeout: () => nextState("b"),
      },
      b: { enter: (oldState, owner) => send(owner, ["enter b from", oldState]), cast: { put: () => stop("normal") } },
    },
    terminate: (reason, state, owner) => send(owner, [reason, state]),
  });
  await run(async () => {
    const pid = pidOf(await Repeating.start(self()));
    cast(pid, "put");
    cast(pid, "again");
    const seen = [];
    for (let i = 0; i < 4; i++) seen.push(await receive());
    assert.deepEqual(seen, [["enter", "a"], ["enter", "a"], ["enter b from", "a"], ["normal", "b"]]); // biome-ignore format: one line
  });
});

// ---- complex states ----

interface LockState {
  readonly name: "locked" | "open";
  /** Its button locks the open lock. In the state, so that a change of it retries what was postponed. */
  readonly lockButton: string;
}

const ComplexLock = stateMachine({
  init: ({ lockButton, ...arg }: Partial<Lock> & { readonly lockButton: string }): MachineInit<LockState, Lock> =>
    nextState({ name: "locked", lockButton }, lock(arg)),
  stateEnter: true,
  handleEvent: (event, state, data) => {
    switch (event.type) {
      case "enter":
        send(data.owner, [event.content, state]);
        return keepState({ ...data, buttons: [] });
      case "cast": {
        const button = event.content as string;
        if (state.name === "open") {
          return button === state.lockButton ? nextState({ ...state, name: "locked" }) : keepStateAndData(postpone());
        }
        const buttons = typed(button, data);
        return isCode(buttons, data) ? nextState({ ...state, name: "open" }) : keepState({ ...data, buttons });
      }
      case "call":
        return event.name === "setLockButton"
          ? nextState({ ...state, lockButton: event.content as string }, undefined, reply(event.from, state))
          : stopAndReply("normal", reply(event.from, data.buttons), { data: { ...data, buttons: [] } });
      default:
        return stop("unexpected");
    }
  },
  terminate: (reason, state, data) => send(data.owner, ["terminate", reason, state.name, data.buttons.length]),
});

test("a state may be any value: a change of a part of it is a change, an equal one is none", async () => {
  await run(async () => {
    const pid = pidOf(await ComplexLock.start({ owner: self(), lockButton: "*" }));
    const locked = { name: "locked", lockButton: "*" };
    assert.deepEqual(await receive(), [locked, locked]);
    for (const button of ["1", "2", /* open */ "3", "#"]) cast(pid, "button", button);
    assert.deepEqual(await receive(), [locked, { name: "open", lockButton: "*" }]);
    assert.deepEqual(await call(pid, "setLockButton", "*"), { name: "open", lockButton: "*" });
    // No enter: that was the state it is in. With another lock button the "#" that was postponed locks it.
    assert.deepEqual(await call(pid, "setLockButton", "#"), { name: "open", lockButton: "*" });
    assert.deepEqual(await receive(), [
      { name: "open", lockButton: "*" },
      { name: "open", lockButton: "#" },
    ]);
    assert.deepEqual(await receive(), [
      { name: "open", lockButton: "#" },
      { name: "locked", lockButton: "#" },
    ]);
    assert.deepEqual(await call(pid, "stop"), ["3"]);
    assert.deepEqual(await receive(), ["terminate", "normal", "locked", 0]);
  });
});

test("a call left open is answered from a later event", async () => {
  const Door = stateMachine({
    init: () => nextState("closed", { waiting: [] as From[] }),
    states: {
      closed: {
        call: {
          pass: (_, data, from) => {
            data.waiting.push(from);
            return keepStateAndData();
          },
        },
        cast: {
          open: (_, data) =>
            nextState(
              "open",
              data,
              data.waiting.map((from) => reply(from, "passed")),
            ),
        },
      },
      open: { call: { pass: (_, __, from) => keepStateAndData(reply(from, "open")) } },
    },
  });
  await run(async () => {
    const pid = pidOf(await Door.startLink());
    const first = Door.call(pid, "pass");
    const second = Door.call(pid, "pass");
    Door.cast(pid, "open");
    assert.deepEqual(await Promise.all([first, second, Door.call(pid, "pass")]), ["passed", "passed", "open"]);
  });
});
