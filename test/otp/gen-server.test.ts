import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode, type RuntimeError } from "../../src/core/errors.js";
import type { ExitReason } from "../../src/core/exit-reason.js";
import { type From, isDown, isExit } from "../../src/core/messages.js";
import type { Pid } from "../../src/core/pid.js";
import { genServer } from "../../src/otp/gen-server.js";
import { call, cast, stopServer } from "../../src/otp/gen-server-calls.js";
import { error, ignore, noreply, ok, reply, stop } from "../../src/otp/results.js";
import type { StartResult } from "../../src/otp/start.js";
import {
  exit,
  monitor,
  receive,
  replyTo,
  self,
  send,
  spawn,
  spawnMonitor,
  trapExit,
  whereis,
} from "../../src/runtime/process.js";
import { inline } from "../support/inline.js";

const Counter = genServer({
  init: (start: number) => ({ count: start }),
  handleCall: {
    add: (by: number, state) => {
      state.count += by;
      return reply(state.count);
    },
    get: (_, state) => reply(state.count),
    addLater: async (by: number, state) => {
      await Promise.resolve();
      return reply(state.count + by, { count: state.count + by });
    },
    constructed: (arg: { readonly a: number }) => reply(arg.a),
  },
  handleCast: {
    reset: (to: number, state) => {
      state.count = to;
    },
    crash: () => {
      throw new Error("boom");
    },
  },
});

function pidOf(result: StartResult): Pid {
  assert.equal(result[0], "ok");
  return result[1] as Pid;
}

/** Runs `body` and answers the exit reason its error would end the process with. */
async function failure(body: () => Promise<unknown>): Promise<ExitReason> {
  try {
    await body();
  } catch (thrown) {
    return (thrown as RuntimeError).exitReason;
  }
  return assert.fail("it did not throw");
}

async function reasonOf(pid: Pid): Promise<ExitReason> {
  const ref = monitor(pid);
  const down = await receive(isDown);
  assert.equal(down.ref, ref);
  return down.reason;
}

/** A server that tells `owner` what it does: the callbacks return what the messages carry. */
function telling(owner: Pid, trap = false) {
  const tell = (...what: unknown[]): void => send(owner, what);
  return genServer({
    init: () => {
      trapExit(trap);
      return { log: [] as string[] };
    },
    handleCall: {
      stopWith: (options: { readonly reason: unknown; readonly reply?: unknown }) =>
        "reply" in options ? stop(options.reason, { reply: options.reply }) : stop(options.reason),
      later: (_, __, from) => {
        tell("from", from);
        return noreply();
      },
      forget: (() => undefined) as never,
      exits: () => exit("oops"),
      continues: (arg: string, state) => reply("done", state, { continue: arg }),
      idles: (timeoutMs: number, state) => reply("idle", state, { timeoutMs, hibernate: true }),
    },
    handleCast: {
      stopNow: (reason: unknown) => stop(reason),
      answer: ({ from, value }: { from: From; value: unknown }) => replyTo(from, value),
    },
    handleInfo: (message) => tell("info", message),
    handleContinue: (arg) => tell("continue", arg),
    terminate: (reason) => tell("terminate", reason),
  });
}

test("a call is answered with what the handler replied, and its type is known", async () => {
  await inline().run(async () => {
    const pid = pidOf(await Counter.start(5));
    const sum: number = await Counter.call(pid, "add", 2);
    assert.equal(sum, 7);
    assert.equal(await Counter.call(pid, "get"), 7);
    assert.equal(await call(pid, "get"), 7);
    // @ts-expect-error the argument is a number
    assert.equal(await Counter.call(pid, "add", "1"), "71");
    // @ts-expect-error there is no such event
    Counter.cast(pid, "nothing");
  });
});

test("casts and calls of one caller are handled in the order they were made", async () => {
  await inline().run(async () => {
    const pid = pidOf(await Counter.startLink(0, { name: "counter" }));
    Counter.cast("counter", "reset", 40);
    const first = Counter.call("counter", "add", 1);
    const second = Counter.call(pid, "addLater", 1);
    const third = Counter.call(pid, "add", 1);
    assert.deepEqual(await Promise.all([first, second, third]), [41, 42, 43]);
  });
});

