import assert from "node:assert/strict";
import { test } from "node:test";
import { matchPath, pathPattern, splitTarget } from "../../src/transports/path.js";

const cases: readonly [mount: string, suffix: string, path: string, params: Record<string, string> | undefined][] = [
  ["/socket", "/websocket", "/socket/websocket", {}],
  ["/socket", "/websocket", "/socket/websocket/", {}],
  ["/socket", "/websocket", "//socket//websocket", {}],
  ["/socket/", "websocket", "/socket/websocket", {}],
  ["/socket", "/websocket", "/Socket/websocket", undefined],
  ["/socket", "/websocket", "/%73ocket/websocket", undefined],
  ["/socket", "/websocket", "/socket/websocket/x", undefined],
  ["/socket", "/websocket", "/socket", undefined],
  ["/socket", "/websocket", "/", undefined],
  ["/root_socket", "/", "/root_socket", {}],
  ["/params_socket/:room", "/websocket", "/params_socket/x/websocket", { room: "x" }],
  ["/params_socket/:room", "/websocket", "/params_socket/a%20b%2Fc/websocket", { room: "a%20b%2Fc" }],
  ["/params_socket/:room", "/websocket", "/params_socket//websocket", undefined],
  ["/custom_socket", "/live/:part/ws", "/custom_socket/live/7/ws", { part: "7" }],
  ["/a/:_ignored/:b", "/websocket", "/a/1/2/websocket", { b: "2" }],
];
for (const [mount, suffix, path, params] of cases) {
  const says = params === undefined ? "is not for" : "is for";
  test(`${path} ${says} ${mount} with ${suffix}`, () => {
    assert.deepEqual(matchPath(pathPattern(mount, suffix), path), params);
  });
}

test("a path variable needs a name, and a name of its own", () => {
  assert.throws(() => pathPattern("/a/:", "/websocket"), { code: "JOIST_BAD_OPTION", message: /without a name/ });
  assert.throws(() => pathPattern("/a/:b", "/:b"), { code: "JOIST_BAD_OPTION", message: /:b twice/ });
});

test("a request target is split at its first question mark", () => {
  assert.deepEqual(splitTarget("/a/b?c=d?e"), { path: "/a/b", query: "c=d?e" });
  assert.deepEqual(splitTarget("/a/b"), { path: "/a/b", query: "" });
});
