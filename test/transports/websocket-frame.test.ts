import assert from "node:assert/strict";
import { once } from "node:events";
import type { Writable } from "node:stream";
import { test } from "node:test";
import fc from "fast-check";
import * as ws from "ws";
import { binaryFrame, closeFrame, gather, pongFrame, textFrame } from "../../src/transports/websocket-frame.js";

// The types of ws do not have it; it is documented as the class that reads frames.
const { Receiver } = ws as unknown as { readonly Receiver: new (options: object) => Writable };

/** What the receiver of ws, on the client's side, makes of these bytes. */
async function receive(bytes: Buffer, count: number): Promise<readonly (string | Buffer)[]> {
  const receiver = new Receiver({ isServer: false });
  const messages: (string | Buffer)[] = [];
  receiver.on("message", (data: Buffer, isBinary: boolean) => messages.push(isBinary ? data : data.toString()));
  await new Promise<void>((resolve, reject) => {
    receiver.on("error", reject);
    receiver.write(bytes, () => resolve());
  });
  assert.equal(messages.length, count);
  return messages;
}

for (const length of [0, 1, 41, 42, 125, 126, 127, 21845, 21846, 65535, 65536, 200_000]) {
  test(`a text and a binary message of ${length} bytes are read as they were`, async () => {
    const text = "a".repeat(length);
    const bytes = Buffer.alloc(length, 7);
    assert.deepEqual(await receive(textFrame(text), 1), [text]);
    assert.deepEqual(await receive(binaryFrame(bytes), 1), [bytes]);
  });
}

test("the header follows the bytes of a text, not its characters", async () => {
  for (const text of [
    "ż".repeat(62),
    "ż".repeat(63),
    `${"ż".repeat(62)}a`,
    "🐢".repeat(40),
    "€".repeat(21845),
    "€".repeat(21846),
  ]) {
    assert.deepEqual(await receive(textFrame(text), 1), [text]);
  }
});

test("a short text frame is two bytes and its text", () => {
  assert.equal(textFrame("aż").toString("hex"), "810361c5bc");
  assert.equal(binaryFrame(Uint8Array.of(1, 2)).toString("hex"), "82020102");
});

test("half of a surrogate pair is written as U+FFFD, so that the frame stays valid", async () => {
  assert.deepEqual(await receive(textFrame("a\ud800b"), 1), ["a\ufffdb"]);
});

test("the messages of a turn are one buffer of one frame each, in order", async () => {
  const messages = ["", "a", Uint8Array.of(), "ż".repeat(100), Uint8Array.of(1, 2, 3), "b".repeat(70_000), "last"];
  const expected = messages.map((message) => (typeof message === "string" ? message : Buffer.from(message)));
  assert.deepEqual(await receive(gather(messages), messages.length), expected);
  assert.equal(gather([]).length, 0);
});

test("any messages are read as they were", async () => {
  const text = fc.string({ unit: "grapheme", size: "medium" });
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof(text, fc.uint8Array())), async (messages) => {
      const expected = messages.map((message) => (typeof message === "string" ? message : Buffer.from(message)));
      assert.deepEqual(await receive(gather(messages), messages.length), expected);
    }),
  );
});

test("close frames carry a code and a reason, or nothing; pongs carry what the ping did", async () => {
  for (const [frame, event, expected] of [
    [closeFrame(1012, "żegnaj"), "conclude", [1012, "żegnaj"]],
    [closeFrame(1011), "conclude", [1011, ""]],
    [closeFrame(), "conclude", [1005, ""]],
    [pongFrame(Buffer.from("abc")), "pong", ["abc"]],
  ] as const) {
    const receiver = new Receiver({ isServer: false });
    const received = once(receiver, event);
    receiver.write(frame);
    assert.deepEqual(
      (await received).map((part) => (Buffer.isBuffer(part) ? part.toString() : part)),
      expected,
    );
  }
});
