import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import * as phoenix from "phoenix";
import { chooseSerializer } from "../../src/channels/choose-serializer.js";
import { broadcastPayload } from "../../src/channels/payload.js";
import type { Encoded, Json } from "../../src/channels/protocol.js";
import { serializerV1 } from "../../src/channels/serializer-v1.js";
import { serializerV2 } from "../../src/channels/serializer-v2.js";
import { outcome, scenariosOf } from "./recordings.js";

const bytes = Uint8Array.of(1, 2, 3);
const badPayload = { code: "JOIST_BAD_PAYLOAD" };

function hex(frame: unknown): string {
  assert.ok(frame instanceof Uint8Array);
  return Buffer.from(frame).toString("hex");
}

function binary(header: readonly number[], fields: string, data: readonly number[]): Buffer {
  return Buffer.concat([Buffer.from(header), Buffer.from(fields), Buffer.from(data)]);
}

const v2Texts: readonly [string, unknown, string][] = [
  ["a push has a join ref and no ref", serializerV2.encodePush("1", "t", "e", { a: 1 }), '["1",null,"t","e",{"a":1}]'],
  ["a broadcast has no refs", serializerV2.encodeBroadcast("t", "e", { a: 1 }), '[null,null,"t","e",{"a":1}]'],
  [
    "a reply holds status and response",
    serializerV2.encodeReply(null, "15", "phoenix", "ok", {}),
    '[null,"15","phoenix","phx_reply",{"status":"ok","response":{}}]',
  ],
  [
    "a reply may be any JSON value, with any status",
    serializerV2.encodeReply("1", 2, "t", "weird", [1, null]),
    '["1",2,"t","phx_reply",{"status":"weird","response":[1,null]}]',
  ],
  [
    "a reply echoes refs and topic of any type",
    serializerV2.encodeReply({ a: 1 }, false, { b: [] }, "error", { reason: "unmatched topic" }),
    '[{"a":1},false,{"b":[]},"phx_reply",{"status":"error","response":{"reason":"unmatched topic"}}]',
  ],
  ["a close has the join ref twice", serializerV2.encodeEnd("1", "t", "phx_close", {}), '["1","1","t","phx_close",{}]'],
  [
    "an error says why",
    serializerV2.encodeEnd("1", "t", "phx_error", { reason: "channel_crash" }),
    '["1","1","t","phx_error",{"reason":"channel_crash"}]',
  ],
  ["topics and events are escaped", serializerV2.encodePush("1", 'a"b', "c\n", {}), '["1",null,"a\\"b","c\\n",{}]'],
];
for (const [name, encoded, expected] of v2Texts) {
  test(`in version 2 ${name}`, () => assert.equal(encoded, expected));
}

test("bytes travel in the binary frames of version 2, byte for byte", () => {
  assert.deepEqual(serializerV2.decode(binary([0, 2, 3, 6, 4], "12123room:becho", [1, 2, 3])), {
    joinRef: "12",
    ref: "123",
    topic: "room:b",
    event: "echo",
    payload: bytes,
  });
  assert.equal(
    hex(serializerV2.encodeReply("12", "123", "room:b", "ok", bytes)),
    binary([1, 2, 3, 6, 2], "12123room:bok", [1, 2, 3]).toString("hex"),
  );
  assert.equal(
    hex(serializerV2.encodeBroadcast("room:b", "bin", Uint8Array.of(9, 9))),
    binary([2, 6, 3], "room:bbin", [9, 9]).toString("hex"),
  );
  assert.equal(
    hex(serializerV2.encodePush("12", "room:b", "bin", bytes)),
    binary([0, 2, 6, 3], "12room:bbin", [1, 2, 3]).toString("hex"),
  );
});

test("the binary frames of the recordings are met", () => {
  const push = "0001100331726f6f6d3a62696e6172792d7075736862696e64617461";
  assert.equal(hex(serializerV2.encodePush("1", "room:binary-push", "bin", Buffer.from("data"))), push);
  const numberRef = "0101021c02313432726f6f6d3a62696e6172792d7265706c792d6e756d6265722d7265666f6b01";
  assert.equal(
    hex(serializerV2.encodeReply("1", 42, "room:binary-reply-number-ref", "ok", Uint8Array.of(1))),
    numberRef,
  );
  const unicode = "0101020b0231c5bc726f6f6d3ac5bcf09f99826f6b78";
  assert.equal(hex(serializerV2.encodeReply("1", "ż", "room:ż🙂", "ok", Buffer.from("x"))), unicode);
});

