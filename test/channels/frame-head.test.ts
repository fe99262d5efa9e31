import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readBinaryHead, readHead, readHeadV1 } from "../../src/channels/frame-head.js";
import type { Head, Json } from "../../src/channels/protocol.js";
import { serializerV2 } from "../../src/channels/serializer-v2.js";
import { sentBytes, sentTexts } from "./recordings.js";

test("the head of a version 2 frame is its first four elements, whatever the payload is", () => {
  for (const payload of ["{}", "[1,2]", '"text"', "7", "null", '{"a":"]\\"["}']) {
    assert.deepEqual(readHead(`["1","17","room:lobby","echo",${payload}]`), {
      joinRef: "1",
      ref: "17",
      topic: "room:lobby",
      event: "echo",
    });
  }
});

test("refs come back as the JSON values they were", () => {
  for (const ref of ["null", "7", "-0", "1.5e3", "true", "false", '""', '"a"', '{"a":[1,"]"]}', "[[],{}]"]) {
    const head = readHead(`[${ref},${ref},"t","e",{}]`);
    assert.deepEqual(head, { joinRef: JSON.parse(ref), ref: JSON.parse(ref), topic: "t", event: "e" });
  }
});

test("topic and event may be any JSON value, for the server to find no route for them", () => {
  assert.deepEqual(readHead('["1","2",null,{"a":1},{}]'), { joinRef: "1", ref: "2", topic: null, event: { a: 1 } });
});

test("blanks and escapes are read as JSON.parse reads them", () => {
  const text = ' \n[ "1" , null,\t"a\\u00fc\\"b\\\\" ,\r"e\\n" , { "a" : 1 } ] \r\n';
  assert.deepEqual(readHead(text), { joinRef: "1", ref: null, topic: 'aü"b\\', event: "e\n" });
});

const malformed = [
  ...["", " ", "hello", "null", "7", '"x"', "{}", "[", "[]", '["1"]', '["1","2","t","e"]', '["1","2","t","e"'],
  ...['["1","2","t"', '["1" "2","t","e",{}]', '[,"2","t","e",{}]', '["1",,"t","e",{}]', '["1","2","t","e" {}]'],
  ...['["1","2","t,"e",{}]', '["1","2","a\nb","e",{}]', '["1","2","a\\x","e",{}]', '["1","2","a\\', "['1',2,3,4,5]"],
  ...["[01,2,3,4,5]", "[nul,2,3,4,5]", '\ufeff["1","2","t","e",{}]', '[{"a":},"2","t","e",{}]', '[[1],"2","t","e"]'],
  ...['{"topic":"phoenix","event":"heartbeat","payload":{},"ref":"1"}', '["1","2","t",[],]'],
];
for (const text of malformed) {
  test(`${JSON.stringify(text)} has no head`, () => assert.equal(readHead(text), undefined));
}

test("what is malformed after the head is left for the decoder to find", () => {
  for (const text of ['["1","2","t","e",{', '["1","2","t","e",]', '["1","2","t","e",{}] x', '["1","2","t","e",{},]']) {
    assert.equal(readHead(text)?.topic, "t");
    assert.throws(() => serializerV2.decode(text), { code: "JOIST_BAD_PAYLOAD" });
  }
});

test("of every text frame in the recordings, both versions give the head that JSON.parse gives", () => {
  const texts = sentTexts();
  assert.ok(texts.length > 500, `only ${texts.length} frames`);
  for (const text of texts) {
    assertHead(text);
    const parsed = parse(text);
    const isV1 = parsed !== null && typeof parsed === "object" && "topic" in parsed;
    if (!isV1) assert.equal(readHeadV1(text), undefined, text);
  }
});

test("of any well-formed frame, the head is what JSON.parse gives", () => {
  const blank = fc.stringMatching(/^[ \t\r\n]{0,2}$/);
  const ref = fc.oneof(fc.string(), fc.string({ unit: "binary" }), fc.integer(), fc.constant(null), fc.jsonValue());
  const frame = fc.tuple(
    fc.array(ref, { minLength: 3, maxLength: 7 }),
    fc.array(blank, { minLength: 16, maxLength: 16 }),
  );
  fc.assert(
    fc.property(frame, ([elements, blanks]) => {
      const spaced = elements.map((element, i) => `${blanks[i]}${JSON.stringify(element)}${blanks[i + 7]}`);
      assertHead(`${blanks[14]}[${spaced.join(",")}]${blanks[15]}`);
    }),
    { numRuns: 2000 },
  );
});

