import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { messagesOf } from "../../src/transports/longpoll-batch.js";

const ndjson = "application/x-ndjson";

const cases: readonly (readonly [string | undefined, string, readonly (string | number[])[] | undefined])[] = [
  [ndjson, "[1]", ["[1]"]],
  [ndjson, "[1]\n[2]", ["[1]", "[2]"]],
  [ndjson, "[1]\r\n[2]", ["[1]", "[2]"]],
  [ndjson, "[1]\n", ["[1]", []]], // an empty line is the base64 of nothing
  [ndjson, "", [[]]],
  [ndjson, "\r\n", [[], []]],
  [ndjson, "AAEC\n[1]", [[0, 1, 2], "[1]"]],
  [ndjson, "AAE=", [[0, 1]]],
  [ndjson, "AAE", undefined],
  [ndjson, "AA-_", undefined], // that would be base64url
  [ndjson, "A=AA", undefined],
  [ndjson, "[1]\n!!!", undefined],
  [ndjson, "[1]\n[2]\n[3]\n[4]", ["[1]", "[2]", "[3]"]],
  [ndjson, "[1]\n[2]\n[3]\n!!!", ["[1]", "[2]", "[3]"]], // not even looked at
  ["application/json", "[1]\n[2]", ["[1]\n[2]"]],
  ["application/x-ndjson; charset=utf-8", "[1]\n[2]", ["[1]\n[2]"]],
  [undefined, "", [""]],
];

for (const [contentType, body, expected] of cases) {
  test(`${contentType} ${JSON.stringify(body)} is ${JSON.stringify(expected) ?? "malformed"}`, () => {
    const messages = messagesOf(contentType, body, 3);
    assert.deepEqual(
      messages?.map((message) => (typeof message === "string" ? message : [...message])),
      expected,
    );
  });
}

test("any messages, written as the stock client writes them, come back in order", () => {
  const text = fc.json().map((json) => `[${json.replaceAll("\n", " ")}]`);
  const bytes = fc.uint8Array();
  fc.assert(
    fc.property(fc.array(fc.oneof(text, bytes), { minLength: 1, maxLength: 50 }), (messages) => {
      const lines = messages.map((message) =>
        typeof message === "string" ? message : Buffer.from(message).toString("base64"),
      );
      assert.deepEqual(messagesOf(ndjson, lines.join("\n"), 100), messages);
    }),
  );
});

test("bytes have a buffer of their own, so that nothing else crosses threads with them", () => {
  const [message] = messagesOf(ndjson, "AAEC", 1) ?? [];
  assert.equal((message as Uint8Array).buffer.byteLength, 3);
});
