/** What does it cost to track, to list and to merge, when 1,000 or 10,000 are there already? */
import { Bench } from "tinybench";
import type { Pid } from "../src/core/pid.js";
import { supervisor } from "../src/otp/supervisor.js";
import { presence } from "../src/presence/presence.js";
import { pubsubService } from "../src/pubsub/topics.js";
import { trackerService } from "../src/tracker/copies.js";
import { State } from "../src/tracker/state.js";
import { asProcess, printTable } from "./support.js";

const TOPIC = "room:lobby";
/** Joins and leaves a measurement: one is too little to be timed. */
const BATCH = 100;

function filled(replica: string, count: number): State {
  const state = new State(replica);
  for (let n = 0; n < count; n++) join(state, n);
  state.resetDelta();
  return state;
}

function join(state: State, n: number): void {
  state.join(`<0.1.${n}>` as Pid, TOPIC, `user ${n}`, { phx_ref: `ref ${n}`, name: "somebody", at: n });
}

function addPure(bench: Bench, count: number): void {
  const state = filled("a", count);
  const remote = filled("b", count);
  remote.replicaUp("a");
  bench.add(`${count} there: join and leave, a pair (state)`, () => {
    for (let n = 0; n < BATCH; n++) join(state, count + n);
    for (let n = 0; n < BATCH; n++) state.leave(`<0.1.${count + n}>` as Pid, TOPIC, `user ${count + n}`);
    state.resetDelta();
  });
  bench.add(`${count} there: merge a delta of ${BATCH} joins, an entry (merge)`, () => {
    for (let n = 0; n < BATCH; n++) join(state, count + n);
    const delta = state.delta();
    state.resetDelta();
    for (let n = 0; n < BATCH; n++) state.leave(`<0.1.${count + n}>` as Pid, TOPIC, `user ${count + n}`);
    const gone = state.delta();
    state.resetDelta();
    if (delta !== undefined) remote.merge(delta);
    if (gone !== undefined) remote.merge(gone);
  });
  const whole = state.extract();
  bench.add(`${count} there: take in the whole state (once)`, () => {
    const fresh = new State("c");
    fresh.replicaUp("a");
    fresh.merge(whole);
  });
  bench.add(`${count} there: extract the whole state (once)`, () => void state.extract());
}

async function addProcesses(bench: Bench, count: number): Promise<void> {
  const Room = presence({ name: `presence_${count}` });
  await supervisor({ children: [Room.child()] }).startLink();
  for (let n = 0; n < count; n++) await Room.track({ topic: TOPIC }, `user ${n}`, { name: "somebody", at: n });
  const socket = { topic: TOPIC };
  let last = 0;
  bench.add(`${count} there: track and untrack, a pair, by the shard of this thread (presence)`, async () => {
    for (let n = 0; n < BATCH; n++) {
      const key = `me ${++last}`;
      await Room.track(socket, key, { name: "somebody", at: n });
      await Room.untrack(socket, key);
    }
  });
  bench.add(`${count} there: update, by the shard of this thread (presence)`, async () => {
    for (let n = 0; n < BATCH; n++) await Room.update(socket, "user 7", { name: "somebody", at: n });
  });
  bench.add(`${count} there: list (once)`, async () => void (await Room.list(socket)));
  bench.add(`${count} there: getByKey (once)`, async () => void (await Room.getByKey(socket, "user 7")));
  bench.add(`${count} there: list, as the JSON of a presence_state (once)`, async () => {
    JSON.stringify(await Room.list(socket));
  });
}

async function main(): Promise<void> {
  const bench = new Bench({ time: 500, warmupTime: 200 });
  for (const count of [1_000, 10_000]) {
    addPure(bench, count);
    await addProcesses(bench, count);
  }
  await bench.run();
  printTable(bench, (name) => (name.endsWith("(once)") ? 1 : BATCH));
  process.exit(); // the presences would run on
}

asProcess(main, [pubsubService, trackerService]);