test("a second argument of reply is the new state", async () => {
  const Adder = genServer({
    init: (start: number) => start,
    handleCall: { add: (by: number, state) => reply(state, state + by) },
    handleCast: { set: (to: number) => noreply(to) },
  });
  await inline().run(async () => {
    const pid = pidOf(await Adder.start(1));
    assert.equal(await Adder.call(pid, "add", 2), 1);
    assert.equal(await Adder.call(pid, "add", 0), 3);
    Adder.cast(pid, "set", 0);
    assert.equal(await Adder.call(pid, "add", 0), 0);
  });
});

test("init may be async, refuse, ignore or crash, and the starter hears it when the process is gone", async () => {
  const Choosy = genServer({
    init: async (how: string) => {
      switch (how) {
        case "ignore":
          return ignore();
        case "error":
          return error("no_way");
        case "stop":
          return stop("bad");
        case "throw":
          throw new Error("early");
        case "slow":
          await receive(() => false);
      }
      return ok({ how });
    },
    handleCall: { how: (_, state) => reply(state.how) },
  });
  await inline().run(async () => {
    trapExit(true);
    assert.deepEqual(await Choosy.startLink("ignore", { name: "c" }), ["ignore"]);
    assert.equal(whereis("c"), undefined);
    assert.deepEqual(await Choosy.startLink("error"), ["error", "no_way"]);
    assert.deepEqual(await Choosy.startLink("stop"), ["error", "bad"]);
    const [tag, reason] = await Choosy.startLink("throw");
    assert.equal(tag, "error");
    assert.equal((reason as { message: string }).message, "early");
    assert.deepEqual(await Choosy.startLink("slow", { timeoutMs: 5 }), ["error", "timeout"]);
    const pid = pidOf(await Choosy.startLink("fine", { name: "c" }));
    assert.deepEqual(await Choosy.startLink("fine", { name: "c" }), ["error", ["already_started", pid]]);
    const how: string = await Choosy.call("c", "how");
    assert.equal(how, "fine");
    // No EXIT of all these was left behind.
    assert.equal(typeof (await receive(() => true, 0)), "symbol");
  });
});

test("a linked starter that does not trap exits dies with a start that crashes", async () => {
  const Bad = genServer({ init: () => stop("bad") });
  await inline().run(async () => {
    const { pid } = spawnMonitor(async () => {
      await Bad.startLink();
    }, []);
    const down = await receive(isDown);
    assert.deepEqual([down.from, down.reason], [pid, "bad"]);
  });
});

test("a call to nobody or to oneself is a rejected promise, for a catch on it to handle", async () => {
  await inline().run(async () => {
    const codeOf = (problem: unknown): unknown => (problem as RuntimeError).code;
    assert.equal(await call("nobody", "exits").catch(codeOf), ErrorCode.callFailed);
    assert.equal(await call(self(), "exits").catch(codeOf), ErrorCode.callFailed);
  });
});

test("a call to nobody fails with noproc, a call to a server that dies with its reason", async () => {
  const { run } = inline();
  await run(async () => {
    trapExit(true);
    const pid = pidOf(await telling(self()).startLink());
    assert.deepEqual(await failure(() => call(pid, "exits")), ["oops", ["call", pid]]);
    assert.deepEqual(await failure(() => call(pid, "exits")), ["noproc", ["call", pid]]);
    assert.deepEqual(await failure(() => call("nobody", "exits")), ["noproc", ["call", "nobody"]]);
    assert.deepEqual(await failure(async () => call(self(), "exits")), ["calling_self", ["call", self()]]);
    cast("nobody", "ignored");
  });
});

test("a call that takes too long fails, the server goes on, and the late reply is dropped", async () => {
  await inline().run(async () => {
    const server = telling(self());
    const pid = pidOf(await server.startLink());
    const reason = await failure(() => server.call(pid, "later", undefined, 5));
    assert.deepEqual(reason, ["timeout", ["call", pid, 5]]);
    const [, from] = (await receive(Array.isArray)) as unknown as [string, From];
    server.cast(pid, "answer", { from, value: "late" });
    assert.equal(await server.call(pid, "continues", "x"), "done");
    assert.deepEqual(await receive(), ["continue", "x"]);
  });
});

