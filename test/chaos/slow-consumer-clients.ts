/**
 * The clients' OS process of the slow consumer: rounds in which one of many subscribers does not read, and rounds in which it does,
 * take turns; what is published is the same. Only what the others get counts. A topic that only the slow one has joined fills its
 * buffers in little time, which the common one would not.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { Connection, type ConnectionHandler } from "../../bench/load/connection.js";
import { answer, openAll, takeOrder } from "./clients.js";
import { until } from "./crowd.js";

export interface SlowConsumerOrder {
  readonly port: number;
  readonly policy: string;
  readonly subscribers: number;
  readonly publishesPerSecond: number;
  readonly rounds: number;
  readonly roundMs: number;
}

export interface SlowConsumerSeen {
  /** Latencies of the others' broadcasts in milliseconds, of each round. */
  readonly reading: readonly (readonly number[])[];
  readonly notReading: readonly (readonly number[])[];
  /** Of the slow one: messages it got of those published to it, and how often it was closed. */
  readonly got: number;
  readonly published: number;
  readonly closed: number;
  readonly problems: readonly string[];
}

const COMMON = "feed:all";
const OWN = "feed:slow";
const LIMIT_MS = 60_000;
/** Of the slow one's own topic: 3 MiB a second. */
const OWN_PER_TICK = 1;
const OWN_BYTES = 65_536;
const TICK_MS = 20;
/** Without reading for so long TCP's buffers are full, and the limit has struck. */
const FILL_MS = 5000;

answer(await measure(takeOrder()));

async function measure({ port, policy, ...order }: SlowConsumerOrder): Promise<SlowConsumerSeen> {
  const { subscribers, publishesPerSecond, rounds, roundMs } = order;
  const url = new URL(`http://127.0.0.1:${port}/${policy}/websocket?vsn=2.0.0`);
  const problems: string[] = [];
  let latencies: number[] = [];
  let joins = 0;
  const other: ConnectionHandler = {
    message: (_, data, start, end) => {
      const text = data.toString("latin1", start, end);
      const at = text.indexOf('"t":');
      if (at === -1) joins++;
      else latencies.push(performance.now() - Number.parseFloat(text.slice(at + 4)));
    },
    closed: (_, reason) => problems.push(`one that reads: ${reason}`),
  };
  let got = 0;
  let closed = 0;
  let slow: Connection | null = null;
  const slowOne: ConnectionHandler = {
    message: (_connection, _data, start, end) => {
      if (end - start > OWN_BYTES) got++;
    },
    closed: () => {
      closed++;
      slow = null;
    },
  };
  const joining = (topic: string): string => JSON.stringify(["1", "1", topic, "phx_join", {}]);
  const connectSlow = async (): Promise<void> => {
    slow = await Connection.open(url, 0, slowOne);
    for (const topic of [COMMON, OWN]) slow.send(joining(topic));
  };

  const others: Connection[] = [];
  await openAll(subscribers, async (index) => {
    const connection = await Connection.open(url, index + 1, other);
    connection.send(joining(COMMON));
    others.push(connection);
  });
  await until(() => joins === subscribers, LIMIT_MS);
  const publisher = await Connection.open(url, 0, { message: () => {}, closed: (_, why) => problems.push(why) });
  for (const topic of [COMMON, "feed:publisher"]) publisher.send(joining(topic));
  await connectSlow();

  let published = 0;
  let budget = 0;
  const pad = "x".repeat(OWN_BYTES);
  const timer = setInterval(() => {
    budget += (publishesPerSecond * TICK_MS) / 1000;
    for (; budget >= 1; budget--) {
      publisher.send(JSON.stringify(["1", null, COMMON, "publish", { t: performance.now() }]));
    }
    // The slow one asks for its own messages: it goes on sending.
    for (let n = 0; n < OWN_PER_TICK && slow !== null; n++, published++) {
      slow.send(JSON.stringify(["1", null, OWN, "publish", { pad }]));
    }
  }, TICK_MS);

  const seen = { reading: [] as number[][], notReading: [] as number[][] };
  for (let round = 0; round < rounds; round++) {
    if (slow === null) await connectSlow();
    await sleep(FILL_MS);
    latencies = [];
    await sleep(roundMs);
    seen.reading.push(latencies);
    latencies = [];
    (slow as Connection | null)?.pause();
    await sleep(FILL_MS);
    latencies = [];
    await sleep(roundMs);
    seen.notReading.push(latencies);
    latencies = [];
    (slow as Connection | null)?.resume();
  }
  await sleep(FILL_MS);
  clearInterval(timer);
  for (const connection of [...others, publisher]) connection.drop();
  return { ...seen, got, published, closed, problems };
}
