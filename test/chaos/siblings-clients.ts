/**
 * The clients' OS process of the siblings' measurement: rounds with and without a channel in an endless loop take turns, each with
 * the same crowd; only echoes of channels on other threads count. Told apart by thread, as channels of the looping one come back
 * anywhere.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Seat, Watcher } from "./client.js";
import { answer, takeOrder } from "./clients.js";
import { Crowd, until } from "./crowd.js";

export interface SiblingsOrder {
  readonly port: number;
  readonly connections: number;
  readonly channels: number;
  readonly echoesPerSecond: number;
  readonly rounds: number;
  readonly roundMs: number;
}

export interface SiblingsSeen {
  /**
   * Latencies on other threads, in milliseconds, of each round: without a loop; while there is one; and while its thread is
   * replaced, which takes processor time of everybody.
   */
  readonly without: readonly (readonly number[])[];
  readonly withLoop: readonly (readonly number[])[];
  readonly replacing: readonly (readonly number[])[];
  /** From the loop's beginning until each channel of its thread had answered again, the slowest of each round. */
  readonly answeredAgainMs: readonly number[];
  readonly problems: readonly string[];
}

/** What the server needs to be rid of the channels of connections that have gone. */
const GONE_MS = 500;
const SHUFFLES = 10;
/** Of a round, on the average. */
const MAX_TRIES = 3;
const RECOVERY_LIMIT_MS = 30_000;

answer(await measure(takeOrder()));

async function measure(order: SiblingsOrder): Promise<SiblingsSeen> {
  const { port, connections, channels, echoesPerSecond, rounds, roundMs } = order;
  const problems: string[] = [];
  let latencies: number[] = [];
  let others: ReadonlySet<Seat> = new Set();
  const watcher: Watcher = {
    violation: (problem) => problems.push(problem),
    closed: (_, reason) => problems.push(reason),
    answered: (seat, ms) => {
      if (others.has(seat)) latencies.push(ms);
    },
    joined: (seat) => seat.echo(), // at once, so that its answer is not waited for longer than it takes
  };
  const topics = Array.from({ length: channels }, (_, n) => `room:${n}`);
  const crowd = await Crowd.gather(port, connections, () => topics, echoesPerSecond, watcher);
  await crowd.unanswered(RECOVERY_LIMIT_MS);
  const seen = { without: [] as number[][], withLoop: [] as number[][], replacing: [] as number[][] };
  const answeredAgainMs: number[] = [];
  for (let tries = 0; seen.withLoop.length < rounds; tries++) {
    const [culprit] = crowd.seats as [Seat];
    const siblings = crowd.seats.filter(({ thread }) => thread === culprit.thread);
    others = new Set(crowd.seats.filter(({ thread }) => thread !== culprit.thread));
    if (others.size === 0) problems.push("all channels are on one thread");

    latencies = [];
    await sleep(roundMs);
    const without = latencies;

    latencies = [];
    const startMs = performance.now();
    culprit.tell("deed", { name: "endless_loop" });
    await sleep(roundMs);
    const withLoop = latencies;
    const isWhole = culprit.errors === 0;
    latencies = [];
    await until(
      () => siblings.every(({ answeredMs, errors }) => errors > 0 && answeredMs > startMs),
      RECOVERY_LIMIT_MS,
    );
    // We may have slept longer than we wanted to, on a busy machine: then the round counts for nothing.
    if (isWhole) {
      seen.without.push(without);
      seen.withLoop.push(withLoop);
      seen.replacing.push(latencies);
      answeredAgainMs.push(performance.now() - startMs);
    } else if (tries === MAX_TRIES * rounds) {
      problems.push("the thread is replaced before a round is over, again and again");
      break;
    }
    await shuffle(crowd);
  }
  crowd.leave();
  return { ...seen, answeredAgainMs, problems };

  /**
   * All connections anew: after a death many are together on the thread that lived on. First all go, or those that are still there
   * would send all that come to the other thread; how long that takes the server is not for clients to know.
   */
  async function shuffle({ clients, seats }: Crowd): Promise<void> {
    for (let tries = 1; tries <= SHUFFLES; tries++) {
      await Promise.all(clients.map((client) => client.reconnect(port, tries * GONE_MS)));
      await until(() => seats.every(({ state }) => state === "joined"), RECOVERY_LIMIT_MS);
      if (new Set(seats.map(({ thread }) => thread)).size > 1) break;
    }
    for (const seat of seats) seat.errors = 0;
    await crowd.unanswered(RECOVERY_LIMIT_MS);
  }
}
