// Question: what does a message cost that waits for a client which is held up, and one of which only the newest is kept?
import { slotOf } from "../src/channels/latest.js";
import { OutboundQueue } from "../src/transports/outbound.js";
import { machine } from "./support.js";

/** Messages in the queue, and things that the ones with a slot are about. */
const WAITING = 100;
const ROUNDS = 20_000;
const frame = "x".repeat(100);
const room = 2 ** 30;

const keys = Array.from({ length: WAITING }, (_, i) => `user:${i}`);
const slots = keys.map((key) => slotOf("room:lobby", "cursor", key));

const cases: Readonly<Record<string, (queue: OutboundQueue<string>, i: number) => unknown>> = {
  "one that waits, and is taken": (queue) => queue.add(frame, 100, true, room),
  "one that may take another's place, and does not": (queue, i) => queue.add(frame, 100, true, room, slots[i]),
  "… its slot named first": (queue, i) =>
    queue.add(frame, 100, true, room, slotOf("room:lobby", "cursor", keys[i] as string)), // i is below WAITING
};

console.log(machine());
for (let attempt = 0; attempt < 2; attempt++) {
  for (const [name, add] of Object.entries(cases)) {
    const queue = new OutboundQueue<string>("disconnect");
    const began = process.hrtime.bigint();
    for (let round = 0; round < ROUNDS; round++) {
      for (let i = 0; i < WAITING; i++) add(queue, i);
      queue.take(Number.POSITIVE_INFINITY);
    }
    tell(name, began);
  }
  const queue = new OutboundQueue<string>("disconnect");
  const began = process.hrtime.bigint();
  for (let round = 0; round < ROUNDS; round++) {
    for (let i = 0; i < WAITING; i++) queue.add(frame, 100, true, room, slots[i]);
    queue.takeDrops();
  }
  tell("one that takes another's place", began);
}

function tell(name: string, began: bigint): void {
  const ns = Number(process.hrtime.bigint() - began) / (ROUNDS * WAITING);
  console.log(`${name.padEnd(50)} ${ns.toFixed(0).padStart(5)} ns`);
}
