import assert from "node:assert/strict";
import { test } from "node:test";
import { application, channel, genServer, ok, socket } from "joist";
import { ErrorCode, type RuntimeError } from "../../src/core/errors.js";
import { Definitions } from "../../src/runtime/definitions.js";

const definition = (kind: string, more: object = {}) => ({ kind, boot: () => ({ handle: () => {} }), ...more });
const one = (): number => 1;
const two = (): number => 2;

test("functions are found by their place in the exports, at the top and inside plain objects", () => {
  const definitions = new Definitions();
  const namespace = Object.assign(Object.create(null), { two });
  definitions.collect({ one, default: { math: { two } }, ops: namespace });
  assert.equal(definitions.findRunnable("one"), one);
  assert.equal(definitions.findRunnable("default.math.two"), two);
  assert.equal(definitions.findFunctionKey(one), "one");
});

test("a function that is exported twice is found by both names, and known by the one nearest to the top", () => {
  const definitions = new Definitions();
  definitions.collect({ math: { two }, two, again: two });
  assert.equal(definitions.findFunctionKey(two), "two");
  assert.equal(definitions.findRunnable("again"), two);
  assert.equal(definitions.findRunnable("math.two"), two);
});

test("the functions of definitions and other objects with a class are their own business", () => {
  const definitions = new Definitions();
  class Thing {
    readonly two = two;
  }
  definitions.collect({ Server: definition("server", { handlers: { one } }), thing: new Thing() });
  assert.equal(definitions.findFunctionKey(one), undefined);
  assert.equal(definitions.findFunctionKey(two), undefined);
  assert.throws(
    () => definitions.findRunnable("thing.two"),
    (error: RuntimeError) => {
      assert.equal(error.code, ErrorCode.unknownDefinition);
      assert.match(error.message, /no function or definition "thing.two"/);
      return true;
    },
  );
});

test("the library's own definitions keep their keys wherever else they are met, and are not listed", () => {
  const own = definition("task");
  const definitions = new Definitions({ "library:task": own });
  definitions.collect({ default: { definitions: { own } }, Server: definition("server") });
  assert.equal(definitions.keyOf(own), "library:task");
  assert.equal(definitions.findRunnable("library:task"), own);
  assert.throws(() => definitions.find("nothing"), /it has Server\)/);
});

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

test("the application's definitions are listed in the order of their numbers, with all their keys", () => {
  const own = definition("own");
  const definitions = new Definitions({ "joist:own": own });
  const [plain, apart] = [definition("plain"), definition("apart", { isolation: "dedicated" })];
  definitions.collect({ plain, nested: { apart } });
  definitions.collect({ apart, again: own }, "other/");
  assert.deepEqual(definitions.list(), [
    { key: "plain", aliases: [], isolation: "shared" },
    { key: "nested.apart", aliases: ["other/apart"], isolation: "dedicated" },
  ]);
  assert.deepEqual(
    [plain, apart, own].map((one) => definitions.numberOf(one)),
    [1, 2, 0],
  );
});

test("a definition whose isolation is none is refused when the module is loaded", () => {
  const definitions = new Definitions();
  definitions.collect({ odd: definition("odd", { isolation: "apart" }) });
  assert.throws(() => definitions.list(), { code: ErrorCode.badOption });
});
