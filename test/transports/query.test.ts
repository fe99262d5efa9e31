import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { matchPath, pathPattern } from "../../src/transports/path.js";
import { decodeQuery, type Params } from "../../src/transports/query.js";
import { scenariosOf } from "../channels/recordings.js";

const cases: readonly [query: string, params: Params | undefined][] = [
  ["", {}],
  ["vsn=2.0.0", { vsn: "2.0.0" }],
  ["n=1&b=true&e=", { n: "1", b: "true", e: "" }],
  ["vsn=1.0.0&vsn=2.0.0", { vsn: "2.0.0" }],
  ["a=1&", { a: "1" }],
  ["&&a=1&&b=2&", { a: "1", b: "2" }],
  ["a", { a: "" }],
  ["=1", { "": "1" }],
  ["a=b=c", { a: "b=c" }],
  ["user_id=u%C3%AFd%201", { user_id: "uïd 1" }],
  ["a+b=c+d%2B", { "a b": "c d+" }],
  ["a%3Db%26=c", { "a=b&": "c" }],
  ["a=100%", { a: "100%" }],
  ["a=%zz%4", { a: "%zz%4" }],
  ["a=%C3%28", undefined],
  ["%ff=1", undefined],
  ["a=\u00c3\u00af", { a: "ï" }],
  ["a[b][c]=1&a[b][d]=2&l[][x]=1", { a: { b: { c: "1", d: "2" } }, l: [{ x: "1" }] }],
  ["a%5Bb%5D=1", { a: { b: "1" } }],
  ["a[]=1&a[]=2", { a: ["1", "2"] }],
  ["a[][x]=1&a[][y]=2", { a: [{ x: "1", y: "2" }] }],
  ["a[][]=1&a[][]=2", { a: [["1", "2"]] }],
  ["a[0][x]=1&a[1][x]=2", { a: { 0: { x: "1" }, 1: { x: "2" } } }],
  ["a=1&a[b]=2", { a: { b: "2" } }],
  ["a[b]=2&a=1", { a: "1" }],
  ["a[b]=1&a=2&a[c]=3", { a: "2" }],
  ["a[b]=1&a[]=2", { a: ["2"] }],
  ["a[]=2&a[b]=1", { a: { b: "1" } }],
  ["a[b=1", { "a[b": "1" }],
  ["[a]=1", { "[a]": "1" }],
  ["a[b]c=1", { "a[b]c": "1" }],
  ["a[b]c]=1", { a: { "b]c": "1" } }],
];
for (const [query, params] of cases) {
  test(`${JSON.stringify(query)} is ${params === undefined ? "a bad request" : JSON.stringify(params)}`, () => {
    assert.deepEqual(decodeQuery(query), params);
  });
}

test("no key reaches a prototype", () => {
  assert.deepEqual(decodeQuery("__proto__[x]=1&a[__proto__][x]=1&a[y]=2&__proto__=3"), { a: { y: "2" } });
  const params = decodeQuery("constructor[prototype][x]=1&toString=2&hasOwnProperty[]=3");
  assert.deepEqual(params, { constructor: { prototype: { x: "1" } }, toString: "2", hasOwnProperty: ["3"] } as unknown);
  assert.equal(({} as { x?: unknown }).x, undefined);
  assert.deepEqual(structuredClone(params), params);
});

test("more parameters or deeper ones than the limits allow are a bad request", () => {
  const many = (count: number): string => Array.from({ length: count }, (_, i) => `k${i}=v`).join("&");
  assert.equal(Object.keys(decodeQuery(many(1000)) ?? {}).length, 1000);
  assert.equal(decodeQuery(many(1001)), undefined);
  assert.notEqual(decodeQuery(`a${"[b]".repeat(31)}=1`), undefined);
  assert.equal(decodeQuery(`a${"[b]".repeat(32)}=1`), undefined);
  assert.equal(decodeQuery("a=1&b=2", { maxParams: 1 }), undefined);
  assert.equal(decodeQuery("a[b]=2", { maxDepth: 1 }), undefined);
});

test("what the stock client encodes comes back: nested objects of strings", () => {
  const key = fc.string({ minLength: 1 }).filter((text) => !/[[\]]/.test(text) && text !== "__proto__");
  const leaf = fc.string({ unit: "grapheme" });
  const nested = fc.dictionary(key, fc.oneof(leaf, fc.dictionary(key, leaf, { minKeys: 1 })), {
    noNullPrototype: true,
  });
  fc.assert(
    fc.property(nested, (params) => {
      const pairs = Object.entries(params).flatMap(([name, value]) =>
        typeof value === "string"
          ? [[name, value]]
          : Object.entries(value).map(([inner, text]) => [`${name}[${inner}]`, text]),
      );
      const query = pairs.map((pair) => pair.map((text) => encodeURIComponent(text as string)).join("=")).join("&");
      assert.deepEqual(decodeQuery(query), toPlain(params));
    }),
  );
});

test("the parameters in the recordings, of path and query, are those that a real server saw", () => {
  const pattern = pathPattern("/params_socket/:room", "/websocket");
  const scenarios = scenariosOf("connect").filter(({ steps }) => steps[0]?.path?.startsWith("/params_socket/"));
  assert.ok(scenarios.length >= 4);
  for (const { name, steps } of scenarios) {
    const { path = "", query = "" } = steps[0] ?? {};
    const reply = steps.at(-1)?.expect?.a?.[0]?.json as readonly { readonly response?: unknown }[];
    assert.deepEqual({ ...decodeQuery(query), ...matchPath(pattern, path) }, reply[4]?.response, name);
  }
});

test("any text at all is decoded or refused, without an exception", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "[", "]", "=", "&", "%", "4", "f", "+", "\u00e9") });
  fc.assert(fc.property(text, (query) => void decodeQuery(query)));
});

function toPlain(params: object): unknown {
  return JSON.parse(JSON.stringify(params));
}
