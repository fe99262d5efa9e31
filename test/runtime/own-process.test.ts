/** Definitions with an OS process of their own among schedulers in threads: what holds between the two, in both directions. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode } from "joist";
import type { DownMessage, ExitMessage } from "../../src/core/messages.js";
import type { Pid } from "../../src/core/pid.js";
import { services } from "../../src/endpoint/application.js";
import type { RuntimeOptions } from "../../src/runtime/options.js";
import {
  monitor,
  receive,
  register,
  self,
  send,
  spawn,
  spawnMonitor,
  trapExit,
  whereis,
} from "../../src/runtime/process.js";
import type { ThreadReport } from "../../src/runtime/report.js";
import { Parser, Rooms } from "../support/apps/own-process.js";
import { type Threads, withThreads } from "../support/threads.js";

const url = new URL("../support/apps/own-process.js", import.meta.url);
const skip = process.platform === "win32";

const withApart = (use: (threads: Threads) => Promise<void>, options: RuntimeOptions = {}): Promise<void> =>
  withThreads({ isolation: "thread", ...options }, use, url, services);

interface Started {
  readonly pid: Pid;
  readonly osProcess: number;
}

/** Starts one of the application's processes, on a scheduler if its definition has no place of its own. Called in a process. */
async function start(definition: "OnThread" | "Apart" | "AlsoApart", scheduler = 1): Promise<Started> {
  spawn(definition, [self()], { scheduler });
  const [pid, osProcess] = (await receive((message) => Array.isArray(message) && message.length === 2)) as [
    Pid,
    number,
  ];
  return { pid, osProcess };
}

/** What a process answers to a deed. */
async function ask(pid: Pid, what: string, ...args: readonly unknown[]): Promise<unknown> {
  send(pid, [what, self(), ...args]);
  return receive();
}

const downs = (threads: Threads): ThreadReport[] =>
  threads.reports.filter((report): report is ThreadReport => report.tag === "thread_down");

test("a definition has an OS process of its own for all its instances; the schedulers stay threads", {
  skip,
}, async () => {
  const seen: number[] = [];
  await withApart(async ({ run }) => {
    await run(async () => {
      const [first, second] = [await start("Apart"), await start("Apart", 2)];
      const [other, here] = [await start("AlsoApart"), await start("OnThread")];
      assert.equal(here.osProcess, process.pid);
      assert.equal(first.osProcess, second.osProcess);
      assert.equal(new Set([first.osProcess, other.osProcess, process.pid]).size, 3);
      seen.push(first.osProcess, other.osProcess);
    });
  });
  for (const osProcess of seen) assert.throws(() => process.kill(osProcess, 0), { code: "ESRCH" });
});

test("messages between a thread and an OS process come in order, both ways, also in floods", { skip }, async () => {
  await withApart(async ({ run }) => {
    await run(async () => {
      const [near, apart, also] = [await start("OnThread"), await start("Apart"), await start("AlsoApart")];
      // What is no deed is passed on to this process.
      for (const [from, to] of [
        [near, apart],
        [apart, near],
        [apart, also],
      ] as const) {
        send(from.pid, ["count", to.pid, 20_000]);
        for (let i = 0; i <= 20_000; i++) assert.equal(await receive(), i);
      }
    });
  });
});

test("a message to an OS process may be large, and what cannot leave an OS process ends its sender", {
  skip,
}, async () => {
  await withApart(async ({ run }) => {
    await run(async () => {
      const [near, apart] = [await start("OnThread", 1), await start("Apart")];
      const message = { bytes: new Uint8Array(3_000_000).fill(7), map: new Map([[1, new Set(["a"])]]), big: 2n ** 70n };
      send(near.pid, ["tell", apart.pid, message]);
      assert.deepEqual(await receive(), message);
      const { ref } = spawnMonitor(async () => {
        send(apart.pid, { memory: new SharedArrayBuffer(8) });
        await receive(() => false);
      }, []);
      const down = (await receive()) as DownMessage;
      assert.deepEqual([down.ref, (down.reason as { code: string }).code], [ref, ErrorCode.notSendable]);
    });
  });
});

