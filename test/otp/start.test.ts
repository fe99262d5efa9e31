import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode } from "../../src/core/errors.js";
import { isDown, isExit } from "../../src/core/messages.js";
import { resolveChildSpec } from "../../src/otp/child-spec.js";
import { proc } from "../../src/otp/proc.js";
import { initAck, initFail, startProcess } from "../../src/otp/start.js";
import {
  exit,
  kill,
  monitor,
  receive,
  self,
  send,
  spawn,
  spawnMonitor,
  trapExit,
  whereis,
} from "../../src/runtime/process.js";
import { inline } from "../support/inline.js";

const never = (): Promise<unknown> => receive(() => false);

/** A definition whose boot is `run`: what happens before it is through is a start in progress. */
function booting(run: () => Promise<unknown>) {
  return {
    kind: "booting",
    boot: async () => {
      await run();
      return { handle: () => {} };
    },
  };
}

test("a start is known when the definition has booted", async () => {
  await inline().run(async () => {
    const main = self();
    const result = await startProcess(
      booting(async () => send(main, "booting")),
      [],
      { link: true, name: "it" },
    );
    assert.deepEqual(result, ["ok", whereis("it")]);
    assert.equal(await receive(() => true, 0), "booting");
  });
});

test("initAck lets the starter go on while the process still boots, whatever it says", async () => {
  await inline().run(async () => {
    trapExit(true);
    const main = self();
    const early = booting(async () => {
      initAck(["ok", self()]);
      send(main, await receive());
      initAck(["error", "nobody hears this"]);
    });
    const result = await startProcess(early, [], { link: true });
    assert.equal(result[0], "ok");
    send(result[1] as never, "go on");
    assert.equal(await receive(), "go on");
    const refusing = booting(async () => {
      initAck(["error", "no_way"]);
      exit("normal");
    });
    assert.deepEqual(await startProcess(refusing, [], { link: true }), ["error", "no_way"]);
    assert.equal((await receive(isExit)).reason, "normal");
  });
});

test("a process that ends before it has booted is a failed start with its reason, and leaves no EXIT message", async () => {
  await inline().run(async () => {
    trapExit(true);
    const cases: [() => Promise<unknown>, unknown][] = [
      [async () => exit("normal"), "normal"],
      [async () => exit("early"), "early"],
      [async () => kill(self()), "killed"],
      [async () => initFail(["error", "told"], "other"), "told"],
    ];
    for (const link of [true, false]) {
      for (const [run, reason] of cases) {
        assert.deepEqual(await startProcess(booting(run), [], { link, name: "it" }), ["error", reason]);
        assert.equal(whereis("it"), undefined); // it is gone by then
      }
    }
    assert.equal(typeof (await receive(() => true, 0)), "symbol");
  });
});

test("a start that takes too long is killed, and gone when the starter hears of it", async () => {
  await inline().run(async () => {
    // Not even a starter that does not trap exits is harmed.
    const result = await startProcess(booting(never), [], { link: true, name: "slow", timeoutMs: 5 });
    assert.deepEqual(result, ["error", "timeout"]);
    assert.equal(whereis("slow"), undefined);
  });
});

test("a name that is taken is an error with its owner, and nothing is started", async () => {
  await inline().run(async () => {
    const owner = spawn(never, [], { name: "taken" });
    const ran = booting(async () => assert.fail("it must not run"));
    assert.deepEqual(await startProcess(ran, [], { link: true, name: "taken" }), ["error", ["already_started", owner]]);
  });
});

test("a linked starter that does not trap exits dies of a failed start; many can wait at once", async () => {
  await inline().run(async () => {
    const { pid } = spawnMonitor(async () => {
      await startProcess(
        booting(async () => exit("bad")),
        [],
        { link: true },
      );
    }, []);
    const down = await receive(isDown);
    assert.deepEqual([down.from, down.reason], [pid, "bad"]);
    const starts = [1, 2, 3].map((reason) =>
      startProcess(
        booting(async () => initFail(["error", reason], "normal")),
        [],
        { link: false },
      ),
    );
    assert.deepEqual(await Promise.all(starts), [
      ["error", 1],
      ["error", 2],
      ["error", 3],
    ]);
  });
});

test("a proc is started as soon as it runs, by spawn or with an acknowledgement", async () => {
  const Echo = proc(async function echo(greeting: string, times: number) {
    for (let i = 0; i < times; i++) {
      const { from, text } = (await receive()) as { from: ReturnType<typeof self>; text: string };
      send(from, `${greeting} ${text}`);
    }
  });
  await inline().run(async () => {
    const spawned = spawn(Echo, ["hello", 1]);
    send(spawned, { from: self(), text: "a" });
    assert.equal(await receive(), "hello a");
    const result = await Echo.startLink(["bye", 1], { name: "echo" });
    assert.equal(result[0], "ok");
    const ref = monitor("echo");
    send("echo", { from: self(), text: "b" });
    assert.equal(await receive(), "bye b");
    assert.deepEqual(await receive(isDown), { tag: "DOWN", ref, from: "echo", reason: "normal" });
    // @ts-expect-error it takes two arguments
    Echo.child(["hello"]);
    assert.equal(Echo.child(["x", 1]).id, "echo");
  });
});

test("a child specification takes OTP's defaults", () => {
  const start = { definition: "Counter", args: [] };
  const defaults = { id: "a", start, restart: "permanent", shutdown: 5000, type: "worker", significant: false };
  assert.deepEqual(resolveChildSpec({ id: "a", start }), defaults);
  const supervisor = resolveChildSpec({ id: "a", start, type: "supervisor" });
  assert.deepEqual(supervisor, { ...defaults, type: "supervisor", shutdown: "infinity" });
});

test("a bad child specification is refused with the field, its value and what is allowed", () => {
  const good = { id: "a", start: { definition: "Counter", args: [] } };
  const bad: [object, RegExp][] = [
    [{ id: "" }, /id is ""; allowed: a non-empty string/],
    [{ start: { definition: {}, args: [] } }, /start.definition is \[object Object\]/],
    [{ start: { definition: "Counter", args: 1 } }, /start.args is 1; allowed: an array/],
    [{ restart: "always" }, /restart is "always"; allowed: permanent, transient, temporary/],
    [{ restart: "constructor" }, /restart is "constructor"/],
    [{ shutdown: -1 }, /shutdown is -1; allowed: milliseconds, brutal_kill, infinity/],
    [{ type: "server" }, /type is "server"; allowed: worker, supervisor/],
    [{ significant: true }, /significant is true; allowed: false for a permanent child/],
  ];
  for (const [change, message] of bad) {
    assert.throws(() => resolveChildSpec({ ...good, ...change }), { code: ErrorCode.badOption, message });
  }
});
