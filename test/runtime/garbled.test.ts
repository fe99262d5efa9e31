/** What a thread makes of another one's batches when that one has gone mad. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { makePid } from "../../src/core/pid.js";
import type { Arrived, Batch, Link } from "../../src/runtime/links/link.js";
import { ARITY, isBatch, Op } from "../../src/runtime/links/wire.js";
import { inline } from "../support/inline.js";
import { withThreads } from "../support/threads.js";

const there = makePid(3, 1, 3);

/** A scheduler with one port that is watched and linked from a thread that sends what `send` is given. */
function hearing() {
  const { scheduler, reports } = inline();
  let receive: (arrived: Arrived) => void = () => {};
  const link = { post() {}, take: () => undefined, close() {}, onBatch: (heard: typeof receive) => (receive = heard) };
  scheduler.connect(3, link as unknown as Link);
  const messages: unknown[] = [];
  const { pid } = scheduler.openPort({ message: (message) => messages.push(message), exit: () => {} }, "port");
  return {
    scheduler,
    reports,
    pid,
    messages,
    send: (batch: unknown) => receive({ postedNs: 0, batch: batch as Batch }),
  };
}

const whole = (to: string): readonly (readonly unknown[])[] => [
  [Op.message, to, "hello"],
  [Op.data, to, "text"],
  [Op.monitor, to, there, "ref", to],
  [Op.link, to, there],
  [Op.down, to, "ref", there, "normal"],
  [Op.exit, to, there, "normal", true],
  [Op.spawn, makePid(0, 9, 3), there, "nothing", [], "label", false, null, null, false],
];

test("operations are a batch, and what is cut off anywhere is none", () => {
  for (const operation of whole("<0.0.1>")) {
    assert.equal(operation.length, 1 + (ARITY[operation[0] as number] as number));
    assert.ok(isBatch([...operation, ...operation]));
    for (let length = 1; length < operation.length; length++) {
      assert.ok(!isBatch([...operation, ...operation.slice(0, length)]));
      assert.ok(!isBatch([...operation.slice(0, length), ...operation]));
    }
  }
});

test("nothing of a batch that is none takes effect, and its thread is known for it", () => {
  const { scheduler, pid, messages, send } = hearing();
  send([Op.message, pid, "whole", Op.monitor, pid]);
  assert.deepEqual(messages, []);
  assert.deepEqual([...scheduler.garbled], [3]);
  send([Op.message, pid, "whole"]);
  assert.deepEqual(messages, ["whole"]);
});

test("whatever arrives in the place of operations, the thread that takes it in goes on, also when the other one is dead", () => {
  const value = fc.oneof(
    fc.integer({ min: -1, max: ARITY.length }),
    fc.constantFrom(null, undefined, Number.NaN, "", "<0.0.1>", "<0.3.1>", "<", there, [], {}, true),
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(value, fc.constantFrom(...whole("<0.0.1>"))), { maxLength: 12 }), (parts) => {
      const { scheduler, pid, messages, send } = hearing();
      send(parts.flat());
      scheduler.signals.threadDown(3);
      messages.length = 0;
      send([Op.message, pid, "goes on"]);
      assert.ok(!scheduler.processes.has(pid) || messages.includes("goes on"));
      scheduler.stop();
    }),
    { numRuns: 200 },
  );
});

test("a thread that has sent the main thread what is no batch is replaced", async () => {
  await withThreads({}, async ({ runtime, reports }) => {
    const first = runtime.scheduler.cells.threadOf(1) as number;
    runtime.scheduler.garbled.add(first);
    while (!reports.some((report) => report.tag === "thread_down" && report.thread === first)) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    const down = reports.find((report) => report.tag === "thread_down");
    assert.ok(down?.tag === "thread_down" && down.cause === "deaf" && down.reason.includes("makes no sense"));
  });
});