test("causes come before effects, whichever of the three is the OS process, and when two are", { skip }, async () => {
  await withApart(async ({ run }) => {
    await run(async () => {
      const near = { first: await start("OnThread", 1), second: await start("OnThread", 2) };
      const apart = { first: await start("Apart"), second: await start("AlsoApart") };
      const ways: readonly (readonly [from: Pid, by: Pid, to: Pid])[] = [
        [near.first.pid, near.second.pid, apart.first.pid],
        [near.first.pid, apart.first.pid, near.second.pid],
        [apart.first.pid, near.first.pid, near.second.pid],
        [apart.first.pid, near.first.pid, apart.second.pid],
        [apart.first.pid, apart.second.pid, near.first.pid],
        [near.first.pid, apart.first.pid, apart.second.pid],
        [near.first.pid, apart.first.pid, self()],
        [apart.first.pid, near.first.pid, self()],
      ];
      for (const [way, [from, by, to]] of ways.entries()) {
        const rounds = 300; // all under way at once, and no flood
        for (let round = 0; round < rounds; round++) send(from, ["cause", to, by, `${round}`]);
        const caused = new Set<string>();
        for (let i = 0; i < 2 * rounds; i++) {
          const [what, round] = ((await receive()) as string).split(" ") as [string, string];
          if (what === "cause") caused.add(round);
          else assert.ok(caused.has(round), `way ${way}, round ${round}: the effect came before its cause`);
        }
      }
    });
  });
});

test("a name or key is seen by whoever hears of it, whoever has it, and free for whoever hears of its end", {
  skip,
}, async () => {
  await withApart(async ({ run }) => {
    await run(async () => {
      trapExit(true);
      await Rooms.startLink();
      const kinds = ["OnThread", "Apart", "AlsoApart"] as const;
      const asked = [await start("OnThread", 2), await start("Apart"), await start("AlsoApart")];
      for (let round = 0; round < 20; round++) {
        for (const kind of kinds) {
          const name = `name ${round % 7}`;
          const { pid } = await start(kind);
          assert.deepEqual(await ask(pid, "name", name), ["named", name]);
          assert.deepEqual(await ask(pid, "key", name), ["keyed", name]);
          for (const other of asked) {
            assert.deepEqual(await ask(other.pid, "whereis", name), ["whereis", name, pid]);
            assert.deepEqual(await ask(other.pid, "holder", name), ["holder", name, pid]);
          }
          assert.throws(() => register(name), { code: ErrorCode.nameTaken });
          const ref = monitor(pid);
          send(pid, ["exit", "over"]);
          assert.deepEqual(await receive(), { tag: "DOWN", ref, from: pid, reason: "over" });
          for (const other of asked) {
            assert.deepEqual(await ask(other.pid, "whereis", name), ["whereis", name, undefined]);
            assert.deepEqual(await ask(other.pid, "holder", name), ["holder", name, undefined]);
          }
        }
      }
    });
  });
});

test("what one thread sees in the tables of another, an OS process that it tells of it sees too", {
  skip,
}, async () => {
  await withApart(async ({ run }) => {
    await run(async () => {
      trapExit(true);
      await Rooms.startLink();
      const [owner, watcher, apart] = [await start("OnThread", 1), await start("OnThread", 2), await start("Apart")];
      // No message goes from the owner to anybody: the watcher looks until the key is there, and the name was there before.
      const count = 300;
      send(watcher.pid, ["watch", apart.pid, self(), "n", count]);
      send(owner.pid, ["fill", "n", count]);
      for (let i = 0; i < count; i++) {
        const [, name, pid] = (await receive()) as [what: string, name: string, pid: Pid | undefined];
        assert.equal(name, `n${i}`);
        assert.ok(pid !== undefined && pid === whereis(name), `${name} is ${pid}`);
        assert.deepEqual(await receive(), ["holder", name, owner.pid]);
      }
    });
  });
});

test("of a thread and an OS process that claim a name at the same time one gets it, and both know which", {
  skip,
}, async () => {
  await withApart(async ({ run }) => {
    await run(async () => {
      for (let round = 0; round < 50; round++) {
        const name = `claimed ${round % 7}`;
        const rivals = [await start("OnThread"), await start("Apart")];
        const refs = new Map(rivals.map(({ pid }) => [monitor(pid), pid]));
        for (const { pid } of rivals) send(pid, ["name", self(), name]);
        // The one that loses ends of it.
        const answers = [await receive(), await receive()];
        const down = answers.find((answer) => !Array.isArray(answer)) as DownMessage;
        assert.deepEqual(answers.find(Array.isArray), ["named", name]);
        const winner = rivals.find(({ pid }) => pid !== refs.get(down.ref))?.pid as Pid;
        assert.equal(whereis(name), winner);
        assert.deepEqual(down.reason, ["already_started", winner]);
        send(winner, ["exit", "normal"]);
        await receive();
      }
    });
  });
});

