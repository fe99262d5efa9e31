/** Connections that only are there. */
import { setTimeout as delay } from "node:timers/promises";
import { answeredKeepAlive, joinAll } from "../clients.js";
import type { Measured, Measurement } from "../measurement.js";
import type { IdleScenario } from "../scenarios.js";
import type { Load } from "./load.js";

/** What a server has to become quiet after its connections have joined, before its memory is read. */
const SETTLE_MS = 2000;

export async function idle({ scenario, dialect, measurement, times }: Load<IdleScenario>): Promise<Measured> {
  const topics = Array.from({ length: scenario.topics }, (_, number) => [dialect.on(number)]);
  const emptyBytes = measurement.pssBytes();
  const connections = await joinAll({
    dialect,
    count: scenario.connections,
    topics: (index) => topics[index % scenario.topics] ?? [],
    handler: {
      message: (connection, data, start, end) => {
        if (!answeredKeepAlive(dialect, connection, dialect.refOf(data, start, end))) measurement.failures += 1;
      },
      closed: () => {
        measurement.failures += 1;
      },
    },
  });
  const bytesEach = await settledBytes(measurement, emptyBytes, scenario.connections);
  // What it costs to have them is worth knowing too, so the window stays, with no message in it.
  const measured = await measurement.window(times);
  for (const connection of connections) connection.drop();
  return { ...measured, bytesEach };
}

/** What each of so many takes of the server's memory, beyond what it had without any. */
export async function settledBytes(measurement: Measurement, emptyBytes: number, count: number): Promise<number> {
  await delay(SETTLE_MS);
  return (measurement.pssBytes() - emptyBytes) / count;
}
