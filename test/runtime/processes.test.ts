/** Schedulers in OS processes of their own: the same runtime, and nothing that happens in one of them is the end of another. */
import assert from "node:assert/strict";
import { spawn as runProgram } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { ErrorCode } from "joist";
import type { DownMessage } from "../../src/core/messages.js";
import type { Pid } from "../../src/core/pid.js";
import { services } from "../../src/endpoint/application.js";
import {
  monitor,
  processInfo,
  receive,
  register,
  self,
  send,
  spawn,
  spawnMonitor,
  unregister,
  whereis,
} from "../../src/runtime/process.js";
import type { ThreadReport } from "../../src/runtime/report.js";
import { Runtime, type RuntimeOptions } from "../../src/runtime/runtime.js";
import { processesApp, type Threads, withThreads } from "../support/threads.js";

const faultsApp = new URL("../support/apps/faults.js", import.meta.url);
const isWindows = process.platform === "win32";

const withProcesses = (
  options: RuntimeOptions,
  use: (threads: Threads) => Promise<void>,
  app: URL = processesApp,
): Promise<void> => withThreads({ isolation: "process", ...options }, use, app, app === faultsApp ? services : []);

interface Faulty {
  readonly pid: Pid;
  readonly osProcess: number;
}

/** A process that waits for its fault. If the scheduler is being replaced, as soon as there is one. Called in a process. */
async function startFaulty(scheduler: number): Promise<Faulty> {
  for (;;) {
    try {
      spawn("faulty", [self()], { scheduler });
      const [pid, osProcess] = (await receive()) as [Pid, number];
      return { pid, osProcess };
    } catch (error) {
      if ((error as { code?: unknown }).code !== ErrorCode.noScheduler) throw error;
      await receive(() => false, 10);
    }
  }
}

function isRunning(osProcess: number): boolean {
  try {
    return process.kill(osProcess, 0);
  } catch {
    return false;
  }
}

test("each scheduler is an OS process of its own, and ends with the runtime", { skip: isWindows }, async () => {
  let all: Faulty[] = [];
  await withProcesses(
    {},
    async ({ run }) => {
      all = await run(async () => [await startFaulty(1), await startFaulty(2)]);
      assert.equal(new Set([process.pid, ...all.map(({ osProcess }) => osProcess)]).size, 3);
    },
    faultsApp,
  );
  assert.deepEqual(
    all.filter(({ osProcess }) => isRunning(osProcess)),
    [],
  );
});

test("messages between two of them come in order, and a death after the last of them", {
  skip: isWindows,
}, async () => {
  await withProcesses({}, async ({ run }) => {
    await run(async () => {
      const sender = spawnMonitor("counter", [self(), 20_000, "done"], { scheduler: 2 });
      for (let i = 0; i <= 20_000; i++) assert.equal(await receive(), i);
      assert.deepEqual(await receive(), { tag: "DOWN", ref: sender.ref, from: sender.pid, reason: "done" });
      const receiver = spawn("inOrder", [self(), 20_000], { scheduler: 1 });
      spawn("counter", [receiver, 20_000, "normal"], { scheduler: 2 });
      assert.equal(await receive(), 0);
    });
  });
});

test("a message may be larger than the pipe, and holds what structured clone copies", { skip: isWindows }, async () => {
  await withProcesses({}, async ({ run }) => {
    await run(async () => {
      const echo = spawn("echo", [self()], { scheduler: 1 });
      const message = {
        bytes: new Uint8Array(3_000_000).fill(7),
        ...{ map: new Map([[1, new Set(["a"])]]), date: new Date(0), big: 2n ** 70n, error: new TypeError("x") },
      };
      send(echo, message);
      assert.deepEqual(await receive(), message);
      send(echo, Buffer.from("a part of a larger buffer"));
      const bytes = (await receive()) as Uint8Array;
      assert.equal(Buffer.from(bytes).toString(), "a part of a larger buffer");
    });
  });
});

test("what cannot leave an OS process ends its sender, and nothing else of the batch is lost", {
  skip: isWindows,
}, async () => {
  await withProcesses({}, async ({ run }) => {
    await run(async () => {
      const echo = spawn("echo", [self()], { scheduler: 1 });
      const { ref } = spawnMonitor(async () => {
        send(echo, "before");
        send(echo, { memory: new SharedArrayBuffer(8) });
        send(echo, "after");
        await receive(() => false);
      }, []);
      const got = [await receive(), await receive(), await receive()] as unknown[];
      const down = got.find((message) => typeof message === "object") as { ref: unknown; reason: { code: string } };
      assert.equal(down.ref, ref);
      assert.equal(down.reason.code, ErrorCode.notSendable);
      assert.deepEqual(
        got.filter((message) => typeof message === "string"),
        ["before", "after"],
      );
    });
  });
});

