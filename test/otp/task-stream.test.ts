import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ErrorCode, type RuntimeError } from "../../src/core/errors.js";
import { isDown } from "../../src/core/messages.js";
import type { Pid } from "../../src/core/pid.js";
import { task } from "../../src/otp/task.js";
import type { TaskResult } from "../../src/otp/task-handle.js";
import {
  exit,
  monitor,
  processInfo,
  receive,
  self,
  send,
  spawn,
  spawnMonitor,
  timeout,
  trapExit,
} from "../../src/runtime/process.js";
import { inline } from "../support/inline.js";

const run = (body: () => Promise<void>): Promise<void> => inline().run(body);
const hasCode = (code: ErrorCode) => (error: RuntimeError) => error.code === code;
const never = (): Promise<unknown> => receive(() => false);
type Announcement = readonly [item: number, pid: Pid];
const isAnnouncement = (message: unknown): message is Announcement => Array.isArray(message);

/** Work that says to `to` who does it, and waits: item 0 for a message, the others for their end. */
const announced =
  (to: Pid) =>
  async (item: number): Promise<number> => {
    send(to, [item, self()]);
    await receive(() => item === 0);
    return item;
  };

/** Hears of so many, lets item 0 answer, and tells who they are. */
async function heard(count: number): Promise<Pid[]> {
  const all: Announcement[] = [];
  while (all.length < count) all.push(await receive(isAnnouncement));
  for (const [item, pid] of all) if (item === 0) send(pid, "go");
  return all.map(([, pid]) => pid);
}

async function all<R>(stream: AsyncIterable<TaskResult<R>>): Promise<TaskResult<R>[]> {
  const results: TaskResult<R>[] = [];
  for await (const result of stream) results.push(result);
  return results;
}

/** Waits until each of these is gone. */
async function allGone(pids: Iterable<Pid>): Promise<void> {
  for (const pid of pids) {
    const ref = monitor(pid);
    const down = await receive((message) => isDown(message) && message.ref === ref, 5000);
    assert.ok(isDown(down), `${pid} is still there`);
  }
}

/** Answers `n` after so many rounds. */
const later = (n: number): Promise<number> => rounds(n).then(() => n);

/** Settles after so many rounds of the event loop: an order of ends without a clock. */
async function rounds(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise(setImmediate);
}

test("a stream yields a result an item, in the order of the items, with its type", async () => {
  await run(async () => {
    const results = await all(task.asyncStream([3, 1, 2], later, { maxConcurrency: 3 }));
    const typed: TaskResult<number>[] = results;
    assert.deepEqual(typed, [
      ["ok", 3],
      ["ok", 1],
      ["ok", 2],
    ]);
    assert.deepEqual(await all(task.asyncStream([], (n) => n)), []);
  });
});

test("without order results come as the tasks end", async () => {
  await run(async () => {
    const results = await all(task.asyncStream([30, 1, 10], later, { maxConcurrency: 3, ordered: false }));
    assert.deepEqual(
      results.map(([, n]) => n),
      [1, 10, 30],
    );
  });
});

test("results equal those of map, for any number at a time, any durations, any kind of source", async () => {
  const { run: runIn } = inline();
  const property = fc.asyncProperty(
    fc.array(fc.record({ value: fc.integer(), duration: fc.nat({ max: 4 }), crashes: fc.boolean() }), {
      maxLength: 20,
    }),
    fc.integer({ min: 1, max: 8 }),
    fc.boolean(),
    fc.boolean(),
    async (items, maxConcurrency, ordered, isAsync) => {
      async function* source(): AsyncGenerator<(typeof items)[number]> {
        for (const item of items) {
          await rounds(item.duration % 2);
          yield item;
        }
      }
      let running = 0;
      let most = 0;
      const work = async ({ value, duration, crashes }: (typeof items)[number]): Promise<number> => {
        most = Math.max(most, ++running);
        await rounds(duration);
        running--;
        return crashes ? exit(value) : value * 2;
      };
      const options = { maxConcurrency, ordered };
      const results = await runIn(async () => {
        trapExit(true);
        const seen = await all(task.asyncStream(isAsync ? source() : items, work, options));
        assert.equal(await receive(() => true, 0), timeout, "a message was left behind");
        return seen;
      });
      const expected = items.map(({ value, crashes }) => (crashes ? ["exit", value] : ["ok", value * 2]));
      const sorted = (list: readonly unknown[]): string[] => list.map((item) => JSON.stringify(item)).sort();
      if (ordered) assert.deepEqual(results, expected);
      else assert.deepEqual(sorted(results), sorted(expected));
      assert.ok(most <= maxConcurrency, `${most} ran at a time`);
      return true;
    },
  );
  await fc.assert(property, { numRuns: 60 });
});

test("the source is read only when a task can be started and somebody waits for a result", async () => {
  await run(async () => {
    let read = 0;
    function* numbers(): Generator<number> {
      for (;;) yield ++read;
    }
    const stream = task.asyncStream(numbers(), (n) => n, { maxConcurrency: 2 });
    assert.equal(read, 0);
    await stream.next();
    await rounds(10);
    assert.equal(read, 2);
    await stream.next();
    assert.ok(read <= 4, `${read} were read`);
    await stream.return();
    assert.ok(read <= 4);
  });
});

