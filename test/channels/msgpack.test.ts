import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Packr, Unpackr } from "msgpackr";
import { MsgpackReader, MsgpackWriter } from "../../src/channels/msgpack.js";

const badPayload = { code: "JOIST_BAD_PAYLOAD" };
// Another implementation, restricted to what the specification has.
const packr = new Packr({ useRecords: false, encodeUndefinedAsNil: true, variableMapSize: true });
const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: true, int64AsType: "number" });

function write(value: unknown): Uint8Array {
  const writer = new MsgpackWriter();
  writer.write(value);
  return writer.finish();
}

function read(bytes: Uint8Array): unknown {
  const reader = new MsgpackReader(bytes);
  const value = reader.read();
  assert.ok(reader.isAtEnd);
  return value;
}

const hexOf = (value: unknown): string => Buffer.from(write(value)).toString("hex");

const table: readonly (readonly [value: unknown, start: string])[] = [
  [null, "c0"],
  [true, "c3"],
  [false, "c2"],
  [0, "00"],
  [127, "7f"],
  [128, "cc80"],
  [255, "ccff"],
  [256, "cd0100"],
  [65_535, "cdffff"],
  [65_536, "ce00010000"],
  [4_294_967_295, "ceffffffff"],
  [4_294_967_296, "cf0000000100000000"],
  [Number.MAX_SAFE_INTEGER, "cf001fffffffffffff"],
  [-1, "ff"],
  [-32, "e0"],
  [-33, "d0df"],
  [-128, "d080"],
  [-129, "d1ff7f"],
  [-32_769, "d2ffff7fff"],
  [-2_147_483_648, "d280000000"],
  [-2_147_483_649, "d3ffffffff7fffffff"],
  [Number.MIN_SAFE_INTEGER, "d3ffe0000000000001"],
  [0.5, "cb3fe0000000000000"],
  [1e300, "cb7e37e43c8800759c"],
  ["", "a0"],
  ["ż", "a2c5bc"],
  ["a".repeat(31), "bf61"],
  ["a".repeat(32), "d92061"],
  ["ż".repeat(16), "d920c5bc"],
  ["a".repeat(255), "d9ff61"],
  ["a".repeat(256), "da010061"],
  ["ż".repeat(128), "da0100c5bc"],
  ["a".repeat(65_536), "db0001000061"],
  ["ż".repeat(40_000), "db00013880c5bc"],
  [Uint8Array.of(1), "c40101"],
  [new Uint8Array(256), "c5010000"],
  [new Uint8Array(65_536), "c60001000000"],
  [[], "90"],
  [Array(15).fill(0), "9f00"],
  [Array(16).fill(0), "dc001000"],
  [Array(65_536).fill(0), "dd0001000000"],
  [{}, "80"],
  [{ a: 1 }, "81a16101"],
  [Object.fromEntries(Array.from({ length: 16 }, (_, i) => [`k${i}`, i])), "de0010a26b3000"],
  [Object.fromEntries(Array.from({ length: 65_536 }, (_, i) => [`k${i}`, i])), "df00010000a26b3000"],
];
test("each value has the shortest of MessagePack's forms, and is read from it", () => {
  for (const [value, start] of table) {
    assert.ok(hexOf(value).startsWith(start), `${JSON.stringify(value)?.slice(0, 40)}: ${hexOf(value).slice(0, 24)}`);
    assert.deepEqual(read(write(value)), value);
  }
});

const json = fc
  .jsonValue({ stringUnit: "binary" })
  .map((value) => JSON.parse(JSON.stringify(value).replaceAll("\\ud", "\\u1")));
/** JSON with bytes anywhere. */
const { value: payload } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(null, true, false),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => (Object.is(value, -0) ? 0 : value)),
    fc.string({ unit: "grapheme" }),
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie("value")),
    fc.dictionary(fc.string(), tie("value"), { noNullPrototype: true }),
  ),
}));

test("any JSON value with bytes in it comes back as it was, and another implementation reads the same", () => {
  fc.assert(
    fc.property(payload, (value) => {
      assert.deepEqual(read(write(value)), value);
    }),
  );
  fc.assert(
    fc.property(json, (value) => {
      if (JSON.stringify(value).includes("__proto__")) return; // renamed there
      assert.deepEqual(unpackr.unpack(write(value)), value);
    }),
  );
});