test("a call left open is answered later, from any process", async () => {
  await inline().run(async () => {
    const server = telling(self());
    const pid = pidOf(await server.startLink());
    const answer = server.call(pid, "later");
    const [, from] = (await receive(Array.isArray)) as unknown as [string, From];
    spawn(async () => replyTo(from, "from elsewhere"), []);
    assert.equal(await answer, "from elsewhere");
  });
});

test("stop with a reply runs terminate before the caller has the reply", async () => {
  await inline().run(async () => {
    const server = telling(self());
    const pid = pidOf(await server.start());
    assert.equal(await server.call(pid, "stopWith", { reason: "normal", reply: "bye" }), "bye");
    assert.deepEqual(await receive(() => true, 0), ["terminate", "normal"]);
    assert.equal(await reasonOf(pid), "noproc");
  });
});

test("stop without a reply fails the call with the reason, even a normal one", async () => {
  await inline().run(async () => {
    const server = telling(self());
    const pid = pidOf(await server.start());
    assert.deepEqual(await failure(() => server.call(pid, "stopWith", { reason: "normal" })), [
      "normal",
      ["call", pid],
    ]);
  });
});

test("a handler that forgets its reply ends the server with bad_return_value, and the report lists what is allowed", async () => {
  const { run, reports } = inline();
  await run(async () => {
    const server = telling(self());
    const pid = pidOf(await server.start());
    const reason = await failure(() => call(pid, "forget"));
    assert.deepEqual(reason, [
      ["bad_return_value", undefined],
      ["call", pid],
    ]);
    const notice = reports.find((report) => report.tag === "notice");
    assert.match(notice?.message ?? "", /handleCall "forget" returned undefined; allowed: reply/);
    assert.deepEqual(await receive(), ["terminate", ["bad_return_value", undefined]]);
  });
});

test("an unknown event crashes the server by name, and what objects inherit is no event", async () => {
  await inline().run(async () => {
    for (const event of ["nothing", "__proto__", "constructor", "toString"]) {
      const pid = pidOf(await Counter.start(0));
      const [reason] = (await failure(() => call(pid, event))) as [{ code: string; message: string }];
      assert.equal(reason.code, ErrorCode.unknownEvent);
      assert.match(reason.message, new RegExp(`"${event}"; it has add, get, addLater, constructed`));
    }
    const pid = pidOf(await Counter.start(0));
    const ref = monitor(pid);
    cast(pid, "get");
    const down = await receive(isDown);
    assert.deepEqual([down.ref, (down.reason as { code: string }).code], [ref, ErrorCode.unknownEvent]);
  });
});

test("terminate runs after a crash without trapping exits, and what it throws replaces the reason", async () => {
  const Fragile = genServer({
    init: (owner: Pid) => ({ owner }),
    handleCast: {
      crash: () => exit("first"),
    },
    terminate: (reason, state) => {
      send(state.owner, ["terminate", reason]);
      exit("second");
    },
  });
  await inline().run(async () => {
    const pid = pidOf(await Fragile.start(self()));
    const ref = monitor(pid);
    Fragile.cast(pid, "crash");
    assert.deepEqual(await receive(), ["terminate", "first"]);
    assert.deepEqual(await receive(), { tag: "DOWN", ref, from: pid, reason: "second" });
  });
});

test("the exit of its parent ends a trapping server through terminate, even normal; that of others is a message", async () => {
  await inline().run(async () => {
    trapExit(true);
    const main = self();
    for (const reason of ["shutdown", "normal"]) {
      const pid = pidOf(await telling(main, true).startLink());
      spawn(async () => exit(pid, "stranger"), []);
      const [tag, message] = (await receive(Array.isArray)) as unknown as [string, { reason: unknown }];
      assert.deepEqual([tag, message.reason], ["info", "stranger"]);
      exit(pid, reason);
      assert.deepEqual(await receive(Array.isArray), ["terminate", reason]);
      assert.deepEqual(await receive(isExit), { tag: "EXIT", from: pid, reason });
    }
  });
});

test("a server that does not trap exits dies of an exit signal without terminate", async () => {
  await inline().run(async () => {
    const pid = pidOf(await telling(self()).start());
    const ref = monitor(pid);
    exit(pid, "shutdown");
    assert.deepEqual(await receive(), { tag: "DOWN", ref, from: pid, reason: "shutdown" });
  });
});

