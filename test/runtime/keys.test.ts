/** The table of unique keys in shared memory, without processes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { makePid, type Pid } from "../../src/core/pid.js";
import { allocateShared } from "../../src/runtime/boot-scheduler.js";
import { Keys, MAX_KEYS } from "../../src/runtime/shared/keys.js";
import { Cells } from "../../src/runtime/shared/shared.js";
import type { KeysWork } from "./keys-worker.js";

const REGISTRY = makePid(0, 1, 0);

/** Two threads' views of one table. */
function two() {
  const shared = allocateShared(2);
  const cells = new Cells(shared);
  cells.setThread(0, 0);
  cells.setThread(1, 1);
  return { shared, cells, here: new Keys(shared, cells, 0), there: new Keys(shared, cells, 1) };
}

test("a key has one owner, all threads see it, and it can be had again once it is released", () => {
  const { here, there } = two();
  const [a, b] = [makePid(0, 7, 1), makePid(1, 7, 1)];
  assert.equal(here.claim(REGISTRY, "k", a), undefined);
  assert.equal(there.claim(REGISTRY, "k", b), a);
  assert.equal(here.claim(REGISTRY, "k", a), a);
  assert.equal(there.whereis(REGISTRY, "k"), a);
  assert.equal(there.whereis(makePid(0, 2, 0), "k"), undefined);
  assert.equal(there.release(REGISTRY, "k", b), false);
  assert.equal(here.release(REGISTRY, "k", a), true);
  assert.equal(here.release(REGISTRY, "k", a), false);
  assert.equal(there.claim(REGISTRY, "k", b, 42), undefined);
  assert.equal(here.whereis(REGISTRY, "k"), b);
  assert.equal(here.dataOf(REGISTRY, "k"), 42);
});

test("the keys of a thread that is gone are free", () => {
  const { cells, here, there } = two();
  there.claim(REGISTRY, "k", makePid(1, 7, 1));
  cells.setThread(1, undefined);
  assert.equal(here.whereis(REGISTRY, "k"), undefined);
  assert.equal(here.claim(REGISTRY, "k", makePid(0, 8, 0)), undefined);
  assert.equal(here.whereis(REGISTRY, "k"), makePid(0, 8, 0));
});

test("a thread that was replaced and runs on can have no key any more", () => {
  const { cells, here, there } = two();
  cells.setThread(1, 2);
  assert.throws(() => there.claim(REGISTRY, "k", makePid(1, 7, 1)), { code: "JOIST_PROCESS_EXITED" });
  assert.equal(here.whereis(REGISTRY, "k"), undefined);
});

test("a key that was claimed for a process which never came is free once its creator's thread is gone", () => {
  const { here, there } = two();
  const [lost, there1, own] = [makePid(0, 5, 1), makePid(0, 6, 1), makePid(0, 9, 0)];
  there.claim(REGISTRY, "lost", lost);
  there.claim(REGISTRY, "living", there1);
  here.claim(REGISTRY, "own", own);
  here.sweep(1, (pid) => pid === there1);
  assert.equal(here.whereis(REGISTRY, "lost"), undefined);
  assert.equal(here.whereis(REGISTRY, "living"), there1);
  assert.equal(here.whereis(REGISTRY, "own"), own);
});

test(`${MAX_KEYS} keys have room, are all found, and leave their room to others`, () => {
  const { here } = two();
  const pids = new Map<string, Pid>();
  for (const wave of ["a", "b"]) {
    for (let i = 0; i < MAX_KEYS; i++) {
      const pid = makePid(0, i, 0);
      assert.equal(here.claim(REGISTRY, wave + i, pid), undefined);
      pids.set(wave + i, pid);
    }
    for (const [key, pid] of pids) if (here.whereis(REGISTRY, key) !== pid) assert.fail(`${key} was not found`);
    for (const [key, pid] of pids) if (!here.release(REGISTRY, key, pid)) assert.fail(`${key} was not released`);
    pids.clear();
  }
});

test("a table without room says so", () => {
  const { here } = two();
  const fill = (): void => {
    for (let i = 0; i < MAX_KEYS * 2; i++) here.claim(REGISTRY, `k${i}`, makePid(0, i, 0));
  };
  assert.throws(fill, { code: "JOIST_TOO_MANY_NAMES" });
});

test("of threads that claim the same keys at the same time, one at a time has each", async () => {
  const shared = allocateShared(4);
  const cells = new Cells(shared);
  for (let slot = 0; slot < 4; slot++) cells.setThread(slot, slot);
  const holders = new SharedArrayBuffer(4 * 3);
  const results = await Promise.all(
    [1, 2, 3].map((thread) => {
      const workerData: KeysWork = { shared, thread, holders, registry: REGISTRY, rounds: 100_000 };
      const worker = new Worker(new URL("./keys-worker.js", import.meta.url), { workerData });
      return new Promise<{ wrong: number; won: number; lost: number }>((resolve, reject) => {
        worker.once("message", resolve);
        worker.once("error", reject);
      });
    }),
  );
  assert.deepEqual(
    results.map(({ wrong }) => wrong),
    [0, 0, 0],
  );
  for (const { won } of results) assert.ok(won > 0);
});