test("of any text near a frame, the head is what JSON.parse gives if it gives one", () => {
  const start = '["1",null,"room:\\"x","e\\u00e9",{"a":[1,"b"]}]';
  const edit = fc.record({
    at: fc.nat(start.length),
    remove: fc.nat(2),
    insert: fc.constantFrom("", "", '"', "\\", ",", "[", "]", "{", "}", " ", "\n", "1", "null", "é", "\u0000"),
  });
  fc.assert(
    fc.property(fc.array(edit, { maxLength: 3 }), (edits) => {
      assertHead(
        edits.reduce((text, { at, remove, insert }) => text.slice(0, at) + insert + text.slice(at + remove), start),
      );
    }),
    { numRuns: 5000 },
  );
});

test("a version 1 head has null where the client sent no join_ref", () => {
  const head = { joinRef: null, ref: "1", topic: "t", event: "e" };
  assert.deepEqual(pick(readHeadV1('{"topic":"t","event":"e","payload":{},"ref":"1"}')), head);
  assert.deepEqual(pick(readHeadV1('{"ref":"1","topic":"t","event":"e","payload":null,"join_ref":"J"}')), {
    ...head,
    joinRef: "J",
  });
  assert.deepEqual(pick(readHeadV1('{"topic":"t","event":"e","payload":{},"ref":null}')), { ...head, ref: null });
});

test("in version 1 a binary frame is read as JSON", () => {
  const bytes = Buffer.from('{"topic":"ż","event":"e","payload":{},"ref":"1"}');
  assert.equal(readHeadV1(bytes)?.topic, "ż");
  assert.equal(readHeadV1(Buffer.from([0x7b, 0xc3, 0x28])), undefined);
});

test("in version 1 topic, event, payload and ref must all be there", () => {
  for (const missing of ["topic", "event", "payload", "ref"]) {
    const message = { topic: "t", event: "e", payload: {}, ref: "1", [missing]: undefined };
    assert.equal(readHeadV1(JSON.stringify(message)), undefined, missing);
  }
  for (const text of ["", "null", "7", "[]", '["1","1","t","e",{}]', "{"])
    assert.equal(readHeadV1(text), undefined, text);
});

test("the head of a binary push is read by its lengths in bytes", () => {
  const bytes = Buffer.concat([Buffer.from([0, 2, 3, 6, 4]), Buffer.from("12123room:becho"), Buffer.from([1, 2, 3])]);
  assert.deepEqual(readBinaryHead(bytes), { joinRef: "12", ref: "123", topic: "room:b", event: "echo" });
  const unicode = Buffer.concat([Buffer.from([0, 0, 0, 9, 1]), Buffer.from("żółw🐢e").subarray(0, 10)]);
  assert.deepEqual(readBinaryHead(unicode)?.joinRef, "", "an empty ref is not null");
});

test("a binary frame that is no push, or too short for its lengths, has no head", () => {
  for (const hex of [
    "",
    "00",
    "00000000",
    "0204046e6f7065",
    "09010203",
    "01000000 00",
    "00ffffffff0102",
    "0000000001",
  ]) {
    assert.equal(readBinaryHead(Buffer.from(hex.replaceAll(" ", ""), "hex")), undefined, hex);
  }
  assert.deepEqual(readBinaryHead(Buffer.alloc(5)), { joinRef: "", ref: "", topic: "", event: "" });
});

test("a binary frame may be a view on a larger buffer", () => {
  const frame = Buffer.from([9, 9, 0, 1, 1, 1, 1, 0x61, 0x62, 0x63, 0x64, 9]).subarray(2, 11);
  assert.deepEqual(readBinaryHead(frame), { joinRef: "a", ref: "b", topic: "c", event: "d" });
});

test("of every binary frame in the recordings, the head is that of the decoded message, or there is none for both", () => {
  for (const bytes of sentBytes()) {
    const head = readBinaryHead(bytes);
    if (head === undefined) {
      assert.throws(() => serializerV2.decode(bytes), { code: "JOIST_BAD_PAYLOAD" });
    } else {
      assert.deepEqual(pick(serializerV2.decode(bytes)), head);
    }
  }
});

/** Holds `readHead` against JSON.parse; where that finds no frame, a head is fine only if the decoder will refuse. */
function assertHead(text: string): void {
  const parsed = parse(text);
  const head = readHead(text);
  if (Array.isArray(parsed) && parsed.length >= 5) {
    const [joinRef, ref, topic, event] = parsed as readonly Json[];
    assert.deepEqual(head, { joinRef, ref, topic, event }, text);
  } else if (head !== undefined) {
    assert.throws(() => serializerV2.decode(text), { code: "JOIST_BAD_PAYLOAD" }, text);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function pick(head: Head | undefined): Head | undefined {
  return head && { joinRef: head.joinRef, ref: head.ref, topic: head.topic, event: head.event };
}
