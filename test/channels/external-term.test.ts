import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { atom, encodeTerm, tuple } from "../../src/channels/external-term.js";
import { decodeTerm } from "../../src/channels/external-term-reader.js";

const hexOf = (term: unknown): string => encodeTerm(term).toString("hex");
const termOf = (hex: string): unknown => decodeTerm(Buffer.from(hex, "hex"));
const badArgument = { code: "JOIST_BAD_ARGUMENT" };

/** What `term_to_binary` of Erlang/OTP gives for the same; both ways. */
const same: readonly (readonly [name: string, term: unknown, hex: string])[] = [
  ["0", 0, "836100"],
  ["255", 255, "8361ff"],
  ["256", 256, "836200000100"],
  ["-1", -1, "8362ffffffff"],
  ["the largest of 32 bits", 2147483647, "83627fffffff"],
  ["the smallest of 32 bits", -2147483648, "836280000000"],
  ["one more than 32 bits", 2147483648, "836e040000000080"],
  ["the largest safe integer", Number.MAX_SAFE_INTEGER, "836e0700ffffffffffff1f"],
  ["the smallest safe integer", Number.MIN_SAFE_INTEGER, "836e0701ffffffffffff1f"],
  ["a bigint", 2n ** 64n, "836e0900000000000000000001"],
  ["a bigint of more than 255 bytes", 2n ** 2100n, `836f0000010700${"00".repeat(262)}10`],
  ["a fraction", 0.5, "83463fe0000000000000"],
  ["a number that is no safe integer", 1e300, "83467e37e43c8800759c"],
  ["a text", "zażółć", "836d0000000a7a61c5bcc3b3c582c487"],
  ["an empty text", "", "836d00000000"],
  ["bytes that are no UTF-8", Uint8Array.of(255, 0), "836d00000002ff00"],
  ["an empty list", [], "836a"],
  ["a list of bytes", [1, 2, 3], "836b0003010203"],
  ["a list", [1, "a", []], "836c0000000361016d00000001616a6a"],
  ["an empty tuple", tuple(), "836800"],
  ["a tuple", tuple("a", 1), "8368026d00000001616101"],
  ["an empty map", {}, "837400000000"],
  ["a map", { b: 1, a: [256] }, "8374000000026d00000001616c0000000162000001006a6d00000001626101"],
  ["a map with integers as keys", new Map([[1, 2]]), "83740000000161016102"],
  ["an atom beyond Latin-1", atom("ż"), "837702c5bc"],
  ["true, as OTP 26 writes it", true, "83770474727565"],
  ["nil, as OTP 26 writes it", null, "8377036e696c"],
];
for (const [name, term, hex] of same) {
  test(`${name} has the bytes Erlang gives it, and is read from them`, () => {
    assert.equal(hexOf(term), hex);
    assert.deepEqual(termOf(hex), term);
  });
}

const readOnly: readonly (readonly [name: string, hex: string, term: unknown])[] = [
  ["an atom as OTP 25 writes it", "8364000561646d696e", atom("admin")],
  ["true as OTP 25 writes it", "8364000474727565", true],
  ["nil as OTP 25 writes it", "836400036e696c", null],
  [
    "a map with atoms as keys",
    "83740000000264000561646d696e64000474727565640007757365725f69646101",
    { admin: true, user_id: 1 },
  ],
  ["an atom of one byte a character", "8373036e696c", null],
  [
    "a compressed term",
    "83500000004d789ccb60ce656060b04c241b30a4307064e6a565e66596540200f40e1ae2",
    tuple("a".repeat(57), 0, atom("infinity")),
  ],
  ["a key that is __proto__", "8374000000016d000000095f5f70726f746f5f5f6101", JSON.parse('{"__proto__":1}')],
  [
    "a string and an atom of one name as keys: a Map",
    "8374000000026d0000000161610177016161ff",
    new Map<unknown, number>([
      ["a", 1],
      [atom("a"), 255],
    ]),
  ],
];
for (const [name, hex, term] of readOnly) {
  test(`${name} is read`, () => assert.deepEqual(termOf(hex), term));
}

const refused: readonly (readonly [name: string, hex: string])[] = [
  ["a pid", "835864000d6e6f6e6f6465406e6f686f7374000000090000000000000000"],
  ["a function", "837164000665726c616e6764000473656c666100"],
  ["a reference", "835a000364000d6e6f6e6f6465406e6f686f73740000000000015aaa6c6c00018007fab3"],
  ["an improper list", "836c0000000161016102"],
  ["nothing", ""],
  ["another version", "826100"],
  ["a term with something behind it", "83610000"],
  ["a list that promises more than there is", "836cffffffff6100"],
  ["a map that promises more than there is", "8374ffffffff6100"],
  ["a binary that promises more than there is", "836dffffffff61"],
  ["an integer that promises more than there is", "836fffffffff0001"],
  ["65 levels", `83${"6801".repeat(65)}6100`],
  ["a float that is not finite", "83467ff0000000000000"],
  ["a compressed term that promises more than 1 MiB", "835000100001789ccb60ce656060"],
  [
    "a compressed term of another size than it says",
    "83500000004c789ccb60ce656060b04c241b30a4307064e6a565e66596540200f40e1ae2",
  ],
  ["a compressed term that is no such thing", "83500000004dffffffff"],
];
for (const [name, hex] of refused) {
  test(`${name} is no term`, () => assert.equal(termOf(hex), undefined));
}

test("64 levels are read, and written", () => {
  let term: unknown = 0;
  for (let level = 0; level < 64; level++) term = tuple(term);
  assert.deepEqual(decodeTerm(encodeTerm(term)), term);
  assert.throws(() => encodeTerm([tuple(term)]), { ...badArgument, message: /deeper than 64 levels/ });
});

test("what has no counterpart is refused, with its place", () => {
  const bad: readonly (readonly [unknown, RegExp])[] = [
    [{ a: [0, undefined] }, /the data\.a\[1\] is undefined/],
    [() => 1, /the data is a function/],
    [Symbol("s"), /the data is a symbol/],
    [{ n: Number.NaN }, /the data\.n is NaN/],
    [[Number.POSITIVE_INFINITY], /the data\[0\] is Infinity/],
    [{ at: new Date(0) }, /the data\.at is a Date/],
    ["\ud800", /lone surrogate/],
    [{ "\udc00": 1 }, /lone surrogate/],
  ];
  for (const [data, message] of bad) assert.throws(() => encodeTerm(data), { ...badArgument, message });
  assert.throws(() => atom("a".repeat(256)), badArgument);
});

test("any JSON value comes back as it was, and no bytes at all do anything but yield a term or nothing", () => {
  // A lone surrogate has no UTF-8, and -0 is 0.
  const json = fc.jsonValue({ stringUnit: "grapheme" });
  fc.assert(
    fc.property(json, (value) => {
      assert.deepEqual(decodeTerm(encodeTerm(value)), JSON.parse(JSON.stringify(value)));
    }),
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => void decodeTerm(Buffer.concat([Buffer.of(131), bytes]))),
  );
});

test("a term that is cut or changed anywhere does nothing but yield a term or nothing", () => {
  const bytes = encodeTerm({
    user: tuple(atom("user"), 7n ** 40n, [0.5, "ż", true, null, [1, 2]]),
    more: new Map([[1, {}]]),
  });
  for (let at = 0; at < bytes.length; at++) {
    assert.equal(decodeTerm(bytes.subarray(0, at)), undefined);
    for (const bit of [1, 16, 128]) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] as number) ^ bit;
      decodeTerm(changed);
    }
  }
});
