import assert from "node:assert/strict";
import { test } from "node:test";
import { application, channel, genServer, ok, socket } from "joist";
import { Definitions } from "../../src/runtime/definitions.js";

const server = () => genServer({ init: () => null });

test("a definition that is exported by name is known by it, however deep it is used besides", () => {
  const Counter = server();
  const definitions = new Definitions();
  definitions.collect({ default: application({ children: [Counter.child()] }), Counter });
  assert.equal(definitions.keyOf(Counter), "Counter");
  assert.equal(definitions.find("Counter"), Counter);
});

test("a channel written inside a socket inside an application is found", () => {
  const Room = channel({ join: () => ok() });
  const sockets = { "/socket": { socket: socket({ connect: () => ok(), channels: { "room:*": Room } }) } };
  const definitions = new Definitions();
  definitions.collect({ default: application({ sockets }) });
  assert.equal(definitions.find(definitions.keyOf(Room)), Room);
});

test("what two modules export under one name is told apart; what both export keeps its first name", () => {
  const [one, two, both] = [server(), server(), server()];
  const definitions = new Definitions();
  definitions.collect({ Session: one, Both: both });
  definitions.collect({ Session: two, Both: both }, "accounts/");
  assert.deepEqual(
    [one, two, both].map((definition) => definitions.keyOf(definition)),
    ["Session", "accounts/Session", "Both"],
  );
  assert.equal(definitions.find("accounts/Session"), two);
  assert.equal(definitions.find("accounts/Both"), both);
});
