/** The loads themselves, one for each kind of scenario. */
import { setTimeout as delay } from "node:timers/promises";
import { answeredKeepAlive, join, joinAll } from "./clients.js";
import type { Connection, ConnectionHandler } from "./connection.js";
import { BROADCAST, type Dialect, digits } from "./dialects.js";
import { type Measured, Measurement, type Times } from "./measurement.js";
import {
  type ConnectScenario,
  type EchoScenario,
  type FanOutScenario,
  type IdleScenario,
  payloadOf,
  type Scenario,
} from "./scenarios.js";

/** The first ref after the join's. */
const FIRST_REF = 2;
/** Send times kept a connection: more than are ever in flight, a power of two. */
const SENT_TIMES = 64;
/** Broadcasts whose deliveries may still be on their way. */
const SENT_BROADCASTS = 65_536;
/** What a server has to become quiet after its connections have joined, before its memory is read. */
const SETTLE_MS = 2000;
/** How long deliveries of the window may come late. */
const LATE_MS = 5000;
const NUMBER = Buffer.from('"n":');

export function runLoad(scenario: Scenario, dialect: Dialect, server: number, times: Times): Promise<Measured> {
  switch (scenario.kind) {
    case "echo":
      return echo(scenario, dialect, new Measurement(server), times);
    case "fan-out":
      return fanOut(scenario, dialect, new Measurement(server), times);
    case "idle":
      return idle(scenario, dialect, new Measurement(server), times);
    case "connect":
      return connectAndJoin(scenario, dialect, new Measurement(server), times);
  }
}

/** Closed loop: each answer brings the next request. */
async function echo(
  scenario: EchoScenario,
  dialect: Dialect,
  measurement: Measurement,
  times: Times,
): Promise<Measured> {
  const { connections: count, inFlight, payloadBytes } = scenario;
  const payload = payloadOf(payloadBytes, 0);
  const sentAt = new Float64Array(count * SENT_TIMES);
  const nextRef = new Uint32Array(count).fill(FIRST_REF);
  const checked = new Uint8Array(count);
  const ask = (connection: Connection): void => {
    const ref = nextRef[connection.index] as number;
    nextRef[connection.index] = ref + 1;
    sentAt[connection.index * SENT_TIMES + (ref % SENT_TIMES)] = performance.now();
    connection.send(dialect.request(ref, payload));
  };
  const connections = await joinAll(dialect, count, {
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
      measurement.count(sentAt[connection.index * SENT_TIMES + (ref % SENT_TIMES)] as number);
      ask(connection);
    },
    closed: () => {
      measurement.failures += 1;
    },
  });
  for (const connection of connections) for (let i = 0; i < inFlight; i++) ask(connection);
  const measured = await measurement.window(times);
  for (const connection of connections) connection.drop();
  return measured;
}

/** Closed loop, or open: then latency counts from the time a broadcast was meant to be sent, however late it was. */
async function fanOut(
  scenario: FanOutScenario,
  dialect: Dialect,
  measurement: Measurement,
  times: Times,
): Promise<Measured> {
  const { connections: count, perSecond, payloadBytes } = scenario;
  const meantAt = new Float64Array(SENT_BROADCASTS);
  const counted = new Uint8Array(SENT_BROADCASTS);
  let published = 0;
  let delivered = 0;
  let expected = 0;
  let arrived = 0;
  let ended = false;
  const publish = (meantMs: number): void => {
    const n = published++ % SENT_BROADCASTS;
    meantAt[n] = meantMs;
    // Of an open loop, those meant for the window are counted, and all their deliveries, those that come after it, too.
    counted[n] = measurement.measuring ? 1 : 0;
    if (measurement.measuring) expected += count;
    publisher?.send(dialect.publish(FIRST_REF + published, payloadOf(payloadBytes, n)));
  };
  const handler: ConnectionHandler = {
    message: (connection, data, start, end) => {
      const ref = dialect.refOf(data, start, end);
      if (ref !== BROADCAST) {
        if (!answeredKeepAlive(dialect, connection, ref)) measurement.failures += 1;
        return;
      }
      const n = digits(data, data.indexOf(NUMBER, start) + NUMBER.length);
      delivered += 1;
      if (perSecond === 0) {
        measurement.count(meantAt[n] as number);
        if (delivered === published * count && !ended) publish(performance.now());
        return;
      }
      // Those of the window are what its processor time was spent on; their latencies are those of what was meant for it.
      if (measurement.measuring) measurement.messages += 1;
      if (counted[n] === 1) {
        arrived += 1;
        measurement.latency.recordValue(Math.max(1, Math.round((performance.now() - (meantAt[n] as number)) * 1000)));
      }
    },
    closed: () => {
      measurement.failures += 1;
    },
  };
  const connections = await joinAll(dialect, count, handler);
  const publisher = connections[0];
  const clock = perSecond === 0 ? undefined : everySecond(perSecond, publish);
  if (clock === undefined) publish(performance.now());
  const measured = await measurement.window(times);
  ended = true;
  if (clock !== undefined) {
    clearInterval(clock);
    for (let waitedMs = 0; arrived < expected && waitedMs < LATE_MS; waitedMs += 50) await delay(50);
    measurement.failures += expected - arrived;
  }
  for (const connection of connections) connection.drop();
  return {
    ...measured,
    messages: measurement.messages,
    failures: measurement.failures,
    latency: measurement.encoded(),
  };
}

/** Calls `tick` so many times a second with the time each was meant for; those that are late come as soon as they can. */
function everySecond(perSecond: number, tick: (meantMs: number) => void): NodeJS.Timeout {
  const stepMs = 1000 / perSecond;
  let nextMs = performance.now() + stepMs;
  return setInterval(() => {
    for (; nextMs <= performance.now(); nextMs += stepMs) tick(nextMs);
  }, 1);
}

async function idle(
  scenario: IdleScenario,
  dialect: Dialect,
  measurement: Measurement,
  times: Times,
): Promise<Measured> {
  const handler: ConnectionHandler = {
    message: (connection, data, start, end) => {
      if (!answeredKeepAlive(dialect, connection, dialect.refOf(data, start, end))) measurement.failures += 1;
    },
    closed: () => {
      measurement.failures += 1;
    },
  };
  const emptyBytes = measurement.pssBytes();
  const connections = await joinAll(dialect, scenario.connections, handler);
  await delay(SETTLE_MS);
  const bytesPerConnection = (measurement.pssBytes() - emptyBytes) / scenario.connections;
  // What it costs to have them is worth knowing too, so the window stays, with no message in it.
  const measured = await measurement.window(times);
  for (const connection of connections) connection.drop();
  return { ...measured, bytesPerConnection };
}

async function connectAndJoin(
  scenario: ConnectScenario,
  dialect: Dialect,
  measurement: Measurement,
  times: Times,
): Promise<Measured> {
  let ended = false;
  const worker = async (): Promise<void> => {
    while (!ended) {
      const sinceMs = performance.now();
      try {
        const connection = await join(dialect, 0);
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
