/** A thread that claims and releases a few keys again and again, and counts how often it was not alone with one. */
import { parentPort, workerData } from "node:worker_threads";
import { makePid, type Pid } from "../../src/core/pid.js";
import { Keys } from "../../src/runtime/shared/keys.js";
import { Cells, type SharedBuffers } from "../../src/runtime/shared/shared.js";

export interface KeysWork {
  readonly shared: SharedBuffers;
  readonly thread: number;
  /** One word a key: how many threads have it. */
  readonly holders: SharedArrayBuffer;
  readonly registry: Pid;
  readonly rounds: number;
}

const { shared, thread, holders, registry, rounds } = workerData as KeysWork;
const keys = new Keys(shared, new Cells(shared), thread);
const held = new Int32Array(holders);
let [wrong, won, lost] = [0, 0, 0];
for (let round = 0; round < rounds; round++) {
  const key = (round * 7 + thread) % held.length;
  const pid = makePid(thread, (round % 1000) + 1, thread);
  const owner = keys.claim(registry, String(key), pid);
  if (owner !== undefined) {
    lost++;
    continue;
  }
  won++;
  if (Atomics.add(held, key, 1) !== 0) wrong++;
  if (keys.whereis(registry, String(key)) !== pid) wrong++;
  Atomics.sub(held, key, 1);
  if (!keys.release(registry, String(key), pid)) wrong++;
}
parentPort?.postMessage({ wrong, won, lost });
