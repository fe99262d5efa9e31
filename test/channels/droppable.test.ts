import assert from "node:assert/strict";
import { test } from "node:test";
import { mayDropEvent, mayDropFrame } from "../../src/channels/droppable.js";
import type { Serializer } from "../../src/channels/serializer.js";
import { serializerMsgpack } from "../../src/channels/serializer-msgpack.js";
import { serializerV1 } from "../../src/channels/serializer-v1.js";
import { serializerV2 } from "../../src/channels/serializer-v2.js";

const bytes = Uint8Array.of(1, 2, 3);
const serializers: readonly Serializer[] = [serializerV1, serializerV2, serializerMsgpack];

for (const serializer of serializers) {
  const { vsn } = serializer;
  test(`a client that reads slowly can do without pushes, not without replies: ${vsn}`, () => {
    for (const payload of serializer.binary ? [{ a: 1 }, bytes] : [{ a: 1 }]) {
      assert.equal(mayDropFrame(serializer, serializer.encodePush("12", "room:é", "move", payload)), true);
      assert.equal(mayDropFrame(serializer, serializer.encodePush("12", "room:é", "presence_state", payload)), false);
      for (const ref of ["3", null]) {
        assert.equal(mayDropFrame(serializer, serializer.encodeReply("12", ref, "room:é", "ok", payload)), false);
      }
    }
  });
}

test("of a frame that cannot be read nobody says that it may be dropped", () => {
  assert.equal(mayDropFrame(serializerV2, "no frame"), false);
  assert.equal(mayDropFrame(serializerV2, Uint8Array.of(9, 0, 0, 0)), false);
  assert.equal(mayDropFrame(serializerMsgpack, Uint8Array.of(0xc1)), false);
});

test("events of the protocol and of presence are never dropped", () => {
  for (const event of ["phx_close", "phx_error", "phx_reply", "presence_diff", "presence_state"]) {
    assert.equal(mayDropEvent(event), false);
  }
  assert.equal(mayDropEvent("move"), true);
});
