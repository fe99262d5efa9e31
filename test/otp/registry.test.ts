/** Registries on one thread; what threads add is in registry-threads.test.ts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isDown, isExit } from "../../src/core/messages.js";
import type { Pid } from "../../src/core/pid.js";
import { genServer } from "../../src/otp/gen-server.js";
import { call, cast, stopServer } from "../../src/otp/gen-server-calls.js";
import { registry } from "../../src/otp/registry.js";
import { isRegistryMessage } from "../../src/otp/registry-process.js";
import { registryService } from "../../src/otp/registry-service.js";
import { reply } from "../../src/otp/results.js";
import { supervisor } from "../../src/otp/supervisor.js";
import { openServices } from "../../src/runtime/port.js";
import {
  kill,
  monitor,
  processInfo,
  receive,
  register,
  self,
  send,
  sendAfter,
  spawn,
  trapExit,
  whereis,
} from "../../src/runtime/process.js";
import { inline } from "../support/inline.js";

const Rooms = registry<unknown, unknown>({ name: "rooms", keys: "unique", meta: { version: 1 } });
const Tags = registry<string, number>({ name: "tags", keys: "duplicate" });

const Room = genServer({
  init: (topic: string) => ({ topic }),
  handleCall: { topic: (_, state) => reply(state.topic) },
  handleCast: {
    rename: (topic: string, state) => {
      state.topic = topic;
    },
  },
});

/** Runs `body` in a process that traps exits, with both registries up. */
function withRegistries<T>(body: () => Promise<T>): Promise<T> {
  const { scheduler, run } = inline();
  openServices(scheduler, [registryService]);
  return run(async () => {
    trapExit(true);
    await Rooms.startLink();
    await Tags.startLink();
    return body();
  });
}

/** A process that runs `body`, says so, and waits. */
async function other(body: () => unknown): Promise<Pid> {
  const main = self();
  const pid = spawn(async () => {
    await body();
    send(main, ["ready", self()]);
    await receive(() => false);
  }, []);
  await receive((message) => Array.isArray(message) && message[0] === "ready" && message[1] === pid);
  return pid;
}

async function end(pid: Pid): Promise<void> {
  const ref = monitor(pid);
  kill(pid);
  await receive((message) => isDown(message) && message.ref === ref);
}

test("a unique key has one process, and the loser is told who", async () => {
  await withRegistries(async () => {
    assert.deepEqual(Rooms.register("lobby", 1), ["ok", whereis("rooms")]);
    assert.deepEqual(Rooms.register("lobby", 2), ["error", ["already_registered", self()]]);
    const main = self();
    await other(() => {
      assert.deepEqual(Rooms.register("lobby", 3), ["error", ["already_registered", main]]);
      assert.equal(Rooms.register("attic", 4)[0], "ok");
    });
    assert.deepEqual(await Rooms.lookup("lobby"), [[main, 1]]);
    assert.equal(Rooms.whereis("lobby"), main);
    assert.deepEqual(await Rooms.lookup("cellar"), []);
    assert.equal(await Rooms.count(), 2);
  });
});

test("keys are compared by structure", async () => {
  await withRegistries(async () => {
    Rooms.register({ type: "room", id: [1, 2] }, "a");
    assert.equal(Rooms.register({ id: [1, 2], type: "room" }, "b")[0], "error");
    assert.equal(Rooms.register({ id: [1, "2"], type: "room" }, "b")[0], "ok");
    assert.equal(Rooms.register(1, "one")[0], "ok");
    assert.equal(Rooms.register("1", "one")[0], "ok");
    assert.throws(() => Rooms.register(() => {}, 1), { code: "JOIST_BAD_ARGUMENT" });
    assert.deepEqual(await Rooms.keys(), [{ type: "room", id: [1, 2] }, { id: [1, "2"], type: "room" }, 1, "1"]);
  });
});

test("the keys of a process are free before anybody hears of its end, with unique and duplicate keys", async () => {
  await withRegistries(async () => {
    const pid = await other(() => {
      Rooms.register("lobby", 1);
      Tags.register("t", 1);
      Tags.register("t", 2);
    });
    assert.deepEqual(await Tags.lookup("t"), [
      [pid, 1],
      [pid, 2],
    ]);
    const ref = monitor(pid);
    kill(pid);
    const down = await receive(isDown);
    assert.equal(down.ref, ref);
    assert.equal(Rooms.whereis("lobby"), undefined);
    assert.deepEqual(await Tags.lookup("t"), []);
    assert.equal(Rooms.register("lobby", 2)[0], "ok");
    assert.equal(await Tags.count(), 0);
  });
});

