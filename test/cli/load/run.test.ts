/** Loads on real servers: one of Joist with its threads, and small ones that behave as no Joist does. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { type WebSocket, WebSocketServer } from "ws";
import { FailureKind } from "../../../src/cli/load/failures.js";
import { type LoadOptions, parseLoadOptions } from "../../../src/cli/load/options.js";
import { hasFailed, type LoadResult } from "../../../src/cli/load/result.js";
import { type LoadHooks, runLoad } from "../../../src/cli/load/run.js";
import { withApp } from "../../support/app.js";

/** Short, and patient: on a busy machine an answer may take its time. Later options win. */
const SHORT = ["--connections=4", "--duration=0.4", "--warmup=0.1", "--rate=200", "--reply-timeout=60000"];

function optionsOf(url: string, args: readonly string[]): LoadOptions {
  const short = SHORT.filter((one) => !(one.startsWith("--rate") && args.some((arg) => arg.startsWith("--in-flight"))));
  const options = parseLoadOptions([url, ...short, ...args]);
  if (options === "help" || "problem" in options) throw new Error(`refused: ${JSON.stringify(options)}`);
  return options;
}

async function loadApp(args: readonly string[], path = "/socket", hooks?: LoadHooks): Promise<LoadResult> {
  const results: LoadResult[] = [];
  await withApp(async ({ app }) => {
    results.push(await runLoad(optionsOf(`ws://127.0.0.1:${app.port}${path}`, args), hooks));
  });
  return results[0] as LoadResult; // withApp rejects if its function does
}

/** What holds of every run, however it went. */
function checkSums({ messages, failures, latencyMs }: LoadResult): void {
  const of = (kind: FailureKind): number => failures.find((failure) => failure.kind === kind)?.count ?? 0;
  assert.equal(messages.sent, messages.answered + messages.failed);
  assert.equal(messages.failed, of(FailureKind.errorReply) + of(FailureKind.timeout) + of(FailureKind.lost));
  assert.equal(messages.unsent, of(FailureKind.unsent));
  assert.equal(latencyMs === null, messages.answered === 0);
}

const kindsOf = ({ failures }: LoadResult): FailureKind[] => failures.map(({ kind }) => kind);

for (const [name, pace] of [
  ["by the clock", "--rate=300"],
  ["with so many in flight", "--in-flight=3"],
] as const) {
  test(`${name}, a server that answers has answered all that was sent`, async () => {
    const result = await loadApp(["--event=echo", "--topic=room:%n-%c", "--channels=3", pace]);
    checkSums(result);
    assert.deepEqual(result.failures, []);
    assert.deepEqual(result.warmUpFailures, []);
    assert.equal(hasFailed(result), false);
    assert.equal(result.ended, "in time");
    const { connections, channels, messages, latencyMs, bytes } = result;
    assert.deepEqual([connections.wanted, connections.opened, connections.openAtEnd], [4, 4, 4]);
    assert.deepEqual([channels.wanted, channels.joined], [12, 12]);
    assert.ok(messages.sent > 0 && messages.seconds >= 0.39, JSON.stringify(messages));
    assert.ok(bytes.out > 0 && bytes.in > 0);
    assert.ok(
      latencyMs !== null && latencyMs.p50 > 0 && latencyMs.p50 <= latencyMs.p99 && latencyMs.p99 <= latencyMs.max,
    );
  });
}

test("what the options say is what the server gets: parameters, headers, topic, join, event and payload", async () => {
  const heard: string[] = [];
  const server = await listen((socket, { url, origin }) => {
    heard.push(`${url} ${origin}`);
    socket.on("message", (data) => {
      heard.push(String(data));
      answer(socket, String(data));
    });
  });
  const result = await runLoad(
    optionsOf(`${server.url}?a=1`, [
      ...["--connections=2", "--channels=2", "--params", '{"user":"u%n"}', "--header", "Origin: http://b"],
      ...["--topic", "t:%n:%c", "--join-params", '{"j":%c}', "--event", 'e"', "--payload", '{"p":"%n/%c"}'],
    ]),
  );
  server.close();
  assert.equal(hasFailed(result), false, JSON.stringify(result.failures));
  for (const expected of [
    ...["/socket/websocket?a=1&vsn=2.0.0&user=u0 http://b", "/socket/websocket?a=1&vsn=2.0.0&user=u1 http://b"],
    ...['["1","1","t:0:0","phx_join",{"j":0}]', '["2","2","t:1:1","phx_join",{"j":1}]'],
  ]) {
    assert.ok(heard.includes(expected), expected);
  }
  const pushes = heard.filter((text) => text.includes('"e\\""')).map((text) => JSON.parse(text));
  assert.ok(pushes.length > 0);
  for (const [joinRef, , topic, , payload] of pushes) {
    const channel = Number(joinRef) - 1;
    const connection = Number(topic.split(":")[1]);
    assert.deepEqual([topic, payload], [`t:${connection}:${channel}`, { p: `${connection}/${channel}` }]);
  }
});