test("continue runs before the next message, and out of init after the start is known", async () => {
  const Continuing = genServer({
    init: (owner: Pid) => ok({ owner, log: ["init"] }, { continue: 1 }),
    handleCall: { log: (_, state) => reply(state.log) },
    handleContinue: (step: number, state) => {
      state.log.push(`continue ${step}`);
      return step < 3 ? noreply(state, { continue: step + 1 }) : undefined;
    },
  });
  await inline().run(async () => {
    const pid = pidOf(await Continuing.startLink(self()));
    assert.deepEqual(await Continuing.call(pid, "log"), ["init", "continue 1", "continue 2", "continue 3"]);
  });
});

test("an idle server gets timeout; a message that comes before it cancels it", async () => {
  await inline().run(async () => {
    const server = telling(self());
    const pid = pidOf(await server.startLink());
    await server.call(pid, "idles", 1);
    assert.deepEqual(await receive(), ["info", "timeout"]);
    await server.call(pid, "idles", 0);
    assert.deepEqual(await receive(), ["info", "timeout"]);
    const idles = server.call(pid, "idles", 0);
    send(pid, "before");
    await idles;
    assert.deepEqual(await receive(), ["info", "before"]);
    await server.call(pid, "continues", "no timeout in between");
    assert.deepEqual(await receive(), ["continue", "no timeout in between"]);
  });
});

test("a message without handleInfo is reported and dropped", async () => {
  const { run, reports } = inline();
  await run(async () => {
    const pid = pidOf(await Counter.start(1));
    send(pid, { tag: "what" });
    assert.equal(await Counter.call(pid, "get"), 1);
    assert.match(reports[0]?.tag === "notice" ? reports[0].message : "", /no handleInfo for: { tag: 'what' }/);
  });
});

test("while an async handler waits, other processes run and the server's own messages wait", async () => {
  const Slow = genServer({
    init: () => [] as string[],
    handleCall: {
      wait: async (owner: Pid, state) => {
        send(owner, self());
        await receive((message) => message === "go");
        state.push("wait");
        return reply("waited");
      },
      log: (_, state) => reply(state),
    },
    handleCast: { note: (text: string, state) => void state.push(text) },
  });
  await inline().run(async () => {
    const pid = pidOf(await Slow.startLink());
    const waited = Slow.call(pid, "wait", self());
    assert.equal(await receive(), pid);
    Slow.cast(pid, "note", "after");
    send(pid, "go");
    assert.equal(await waited, "waited");
    assert.deepEqual(await Slow.call(pid, "log"), ["wait", "after"]);
  });
});

test("stopServer ends a server through terminate and waits until it is gone", async () => {
  await inline().run(async () => {
    const pid = pidOf(await telling(self()).start());
    await stopServer(pid, ["shutdown", "x"]);
    assert.deepEqual(await receive(), ["terminate", ["shutdown", "x"]]);
    assert.equal(await failure(() => stopServer(pid)), "noproc");
    const Stubborn = genServer({ init: () => 0, terminate: () => receive(() => false) });
    assert.equal(await failure(async () => stopServer(pidOf(await Stubborn.start()), "normal", 5)), "timeout");
    const Other = genServer({ init: () => 0, terminate: () => exit("other") });
    assert.equal(await failure(async () => stopServer(pidOf(await Other.start()))), "other");
  });
});

test("a server crashes with what its handler threw, and linked processes with it", async () => {
  await inline().run(async () => {
    trapExit(true);
    const pid = pidOf(await Counter.startLink(0));
    Counter.cast(pid, "crash");
    const { from, reason } = await receive(isExit);
    assert.equal(from, pid);
    assert.equal((reason as { message: string }).message, "boom");
  });
});

test("child gives a specification with defaults", () => {
  const spec = Counter.child(7, { name: "counter", restart: "transient", scheduler: 1 });
  assert.deepEqual(spec, {
    id: "counter",
    start: { definition: Counter, args: [7], name: "counter", scheduler: 1 },
    restart: "transient",
    shutdown: 5000,
    type: "worker",
    significant: false,
  });
  assert.equal(Counter.child(7).id, "genServer");
});
