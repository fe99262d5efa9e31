import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { chooseSerializer } from "../../src/channels/choose-serializer.js";
import { codecSerializer } from "../../src/channels/codec.js";
import { type ClientMessage, decode, encode, vsn } from "../../src/channels/msgpack-client.js";
import type { Encoded } from "../../src/channels/protocol.js";
import { serializerMsgpack as msgpack } from "../../src/channels/serializer-msgpack.js";
import { serializerV2 } from "../../src/channels/serializer-v2.js";

const bytes = Uint8Array.of(1, 2, 3);
const badPayload = { code: "JOIST_BAD_PAYLOAD" };
const same = <T>(value: T): T => value;
/** What the stock client makes of a frame; it is given an ArrayBuffer. */
const received = (frame: Encoded): ClientMessage => {
  assert.ok(frame instanceof Uint8Array);
  assert.equal(frame.byteLength, frame.buffer.byteLength);
  return decode(frame.buffer, same);
};

const frames: readonly (readonly [name: string, frame: Encoded, message: ClientMessage])[] = [
  [
    "a push",
    msgpack.encodePush("1", "t", "e", { a: bytes }),
    { join_ref: "1", ref: null, topic: "t", event: "e", payload: { a: bytes } },
  ],
  [
    "a push of bytes",
    msgpack.encodePush("1", "t", "e", bytes),
    { join_ref: "1", ref: null, topic: "t", event: "e", payload: bytes },
  ],
  [
    "a reply",
    msgpack.encodeReply("1", 2, "t", "weird", [1, null]),
    { join_ref: "1", ref: 2, topic: "t", event: "phx_reply", payload: { status: "weird", response: [1, null] } },
  ],
  [
    "a reply of bytes",
    msgpack.encodeReply(null, "2", "t", "ok", bytes),
    { join_ref: null, ref: "2", topic: "t", event: "phx_reply", payload: { status: "ok", response: bytes } },
  ],
  [
    "a broadcast",
    msgpack.encodeBroadcast("t", "e", { a: 1 }),
    { join_ref: null, ref: null, topic: "t", event: "e", payload: { a: 1 } },
  ],
  [
    "a broadcast of bytes",
    msgpack.encodeBroadcast("t", "e", bytes),
    { join_ref: null, ref: null, topic: "t", event: "e", payload: bytes },
  ],
  [
    "a broadcast from JSON",
    msgpack.encodeBroadcastFromJson("t", "e", '{"a":[1]}'),
    { join_ref: null, ref: null, topic: "t", event: "e", payload: { a: [1] } },
  ],
  [
    "a close",
    msgpack.encodeEnd("1", "t", "phx_close", {}),
    { join_ref: "1", ref: "1", topic: "t", event: "phx_close", payload: {} },
  ],
  [
    "an error",
    msgpack.encodeEnd("1", "t", "phx_error", { reason: "channel_crash" }),
    { join_ref: "1", ref: "1", topic: "t", event: "phx_error", payload: { reason: "channel_crash" } },
  ],
];
for (const [name, frame, message] of frames) {
  test(`${name} reaches the client as it was`, () => assert.deepEqual(received(frame), message));
}

test("what the client sends is decoded as it was, and its head without its payload", () => {
  const ref = fc.oneof(fc.string({ unit: "grapheme" }), fc.integer(), fc.constant(null));
  const content = fc.oneof(
    fc.jsonValue({ stringUnit: "grapheme" }).map((value) => JSON.parse(JSON.stringify(value))),
    fc.uint8Array(),
  );
  fc.assert(
    fc.property(ref, ref, fc.string(), fc.string(), content, (join_ref, ref, topic, event, payload) => {
      const frame = encode({ join_ref, ref, topic, event, payload }, same);
      assert.deepEqual(msgpack.decode(frame), { joinRef: join_ref, ref, topic, event, payload });
      assert.deepEqual(msgpack.readHead(frame), { joinRef: join_ref, ref, topic, event });
    }),
  );
  const buffer = encode({ topic: "t", event: "e", payload: bytes.buffer }, same);
  assert.deepEqual(msgpack.decode(buffer), { joinRef: null, ref: null, topic: "t", event: "e", payload: bytes });
});