test("in binary frames null is an empty ref, a number its decimal text, and an object has no place", () => {
  assert.equal(hex(serializerV2.encodeReply(null, 7, "t", "ok", bytes)), "01000101" + "02" + "37746f6b010203");
  assert.throws(() => serializerV2.encodeReply({ a: 1 }, "1", "t", "ok", bytes), badPayload);
});

test("a field of 255 bytes fits a binary frame, one of 256 does not", () => {
  const long = "ż".repeat(127);
  assert.equal(Buffer.byteLength(`${long}a`), 255);
  const frame = serializerV2.encodeBroadcast(`${long}a`, "e", bytes) as Uint8Array;
  assert.equal(frame[1], 255);
  for (const encode of [
    () => serializerV2.encodeBroadcast(`${long}ab`, "e", bytes),
    () => serializerV2.encodePush("1", "t", `${long}ab`, bytes),
    () => serializerV2.encodeReply(`${long}ab`, "1", "t", "ok", bytes),
  ]) {
    assert.throws(encode, { ...badPayload, message: /longer than 255 bytes; one has 256/ });
  }
});

test("a binary frame and a binary payload have an ArrayBuffer of their own", () => {
  const frame = serializerV2.encodeBroadcast("t", "e", bytes) as Uint8Array;
  assert.equal(frame.buffer.byteLength, frame.length);
  const { payload } = serializerV2.decode(Buffer.concat([binary([0, 0, 0, 1, 1], "te", [7]), Buffer.alloc(0)]));
  assert.ok(payload instanceof Uint8Array);
  assert.equal(payload.buffer.byteLength, 1);
});

const objectsOnly: readonly [string, unknown][] = [
  ["null", null],
  ["undefined", undefined],
  ["a list", [1, 2]],
  ["a string", "text"],
  ["a number", 7],
  ["a boolean", true],
  ["a bigint", 7n],
  ["a function", () => {}],
  ["a symbol", Symbol("s")],
  ["a Date, which is a string in JSON", new Date(0)],
  ["an object with a BigInt inside", { a: 1n }],
  ["an ArrayBuffer, which JSON.stringify loses", new ArrayBuffer(1)],
  ["a Uint16Array", new Uint16Array(1)],
];
for (const [name, payload] of objectsOnly) {
  test(`${name} is refused as the payload of a push or broadcast in version 2`, () => {
    const named = { ...badPayload, message: /(push|broadcast) "e" on topic "room:1": the payload / };
    assert.throws(() => serializerV2.encodePush("1", "room:1", "e", payload), named);
    assert.throws(() => serializerV2.encodeBroadcast("room:1", "e", payload), named);
    assert.throws(() => broadcastPayload("room:1", "e", payload), named);
  });
}

test("a bad payload is told what is allowed", () => {
  const message = 'push "e" on topic "room:1": the payload must be an object or a Uint8Array, not an array';
  assert.throws(() => serializerV2.encodePush("1", "room:1", "e", []), { ...badPayload, message });
});

test("a payload without JSON is refused in replies, too, and the reason is kept as the cause", () => {
  const cycle: Record<string, unknown> = {};
  cycle.self = cycle;
  for (const payload of [cycle, 1n, undefined, () => {}]) {
    assert.throws(() => serializerV2.encodeReply("1", "1", "t", "ok", payload), badPayload);
    assert.throws(() => serializerV1.encodeReply("1", "1", "t", "ok", payload), badPayload);
  }
  assert.throws(
    () => serializerV2.encodeReply("1", "1", "t", "ok", cycle),
    (error: Error) => error.cause instanceof TypeError,
  );
});

const v1Texts: readonly [string, unknown, string][] = [
  [
    "a push has no ref and never a join_ref",
    serializerV1.encodePush("1", "t", "e", { a: 1 }),
    '{"event":"e","payload":{"a":1},"ref":null,"topic":"t"}',
  ],
  [
    "a push may be any JSON value",
    serializerV1.encodePush("1", "t", "e", "text"),
    '{"event":"e","payload":"text","ref":null,"topic":"t"}',
  ],
  [
    "a broadcast may be any JSON value",
    serializerV1.encodeBroadcast("t", "e", [1]),
    '{"event":"e","payload":[1],"ref":null,"topic":"t"}',
  ],
  [
    "a reply has the ref of its request",
    serializerV1.encodeReply("J", "9", "phoenix", "ok", {}),
    '{"event":"phx_reply","payload":{"status":"ok","response":{}},"ref":"9","topic":"phoenix"}',
  ],
  [
    "the end of a channel has the join ref as its ref",
    serializerV1.encodeEnd("J", "t", "phx_error", { reason: "channel_crash" }),
    '{"event":"phx_error","payload":{"reason":"channel_crash"},"ref":"J","topic":"t"}',
  ],
];
for (const [name, encoded, expected] of v1Texts) {
  test(`in version 1 ${name}`, () => assert.equal(encoded, expected));
}

