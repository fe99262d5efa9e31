/** `npm run chaos -- slow-consumer`: what the other subscribers of a topic notice of one that has stopped reading. */
import { parseArgs } from "node:util";
import { Child } from "./child.js";
import { percentile, ratioOfRounds, shownMs } from "./rounds.js";
import type { ServerOrder, Story } from "./server.js";
import type { SlowConsumerOrder, SlowConsumerSeen } from "./slow-consumer-clients.js";

const USAGE = `npm run chaos -- slow-consumer [options]

  --policy NAME        disconnect, drop_newest or drop_oldest, drop_oldest
  --subscribers N      that read, 999
  --publishes N        a second, to all of them, 10
  --rounds N           with one that doesn't read and without, 5
  --seconds N          of a round, 5
`;

const LIMIT_MS = 600_000;

export async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      policy: { type: "string", default: "drop_oldest" },
      subscribers: { type: "string", default: "999" },
      publishes: { type: "string", default: "10" },
      rounds: { type: "string", default: "5" },
      seconds: { type: "string", default: "5" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const app = "../support/apps/outbound.js";
  const server = new Child("./server.js", {
    isolation: "thread",
    schedulers: 1,
    options: {},
    app,
  } satisfies ServerOrder);
  let clients: Child | null = null;
  try {
    const { port } = await server.next<{ port: number }>(LIMIT_MS);
    const order: SlowConsumerOrder = {
      port,
      policy: values.policy,
      subscribers: Number(values.subscribers),
      publishesPerSecond: Number(values.publishes),
      rounds: Number(values.rounds),
      roundMs: Number(values.seconds) * 1000,
    };
    clients = new Child("./slow-consumer-clients.js", order);
    const seen = await clients.next<SlowConsumerSeen>(LIMIT_MS);
    server.send("story");
    const { peakRssMib, counts } = await server.next<Story>(LIMIT_MS);
    tell(seen);
    console.log(`server: at most ${peakRssMib} MiB; ${JSON.stringify(counts)}`);
    return seen.problems.length === 0 ? 0 : 1;
  } finally {
    await clients?.kill();
    await server.kill();
  }
}

function tell({ reading, notReading, got, published, closed, problems }: SlowConsumerSeen): void {
  for (const [name, rounds] of [
    ["reads", reading],
    ["does not", notReading],
  ] as const) {
    const all = rounds.flat();
    const each = rounds.map((round) => percentile(round, 0.99).toFixed(1)).join(" ");
    console.log(
      `the one ${name.padEnd(8)}: others' p50 ${shownMs(percentile(all, 0.5))}, p99 ${shownMs(percentile(all, 0.99))}, of ${all.length}; p99 by round ${each}`,
    );
  }
  console.log(
    `p99 of a round without reading, to that of the one before: ${ratioOfRounds(notReading, reading).toFixed(2)}`,
  );
  console.log(`the slow one got ${got} of ${published} messages of its own, and was closed ${closed} times`);
  for (const problem of problems) console.log(`PROBLEM ${problem}`);
}
