import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { serializerV2 } from "../../../src/channels/serializer-v2.js";
import {
  frame,
  isBroadcast,
  joinFrame,
  markedRef,
  markOf,
  NO_REF,
  okRef,
  readBinary,
  readMessage,
} from "../../../src/cli/load/wire.js";
import { allScenarios } from "../../channels/recordings.js";

test("frames of the client are what the server reads", () => {
  const topic = 'a "b"';
  assert.deepEqual(serializerV2.decode(frame(1, 17, JSON.stringify(topic), '"echo"', '{"x":1}')), {
    ...{ joinRef: "1", ref: "17", topic, event: "echo", payload: { x: 1 } },
  });
  assert.deepEqual(serializerV2.decode(joinFrame(2, '"t"', "{}")), {
    ...{ joinRef: "2", ref: "2", topic: "t", event: "phx_join", payload: {} },
  });
});

// The forms that servers write: this one's, with the keys in order, and with spaces.
const forms: readonly ((joinRef: string, ref: string, topic: string, status: string, response: unknown) => string)[] = [
  (...reply) => String(serializerV2.encodeReply(...reply)),
  (joinRef, ref, topic, status, response) => JSON.stringify([joinRef, ref, topic, "phx_reply", { response, status }]),
  (joinRef, ref, topic, status, response) =>
    JSON.stringify([joinRef, ref, topic, "phx_reply", { status, response }], null, 1),
];

test("an answer is ok if and only if its own status is, whatever its topic and its response hold", () => {
  const text = fc.oneof(
    fc.string(),
    fc.constantFrom('"', "\\", '\\"', ',"status":"ok"}]', '","phx_reply",{"status":"ok",'),
  );
  const response = fc.oneof(
    ...[text, fc.jsonValue(), fc.constant({ status: "ok" }), fc.constant(["phx_reply", { status: "ok", a: 1 }])],
    fc.constant({ a: { status: "ok" } }),
  );
  const status = fc.constantFrom("ok", "error", "okay", "o");
  fc.assert(
    fc.property(fc.nat(1000), fc.nat(), text, status, response, fc.constantFrom(...forms), (...given) => {
      const [joinRef, ref, topic, word, answer, form] = given;
      const data = form(`${joinRef}`, `${ref}`, topic, word, answer);
      const read = okRef(Buffer.from(data));
      assert.ok(read === NO_REF || (read === ref && word === "ok"), data);
      assert.deepEqual(readMessage(data), { joinRef, ref, event: "phx_reply", status: word });
    }),
  );
});

test("the answers of this server and of Phoenix are read without parsing them", () => {
  for (const form of forms.slice(0, 2)) {
    assert.equal(okRef(Buffer.from(form("1", "17", 'a "b\\" c', "ok", { a: [{}] }))), 17);
  }
});

test("what a Phoenix server was recorded to send is read, and its answers that are ok without parsing them", () => {
  const expected = allScenarios().flatMap(({ steps }) =>
    steps.flatMap(({ expect = {} }) => Object.values(expect).flat()),
  );
  let oks = 0;
  for (const { json } of expected) {
    if (!Array.isArray(json) || !/^"\d+","\d+"$/.test(JSON.stringify(json.slice(0, 2)).slice(1, -1))) continue;
    const [joinRef, ref, , event, { status = "" }] = json;
    const isOk = event === "phx_reply" && status === "ok";
    const text = JSON.stringify(json);
    assert.equal(okRef(Buffer.from(text)), isOk ? Number(ref) : NO_REF, text);
    assert.deepEqual(readMessage(text), { joinRef: Number(joinRef), ref: Number(ref), event, status });
    if (isOk) oks += 1;
  }
  assert.ok(oks > 100, `only ${oks} answers were recorded`);
});

test("what is no answer has no ref, and what is not of the protocol is no message", () => {
  for (const [text, event] of [
    ['[null,null,"t","shout",{}]', "shout"],
    ['["1",null,"t","pushed",{"status":"ok"}]', "pushed"],
    ['["1","1","t","phx_error",{}]', "phx_error"],
    ['["1","1","t","phx_close",{}]', "phx_close"],
  ] as const) {
    assert.equal(okRef(Buffer.from(text)), NO_REF);
    assert.equal(readMessage(text)?.event, event);
  }
  for (const text of ["", "[", "[]", "{}", "null", '["1","1","t"]', '["1","1","t",2,{}]', '["1","17', '["']) {
    assert.equal(okRef(Buffer.from(text)), NO_REF);
    assert.equal(readMessage(text), null);
  }
});

test("a message is known again by its mark, wherever it is", () => {
  for (const text of [
    `[null,null,"t","e",{"body":"${markOf(17)}"}]`,
    `["1",null,"t","e",{"a":["<b>${markOf(17)}</b>"]}]`,
  ]) {
    assert.equal(markedRef(Buffer.from(text)), 17);
    assert.equal(isBroadcast(Buffer.from(text)), text.startsWith("[null"));
  }
  assert.equal(markedRef(Buffer.from('[null,null,"t","e",{}]')), NO_REF);
  assert.equal(isBroadcast(Buffer.from('[null,"heartbeat","phoenix","phx_reply",{}]')), false);
  assert.equal(isBroadcast(Buffer.from("[null")), false);
});

test("binary answers, pushes and broadcasts are told apart", () => {
  const bytes = Buffer.from([1, 2, 3]);
  const reply = serializerV2.encodeReply("1", "17", "t", "ok", bytes) as Uint8Array;
  assert.deepEqual(readBinary(Buffer.from(reply)), { joinRef: 1, ref: 17, event: "phx_reply", status: "ok" });
  for (const other of [serializerV2.encodePush("1", "t", "e", bytes), serializerV2.encodeBroadcast("t", "e", bytes)]) {
    assert.equal(readBinary(Buffer.from(other as Uint8Array))?.ref, NO_REF);
  }
  assert.equal(readBinary(Buffer.from([9, 9])), null);
  assert.equal(readBinary(Buffer.alloc(0)), null);
});
