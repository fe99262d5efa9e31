/** Connect, join, go away: the join storm. */
import { join } from "../clients.js";
import type { Measured } from "../measurement.js";
import type { ConnectScenario } from "../scenarios.js";
import type { Load } from "./load.js";

export async function connectAndJoin(load: Load<ConnectScenario>): Promise<Measured> {
  const { scenario, dialect, measurement, times } = load;
  const topics = [dialect.on(0)];
  let ended = false;
  const worker = async (): Promise<void> => {
    while (!ended) {
      const sinceMs = performance.now();
      try {
        const connection = await join(dialect, 0, topics);
        measurement.count(sinceMs);
        connection.drop();
      } catch {
        measurement.failures += 1;
      }
    }
  };
  const workers = Promise.all(Array.from({ length: scenario.connections }, worker));
  const measured = await measurement.window(times);
  ended = true;
  await workers;
  return measured;
}
