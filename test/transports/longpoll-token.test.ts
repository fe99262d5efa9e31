import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { SessionTokens } from "../../src/transports/longpoll-token.js";

const clock = { at: 1000.5, now: () => clock.at };
const tokens = new SessionTokens(Buffer.from("a key"), 5000, clock);

test("a token names the session it was signed for, in the shape of Phoenix.Token", () => {
  const token = tokens.sign("abc");
  assert.match(token, /^SFMyNTY\.[\w-]+\.[\w-]{43}$/);
  assert.equal(tokens.verify(token), "abc");
});

test("a token is worth nothing when it is too old, and not before", () => {
  clock.at = 1000;
  const token = tokens.sign("abc");
  clock.at = 6000;
  assert.equal(tokens.verify(token), "abc");
  clock.at = 6000.1;
  assert.equal(tokens.verify(token), undefined);
  clock.at = 1000;
});

test("a token of another key is worth nothing", () => {
  assert.equal(new SessionTokens(Buffer.from("another"), 5000, clock).verify(tokens.sign("abc")), undefined);
});

test("a token that was changed in any place, or was never one, is worth nothing", () => {
  const token = tokens.sign("abc");
  for (let at = 0; at < token.length; at++) {
    for (const other of ["A", "B", ".", "é"]) {
      const changed = token.slice(0, at) + other + token.slice(at + 1);
      if (changed !== token) assert.equal(tokens.verify(changed), undefined, changed);
    }
    assert.equal(tokens.verify(token.slice(0, at)), undefined);
  }
  for (const added of ["x", ".", "=", ".x"]) assert.equal(tokens.verify(token + added), undefined);
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => tokens.verify(text) === undefined));
  fc.assert(fc.property(fc.string(), (text) => tokens.verify(`SFMyNTY.${text}`) === undefined));
});