test("what another implementation writes is read", () => {
  fc.assert(
    fc.property(json, (value) => {
      assert.deepEqual(read(new Uint8Array(packr.pack(value))), value);
    }),
  );
  assert.equal(read(Uint8Array.of(0xca, 0x3f, 0, 0, 0)), 0.5);
  assert.equal(read(Uint8Array.of(0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)), 2 ** 64);
});

test("it writes what JSON.stringify writes", () => {
  const list = [
    undefined,
    () => 1,
    Symbol("s"),
    Number.NaN,
    Number.POSITIVE_INFINITY,
    -0,
    new Date(0),
    new Map([[1, 2]]),
  ];
  const nested = { toJSON: () => ({ a: undefined, b: { toJSON: () => "b" } }) };
  for (const value of [
    list,
    { a: undefined, f: () => 1, d: new Date(0), n: nested, o: Object.create({ inherited: 1 }) },
  ]) {
    assert.deepEqual(read(write(value)), JSON.parse(JSON.stringify(value)));
  }
});

test("what has no MessagePack is refused", () => {
  const cycle: unknown[] = [];
  cycle.push(cycle);
  for (const value of [1n, { a: [1n] }, cycle, undefined, () => 1, new Float64Array(1), { a: new ArrayBuffer(1) }]) {
    assert.throws(() => write(value), badPayload);
  }
});

test("__proto__ is a key like any other", () => {
  const value = JSON.parse('{"__proto__":{"polluted":true}}');
  const back = read(write(value)) as object;
  assert.deepEqual(Object.keys(back), ["__proto__"]);
  assert.equal(Object.getPrototypeOf(back), Object.prototype);
});

test("bytes that were read have a buffer of their own", () => {
  const [bytes] = read(write([Uint8Array.of(1, 2), "more"])) as [Uint8Array];
  assert.deepEqual(bytes, Uint8Array.of(1, 2));
  assert.equal(bytes.buffer.byteLength, 2);
  const [ofBuffer] = read(Buffer.from(write([Uint8Array.of(1)]))) as [Uint8Array];
  assert.equal(Object.getPrototypeOf(ofBuffer), Uint8Array.prototype);
});

const malformed: readonly (readonly [name: string, bytes: readonly number[]])[] = [
  ["nothing", []],
  ["an array that promises more than there is", [0xdd, 0xff, 0xff, 0xff, 0xff, 1]],
  ["a map that promises more than there is", [0xdf, 0xff, 0xff, 0xff, 0xff, 0xa0, 1]],
  ["a text that promises more than there is", [0xdb, 0xff, 0xff, 0xff, 0xff, 1]],
  ["bytes that promise more than there are", [0xc6, 0xff, 0xff, 0xff, 0xff, 1]],
  ["257 levels", [...Array(257).fill(0x91), 0]],
  ["100,000 levels", Array(100_000).fill(0x91)],
  ["the unused type", [0xc1]],
  ["a timestamp", [0xd6, 0xff, 0, 0, 0, 1]],
  ["an extension", [0xc7, 1, 0x78, 0]],
  ["text that is no UTF-8", [0xa2, 0xff, 0xfe]],
  ["long text that is no UTF-8", [0xd9, 40, ...Array(40).fill(0xff)]],
  ["a number as a key", [0x81, 1, 2]],
  ["bytes as a key", [0x81, 0xc4, 1, 0, 2]],
  ["NaN", [0xcb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0]],
  ["Infinity", [0xca, 0x7f, 0x80, 0, 0]],
];
for (const [name, bytes] of malformed) {
  test(`${name} is malformed`, () => assert.throws(() => read(Uint8Array.from(bytes)), badPayload));
}

test("256 levels are read, and no bytes at all do anything but yield a value or be malformed", () => {
  read(Uint8Array.from([...Array(256).fill(0x91), 0]));
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      try {
        new MsgpackReader(bytes).read();
      } catch (error) {
        assert.equal((error as { code?: unknown }).code, "JOIST_BAD_PAYLOAD");
      }
    }),
    { numRuns: 2000 },
  );
});
