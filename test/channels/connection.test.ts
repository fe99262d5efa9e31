import assert from "node:assert/strict";
import { test } from "node:test";
import { Connection } from "../../src/channels/connection.js";
import { DEFAULT_FILTER_PARAMETERS } from "../../src/channels/filter-parameters.js";
import { Join, MAX_HELD_BROADCASTS } from "../../src/channels/join.js";
import { resolveChannelLimits, resolveSocketLimits } from "../../src/channels/limits.js";
import { resolveRoutes } from "../../src/channels/route.js";
import { serializerV2 } from "../../src/channels/serializer-v2.js";
import { Throttle } from "../../src/channels/throttle.js";
import type { SharedMessage } from "../../src/channels/transport.js";
import type { Pid } from "../../src/core/pid.js";
import { Broadcast } from "../../src/pubsub/broadcast.js";
import type { Subscriber, Topics } from "../../src/pubsub/topics.js";
import type { Port, PortHandler } from "../../src/runtime/process.js";

/** A connection whose ports and topics are counted, and whose channels are played by the test. */
function connected() {
  const joins: Join[] = [];
  const sent: (string | Uint8Array)[] = [];
  const closes: number[] = [];
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
  const throttle = new Throttle(() => {});
  const setup = {
    ...{
      manifest,
      routes: resolveRoutes([["room:*", route]]),
      serializer: serializerV2,
      id: null,
      assigns: {},
      openPort,
    },
    ...{ topics: topics as unknown as Topics, throttle },
  };
  const transport = {
    name: "test",
    send: (message: string | Uint8Array) => sent.push(message),
    ...{
      isHeldUp: false,
      sendDroppable: () => {},
      sendShared: ({ message }: SharedMessage) => sent.push(message),
      pause: () => {},
      resume: () => {},
      close: (code: number) => void closes.push(code),
    },
  };
  return { connection: new Connection(setup, transport), joins, sent, closes, counts: throttle.counts };
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

test("broadcasts that come before a join is decided wait for it, so many of them; the oldest are dropped, and counted", () => {
  const { connection, joins, sent, counts } = connected();
  connection.receive('["1","1","room:a","phx_join",{}]');
  const join = joins[0] as Join;
  for (let n = 0; n < MAX_HELD_BROADCASTS + 2; n++) {
    join.deliver(new Broadcast("room:a", "n", `{"n":${n}}`, "<0.9.1>" as Pid)); // of its form
  }
  assert.deepEqual(counts.snapshot(), { "dropped.held": 2 });
  assert.deepEqual(sent, []);
  join.message(["joined", '["1","1","room:a","phx_reply",{"status":"ok","response":{}}]']);
  assert.equal(sent.length, 1 + MAX_HELD_BROADCASTS);
  assert.equal(sent[1], '[null,null,"room:a","n",{"n":2}]');
  connection.closed(["shutdown", "closed"]);
});

test("a frame that a channel can't read and the I/O thread can costs that channel, and not the connection", () => {
  const { connection, joins, sent, closes } = connected();
  for (const topic of ["room:a", "room:b"]) {
    connection.receive(`["1","1","${topic}","phx_join",{}]`);
    joins.at(-1)?.message(["joined", `["1","1","${topic}","phx_reply",{"status":"ok","response":{}}]`]);
  }
  joins[0]?.message(["malformed", '["1","2","room:a","event",{}]']);
  joins[1]?.message(["malformed", '["1","2","room:a","event",{']); // not of its topic: it never had that
  assert.deepEqual(sent.slice(2), [
    '["1","1","room:a","phx_error",{"reason":"channel_crash"}]',
    '["1","1","room:b","phx_error",{"reason":"channel_crash"}]',
  ]);
  assert.deepEqual(closes, []);
  connection.receive('["2","3","room:a","phx_join",{}]');
  joins.at(-1)?.message(["malformed", '["2","3","room:a","phx_join",{]']);
  assert.deepEqual(closes, [1011]);
});

test("whatever a channel's thread sends, its connection stays open, and its channel ends with one phx_error at most", () => {
  const bytes = new Uint8Array([0, 255, 7]);
  const nothing = [null, undefined, 7, Number.NaN, true, {}, [], [[]], { tag: "no" }, Symbol.iterator, () => {}, bytes];
  const tags = ["joined", "refused", "push", "handled", "close", "malformed", "", "drained", null];
  const values = [...nothing, "", "[", '["1"]', -1, 1e308, Number.POSITIVE_INFINITY];
  for (const isJoined of [true, false]) {
    for (const tag of tags) {
      for (const first of values) {
        for (const message of [first, [tag], [tag, first], [tag, first, first], [tag, 1, first]]) {
          const { connection, joins, sent, closes } = connected();
          for (const topic of ["room:a", "room:b"]) connection.receive(`["1","1","${topic}","phx_join",{}]`);
          const [join, other] = joins as [Join, Join];
          const reply = '["1","1","room:a","phx_reply",{"status":"ok","response":{}}]';
          if (isJoined) join.message(["joined", reply]);
          join.message(message);
          join.data(message as string);
          join.message(["handled", 1, 1]);
          join.message({ tag: "DOWN", ref: 1, from: "<0.1.1>", reason: "scheduler_down" });
          assert.deepEqual(closes, [], `closed by ${String(JSON.stringify(message))}`);
          assert.ok(sent.filter((frame) => String(frame).includes('"phx_error"')).length <= 1);
          assert.ok(sent.every((frame) => typeof frame === "string" || frame instanceof Uint8Array));
          assert.equal(other.state, "joining");
          connection.closed(["shutdown", "closed"]);
        }
      }
    }
  }
});
