/** What does one delivery cost, when one message goes to 1, 100 or 1,000 subscribers of the publisher's own thread? */
import { Bench } from "tinybench";
import { broadcastEncoded, publish, subscribe } from "../src/pubsub/pubsub.js";
import { pubsubService, type Topics } from "../src/pubsub/topics.js";
import { type Behaviour, receive, self, send, spawn } from "../src/runtime/process.js";
import { asProcess, printTable } from "./support.js";

const SUBSCRIBERS = [1, 100, 1000] as const;
/** Deliveries a measurement, whatever the number of subscribers. */
const DELIVERIES = 10_000;
const DONE = "done";
const json = '{"user":"somebody","body":"a message of about the usual length, say"}';
const message = { tag: "new_msg", user: "somebody", body: "a message of about the usual length, say" };

/** Takes messages and counts nothing: what is measured is the way to it. */
const Sink = {
  kind: "sink",
  boot: (topic: string): Behaviour => {
    subscribe(topic);
    return { handle: () => {} };
  },
};

/** Subscribed last, so it is the last to get anything: says when the last of a batch has come. */
const Last = {
  kind: "last",
  boot: (topic: string, to: ReturnType<typeof self>, batch: number): Behaviour => {
    let count = 0;
    subscribe(topic);
    send(to, DONE);
    return {
      handle: () => {
        if (++count % batch === 0) send(to, DONE);
      },
    };
  },
};

async function main(topics: Topics): Promise<void> {
  const bench = new Bench({ time: 800, warmupTime: 200 });
  for (const count of SUBSCRIBERS) {
    const batch = DELIVERIES / count;
    const [processes, frames] = [`processes:${count}`, `frames:${count}`];
    for (let i = 1; i < count; i++) spawn(Sink, [processes]);
    spawn(Last, [processes, self(), batch]);
    await receive();
    // What connections are: they take what comes, in place.
    let taken = 0;
    const deliver = (): void => void taken++;
    for (let i = 0; i < count; i++) topics.add(frames, { pid: self(), deliver });
    bench
      .add(`a message to processes, ${count}`, async () => {
        for (let i = 0; i < batch; i++) publish(processes, message);
        await receive();
      })
      .add(`an event to processes, ${count}`, async () => {
        for (let i = 0; i < batch; i++) broadcastEncoded(processes, "new_msg", json, false);
        await receive();
      })
      .add(`an event to connections, ${count}`, () => {
        for (let i = 0; i < batch; i++) broadcastEncoded(frames, "new_msg", json, false);
        if (taken === 0) throw new Error("nothing was delivered");
      });
  }
  await bench.run();
  printTable(bench, () => DELIVERIES, "ns");
}

asProcess(
  (scheduler) => {
    const service = scheduler.processes.get(scheduler.services.get(pubsubService.name) ?? scheduler.nextPid(0));
    return main(service?.port as Topics); // what pubsubService opened
  },
  [pubsubService],
);
