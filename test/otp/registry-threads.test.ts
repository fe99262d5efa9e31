/** Registries on real scheduler threads: races, and threads that die. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isDown, isExit } from "../../src/core/messages.js";
import { type Pid, threadOf } from "../../src/core/pid.js";
import type { RegisterResult } from "../../src/otp/registry.js";
import { isRegistryMessage } from "../../src/otp/registry-process.js";
import { registryService } from "../../src/otp/registry-service.js";
import { type StartResult, startProcess } from "../../src/otp/start.js";
import { kill, monitor, type Placement, receive, register, trapExit, whereis } from "../../src/runtime/process.js";
import { type Threads, withThreads } from "../support/threads.js";
import { Actor, type RegistryName, Rooms, Tags } from "./registry-app.js";

const app = new URL("./registry-app.js", import.meta.url);
const KEYS = [0, 1, 2];

/** Runs `body` on the main thread, in a process named `test`, with both registries up. */
async function onThreads(body: (threads: Threads) => Promise<void>, scheduler: Placement = "here"): Promise<void> {
  const use = (threads: Threads): Promise<void> =>
    threads.run(async () => {
      register("test");
      trapExit(true);
      await Tags.startLink();
      if (scheduler === "here") await Rooms.startLink();
      else await startProcess("Rooms", [], { name: "rooms", link: true, scheduler });
      await body(threads);
    });
  await withThreads({ schedulers: 2 }, use, app, [registryService]);
}

/** On the main thread no application module is loaded: definitions go by their keys. */
async function actor(scheduler: number): Promise<Pid> {
  const started = await startProcess("Actor", [undefined], { scheduler, link: false });
  assert.equal(started[0], "ok");
  return started[1] as Pid;
}

async function ended(pid: Pid): Promise<void> {
  const ref = monitor(pid);
  await receive((message) => isDown(message) && message.ref === ref);
}

type Command = { readonly who: number; readonly what: "register" | "unregister"; readonly key: number };
const command: fc.Arbitrary<Command> = fc.record({
  who: fc.nat(5),
  what: fc.constantFrom("register", "register", "unregister"),
  key: fc.constantFrom(...KEYS),
});
const step = fc.oneof(
  { weight: 4, arbitrary: fc.array(command, { minLength: 1, maxLength: 12 }) },
  { weight: 1, arbitrary: fc.record({ kill: fc.nat(5) }) },
);

test("whatever registers, unregisters and dies on which thread: a unique key has one owner, and all see the same", async () => {
  await onThreads(async () => {
    const property = fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 12 }), async (steps) => {
      const actors = await Promise.all([1, 2, 1, 2, 1, 2].map(actor));
      const at = (index: number): Pid => actors[index] as Pid;
      /** What each was told it has. */
      const owned = new Map<number, Set<Pid>>(KEYS.map((key) => [key, new Set()]));
      const ownersOf = (key: number): Set<Pid> => owned.get(key) as Set<Pid>;
      for (const next of steps) {
        if ("kill" in next) {
          const victim = at(next.kill);
          const down = ended(victim);
          kill(victim);
          await down;
          // Its DOWN was seen: it is nowhere any more, on any thread.
          for (const key of KEYS) {
            ownersOf(key).delete(victim);
            assert.notEqual(Rooms.whereis(key), victim);
            const found = [...(await Rooms.lookup(key)), ...(await Tags.lookup(key))];
            assert.ok(!found.some(([pid]) => pid === victim));
          }
          actors[next.kill] = await actor(1 + (next.kill % 2));
          continue;
        }
        const before = new Map(KEYS.map((key) => [key, new Set(ownersOf(key))]));
        const isContested = (key: number): boolean =>
          next.some((other) => other.key === key && other.what === "unregister");
        await Promise.all(
          next.map(async ({ who, what, key }) => {
            const pid = at(who);
            if (what === "unregister") {
              await Actor.call(pid, "unregister", ["rooms", key]);
              await Actor.call(pid, "unregister", ["tags", key]);
              ownersOf(key).delete(pid);
              return;
            }
            const result = (await Actor.call(pid, "register", ["rooms", key])) as RegisterResult;
            if (result[0] === "ok") ownersOf(key).add(pid);
            else {
              const [, winner] = result[1];
              assert.ok(actors.includes(winner));
              // Nobody lets go of it in this step: then the loser is told of the one who has it now.
              if (!isContested(key)) assert.equal(Rooms.whereis(key), winner);
            }
            await Actor.call(pid, "register", ["tags", key]);
          }),
        );
        for (const key of KEYS) {
          if (!isContested(key) && next.some((other) => other.key === key)) {
            assert.equal(ownersOf(key).size, 1, "a free key that some want is one's");
            for (const pid of before.get(key) ?? []) assert.ok(ownersOf(key).has(pid), "and stays one's");
          }
          const owner = Rooms.whereis(key);
          const seen = await Promise.all(actors.map((pid) => Actor.call(pid, "whereis", key)));
          assert.deepEqual(new Set(seen), new Set([owner]));
          const found = (await Actor.call(at(1), "lookup", ["rooms", key])) as unknown[];
          assert.deepEqual(found, owner === undefined ? [] : [[owner, `${owner} ${key}`]]);
          if (!isContested(key)) assert.deepEqual([...ownersOf(key)], owner === undefined ? [] : [owner]);
          else owned.set(key, new Set(owner === undefined ? [] : [owner]));
        }
      }
      for (const pid of actors) {
        const down = ended(pid);
        kill(pid);
        await down;
      }
      assert.deepEqual([await Rooms.count(), await Tags.count()], [0, 0]);
      for (const key of KEYS) assert.equal(Rooms.whereis(key), undefined);
    });
    await fc.assert(property, { numRuns: 25 });
  });
});

