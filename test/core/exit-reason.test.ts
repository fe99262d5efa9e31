import assert from "node:assert/strict";
import { test } from "node:test";
import { isErrorReason, toExitReason } from "../../src/core/exit-reason.js";

const boom = (): never => {
  throw new Error("boom");
};

const cycle: unknown[] = [];
cycle.push(cycle);

const hostile: Readonly<Record<string, unknown>> = {
  "a proxy that throws at every touch": new Proxy({}, { get: boom, ownKeys: boom, getPrototypeOf: boom }),
  "an object that has no text": Object.assign(Object.create(null), { toJSON: boom }),
  "an object whose toString throws": { toJSON: boom, toString: boom },
  "an error whose message throws": Object.defineProperty(new Error("x"), "message", { get: boom }),
  "an error whose code throws": Object.defineProperty(new Error("x"), "code", { get: boom }),
  "a cycle": cycle,
  "a symbol": Symbol("x"),
  nothing: undefined,
};
for (const [what, thrown] of Object.entries(hostile)) {
  test(`${what} has an exit reason like any other exception`, () => {
    const reason = toExitReason(thrown);
    assert.ok(isErrorReason(reason));
    assert.equal(typeof reason.message, "string");
  });
}
