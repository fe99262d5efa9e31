import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type CheckOrigin,
  checkOrigin,
  requestAddress,
  resolveCheckOrigin,
} from "../../src/transports/check-origin.js";
import { outcome, scenariosOf } from "../channels/recordings.js";

const request = { secure: false, host: "127.0.0.1", port: 4000 };
const allowed = (option: CheckOrigin, origin: string | undefined): boolean =>
  checkOrigin(resolveCheckOrigin(option), origin, request, "localhost");

const cases: readonly [option: CheckOrigin, origin: string | undefined, allowed: boolean][] = [
  [true, undefined, true],
  [true, "http://localhost", true],
  [true, "https://localhost:8443", true],
  [true, "http://localhost.evil.example", false],
  [true, "http://user@localhost", true],
  [true, "http://localhost@evil.example", false],
  [true, "http://LOCALHOST", false],
  [true, "null", false],
  [true, "", false],
  [true, "file://", false],
  [true, "localhost", false],
  [false, "http://evil.example", true],
  [false, "null", true],
  ["conn", "http://127.0.0.1:4000", true],
  ["conn", "https://127.0.0.1:4000", false],
  ["conn", "http://127.0.0.1", false],
  ["conn", "http://localhost:4000", false],
  ["conn", "null", false],
  ["conn", undefined, true],
  [["//example.com"], "http://example.com:1234", true],
  [["//example.com"], "https://example.com", true],
  [["//example.com"], "http://www.example.com", false],
  [["//example.com"], "null", false],
  [["//example.com"], undefined, true],
  [["//example.com:888"], "https://example.com:888", true],
  [["//example.com:888"], "https://example.com", false],
  [["http://a.com"], "http://a.com", true],
  [["http://a.com"], "http://a.com:80", true],
  [["http://a.com"], "http://a.com:8080", false],
  [["http://a.com"], "https://a.com", false],
  [["HTTPS://a.com"], "https://a.com", true],
  [["//a.com", "https://b.com"], "https://b.com", true],
  [["//*.x.com"], "http://x.com", true],
  [["//*.x.com"], "http://a.b.x.com", true],
  [["//*.x.com"], "http://prefix-x.com", false],
  [["//*.x.com"], "http://x.com.evil.example", false],
  [["https://*.x.com"], "http://a.x.com", false],
  [["//[::1]"], "http://[::1]:4000", true],
  [[], "http://a.com", false],
];
for (const [option, origin, expected] of cases) {
  test(`checkOrigin ${JSON.stringify(option)} ${expected ? "allows" : "refuses"} ${origin ?? "no origin"}`, () => {
    assert.equal(allowed(option, origin), expected);
  });
}

test("a function decides about origins without a host, too, and is given the parsed origin", () => {
  const seen: unknown[] = [];
  const option = (origin: unknown): boolean => seen.push(origin) < 3;
  assert.deepEqual(
    ["null", "http://a.com", "ionic://b:7"].map((origin) => allowed(option, origin)),
    [true, true, false],
  );
  assert.deepEqual(seen, [
    { scheme: null, host: null, port: null },
    { scheme: "http", host: "a.com", port: 80 },
    { scheme: "ionic", host: "b", port: 7 },
  ]);
});

test("an entry without a host is refused when the socket is mounted", () => {
  for (const entry of ["example.com", "http://", "", "https:example.com", "/example.com"]) {
    assert.throws(() => resolveCheckOrigin(["//ok.com", entry]), {
      code: "JOIST_BAD_OPTION",
      message: new RegExp(`entry ${JSON.stringify(entry)} has no host`),
    });
  }
  assert.throws(() => resolveCheckOrigin("example.com" as never), { code: "JOIST_BAD_OPTION" });
});

test("the address of a request is that of its Host header, with the default port of its scheme", () => {
  assert.deepEqual(requestAddress("a.com:4000", false), { secure: false, host: "a.com", port: 4000 });
  assert.deepEqual(requestAddress("a.com", false), { secure: false, host: "a.com", port: 80 });
  assert.deepEqual(requestAddress("a.com", true), { secure: true, host: "a.com", port: 443 });
  assert.deepEqual(requestAddress("[::1]:4000", false), { secure: false, host: "::1", port: 4000 });
  assert.deepEqual(requestAddress(undefined, false), { secure: false, host: "", port: 80 });
});

test("the origins in the recordings are allowed or refused as they were", () => {
  const options: Readonly<Record<string, CheckOrigin>> = {
    "/socket": true,
    "/origin_socket": ["//example.com", "https://secure.example:8443", "//*.wild.example"],
    "/conn_origin_socket": "conn",
    "/open_socket": false,
  };
  const scenarios = scenariosOf("connect").filter(({ steps }) => steps[0]?.headers?.origin !== undefined);
  assert.ok(scenarios.length >= 10);
  for (const scenario of scenarios) {
    const [step] = scenario.steps;
    const option = options[step?.path?.replace(/\/websocket$/, "") ?? ""];
    assert.notEqual(option, undefined, scenario.name);
    const origin = step?.headers?.origin?.replace(/\$\{port\}/, "4000");
    assert.equal(allowed(option as CheckOrigin, origin) ? "open" : "refused", outcome(scenario), scenario.name);
  }
});