test("answers with another status are failures, shown with what the server said", async () => {
  const payload = '{"status":"error","response":{"reason":"not now"}}';
  const result = await loadApp(["--event=status", "--payload", payload]);
  checkSums(result);
  assert.deepEqual(kindsOf(result), [FailureKind.errorReply]);
  assert.match(result.failures[0]?.examples[0] ?? "", /not now/);
  assert.equal(result.messages.answered, 0);
  assert.ok(hasFailed(result));
});

test("what is not answered in time has failed, in both kinds of loops", async () => {
  const server = await listen((socket) => {
    socket.on("message", (data) => {
      if (isJoin(data)) answer(socket, String(data));
    });
  });
  for (const pace of ["--rate=100", "--in-flight=2"]) {
    const result = await runLoad(optionsOf(server.url, ["--reply-timeout=1000", "--warmup=0", pace]));
    checkSums(result);
    assert.deepEqual(kindsOf(result), [FailureKind.timeout]);
    assert.ok(result.messages.sent > 0 && result.messages.answered === 0);
  }
  server.close();
});

test("channels that crash are counted, with what was under way there, and the run ends when none is left", async () => {
  const result = await loadApp(["--event=throw", "--warmup=0", "--duration=60"]);
  checkSums(result);
  assert.equal(result.ended, "nothing left to send to");
  assert.equal(result.failures.find(({ kind }) => kind === FailureKind.channelLost)?.count, 4);
  assert.ok(result.messages.failed > 0 && result.messages.failed === result.messages.sent);
  assert.equal(result.connections.openAtEnd, 4);
});

test("pushes that come besides are counted, and are no answers", async () => {
  const result = await loadApp(["--event=mixed", "--in-flight=1", "--warmup=0", "--duration=1.5"]);
  checkSums(result);
  assert.equal(hasFailed(result), false);
  assert.ok(result.messages.pushed > 0);
});

for (const pace of ["--rate=200", "--in-flight=2"]) {
  test(`a broadcast that comes back to its sender can be the answer, ${pace}`, async () => {
    // It is replied to as well, and the others on the topic get it, too: with either as an answer the sums would not add up.
    const args = ["--event=shout", "--answer=broadcast", "--payload", '{"body":"%i"}', pace];
    const result = await loadApp(args);
    checkSums(result);
    assert.equal(hasFailed(result), false, JSON.stringify(result.failures));
    assert.ok(result.messages.answered > 0);
  });
}

test("a channel that replies with an error to what should have been broadcast has failed it", async () => {
  const payload = '{"status":"error","response":{"reason":"%i"}}';
  const result = await loadApp(["--event=status", "--answer=broadcast", "--payload", payload]);
  checkSums(result);
  assert.deepEqual(kindsOf(result), [FailureKind.errorReply]);
});

test("binary answers count", async () => {
  const server = await listen((socket) => {
    socket.on("message", (data) => {
      const [joinRef, ref, topic, event] = JSON.parse(String(data));
      if (event === "phx_join") return answer(socket, String(data));
      const fields = [joinRef, ref, topic, "ok"];
      const lengths = fields.map((field) => field.length);
      socket.send(Buffer.concat([Buffer.from([1, ...lengths]), Buffer.from(fields.join("")), Buffer.from([0, 1])]));
    });
  });
  const result = await runLoad(optionsOf(server.url, []));
  server.close();
  checkSums(result);
  assert.equal(hasFailed(result), false, JSON.stringify(result.failures));
  assert.ok(result.messages.answered > 0);
});

for (const [name, path, args, kind, example] of [
  ["connect", "/socket", ["--params", '{"reject":true}'], FailureKind.notConnected, /403/],
  ["the path", "/nowhere", [], FailureKind.notConnected, /404/],
  ["the join", "/socket", ["--join-params", '{"refuse":"full"}'], FailureKind.joinRefused, /full/],
  ["the join with a crash", "/socket", ["--join-params", '{"crash":true}'], FailureKind.joinRefused, /error/],
] as const) {
  test(`a server that refuses ${name} is counted for each connection, and ends the run`, async () => {
    const result = await loadApp([...args, "--duration=60"], path);
    checkSums(result);
    assert.equal(result.ended, "nothing left to send to");
    assert.deepEqual(
      result.failures.map((failure) => [failure.kind, failure.count]),
      [[kind, 4]],
    );
    assert.match(result.failures[0]?.examples[0] ?? "", example);
    assert.equal(result.messages.sent, 0);
    assert.ok(hasFailed(result));
  });
}

test("where nobody listens, each connection has failed with the system's error", async () => {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  const result = await runLoad(optionsOf(`ws://127.0.0.1:${port}/socket`, ["--duration=60"]));
  assert.deepEqual(kindsOf(result), [FailureKind.notConnected]);
  assert.equal(result.failures[0]?.count, 4);
  assert.match(result.failures[0]?.examples[0] ?? "", /ECONNREFUSED/);
});