test("a name is taken for all when `register` returns, and who hears of it finds it", { skip: isWindows }, async () => {
  await withProcesses({}, async ({ run }) => {
    await run(async () => {
      for (let round = 0; round < 50; round++) {
        const name = `round ${round % 7}`;
        const pid = spawn("named", [self(), name], { scheduler: 1 + (round % 2) });
        assert.equal(await receive(), "registered");
        assert.equal(whereis(name), pid);
        assert.throws(() => register(name), { code: ErrorCode.nameTaken });
        const other = spawnMonitor("named", [self(), name], { scheduler: 2 - (round % 2) });
        const taken = (await receive()) as { ref: unknown; reason: unknown };
        assert.equal(taken.ref, other.ref);
        assert.deepEqual(taken.reason, ["already_started", pid]);
        const ref = monitor(pid);
        spawn("killer", [pid], { scheduler: 2 });
        assert.deepEqual(await receive(), { tag: "DOWN", ref, from: pid, reason: "killed" });
        assert.equal(whereis(name), undefined);
        register(name); // free for everyone, also here
        assert.equal(unregister(name), true);
      }
    });
  });
});

test("of two schedulers that claim a name at the same time one gets it, and both know which", {
  skip: isWindows,
}, async () => {
  await withProcesses({}, async ({ run }) => {
    await run(async () => {
      const count = 200;
      const claims = new Map<unknown, string>();
      for (let i = 0; i < count; i++) {
        for (const scheduler of [1, 2]) claims.set(spawnMonitor("named", [self(), `${i}`], { scheduler }).pid, `${i}`);
      }
      let registered = 0;
      const refused: string[] = [];
      while (registered + refused.length < 2 * count) {
        const message = (await receive()) as "registered" | DownMessage;
        if (message === "registered") registered++;
        else {
          const [what, owner] = message.reason as [string, Pid];
          assert.equal(what, "already_started");
          assert.equal(claims.get(owner), claims.get(message.from)); // it lost to the one that has the same name
          assert.notEqual(owner, message.from);
          refused.push(claims.get(message.from) as string);
        }
      }
      assert.equal(registered, count);
      assert.equal(new Set(refused).size, count);
    });
  });
});

test("what a lost scheduler had is free, and its successor knows what others have", { skip: isWindows }, async () => {
  await withProcesses(
    {},
    async ({ run }) => {
      await run(async () => {
        const announce = async (name: string, scheduler: number): Promise<Pid> => {
          spawn("announcer", [name, self()], { scheduler });
          const [announced, pid] = (await receive()) as [string, Pid];
          assert.equal(announced, name);
          return pid;
        };
        const { pid } = await startFaulty(1);
        await announce("lost", 1);
        const kept = await announce("kept", 2);
        const ref = monitor(pid);
        send(pid, "segfault");
        assert.deepEqual(await receive(), { tag: "DOWN", ref, from: pid, reason: "scheduler_down" });
        assert.equal(whereis("lost"), undefined);
        await startFaulty(1);
        assert.equal(whereis("lost"), undefined);
        const taken = spawnMonitor("announcer", ["kept", self()], { scheduler: 1 });
        const down = (await receive()) as DownMessage;
        assert.deepEqual([down.ref, down.reason], [taken.ref, ["already_started", kept]]);
        assert.equal(await announce("lost", 1), whereis("lost"));
      });
    },
    faultsApp,
  );
});

test("one that is stuck does not hold up the runtime's end", { skip: isWindows }, async () => {
  let stuck = 0;
  await withProcesses(
    { maxBlockMs: 0 },
    async ({ run }) => {
      await run(async () => {
        const { pid, osProcess } = await startFaulty(1);
        send(pid, "native_loop");
        stuck = osProcess;
      });
    },
    faultsApp,
  );
  assert.equal(isRunning(stuck), false);
});

for (const [how, signal] of [
  ["abort", "SIGABRT"],
  ["segfault", "SIGSEGV"],
  ["sigkill", "SIGKILL"],
] as const) {
  test(`${how} costs the scheduler it happens on: it is replaced, with the signal as the reason`, {
    skip: isWindows,
  }, async () => {
    await withProcesses(
      {},
      async ({ run, reports }) => {
        await run(async () => {
          const bystander = await startFaulty(2);
          const { pid, osProcess } = await startFaulty(1);
          const ref = monitor(pid);
          send(pid, how);
          assert.deepEqual(await receive(), { tag: "DOWN", ref, from: pid, reason: "scheduler_down" });
          assert.notEqual((await startFaulty(1)).osProcess, osProcess);
          assert.equal((await processInfo(bystander.pid))?.scheduler, 2);
          assert.ok(isRunning(bystander.osProcess));
        });
        const downs = reports.filter((report): report is ThreadReport => report.tag === "thread_down");
        assert.equal(downs.length, 1);
        assert.equal(downs[0]?.reason, `its OS process was ended by ${signal}`);
      },
      faultsApp,
    );
  });
}

