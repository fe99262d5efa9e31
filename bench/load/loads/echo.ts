/** Requests and their answers. Closed loop, each answer brings the next request; or open, by the clock. */

import { everySecond } from "../../../src/cli/load/pace.js";
import { payloadOf } from "../../../src/cli/load/payload.js";
import { answeredKeepAlive, joinAll } from "../clients.js";
import type { Connection } from "../connection.js";
import type { Measured } from "../measurement.js";
import { type EchoScenario, payloadOfWords } from "../scenarios.js";
import { CrashStorm } from "./crash-storm.js";
import { settledBytes } from "./idle.js";
import { FIRST_REF, type Load } from "./load.js";

/** Send times kept a connection, at least: more than are ever in flight in a closed loop. */
const SENT_TIMES = 64;
/** Seconds an answer of an open loop may take before its send time is forgotten. */
const LONGEST_SECONDS = 10;

export async function echo(load: Load<EchoScenario>): Promise<Measured> {
  const { scenario, dialect, measurement, times } = load;
  const { connections: count, inFlight, payloadBytes, perSecond = 0, topicsEach = 1, topics: spread = 1 } = scenario;
  const payload = (scenario.compress === true ? payloadOfWords : payloadOf)(payloadBytes, 0);
  const topics = Array.from({ length: Math.max(topicsEach, spread) }, (_, number) => dialect.on(number));
  const topicsOf = (index: number) => (spread === 1 ? topics : topics.slice(index % spread, (index % spread) + 1));
  const kept = Math.max(SENT_TIMES, Math.ceil((perSecond * LONGEST_SECONDS) / count));
  const sentAt = new Float64Array(count * kept);
  const nextRef = new Uint32Array(count).fill(FIRST_REF);
  const checked = new Uint8Array(count);
  const ask = (connection: Connection, sentMs: number): void => {
    const ref = nextRef[connection.index] as number;
    nextRef[connection.index] = ref + 1;
    sentAt[connection.index * kept + (ref % kept)] = sentMs;
    const topic = topics[spread === 1 ? ref % topicsEach : connection.index % spread];
    if (topic !== undefined) connection.send(topic.request(ref, payload));
  };
  const emptyBytes = measurement.pssBytes();
  const connections = await joinAll({
    ...{ dialect, count, topics: topicsOf, compress: scenario.compress ?? false },
    handler: {
      message: (connection, data, start, end) => {
        const ref = dialect.refOf(data, start, end);
        if (ref < FIRST_REF) {
          if (!answeredKeepAlive(dialect, connection, ref)) measurement.failures += 1;
          return;
        }
        // One answer a connection is looked at as a whole: what is measured is an echo.
        if (checked[connection.index] === 0) {
          checked[connection.index] = 1;
          if (!data.toString("utf8", start, end).includes(payload)) measurement.failures += 1;
        }
        const sentMs = sentAt[connection.index * kept + (ref % kept)] as number;
        if (perSecond > 0) return measurement.arrive(sentMs);
        measurement.count(sentMs);
        ask(connection, performance.now());
      },
      closed: () => {
        measurement.failures += 1;
      },
    },
  });
  const channels = count * topicsEach;
  const memory =
    scenario.memoryEach === true ? { bytesEach: await settledBytes(measurement, emptyBytes, channels) } : {};
  const storm =
    scenario.crashesPerSecond === undefined ? null : await CrashStorm.begin(load, scenario.crashesPerSecond);
  let turn = 0;
  const byTheClock = (meantMs: number): void => {
    measurement.expect(meantMs, 1);
    ask(connections[turn++ % count] as Connection, meantMs);
  };
  const clock = perSecond === 0 ? undefined : everySecond(perSecond, byTheClock);
  const first = clock === undefined ? inFlight : 0;
  for (const connection of connections) for (let i = 0; i < first; i++) ask(connection, performance.now());
  const measured = await measurement.window(times);
  clearInterval(clock);
  const crashes = storm === null ? {} : { crashes: storm.end() };
  for (const connection of connections) connection.drop();
  return { ...measured, ...memory, ...crashes };
}