test("unregister ends the caller's own registrations only", async () => {
  await withRegistries(async () => {
    const pid = await other(() => {
      Rooms.register("lobby", 1);
      Tags.register("t", 1);
    });
    Rooms.unregister("lobby");
    assert.equal(Rooms.whereis("lobby"), pid);
    Tags.register("t", 2);
    Tags.register("t", 3);
    Tags.register("t", 4);
    Tags.unregisterMatch("t", (value) => value % 2 === 0);
    assert.deepEqual(await Tags.values("t"), [3]);
    Tags.unregister("t");
    assert.deepEqual(await Tags.lookup("t"), [[pid, 1]]);
    assert.deepEqual(await Tags.keys(pid), ["t"]);
    assert.deepEqual(await Tags.keys(), []);
  });
});

test("a process is linked to a registry as long as it is registered there", async () => {
  await withRegistries(async () => {
    const registryPid = whereis("tags") as Pid;
    const pid = await other(async () => {
      Tags.register("a", 1);
      Tags.register("b", 1);
      Tags.unregister("a");
    });
    assert.deepEqual((await processInfo(pid))?.links, [registryPid]);
    const gone = await other(() => {
      Tags.register("a", 1);
      Tags.unregister("a");
    });
    assert.deepEqual((await processInfo(gone))?.links, []);
  });
});

test("a registry that ends takes its processes along, and those that trap exits are registered no more", async () => {
  await withRegistries(async () => {
    const pid = await other(() => Rooms.register("lobby", 1));
    Rooms.register("mine", 1);
    const ref = monitor(pid);
    kill(whereis("rooms") as Pid);
    assert.equal((await receive((message) => isDown(message) && message.ref === ref)) !== undefined, true);
    assert.ok(isExit(await receive(isExit)));
    assert.throws(() => Rooms.register("mine", 2), { code: "JOIST_NO_PROCESS" });
    assert.equal(whereis(Rooms.via("mine")), undefined);
    await Rooms.startLink();
    assert.equal(await Rooms.count(), 0);
    assert.deepEqual(Rooms.register("mine", 2), ["ok", whereis("rooms")]);
  });
});

test("a value is updated by its owner", async () => {
  await withRegistries(async () => {
    await other(() => Rooms.register("other", 1));
    Rooms.register("mine", 1);
    assert.deepEqual(
      Rooms.updateValue("mine", (value) => (value as number) + 1),
      ["ok", 2, 1],
    );
    assert.deepEqual(await Rooms.lookup("mine"), [[self(), 2]]);
    assert.deepEqual(
      Rooms.updateValue("other", () => 9),
      ["error", "not_registered"],
    );
    assert.throws(() => Tags.updateValue("t", (value) => value), { code: "JOIST_BAD_ARGUMENT" });
  });
});

test("dispatch hands over all entries under a key, and is not called without any", async () => {
  await withRegistries(async () => {
    const pid = await other(() => Tags.register("t", 2));
    Tags.register("t", 1);
    const seen: unknown[] = [];
    await Tags.dispatch("t", (entries) => seen.push(...entries));
    await Tags.dispatch("nobody", () => assert.fail("there is nobody"));
    assert.deepEqual(seen, [
      [pid, 2],
      [self(), 1],
    ]);
  });
});

test("entries are matched, counted and selected by predicates", async () => {
  await withRegistries(async () => {
    for (const value of [1, 2, 3]) Tags.register("t", value);
    Tags.register("u", 3);
    assert.deepEqual(await Tags.match("t", (value) => value > 1), [
      [self(), 2],
      [self(), 3],
    ]);
    assert.equal(await Tags.countMatch("t", (value, pid) => value > 2 && pid === self()), 1);
    assert.deepEqual(await Tags.select(({ value }) => value === 3), [
      { key: "t", pid: self(), value: 3 },
      { key: "u", pid: self(), value: 3 },
    ]);
    assert.equal(await Tags.count(), 4);
  });
});

test("metadata is there from the start, and can be stored, read and deleted", async () => {
  await withRegistries(async () => {
    assert.deepEqual(await Rooms.meta("version"), ["ok", 1]);
    await Rooms.putMeta("version", { major: 2 });
    assert.deepEqual(await Rooms.meta("version"), ["ok", { major: 2 }]);
    await Rooms.deleteMeta("version");
    assert.deepEqual(await Rooms.meta("version"), ["error", "not_found"]);
  });
});

test("listeners hear of each entry that comes and goes, by the end of its process too", async () => {
  await withRegistries(async () => {
    const Heard = registry<unknown, string>({ name: "heard", keys: "duplicate", listeners: ["listener", "nobody"] });
    register("listener");
    await Heard.startLink();
    const pid = await other(() => {
      Heard.register("a", "1");
      Heard.register(["b"], "2");
      Heard.register(["b"], "3");
      Heard.unregister("a");
    });
    await end(pid);
    const about = { registry: "heard", pid };
    const heard = [];
    while (heard.length < 6) heard.push(await receive(isRegistryMessage));
    assert.deepEqual(heard, [
      { tag: "register", ...about, key: "a", value: "1" },
      { tag: "register", ...about, key: ["b"], value: "2" },
      { tag: "register", ...about, key: ["b"], value: "3" },
      { tag: "unregister", ...about, key: "a" },
      { tag: "unregister", ...about, key: ["b"] },
      { tag: "unregister", ...about, key: ["b"] },
    ]);
  });
});

