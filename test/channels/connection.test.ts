import assert from "node:assert/strict";
import { test } from "node:test";
import { Connection } from "../../src/channels/connection.js";
import { DEFAULT_FILTER_PARAMETERS } from "../../src/channels/filter-parameters.js";
import { Join } from "../../src/channels/join.js";
import { resolveChannelLimits, resolveSocketLimits } from "../../src/channels/limits.js";
import { resolveRoutes } from "../../src/channels/route.js";
import { serializerV2 } from "../../src/channels/serializer-v2.js";
import { Throttle } from "../../src/channels/throttle.js";
import type { Subscriber, Topics } from "../../src/pubsub/topics.js";
import type { Port, PortHandler } from "../../src/runtime/process.js";

/** A connection whose ports and topics are counted, and whose channels are played by the test. */
function connected() {
  const joins: Join[] = [];
  const sent: (string | Uint8Array)[] = [];
  let ports = 0;
  const openPort = (_: PortHandler, label: string): Port => {
    const pid = `<0.0.${++ports}>`;
    const port = {
      ...{ pid, isOpen: true, label },
      spawn: () => ({ pid: `<0.1.${ports}>`, ref: ports, isApart: false }),
      ...{ exit: () => {}, close: () => {}, sendData: () => {}, limit: () => {}, unlimit: () => {} },
    };
    return port as unknown as Port; // all that is asked of it here
  };
  const topics = {
    add: (_: string, subscriber: Subscriber) => subscriber instanceof Join && joins.push(subscriber),
    remove: () => {},
  };
  const route = { pattern: "room:*", channel: "Room", intercept: [], assigns: {}, limits: resolveChannelLimits({}) };
  const manifest = {
    ...{ socket: "UserSocket", routes: [route], maxChannels: 100, joinTimeoutMs: 30_000, connectTimeoutMs: 10_000 },
    ...{ limits: resolveSocketLimits({}, 100), filter: DEFAULT_FILTER_PARAMETERS },
  };
  const setup = {
    ...{
      manifest,
      routes: resolveRoutes([["room:*", route]]),
      serializer: serializerV2,
      id: null,
      assigns: {},
      openPort,
    },
    ...{ topics: topics as unknown as Topics, throttle: new Throttle(() => {}) },
  };
  const transport = {
    name: "test",
    send: (message: string | Uint8Array) => sent.push(message),
    ...{
      isHeldUp: false,
      sendDroppable: () => {},
      sendShared: () => {},
      pause: () => {},
      resume: () => {},
      close: () => {},
    },
  };
  return { connection: new Connection(setup, transport), joins, sent };
}

test("a topic that is joined again and again keeps its last join only", () => {
  const { connection, joins, sent } = connected();
  for (const ref of ["1", "2", "3"]) {
    connection.receive(`["${ref}","${ref}","room:a","phx_join",{}]`);
    joins.at(-1)?.message(["joined", `["${ref}","${ref}","room:a","phx_reply",{"status":"ok","response":{}}]`]);
  }
  assert.deepEqual(
    sent.map((frame) => JSON.parse(String(frame)).slice(0, 4)),
    [
      ["1", "1", "room:a", "phx_reply"],
      ["2", "2", "room:a", "phx_reply"],
      ["1", "1", "room:a", "phx_close"],
      ["3", "3", "room:a", "phx_reply"],
      ["2", "2", "room:a", "phx_close"],
    ],
  );
  assert.deepEqual(
    joins.map(({ replaces }) => replaces),
    [null, null, null],
  );
  connection.closed(["shutdown", "closed"]);
});
