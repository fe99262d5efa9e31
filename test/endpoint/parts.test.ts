import assert from "node:assert/strict";
import { test } from "node:test";
import { application, type Dependency } from "joist";
import { checkPaths, startOrder } from "../../src/endpoint/parts.js";

const make = (name: string, ...dependencies: Dependency[]) => application({ name, dependencies });
const order = (main: ReturnType<typeof make>): string[] => startOrder(main).map(({ application }) => application.name);

test("dependencies start before what depends on them, depth first, each once, in the order they are listed", () => {
  const d = make("d");
  const b = make("b", d);
  const c = make("c", make("e"), d);
  assert.deepEqual(order(make("a", b, c)), ["d", "b", "e", "c", "a"]);
  assert.deepEqual(order(make("a", c, b)), ["e", "d", "c", "b", "a"]);
  assert.deepEqual(order(make("a")), ["a"]);
});

test("a dependency may be given as its module; named both ways, what the module exports is found", () => {
  const b = make("b");
  const module = { default: b, Extra: 1 };
  for (const dependencies of [
    [module, make("c", b)],
    [make("c", b), module],
  ]) {
    const found = startOrder(make("a", ...dependencies)).find(({ application }) => application === b);
    assert.equal(found?.exports, module);
  }
});

test("two applications of one name are refused", () => {
  const message = /two applications are called "b"/;
  assert.throws(() => order(make("a", make("b"), make("b"))), { code: "JOIST_BAD_OPTION", message });
});

test("what is no application is refused as a dependency, with its value", () => {
  const main = make("a", undefined as never);
  assert.throws(() => order(main), {
    code: "JOIST_BAD_OPTION",
    message: /bad dependency undefined of application "a"/,
  });
});

test("an application that depends on itself is refused, with the way round", () => {
  const list: Dependency[] = [];
  const a = make("a", application({ name: "b", dependencies: list }));
  list.push(a);
  assert.throws(() => order(a), { code: "JOIST_BAD_OPTION", message: /depends on itself: a → b → a/ });
});

test("two applications cannot mount sockets at one path, however it is written; one may mount what it likes", () => {
  const mounts = (...paths: string[]) => paths.map((path) => ({ path }));
  const check = (one: string[], two: string[]) => (): void =>
    checkPaths([
      { name: "one", mounts: mounts(...one) },
      { name: "two", mounts: mounts(...two) },
    ]);
  const clash = { code: "JOIST_BAD_OPTION", message: /"one" and "two" both mount a socket at/ };
  assert.throws(check(["/a", "/socket"], ["/socket"]), clash);
  assert.throws(check(["/socket"], ["/socket/"]), clash);
  assert.throws(check(["/rooms/:room"], ["/rooms/:id"]), clash);
  assert.doesNotThrow(check(["/a", "/a/"], ["/b", "/a/b", "/:a"]));
});

test("the state that start returns is what prepStop and stop are given, by its type", () => {
  application({
    start: async () => ({ opened: 1 }),
    prepStop: (state) => ({ opened: state.opened + 1 }),
    // @ts-expect-error: it has no such field
    stop: (state) => state.closed,
  });
});

test("options of an application are checked: name, restart, callbacks", () => {
  const bad = { code: "JOIST_BAD_OPTION" };
  assert.throws(() => application({ name: "a/b" }), bad);
  assert.throws(() => application({ name: "" }), bad);
  assert.throws(() => application({ restart: "always" as never }), {
    ...bad,
    message: /permanent, transient, temporary/,
  });
  assert.throws(() => application({ stop: 1 as never }), { ...bad, message: /stop of application "application"/ });
});