test("version 1 has no bytes", () => {
  for (const encode of [
    () => serializerV1.encodePush("1", "t", "e", bytes),
    () => serializerV1.encodeReply("1", "1", "t", "ok", bytes),
    () => serializerV1.encodeBroadcast("t", "e", bytes),
  ]) {
    assert.throws(encode, { ...badPayload, message: /there are no bytes in vsn 1/ });
  }
});

test("what version 1 decodes has a join ref if the client gave one", () => {
  const text = '{"topic":"t","event":"e","payload":null,"ref":"1"}';
  assert.deepEqual(serializerV1.decode(text), { joinRef: null, ref: "1", topic: "t", event: "e", payload: null });
  const joined = '{"topic":"t","event":"e","payload":[1],"ref":"1","join_ref":"J"}';
  assert.deepEqual(serializerV1.decode(joined), { joinRef: "J", ref: "1", topic: "t", event: "e", payload: [1] });
});

test("an array on a version 1 connection is answered with a hint at the vsn parameter", () => {
  assert.throws(() => serializerV1.decode('["1","1","t","phx_join",{}]'), { ...badPayload, message: /vsn=2\.0\.0/ });
  assert.throws(() => serializerV1.decode("hello"), { ...badPayload, message: /not hello$/ });
});

test("version 2 ignores what comes after the fifth element and refuses fewer", () => {
  const message = { joinRef: "1", ref: "2", topic: "t", event: "e", payload: 7 };
  assert.deepEqual(serializerV2.decode('["1","2","t","e",7,8,9]'), message);
  for (const text of ["[]", '["1","2","t","e"]', "{}", "null", "hello", '"x"']) {
    assert.throws(() => serializerV2.decode(text), badPayload);
  }
});

test("the JSON of a broadcast's payload is made once and spliced into the same bytes by both versions", () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), fc.dictionary(fc.string(), fc.jsonValue()), (topic, event, payload) => {
      const json = broadcastPayload(topic, event, payload) as string;
      for (const serializer of [serializerV1, serializerV2]) {
        assert.equal(
          serializer.encodeBroadcastFromJson(topic, event, json),
          serializer.encodeBroadcast(topic, event, payload),
        );
      }
    }),
  );
});

test("a broadcast of bytes stays bytes until it is framed", () =>
  assert.equal(broadcastPayload("t", "e", bytes), bytes));

test("whatever is encoded in version 2 parses back into the same message", () => {
  const json = fc.jsonValue() as fc.Arbitrary<Json>;
  fc.assert(
    fc.property(json, json, fc.string(), fc.string(), json, (joinRef, ref, topic, status, response) => {
      const frame = serializerV2.encodeReply(joinRef, ref, topic, status, response) as string;
      const expected = [joinRef, ref, topic, "phx_reply", { status, response }];
      assert.deepEqual(JSON.parse(frame), JSON.parse(JSON.stringify(expected)));
    }),
  );
});

test("any bytes and any short fields survive a binary push", () => {
  const field = fc.string({ unit: "grapheme", maxLength: 12 });
  fc.assert(
    fc.property(field, field, field, field, fc.uint8Array(), (joinRef, ref, topic, event, payload) => {
      const fields = [joinRef, ref, topic, event].map((text) => Buffer.from(text));
      const frame = Buffer.concat([Buffer.from([0, ...fields.map(({ length }) => length)]), ...fields, payload]);
      assert.deepEqual(serializerV2.decode(frame), { joinRef, ref, topic, event, payload });
    }),
  );
});

// The stock client's serializer, which its types leave out. It calls back at once.
interface ClientSerializer {
  encode(message: object, callback: (encoded: string | ArrayBuffer) => void): void;
  decode(raw: string | ArrayBuffer, callback: (message: object) => void): void;
}
const { Serializer: client } = phoenix as unknown as { readonly Serializer: ClientSerializer };