test("a value that listeners could not be sent is refused, and harms nobody but who registers it", async () => {
  await withRegistries(async () => {
    const Heard = registry<string, unknown>({ name: "heard", keys: "unique", listeners: ["listener"] });
    await Heard.startLink();
    assert.throws(() => Heard.register("a", () => {}), { code: "JOIST_NOT_SENDABLE" });
    await assert.rejects(Room.start("tea", { name: Heard.via("a", () => {}) }), { code: "JOIST_NOT_SENDABLE" });
    assert.equal(Heard.whereis("a"), undefined);
    assert.equal(Heard.register("a", 1)[0], "ok");
  });
});

test("a via is accepted where a name is: start, call, cast, send, sendAfter, monitor, whereis, stopServer", async () => {
  await withRegistries(async () => {
    const lobby = Rooms.via("lobby", { public: true });
    const started = await Room.start("tea", { name: lobby });
    const pid = whereis(lobby);
    assert.deepEqual(started, ["ok", pid]);
    assert.deepEqual(await Rooms.lookup("lobby"), [[pid, { public: true }]]);
    assert.deepEqual(await Room.startLink("milk", { name: lobby }), ["error", ["already_started", pid]]);
    assert.equal(await Room.call(lobby, "topic"), "tea");
    cast(lobby, "rename", "coffee");
    assert.equal(await call(Rooms.via("lobby"), "topic"), "coffee");
    const ref = monitor(lobby);
    await stopServer(lobby);
    assert.deepEqual(await receive(isDown), { tag: "DOWN", ref, from: lobby, reason: "normal" });
    assert.equal(whereis(lobby), undefined);

    Rooms.register("me", 0);
    send(Rooms.via("me"), "hello");
    sendAfter(Rooms.via("me"), "later", 0);
    assert.equal(await receive((message) => message === "hello"), "hello");
    assert.equal(await receive((message) => message === "later"), "later");
  });
});

test("a via that names nobody is treated as a name that nobody has", async () => {
  await withRegistries(async () => {
    const nobody = Rooms.via(["no", "body"]);
    assert.throws(() => send(nobody, 1), {
      code: "JOIST_NO_PROCESS",
      message: 'no process is registered as ["no","body"] of "rooms"',
    });
    cast(nobody, "anything");
    await assert.rejects(async () => call(nobody, "topic"), { code: "JOIST_CALL_FAILED", cause: "noproc" });
    const ref = monitor(nobody);
    assert.deepEqual(await receive(isDown), { tag: "DOWN", ref, from: nobody, reason: "noproc" });
    const unknown = { tag: "via", registry: "unknown", key: 1 } as const;
    assert.equal(whereis(unknown), undefined);
    await assert.rejects(Room.start("tea", { name: unknown }), { code: "JOIST_NO_PROCESS" });
    // A process that is no registry has no keys either.
    register("none");
    assert.equal(whereis({ ...unknown, registry: "none" }), undefined);
    for (const bad of [{}, 7, null]) assert.throws(() => send(bad as never, 1), { code: "JOIST_BAD_ARGUMENT" });
  });
});

test("a key that may have several processes is no name", async () => {
  await withRegistries(async () => {
    assert.throws(() => Tags.via("t"), { code: "JOIST_BAD_ARGUMENT" });
    const byHand = { tag: "via", registry: "tags", key: "t" } as const;
    assert.throws(() => whereis(byHand), { code: "JOIST_BAD_ARGUMENT" });
    await assert.rejects(Room.start("tea", { name: byHand }), { code: "JOIST_BAD_ARGUMENT" });
  });
});

test("a supervisor restarts a child under its key", async () => {
  await withRegistries(async () => {
    const lobby = Rooms.via("lobby");
    await supervisor({ children: [Room.child("tea", { name: lobby })] }).startLink();
    const first = whereis(lobby) as Pid;
    await Room.call(lobby, "topic");
    await end(first);
    let second: Pid | undefined;
    while (second === undefined) {
      await receive(() => false, 0);
      second = whereis(lobby);
    }
    assert.notEqual(second, first);
    assert.equal(await Room.call(lobby, "topic"), "tea");
  });
});

test("a registry is refused if it is wrongly described, and started once under its name", async () => {
  const bad = [{ keys: "both" }, { name: "" }, { listeners: ["a", 1] }, { listeners: "a" }];
  for (const wrong of bad) {
    assert.throws(() => registry({ name: "r", keys: "unique", ...wrong } as never), { code: "JOIST_BAD_OPTION" });
  }
  await withRegistries(async () => {
    assert.deepEqual(await Rooms.startLink(), ["error", ["already_started", whereis("rooms")]]);
    const spec = Rooms.child();
    assert.equal(spec.id, "rooms");
  });
});
