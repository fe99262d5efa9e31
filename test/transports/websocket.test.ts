import assert from "node:assert/strict";
import { test } from "node:test";
import { WebSocketMount, type WebSocketOptions } from "../../src/transports/websocket.js";

const bad: readonly (readonly [WebSocketOptions, RegExp])[] = [
  [{ timeoutMs: 0 }, /bad timeoutMs 0: allowed are whole numbers from 1 to 2147483647/],
  [{ maxFrameBytes: -1 }, /bad maxFrameBytes -1/],
  [{ maxBufferedBytes: 1.5 }, /bad maxBufferedBytes 1.5/],
];
for (const [options, message] of bad) {
  test(`${JSON.stringify(options)} is refused, with what is allowed`, () => {
    assert.throws(() => new WebSocketMount(options, () => {}), { code: "JOIST_BAD_OPTION", message });
  });
}