test("of two threads that start a process under one key, one does, and the other is told its pid", async () => {
  await onThreads(async () => {
    const [one, two] = [await actor(1), await actor(2)];
    for (let round = 0; round < 50; round++) {
      const results = (await Promise.all([
        Actor.call(one, "startAt", 7),
        Actor.call(two, "startAt", 7),
      ])) as StartResult[];
      const pid = Rooms.whereis(7) as Pid;
      assert.deepEqual(results.map(([tag]) => tag).sort(), ["error", "ok"]);
      for (const result of results) {
        assert.deepEqual(result, result[0] === "ok" ? ["ok", pid] : ["error", ["already_started", pid]]);
      }
      assert.deepEqual(await Rooms.lookup(7), [[pid, undefined]]);
      const down = ended(pid);
      kill(pid);
      await down;
    }
  });
});

test("what one thread registers, a third one finds that was told so by a second one", async () => {
  await onThreads(async () => {
    const [one, two] = [await actor(1), await actor(2)];
    for (let key = 0; key < 100; key++) {
      for (const name of ["rooms", "tags"] satisfies RegistryName[]) {
        await Actor.call(one, "register", [name, key]);
        const found = (await Actor.call(two, "lookup", [name, key])) as unknown[];
        assert.deepEqual(found, [[one, `${one} ${key}`]]);
      }
      await Actor.call(one, "update", key);
      assert.deepEqual(await Actor.call(two, "lookup", ["rooms", key]), [[one, `${one} ${key}!`]]);
    }
    assert.deepEqual((await Rooms.keys(one)).sort(), Array.from({ length: 100 }, (_, key) => key).sort());
    assert.deepEqual(await Tags.values(3, one), [`${one} 3`]);
    assert.deepEqual(await Actor.call(two, "counts"), [100, 100]);
  });
});

test("the entries of a thread that dies are gone when its DOWN is seen, and listeners hear of it", async () => {
  await onThreads(async () => {
    const [one, two] = [await actor(1), await actor(2)];
    for (const pid of [one, two]) {
      await Actor.call(pid, "register", ["rooms", pid === one ? 1 : 2]);
      await Actor.call(pid, "register", ["tags", 5]);
    }
    const down = ended(one);
    Actor.cast(one, "endThread");
    await down;
    assert.equal(Rooms.whereis(1), undefined);
    assert.deepEqual(await Rooms.select(), [{ key: 2, pid: two, value: `${two} 2` }]);
    assert.deepEqual(await Tags.lookup(5), [[two, `${two} 5`]]);
    assert.deepEqual(await Actor.call(two, "counts"), [1, 1]);
    assert.equal(((await Actor.call(two, "register", ["rooms", 1])) as RegisterResult)[0], "ok");
    const isLost = (message: unknown): boolean => isRegistryMessage(message) && message.tag === "unregister";
    assert.deepEqual(await receive(isLost), { tag: "unregister", registry: "tags", key: 5, pid: one });
  });
});

test("a registry whose thread dies takes along those that are registered in it", async () => {
  await onThreads(async () => {
    const [one, two] = [await actor(1), await actor(2)];
    assert.equal(threadOf(whereis("rooms") as Pid), threadOf(one));
    await Actor.call(two, "register", ["rooms", 1]);
    const down = ended(two);
    Actor.cast(one, "endThread");
    await down;
    assert.equal(whereis(Rooms.via(1)), undefined);
    await receive(isExit);
    await Rooms.startLink();
    assert.equal(await Rooms.count(), 0);
    assert.equal(Rooms.register(1, "again")[0], "ok");
  }, 1);
});

test("a key is free again if the thread that started its process died before it could say so", async () => {
  await onThreads(async () => {
    const one = await actor(1);
    const down = ended(one);
    Actor.cast(one, "startAndEndThread", 1);
    await down;
    // The other thread finds out when it hears of the death, which may be after us.
    while (Rooms.whereis(1) !== undefined) await receive(() => false, 1);
    assert.equal(Rooms.register(1, "mine")[0], "ok");
  });
});
