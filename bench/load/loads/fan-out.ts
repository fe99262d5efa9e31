/** Broadcasts. One at a time on each topic, or by the clock: then latency counts from the time one was meant to be sent. */

import { everySecond } from "../../../src/cli/load/pace.js";
import { payloadOf } from "../../../src/cli/load/payload.js";
import { digits } from "../../../src/cli/load/wire.js";
import { answeredKeepAlive, joinAll } from "../clients.js";
import type { ConnectionHandler } from "../connection.js";
import { BROADCAST } from "../dialects.js";
import type { Measured } from "../measurement.js";
import type { FanOutScenario } from "../scenarios.js";
import { settledBytes } from "./idle.js";
import { FIRST_REF, type Load } from "./load.js";

/** Broadcasts whose deliveries may still be on their way. */
const SENT_BROADCASTS = 65_536;
const NUMBER = Buffer.from('"n":');

export async function fanOut(load: Load<FanOutScenario>): Promise<Measured> {
  const { scenario, dialect, measurement, times } = load;
  const { connections: count, topics: topicCount, perSecond, payloadBytes } = scenario;
  const topics = Array.from({ length: topicCount }, (_, number) => dialect.on(number));
  const members = topics.map((_, number) => Math.ceil((count - number) / topicCount));
  const meantAt = new Float64Array(SENT_BROADCASTS);
  const awaited = new Uint32Array(SENT_BROADCASTS);
  const topicOf = new Uint32Array(SENT_BROADCASTS);
  let published = 0;
  let ended = false;
  const publish = (number: number, meantMs: number): void => {
    const n = published++ % SENT_BROADCASTS;
    meantAt[n] = meantMs;
    awaited[n] = members[number] as number;
    topicOf[n] = number;
    if (perSecond > 0) measurement.expect(meantMs, members[number] as number);
    const text = topics[number]?.publish(FIRST_REF + published, payloadOf(payloadBytes, n));
    if (text !== undefined) connections[number]?.send(text);
  };
  const handler: ConnectionHandler = {
    message: (connection, data, start, end) => {
      const ref = dialect.refOf(data, start, end);
      if (ref !== BROADCAST) {
        if (!answeredKeepAlive(dialect, connection, ref)) measurement.failures += 1;
        return;
      }
      const n = digits(data, data.indexOf(NUMBER, start) + NUMBER.length);
      if (perSecond > 0) return measurement.arrive(meantAt[n] as number);
      measurement.count(meantAt[n] as number);
      const left = (awaited[n] as number) - 1;
      awaited[n] = left;
      if (left === 0 && !ended) publish(topicOf[n] as number, performance.now());
    },
    closed: () => {
      measurement.failures += 1;
    },
  };
  const emptyBytes = measurement.pssBytes();
  const connections = await joinAll({
    ...{ dialect, count, handler },
    topics: (index) => topics.slice(index % topicCount, (index % topicCount) + 1),
  });
  const memory = scenario.memoryEach === true ? { bytesEach: await settledBytes(measurement, emptyBytes, count) } : {};
  let turn = 0;
  const clock = perSecond === 0 ? undefined : everySecond(perSecond, (meant) => publish(turn++ % topicCount, meant));
  if (clock === undefined) for (let number = 0; number < topicCount; number++) publish(number, performance.now());
  // Broadcasts go on while those of the window are waited for, so that its last ones see the same load.
  const measured = await measurement.window(times);
  ended = true;
  clearInterval(clock);
  for (const connection of connections) connection.drop();
  return { ...measured, ...memory };
}