test("a server that does not answer the upgrade, or a join, does not hold up the run", async () => {
  const silent = createServer().on("upgrade", () => {});
  silent.listen(0, "127.0.0.1");
  await once(silent, "listening");
  const { port } = silent.address() as AddressInfo;
  const unanswered = await runLoad(optionsOf(`ws://127.0.0.1:${port}/socket`, ["--reply-timeout=100"]));
  silent.closeAllConnections();
  silent.close();
  assert.deepEqual(kindsOf(unanswered), [FailureKind.notConnected]);
  const deaf = await listen(() => {});
  const unjoined = await runLoad(
    optionsOf(deaf.url, ["--reply-timeout=2000", "--connections=1", "--channels=1000", "--topic=t:%c"]),
  );
  deaf.close();
  assert.deepEqual(kindsOf(unjoined), [FailureKind.joinTimeout]);
  assert.equal(unjoined.failures[0]?.count, 1);
});

test("a server that closes half-way has failed what was under way, and the others carry on", async () => {
  let connections = 0;
  const server = await listen((socket) => {
    const closes = connections++ % 2 === 0;
    let heard = 0;
    socket.on("message", (data) => {
      heard += 1;
      // The second of the two that are sent at first.
      if (closes && heard === 3) socket.close(1011, "out of order");
      else if (!closes || heard < 3) answer(socket, String(data));
    });
  });
  const result = await runLoad(optionsOf(server.url, ["--warmup=0", "--in-flight=2"]));
  server.close();
  checkSums(result);
  assert.equal(result.ended, "in time");
  const lost = result.failures.find(({ kind }) => kind === FailureKind.connectionLost);
  assert.deepEqual([lost?.count, lost?.examples], [2, ["close 1011, out of order"]]);
  assert.equal(result.failures.find(({ kind }) => kind === FailureKind.lost)?.count, result.messages.failed);
  assert.ok(result.messages.failed > 0 && result.messages.answered > 0);
  assert.equal(result.connections.openAtEnd, 2);
});

test("what is not of the protocol is counted, and nothing else comes of it", async () => {
  const server = await listen((socket) => {
    socket.on("message", (data) => {
      if (isJoin(data)) socket.send("hello");
      answer(socket, String(data));
    });
  });
  const result = await runLoad(optionsOf(server.url, []));
  server.close();
  checkSums(result);
  assert.deepEqual(
    result.failures.map(({ kind, count, examples }) => [kind, count, examples]),
    [[FailureKind.unreadable, 4, ["hello"]]],
  );
});

test("no more is under way than may be: what goes beyond is not sent, and says so", async () => {
  let heard = 0;
  let heardAtLast = 0;
  const server = await listen((socket) => {
    socket.on("message", (data) => {
      if (isJoin(data)) return answer(socket, String(data));
      heard += 1;
      if (heard !== 3) return;
      // In the same event loop as the load's clock, which ticks forty times until then.
      setTimeout(() => {
        heardAtLast = heard;
        server.close();
      }, 200);
    });
  });
  const result = await runLoad({ ...optionsOf(server.url, ["--warmup=0", "--duration=60"]), maxOutstanding: 3 });
  checkSums(result);
  assert.equal(heardAtLast, 3);
  assert.ok(result.messages.unsent > 0);
  assert.equal(result.ended, "nothing left to send to");
});

test("interrupted, it waits for what is under way and has the results so far", async () => {
  const interrupt = new AbortController();
  const result = await loadApp(["--event=echo", "--warmup=0", "--duration=600"], "/socket", {
    signal: interrupt.signal,
    progress: (line) => {
      // The measurement begins right after.
      if (line.includes("joined")) setTimeout(() => interrupt.abort(), 100);
    },
  });
  checkSums(result);
  assert.equal(result.ended, "interrupted");
  assert.deepEqual(result.failures, []);
  assert.equal(result.connections.opened, 4);
});

test("interrupted while it connects, it ends without having sent anything", async () => {
  const interrupt = new AbortController();
  interrupt.abort();
  const result = await loadApp(["--event=echo", "--duration=600"], "/socket", { signal: interrupt.signal });
  assert.equal(result.ended, "interrupted");
  assert.equal(result.messages.sent, 0);
  assert.deepEqual(result.failures, []);
});

interface Listening {
  readonly url: string;
  close(): void;
}

/** A server of its own kind. */
async function listen(
  connected: (socket: WebSocket, request: { readonly url: string; readonly origin: string }) => void,
): Promise<Listening> {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  server.on("connection", (socket, { url = "", headers }) => connected(socket, { url, origin: headers.origin ?? "" }));
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `ws://127.0.0.1:${port}/socket`,
    close: () => {
      for (const client of server.clients) client.terminate();
      server.close();
    },
  };
}

/** As Phoenix answers: the response before the status. */
function answer(socket: WebSocket, text: string): void {
  const [joinRef, ref, topic] = JSON.parse(text);
  socket.send(JSON.stringify([joinRef, ref, topic, "phx_reply", { response: {}, status: "ok" }]));
}

function isJoin(data: unknown): boolean {
  return String(data).includes('"phx_join"');
}
