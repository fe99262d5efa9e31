import assert from "node:assert/strict";
import { test } from "node:test";
import { negotiate } from "../../src/transports/subprotocols.js";

const PREFIX = "base64url.bearer.phx.";

const tokens: readonly (readonly [text: string, token: string | undefined])[] = [
  ["c2VjcmV0", "secret"],
  ["c2VjcmV0MQ==", "secret1"],
  ["c2VjcmV0MQ", "secret1"],
  ["c2VjcmV0MQ=", undefined],
  ["c2Vjc=V0", undefined],
  ["====", ""],
  ["", ""],
];
for (const [text, token] of tokens) {
  test(`the token ${JSON.stringify(text)} is ${token === undefined ? "none" : JSON.stringify(token)}`, () => {
    const expected = token === undefined ? { tag: "bad_token" } : { tag: "ok", protocol: "phoenix", authToken: token };
    assert.deepEqual(negotiate(`phoenix, ${PREFIX}${text}`, undefined, true), expected);
  });
}

test("a token takes time in proportion to its length, whatever is in it", () => {
  // So many took a minute when they were looked at again from each of them on.
  const padding = "=".repeat(120_000);
  const beganMs = performance.now();
  assert.deepEqual(negotiate(`${PREFIX}${padding}x`, undefined, true), { tag: "bad_token" });
  assert.ok(performance.now() - beganMs < 10_000);
});
