import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { MAX_DEPTH, parseJson } from "../../src/channels/parse-json.js";
import { serializerV1 } from "../../src/channels/serializer-v1.js";
import { serializerV2 } from "../../src/channels/serializer-v2.js";

const nested = (levels: number, inside = ""): string => `${"[".repeat(levels)}${inside}${"]".repeat(levels)}`;

test("any JSON that is not too deep is what JSON.parse makes of it", () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      const padded = text + " ".repeat(2 * MAX_DEPTH); // long enough to be looked at
      assert.deepEqual(parseJson(padded), JSON.parse(text));
    }),
  );
});

test("brackets, quotes and backslashes in strings are no levels", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom("[", "{", '"', "\\", "]", "é"), { minLength: 600 }), (units) => {
      const text = JSON.stringify({ text: units.join(""), after: nested(300) });
      assert.deepEqual(parseJson(text), JSON.parse(text));
    }),
  );
});

test("as deep as allowed is read, one level more is not, wherever it is", () => {
  for (const [open, close] of [["[", "]"] as const, ['{"a":', "}"] as const]) {
    const at = (levels: number): string => `${open.repeat(levels)}1${close.repeat(levels)}`;
    assert.deepEqual(parseJson(at(MAX_DEPTH)), JSON.parse(at(MAX_DEPTH)));
    assert.throws(() => parseJson(at(MAX_DEPTH + 1)), SyntaxError);
    assert.throws(() => parseJson(`[${nested(100)},"${"x".repeat(900)}",${at(MAX_DEPTH)}]`), SyntaxError);
  }
});

test("a text that is no JSON throws a SyntaxError, however long", () => {
  fc.assert(
    fc.property(fc.string({ minLength: 600, unit: fc.constantFrom('"', "\\", "[", "]", "a") }), (text) => {
      try {
        parseJson(text);
      } catch (error) {
        assert.ok(error instanceof SyntaxError);
      }
    }),
  );
});

for (const [vsn, serializer, frame] of [
  ["2", serializerV2, (deep: string) => `["1","2","t","e",${deep}]`],
  ["1", serializerV1, (deep: string) => `{"topic":"t","event":"e","ref":"1","payload":${deep}}`],
] as const) {
  test(`a frame of version ${vsn} may be as deep as allowed, with itself as the first level`, () => {
    assert.ok(serializer.decode(frame(nested(MAX_DEPTH - 1))));
    assert.throws(() => serializer.decode(frame(nested(MAX_DEPTH))), { code: "JOIST_BAD_PAYLOAD" });
  });
}

test("a head is malformed if a ref, the topic or the event is too deep", () => {
  const deep = nested(100_000);
  for (const place of [0, 1, 2, 3]) {
    const fields = ['"1"', '"2"', '"t"', '"e"', "{}"].with(place, deep);
    assert.equal(serializerV2.readHead(`[${fields.join()}]`), undefined);
  }
});