test("a head is read however its payload is broken; the frame is malformed nevertheless", () => {
  const frame = encode({ join_ref: "1", ref: "2", topic: "t", event: "e", payload: { a: "text" } }, same);
  const broken = frame.slice(0, -1);
  assert.deepEqual(msgpack.readHead(broken), { joinRef: "1", ref: "2", topic: "t", event: "e" });
  assert.throws(() => msgpack.decode(broken), badPayload);
  assert.throws(() => msgpack.decode(Uint8Array.of(...frame, 0)), badPayload);
});

test("a frame that is no array of five, is text, or has bytes for a head is malformed", () => {
  const wrong: readonly Encoded[] = [
    "[]",
    '[null,"1","t","e",{}]',
    Uint8Array.of(),
    Uint8Array.of(0x80),
    Uint8Array.of(0x94, 0xc0, 0xc0, 0xc0, 0xc0),
    Uint8Array.of(0x96, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0),
    Uint8Array.of(0x95, 0xc0, 0xc0, 0xc4, 1, 1, 0xc0, 0x80),
    Uint8Array.of(0x95, 0xc0, 0xc0),
  ];
  for (const frame of wrong) {
    assert.equal(msgpack.readHead(frame), undefined);
    assert.throws(() => msgpack.decode(frame), badPayload);
  }
});

test("what version 2 refuses as a payload is refused here, and with the place", () => {
  for (const payload of [null, undefined, [1], "text", 7, new Date(0), 1n, { a: 1n }, { toJSON: () => [] }]) {
    for (const serializer of [msgpack, serializerV2]) {
      assert.throws(() => serializer.encodePush("1", "t", "e", payload), {
        ...badPayload,
        message: /push "e" on topic "t"/,
      });
      assert.throws(() => serializer.encodeBroadcast("t", "e", payload), {
        ...badPayload,
        message: /broadcast "e" on topic "t"/,
      });
    }
  }
  for (const response of [undefined, () => 1, 1n]) {
    for (const serializer of [msgpack, serializerV2]) {
      assert.throws(() => serializer.encodeReply("1", "2", "t", "ok", response), {
        ...badPayload,
        message: /reply "ok" on topic "t"/,
      });
    }
  }
});

test("a build is chosen by its name, and the choices that name one are looked at first", () => {
  const choices = [
    { serializer: serializerV2, requirement: "~> 2.0.0" },
    { serializer: msgpack, requirement: "~> 2.0.0+msgpack" },
  ];
  assert.equal(vsn, "2.0.0+msgpack");
  assert.equal(chooseSerializer(vsn, choices), msgpack);
  assert.equal(chooseSerializer("2.0.3+msgpack", choices), msgpack);
  assert.equal(chooseSerializer("2.0.0", choices), serializerV2);
  assert.equal(chooseSerializer("2.0.0+other", choices), serializerV2);
  assert.equal(chooseSerializer("2.1.0+msgpack", choices), undefined);
  assert.equal(chooseSerializer("2.0.0 msgpack", choices), undefined);
  assert.equal(chooseSerializer("2.0.0", choices.slice(1)), undefined);
  assert.equal(chooseSerializer(vsn), serializerV2); // unless it is asked for, nobody speaks it
});

test("a serializer of an application is held to the contract", () => {
  const wrong = codecSerializer("wrong", { decode: () => 7 as never, encode: () => 7 as never });
  assert.equal(wrong.readHead("x"), undefined);
  assert.throws(() => wrong.decode("x"), { code: "JOIST_BAD_RETURN" });
  assert.throws(() => wrong.encodePush("1", "t", "e", {}), { code: "JOIST_BAD_RETURN" });
  const pooled = codecSerializer("pooled", {
    decode: () => ({ topic: "t", event: "e", payload: 1 }) as never,
    encode: () => Buffer.from("frame"),
    readHead: () => {
      throw new Error("no head");
    },
  });
  assert.equal(pooled.readHead("x"), undefined);
  assert.deepEqual(pooled.decode("x"), { joinRef: null, ref: null, topic: "t", event: "e", payload: 1 });
  const frame = pooled.encodeBroadcast("t", "e", {}) as Uint8Array;
  assert.equal(frame.buffer.byteLength, 5);
});

test("what the client loads needs nothing of Node.js", () => {
  for (const file of ["msgpack", "msgpack-frame", "msgpack-client", "protocol"]) {
    const source = readFileSync(new URL(`../../src/channels/${file}.js`, import.meta.url), "utf8");
    const code = source.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
    assert.doesNotMatch(code, /\b(Buffer|process|require|global)\b|node:/, file);
  }
});