test("links and monitors hold between a thread and an OS process, both ways, for each kind of end", {
  skip,
}, async () => {
  await withApart(async ({ run }) => {
    await run(async () => {
      for (const [kinds, end, reason] of [
        [["OnThread", "Apart"], ["exit", "over"], "over"],
        [["Apart", "OnThread"], ["exit", "over"], "over"],
        [["Apart", "AlsoApart"], ["exit", "over"], "over"],
        [["OnThread", "Apart"], ["raise", "SIGABRT"], "scheduler_down"],
        [["AlsoApart", "Apart"], ["raise", "SIGKILL"], "scheduler_down"],
        [["Apart", "OnThread"], ["exitThread"], "scheduler_down"],
      ] as const) {
        const watching = await start(kinds[0], 2);
        const dying = await start(kinds[1], 1);
        assert.deepEqual(await ask(watching.pid, "link", dying.pid), ["linked", dying.pid]);
        assert.deepEqual(await ask(watching.pid, "monitor", dying.pid), ["monitors", dying.pid]);
        send(watching.pid, ["tell", dying.pid, end]); // behind the link and the monitor
        const told = [await receive(), await receive()] as readonly (ExitMessage | DownMessage)[];
        assert.deepEqual(told.map(({ tag, from, reason }) => [tag, from, reason]).sort(), [
          ["DOWN", dying.pid, told[0]?.reason],
          ["EXIT", dying.pid, told[0]?.reason],
        ]);
        const seen = told[0]?.reason;
        assert.deepEqual(Array.isArray(seen) ? seen[0] : seen, reason);
        send(watching.pid, ["exit", "normal"]);
      }
    });
  });
});

test("a fault costs the OS process it happens in: its like start again there, threads and other processes stay", {
  skip,
}, async () => {
  await withApart(async (threads) => {
    await threads.run(async () => {
      const [near, also] = [await start("OnThread"), await start("AlsoApart")];
      for (const signal of ["SIGABRT", "SIGSEGV", "SIGKILL"]) {
        const apart = await start("Apart");
        const ref = monitor(apart.pid);
        send(apart.pid, ["raise", signal]);
        assert.deepEqual(await receive(), { tag: "DOWN", ref, from: apart.pid, reason: "scheduler_down" });
        // At once: it waits for the next OS process.
        assert.notEqual((await start("Apart")).osProcess, apart.osProcess);
        for (const { pid } of [near, also]) {
          send(pid, signal);
          assert.equal(await receive(), signal);
        }
      }
    });
    assert.deepEqual(
      downs(threads).map(({ reason }) => reason),
      ["SIGABRT", "SIGSEGV", "SIGKILL"].map((signal) => `its OS process was ended by ${signal}`),
    );
  });
});

test("one that loops is ended by the watchdog, and named with its definition", { skip }, async () => {
  await withApart(
    async (threads) => {
      await threads.run(async () => {
        const near = await start("OnThread");
        const { pid, ref } = spawnMonitor("Parser", [0]);
        Parser.cast(pid, "loop");
        const down = (await receive()) as DownMessage;
        assert.deepEqual([down.ref, down.reason], [ref, ["scheduler_down", "stuck"]]);
        send(near.pid, "still there");
        assert.equal(await receive(), "still there");
      });
      assert.deepEqual(
        downs(threads).map(({ cause, culprit }) => [cause, culprit?.definition, culprit?.isCertain]),
        [["stuck", "Parser", true]],
      );
    },
    { maxBlockMs: 1000 },
  );
});

test("a thread that starts later, in place of one that ended, has its ways to OS processes too", { skip }, async () => {
  await withApart(async ({ run }) => {
    await run(async () => {
      const [near, apart] = [await start("OnThread", 1), await start("Apart")];
      const ref = monitor(near.pid);
      send(near.pid, ["exitThread"]);
      const down = (await receive()) as DownMessage;
      assert.equal(down.ref, ref);
      const next = await startWhenThere();
      send(next.pid, ["tell", apart.pid, ["tell", next.pid, "there and back"]]);
      assert.equal(await receive(), "there and back");
      assert.deepEqual(await ask(next.pid, "name", "again"), ["named", "again"]);
      assert.deepEqual(await ask(apart.pid, "whereis", "again"), ["whereis", "again", next.pid]);
    });
  });
});

/** On scheduler 1, as soon as there is one again. */
async function startWhenThere(): Promise<Started> {
  for (;;) {
    try {
      return await start("OnThread", 1);
    } catch (error) {
      if ((error as { code?: unknown }).code !== ErrorCode.noScheduler) throw error;
      await receive(() => false, 10);
    }
  }
}

test("there must be a place for it: without one the runtime does not start", { skip }, async () => {
  await assert.rejects(
    withApart(async () => {}, { maxDedicatedThreads: 0 }),
    {
      code: ErrorCode.badOption,
      message: /^AlsoApart has isolation "process", and there is no OS process for it: maxDedicatedThreads must be 1/,
    },
  );
});

test("where all schedulers are OS processes it has one of its own among them", { skip }, async () => {
  await withApart(
    async ({ run }) => {
      await run(async () => {
        const all = [
          await start("OnThread", 1),
          await start("OnThread", 2),
          await start("Apart"),
          await start("Apart"),
        ];
        assert.equal(new Set([process.pid, ...all.map(({ osProcess }) => osProcess)]).size, 4);
      });
    },
    { isolation: "process" },
  );
});