for (const how of ["garbage", "closed_pipe"]) {
  test(`${how}: whoever tampers with the pipes loses its scheduler, not the main process`, {
    skip: isWindows,
  }, async () => {
    await withProcesses(
      {},
      async ({ run, reports }) => {
        await run(async () => {
          const { pid } = await startFaulty(1);
          const ref = monitor(pid);
          send(pid, how);
          const down = (await receive()) as DownMessage;
          assert.deepEqual([down.ref, down.reason], [ref, "scheduler_down"]);
          await startFaulty(1);
        });
        const down = reports.find((report): report is ThreadReport => report.tag === "thread_down");
        assert.match(down?.reason ?? "", /^its pipe to the main process is broken: |EBADF/);
      },
      faultsApp,
    );
  });
}

test("process.exit in a callback is told as on a thread", { skip: isWindows }, async () => {
  await withProcesses(
    {},
    async ({ run, reports }) => {
      await run(async () => {
        const { pid } = await startFaulty(1);
        const ref = monitor(pid);
        send(pid, "exit");
        assert.deepEqual(await receive(), { tag: "DOWN", ref, from: pid, reason: "scheduler_down" });
      });
      const down = reports.find((report): report is ThreadReport => report.tag === "thread_down");
      assert.deepEqual([down?.cause, down?.reason, down?.culprit], ["exit", "it exited with code 7", undefined]);
    },
    faultsApp,
  );
});

test("schedulers end with the main process, whatever they do and however it ends", { skip: isWindows }, async () => {
  const program = `
    import { Runtime } from ${JSON.stringify(new URL("../../src/runtime/runtime.js", import.meta.url).href)};
    import { processFunction, receive, self, send, spawn } from ${JSON.stringify(new URL("../../src/runtime/process.js", import.meta.url).href)};
    const options = { schedulers: 3, isolation: "process", maxBlockMs: 0 };
    import { services } from ${JSON.stringify(new URL("../../src/endpoint/application.js", import.meta.url).href)};
    const { scheduler } = await Runtime.start(${JSON.stringify(faultsApp.href)}, services, options);
    const main = async () => {
      for (const [index, how] of ["loop", "native_loop", "nothing"].entries()) {
        spawn("faulty", [self()], { scheduler: index + 1 });
        const [pid, osProcess] = await receive();
        send(pid, how);
        console.log(osProcess);
      }
      await receive(() => false, 100);
      console.log("all");
    };
    scheduler.start(scheduler.nextPid(0), null, { kind: "main", boot: () => processFunction(main, []) }, [], "main");
  `;
  const parent = runProgram(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const osProcesses: number[] = [];
  for await (const line of createInterface(parent.stdout)) {
    if (line === "all") break;
    osProcesses.push(Number(line));
  }
  assert.equal(osProcesses.filter(isRunning).length, 3);
  parent.kill("SIGKILL");
  await once(parent, "exit");
  // Nobody tells of the end of a grandchild: it has to be asked for.
  for (const deadline = Date.now() + 10_000; osProcesses.some(isRunning) && Date.now() < deadline; ) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.deepEqual(osProcesses.filter(isRunning), []);
});

test("an application that cannot start says why, and leaves nothing running", { skip: isWindows }, async () => {
  const nowhere = new URL("./nowhere.js", import.meta.url);
  const start = Runtime.start(nowhere, [], { isolation: "process", schedulers: 2, report: () => {} });
  await assert.rejects(start, (error: { code: string; message: string }) => {
    assert.equal(error.code, ErrorCode.startFailed);
    assert.match(error.message, /scheduler \d could not start: .*nowhere\.js/);
    return true;
  });
});

test("isolation is one of two words, and needs schedulers", async () => {
  const start = (options: object): Promise<Runtime> => Runtime.start(processesApp, [], options);
  await assert.rejects(start({ isolation: "proces" }), {
    code: ErrorCode.badOption,
    message: "bad isolation proces: allowed are thread, process",
  });
  await assert.rejects(start({ isolation: "process", schedulers: 0 }), {
    code: ErrorCode.badOption,
    message: "bad isolation process: with schedulers: 0 everything runs on the calling thread",
  });
});