test("what the stock client encodes is decoded here, as text and as bytes", () => {
  const message = { join_ref: "12", ref: "123", topic: "room:ż", event: "echo" };
  const head = { joinRef: "12", ref: "123", topic: "room:ż", event: "echo" };
  client.encode({ ...message, payload: { a: 1 } }, (text) => {
    assert.deepEqual(serializerV2.decode(text as string), { ...head, payload: { a: 1 } });
  });
  client.encode({ ...message, payload: bytes.buffer }, (frame) => {
    assert.deepEqual(serializerV2.decode(new Uint8Array(frame as ArrayBuffer)), { ...head, payload: bytes });
  });
});

test("what is encoded here is decoded by the stock client, as text and as bytes", () => {
  const read = (encoded: Encoded): unknown => {
    let message: unknown;
    const raw = typeof encoded === "string" ? encoded : new Uint8Array(encoded).buffer;
    client.decode(raw, (decoded) => {
      message = decoded;
    });
    return message;
  };
  const push = { join_ref: "12", ref: null, topic: "room:b", event: "new" };
  assert.deepEqual(read(serializerV2.encodePush("12", "room:b", "new", { a: 1 })), { ...push, payload: { a: 1 } });
  assert.deepEqual(read(serializerV2.encodePush("12", "room:b", "new", bytes)), { ...push, payload: bytes.buffer });

  const reply = { join_ref: "12", ref: "7", topic: "room:b", event: "phx_reply" };
  for (const response of [{ a: 1 }, bytes]) {
    const expected = response === bytes ? bytes.buffer : response;
    assert.deepEqual(read(serializerV2.encodeReply("12", "7", "room:b", "ok", response)), {
      ...reply,
      payload: { status: "ok", response: expected },
    });
  }
  // The client leaves out the join ref of a binary broadcast, where a text one has null.
  const { topic, event, payload } = read(serializerV2.encodeBroadcast("room:b", "new", bytes)) as Record<
    string,
    unknown
  >;
  assert.deepEqual({ topic, event, payload }, { topic: "room:b", event: "new", payload: bytes.buffer });
});

const versions: readonly [unknown, string | undefined][] = [
  [undefined, "1.0.0"],
  ["1.0.0", "1.0.0"],
  ["1.0.9", "1.0.0"],
  ["2.0.0", "2.0.0"],
  ["2.0.7", "2.0.0"],
  ["2.0.0+build", "2.0.0"],
  ["2.0.1-rc.1", "2.0.0"],
  ["2.0.0-rc.1", undefined],
  ["2.1.0", undefined],
  ["2.1.0-rc.1", undefined],
  ["1.1.0", undefined],
  ["3.0.0", undefined],
  ["2.0", undefined],
  ["02.0.0", undefined],
  ["", undefined],
  ["abc", undefined],
  [{ x: "1" }, undefined],
  [["2.0.0"], undefined],
];
for (const [vsn, expected] of versions) {
  const says = expected === undefined ? "is refused" : `is answered in version ${expected}`;
  test(`a connection with vsn ${JSON.stringify(vsn) ?? "missing"} ${says}`, () => {
    assert.equal(chooseSerializer(vsn)?.vsn, expected);
  });
}

test("the versions in the recordings are chosen or refused as they were", () => {
  const scenarios = scenariosOf("connect").filter(({ name }) => name.startsWith("ws-connect-vsn-"));
  assert.ok(scenarios.length > 5);
  for (const scenario of scenarios) {
    const params = new URLSearchParams(scenario.steps[0]?.query);
    const chosen = chooseSerializer(params.getAll("vsn").at(-1));
    assert.equal(chosen === undefined ? "refused" : "open", outcome(scenario), scenario.name);
  }
});

test("a socket may have its own list of serializers: the first that fits is taken", () => {
  const only = [{ serializer: serializerV2, requirement: "~> 2.0" }];
  assert.equal(chooseSerializer("2.5.0", only)?.vsn, "2.0.0");
  assert.equal(chooseSerializer("3.0.0", only), undefined);
  assert.equal(chooseSerializer(undefined, only), undefined, "no vsn means 1.0.0");
  assert.throws(() => chooseSerializer("2.0.0", [{ serializer: serializerV2, requirement: ">= 2" }]), {
    code: "JOIST_BAD_OPTION",
  });
});