test("a source that is slow does not hold back the results of what it has given", async () => {
  await run(async () => {
    async function* source(): AsyncGenerator<number> {
      yield 1;
      await new Promise(() => {});
    }
    const stream = task.asyncStream(source(), (n) => n, { maxConcurrency: 4 });
    assert.deepEqual(await stream.next(), { done: false, value: ["ok", 1] });
    // The source is in the middle of a `next` that never settles; leaving must not wait for it.
    await stream.return();
  });
});

test("leaving the loop ends the tasks that still run, and tells the source", async () => {
  await run(async () => {
    const me = self();
    let told = false;
    function* source(): Generator<number> {
      try {
        for (let n = 0; ; n++) yield n;
      } finally {
        told = true;
      }
    }
    const stream = task.asyncStream(source(), announced(me), { maxConcurrency: 3 });
    const loop = (async () => {
      for await (const result of stream) return result;
      return undefined;
    })();
    const pids = await heard(3);
    assert.deepEqual(await loop, ["ok", 0]);
    for (const pid of pids) assert.equal(await processInfo(pid), undefined);
    assert.ok(told);
    assert.equal(await receive(() => true, 0), timeout);
  });
});

test("an error in the loop's body, or in the source, ends the tasks and is not changed", async () => {
  await run(async () => {
    const work = announced(self());
    const leave = async (): Promise<void> => {
      for await (const _ of task.asyncStream([0, 1], work, { maxConcurrency: 2 })) throw new Error("the body's");
    };
    const left = assert.rejects(leave(), /the body's/);
    const pids = await heard(2);
    await left;
    for (const pid of pids) assert.equal(await processInfo(pid), undefined);
    function* source(): Generator<number> {
      yield 1;
      throw new Error("the source's");
    }
    await assert.rejects(all(task.asyncStream(source(), work, { maxConcurrency: 2 })), /the source's/);
    async function* asyncSource(): AsyncGenerator<number> {
      yield* source();
    }
    await assert.rejects(all(task.asyncStream(asyncSource(), work, { maxConcurrency: 2 })), /the source's/);
  });
});

test("a reader that dies in any way takes its tasks along, and no guard stays behind", async () => {
  for (const end of ["normal", "crash", "kill"]) {
    const { run: runIn, scheduler } = inline();
    await runIn(async () => {
      const me = self();
      const reader = spawn(async () => {
        for await (const _ of task.asyncStream([0, 1, 2], announced(me), { maxConcurrency: 3 })) {
          await receive((message) => message === "end");
          // A return would close the stream; this leaves it in the middle.
          exit(end);
        }
      }, []);
      const pids = await heard(3);
      if (end === "kill") exit(reader, "kill");
      else send(reader, "end");
      await allGone([reader, ...pids]);
      await rounds(2);
      assert.deepEqual([...scheduler.processes.keys()], [me]);
    });
  }
});

test("a crash of a task ends the reader, unless that traps exits", async () => {
  await run(async () => {
    const work = (n: number): number => (n === 2 ? exit("two") : n);
    const { ref } = spawnMonitor(async () => {
      await all(task.asyncStream([1, 2, 3], work));
    }, []);
    const down = await receive(isDown);
    assert.deepEqual([down.ref, down.reason], [ref, "two"]);
    trapExit(true);
    const options = { maxConcurrency: 2, zipInputOnExit: true };
    assert.deepEqual(await all(task.asyncStream([1, 2, 3], work, options)), [
      ["ok", 1],
      ["exit", [2, "two"]],
      ["ok", 3],
    ]);
  });
});

test("a task that takes too long fails the reader, and all its tasks are ended", async () => {
  const { run: runIn, scheduler } = inline();
  await runIn(async () => {
    await assert.rejects(
      all(task.asyncStream([1, 2], never, { timeoutMs: 5, maxConcurrency: 2 })),
      (error: RuntimeError) => {
        assert.equal(error.code, ErrorCode.callTimeout);
        assert.deepEqual(error.exitReason, ["timeout", ["task", "asyncStream", 5]]);
        return true;
      },
    );
    await rounds(2);
    assert.deepEqual([...scheduler.processes.keys()], [self()]);
    assert.equal(await receive(() => true, 0), timeout);
  });
});

test("with kill_task a task that takes too long is a result, and the others go on", async () => {
  await run(async () => {
    const work = async (n: number): Promise<unknown> => (n === 2 ? await never() : n);
    const options = { timeoutMs: 600, onTimeout: "kill_task", maxConcurrency: 1 } as const;
    assert.deepEqual(await all(task.asyncStream([1, 2, 3], work, options)), [
      ["ok", 1],
      ["exit", "timeout"],
      ["ok", 3],
    ]);
    const zipped = task.asyncStream([2], work, { ...options, zipInputOnExit: true });
    assert.deepEqual(await all(zipped), [["exit", [2, "timeout"]]]);
  });
});

test("bad options are refused before anything runs", async () => {
  await run(async () => {
    const bad = (options: object) => () => task.asyncStream([1], (n) => n, options);
    assert.throws(bad({ maxConcurrency: 0 }), hasCode(ErrorCode.badOption));
    assert.throws(bad({ onTimeout: "explode" }), hasCode(ErrorCode.badOption));
    assert.throws(bad({ timeoutMs: -1 }), hasCode(ErrorCode.badOption));
    assert.throws(bad({ scheduler: 1 }), hasCode(ErrorCode.unknownDefinition));
  });
});
