import assert from "node:assert/strict";
import { test } from "node:test";
import { LOAD_HELP, type LoadOptions, parseLoadOptions } from "../../../src/cli/load/options.js";

const url = "ws://localhost:4000/socket";

function optionsOf(...args: string[]): LoadOptions {
  const parsed = parseLoadOptions(args);
  if (parsed === "help" || "problem" in parsed) throw new Error(`refused: ${JSON.stringify(parsed)}`);
  return parsed;
}

function problemOf(...args: string[]): string {
  const parsed = parseLoadOptions(args);
  return typeof parsed === "object" && "problem" in parsed ? parsed.problem : "no problem";
}

test("without options it is the load that the help tells of", () => {
  const options = optionsOf(url);
  const { connections, channels, rate, inFlight, durationMs, warmUpMs, connectRate, replyTimeoutMs } = options;
  assert.deepEqual([connections, channels, rate, inFlight, durationMs, warmUpMs], [100, 1, 1000, 0, 10_000, 2000]);
  assert.deepEqual([connectRate, replyTimeoutMs, options.json, options.quiet], [500, 5000, null, false]);
  assert.deepEqual([options.topic.at(0, 0), options.event, options.payload.at(0, 0)], ['"room:lobby"', "ping", "{}"]);
  assert.deepEqual([options.params.at(0, 0), options.joinParams.at(0, 0), options.headers], ["{}", "{}", {}]);
  for (const stated of [
    "default 100)",
    "default 500)",
    "(default 1)",
    "default 1,000)",
    "default 5,000)",
    "default 10)",
  ]) {
    assert.ok(LOAD_HELP.includes(stated), stated);
  }
});

test("a URL is that of the socket, with or without /websocket, and keeps its parameters", () => {
  for (const [given, meant] of [
    [url, "ws://localhost:4000/socket/websocket?vsn=2.0.0"],
    [`${url}/`, "ws://localhost:4000/socket/websocket?vsn=2.0.0"],
    [`${url}/websocket`, "ws://localhost:4000/socket/websocket?vsn=2.0.0"],
    ["wss://example.com/socket?token=a&vsn=2.0.1#x", "wss://example.com/socket/websocket?token=a&vsn=2.0.1"],
  ] as const) {
    assert.equal(optionsOf(given).url.href, meant);
  }
});

test("each option takes what the help says", () => {
  const options = optionsOf(
    ...[url, "--connections", "7", "--channels=3", "--topic", "room:%n-%c", "--join-params", '{"id":%n}'],
    ...["--params", '{"user":"%n","ok":true}', "--event", "echo", "--payload-bytes", "100", "--in-flight", "4"],
    ...["--duration", "0.5", "--warmup", "0", "--connect-rate", "9", "--reply-timeout", "100", "--json", "-"],
    ...["--header", "Origin: http://a", "--header", "X-A:1", "--header", "x-a: 2", "--quiet"],
  );
  assert.equal(options.topic.at(4, 2), '"room:4-2"');
  assert.equal(options.joinParams.at(4, 2), '{"id":4}');
  assert.equal(options.payload.at(0, 0).length, 100);
  assert.deepEqual([options.rate, options.inFlight, options.durationMs, options.warmUpMs], [0, 4, 500, 0]);
  assert.deepEqual({ ...options.headers }, { origin: "http://a", "x-a": ["1", "2"] });
  assert.deepEqual([options.json, options.quiet, options.replyTimeoutMs], ["-", true, 100]);
  assert.equal(parseLoadOptions(["--help"]), "help");
});

// What is given after the URL, and what the problem says of it.
const bad: readonly (readonly [readonly string[], RegExp])[] = [
  [["--fast"], /'--fast'/],
  [["--rate"], /'--rate <value>' argument missing/],
  [["--quiet=yes"], /'--quiet' does not take an argument/],
  [["other"], /"other" is one argument too many/],
  [["--connections", "0"], /--connections takes a whole number from 1 to 50000, not "0"/],
  [["--connections", "50001"], /from 1 to 50000, not "50001"/],
  [["--connections", "1.5"], /whole number .* not "1.5"/],
  [["--channels", "1001"], /--channels takes .* 1 to 1000/],
  [["--channels", "2"], /--channels 2 needs a --topic with %c/],
  [
    ["--connections", "2000", "--channels", "1000", "--topic", "%c"],
    /2000 connections with 1000 channels are more than/,
  ],
  [["--rate", "1e3"], /--rate takes .* 1 to 1000000, not "1e3"/],
  [["--rate", "10", "--in-flight", "1"], /--rate goes not with --in-flight/],
  [["--in-flight", "10001"], /--in-flight takes .* 1 to 10000/],
  [
    ["--connections", "1000", "--in-flight", "10000"],
    /1000 connections with 10000 messages in flight are more than 1000000/,
  ],
  [["--payload-bytes", "16777216", "--in-flight", "1"], /100 connections with 1 messages in flight are more than 16 /],
  [["--duration", "0"], /--duration takes a number from 0.1 to 86400, not "0"/],
  [["--duration", "soon"], /not "soon"/],
  [["--warmup", "3601"], /--warmup takes a number from 0 to 3600/],
  [["--connect-rate", "-1"], /'--connect-rate/],
  [["--reply-timeout", "300001"], /--reply-timeout takes .* 300000/],
  [["--payload", "{"], /--payload takes JSON.*not "\{"/],
  [["--payload", "{}", "--payload-bytes", "9"], /--payload goes not with --payload-bytes/],
  [["--answer", "yes"], /--answer takes "reply" or "broadcast", not "yes"/],
  [["--answer", "broadcast"], /--answer broadcast needs a --payload with %i/],
  [["--payload", '{"i":%i}'], /--payload takes JSON/],
  [["--payload-bytes", "1"], /--payload-bytes takes .* 2 to 16777216/],
  [["--join-params", "x"], /--join-params takes JSON/],
  [["--params", "[]"], /--params takes a JSON object of strings, numbers and booleans, not "\[\]"/],
  [["--params", '{"a":{}}'], /--params takes a JSON object of strings/],
  [["--topic", ""], /--topic must not be empty/],
  [["--event", ""], /--event must not be empty/],
  [["--json", ""], /--json must not be empty/],
  [["--header", "Origin"], /--header takes "NAME: VALUE", not "Origin"/],
  [["--header", "A: b\r\nC: d"], /--header takes/],
];

for (const [args, expected] of bad) {
  test(`${JSON.stringify(args)} is refused by name`, () => {
    const problem = problemOf(url, ...args);
    assert.match(problem, expected);
    assert.match(problem, /; joist load --help tells the options\.$/);
  });
}

test("a URL that is missing, or none of a WebSocket, is refused", () => {
  assert.match(problemOf(), /The URL is missing/);
  for (const wrong of ["localhost:4000", "http://localhost:4000/socket", "/socket"]) {
    assert.match(problemOf(wrong), /begins with ws:\/\/ or wss:\/\//);
    assert.ok(problemOf(wrong).includes(`"${wrong}"`));
  }
  assert.match(problemOf(`${url}?vsn=1.0.0`), /vsn is 2\.x\.x, .* not "1\.0\.0"/);
});
