/** `npm run chaos -- siblings`: what the channels of other threads notice while one is in an endless loop. */
import { parseArgs } from "node:util";
import type { Isolation } from "./cell.js";
import { Child } from "./child.js";
import { percentile, ratioOfRounds, shownMs } from "./rounds.js";
import type { ServerOrder } from "./server.js";
import type { SiblingsOrder, SiblingsSeen } from "./siblings-clients.js";

const USAGE = `npm run chaos -- siblings [options]

  --rounds N           with and without a loop, 10
  --echoes N           a second, 500
  --connections N      100
  --isolation KIND     thread or process, thread
`;

/** What is asked for: p99 with a loop on another thread, to p99 without. */
const TARGET_RATIO = 1.3;
/** Beyond `maxBlockMs`: until the channels of the looping thread answer again. */
const TARGET_RECOVERY_MS = 300;
const MAX_BLOCK_MS = 1000;
/** So much of each loop counts as the loop; what follows is its end. */
const ROUND_MS = 0.9 * MAX_BLOCK_MS;
const LIMIT_MS = 600_000;

export interface Siblings {
  /** Milliseconds without a loop, with one, and while its thread is replaced. */
  readonly p50: readonly [without: number, withLoop: number, replacing: number];
  readonly p99: readonly [without: number, withLoop: number, replacing: number];
  /** The median of the rounds' own ratios of p99: each against the round right before it. */
  readonly ratio: number;
  /** The median and the slowest round. */
  readonly answeredAgainMs: readonly [median: number, slowest: number];
  readonly samples: number;
  readonly problems: readonly string[];
}

export async function measureSiblings(
  isolation: Isolation,
  load: Omit<SiblingsOrder, "port" | "roundMs">,
  schedulers = 2,
): Promise<Siblings> {
  // In quarantine the looping channel would have no siblings but of its own kind.
  const options = { maxBlockMs: MAX_BLOCK_MS, maxThreadRestarts: 1_000_000, quarantineAfter: 0 };
  const server = new Child("./server.js", { isolation, schedulers, options } satisfies ServerOrder);
  let clients: Child | null = null;
  try {
    const { port } = await server.next<{ port: number }>(LIMIT_MS);
    clients = new Child("./siblings-clients.js", { port, roundMs: ROUND_MS, ...load } satisfies SiblingsOrder);
    return summaryOf(await clients.next<SiblingsSeen>(LIMIT_MS));
  } finally {
    await clients?.kill();
    await server.kill();
  }
}

function summaryOf({ without, withLoop, replacing, answeredAgainMs, problems }: SiblingsSeen): Siblings {
  const [calm, loop, end] = [without.flat(), withLoop.flat(), replacing.flat()];
  return {
    p50: [percentile(calm, 0.5), percentile(loop, 0.5), percentile(end, 0.5)],
    p99: [percentile(calm, 0.99), percentile(loop, 0.99), percentile(end, 0.99)],
    ratio: ratioOfRounds(withLoop, without),
    answeredAgainMs: [percentile(answeredAgainMs, 0.5), Math.max(...answeredAgainMs)],
    samples: calm.length + loop.length,
    problems,
  };
}

export async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: "string", default: "10" },
      echoes: { type: "string", default: "500" },
      connections: { type: "string", default: "100" },
      isolation: { type: "string", default: "thread" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const load = { rounds: Number(values.rounds), echoesPerSecond: Number(values.echoes), channels: 3 };
  const measured = await measureSiblings(values.isolation as Isolation, {
    ...load,
    connections: Number(values.connections),
  });
  const { p50, p99, ratio, answeredAgainMs, samples, problems } = measured;
  console.log(`${samples} echoes on threads without the loop, ${load.rounds} rounds each`);
  console.log(
    `p50  without ${shownMs(p50[0])}, with ${shownMs(p50[1])}, while the thread is replaced ${shownMs(p50[2])}`,
  );
  console.log(
    `p99  without ${shownMs(p99[0])}, with ${shownMs(p99[1])}, while the thread is replaced ${shownMs(p99[2])}`,
  );
  console.log(`p99 of a round with, to that of the one before without: ${ratio.toFixed(2)} (target ${TARGET_RATIO})`);
  console.log(
    `its own thread's channels answer again after ${shownMs(answeredAgainMs[0])}, at most ${shownMs(answeredAgainMs[1])} (maxBlockMs ${MAX_BLOCK_MS}, target + ${TARGET_RECOVERY_MS})`,
  );
  for (const problem of problems) console.log(`PROBLEM ${problem}`);
  return problems.length === 0 ? 0 : 1;
}
