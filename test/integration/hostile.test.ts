/**
 * What hostile clients get for their pains: the close code or status that docs/errors.md promises. And what everybody else
 * notices of them: nothing. Bystanders on the same server, over both transports, ask for as long as this file runs; a channel
 * of theirs that had restarted, or missed a message, would count wrong.
 */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, afterEach, before, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { type App, type Report, start } from "joist";
import { channelsApp, withApp } from "../support/app.js";
import type { FrameClient } from "../support/frame-client.js";
import { clientFrame, Fin, HostileSocket, upgradeRequest } from "../support/hostile-socket.js";
import { PollClient } from "../support/poll-client.js";
import { RawClient } from "../support/raw-client.js";

const MAX_FRAME_BYTES = 10_000_000;
/** Milliseconds in which thousands of connections are begun. */
const MAX_CONNECTING_MS = 3000;
/** Connections that `fetch` keeps for later, or has given up meanwhile. */
const SPARE_SOCKETS = 20;
const DEEP = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
const NAMES = ["__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "then", "toJSON", ""];

/** Somebody with nothing to do with it. */
class Bystander {
  readonly #client: FrameClient;
  #count = 0;
  #leaving = false;
  #told: () => void = () => {};
  readonly #over: Promise<void>;

  constructor(client: FrameClient) {
    this.#client = client;
    this.#over = this.#ask();
  }

  /** Settles when it has asked, after now, and was answered. */
  async isAnswered(): Promise<void> {
    const wanted = this.#count + 2; // the one that is on its way may have been asked before
    while (this.#count < wanted) {
      await new Promise<void>((resolve) => {
        this.#told = resolve;
      });
    }
  }

  async leave(): Promise<void> {
    this.#leaving = true;
    await this.#over;
    this.#client.drop();
  }

  async #ask(): Promise<void> {
    assert.equal(((await this.#client.join("room:bystanders"))[4] as { status: string }).status, "ok");
    while (!this.#leaving) {
      const answer = await this.#client.ask("room:bystanders", "count", {}, `c${this.#count}`);
      assert.deepEqual(answer, { status: "ok", response: { count: ++this.#count } });
      this.#told();
    }
  }
}

const reports: Report[] = [];
let app: App;
let bystanders: readonly Bystander[];

before(async () => {
  app = await start(channelsApp, {
    ...{ port: 0, address: "127.0.0.1", schedulers: 2 },
    report: (report) => reports.push(report),
  });
  const clients = await Promise.all([
    ...Array.from({ length: 4 }, () => RawClient.connect(app.port)),
    PollClient.connect(app.port),
  ]);
  bystanders = clients.map((client) => new Bystander(client));
});

afterEach(async () => {
  await Promise.all(bystanders.map((bystander) => bystander.isAnswered()));
});

after(async () => {
  await Promise.all(bystanders.map((bystander) => bystander.leave()));
  await app.stop();
  // Processes may have crashed, which is what channels are for; a thread must not have.
  assert.deepEqual(
    reports.filter(({ tag }) => tag !== "crash" && tag !== "left_out"),
    [],
  );
});

// ---- WebSocket frames ----

const bom = Buffer.from([0xff, 0xfe, 0xc3, 0x28]);
const frames: readonly (readonly [name: string, bytes: Buffer, code: number])[] = [
  ["text that is no UTF-8", clientFrame(Fin.text, bom), 1007],
  ["text that is no UTF-8 in its second fragment", join(clientFrame(0x01, "a"), clientFrame(0x80, bom)), 1007],
  ["a frame that is not masked", Buffer.from([Fin.text, 1, 0x61]), 1002],
  ["reserved bit 1, where nobody compresses", clientFrame(Fin.text | 0x40, "a"), 1002],
  ["reserved bits 2 and 3", clientFrame(Fin.text | 0x30, "a"), 1002],
  ["the reserved opcode 3", clientFrame(0x83, "a"), 1002],
  ["the reserved control opcode 11", clientFrame(0x8b, "a"), 1002],
  ["a continuation of nothing", clientFrame(Fin.continuation, "a"), 1002],
  ["a text within a fragmented text", join(clientFrame(0x01, "a"), clientFrame(Fin.text, "b")), 1002],
  ["a fragmented ping", clientFrame(0x09, "a"), 1002],
  ["a ping of 126 bytes", clientFrame(Fin.ping, Buffer.alloc(126)), 1002],
  ["a close frame of one byte", clientFrame(Fin.close, "a"), 1002],
  ["a close frame with the reserved code 1005", clientFrame(Fin.close, Buffer.from([0x03, 0xed])), 1002],
  ["a close frame whose reason is no UTF-8", clientFrame(Fin.close, join(Buffer.from([0x03, 0xe8]), bom)), 1007],
  ["a frame that says it is a byte too large", clientFrame(Fin.text, "", BigInt(MAX_FRAME_BYTES + 1)), 1009],
  ["a frame that says it is 2^63 bytes", clientFrame(Fin.text, "", 1n << 63n), 1009],
  ["a frame that says it is 2^64 - 1 bytes", clientFrame(Fin.binary, "", (1n << 64n) - 1n), 1009],
  [
    "fragments that are too large together",
    join(clientFrame(0x01, Buffer.alloc(MAX_FRAME_BYTES, 0x61)), clientFrame(Fin.continuation, "a")),
    1009,
  ],
  ["20,000 fragments", join(clientFrame(0x01), Buffer.concat(Array(20_000).fill(clientFrame(0x00)))), 1008],
  ["text that is no JSON", clientFrame(Fin.text, "hello"), 1011],
  ["a binary frame of another kind", clientFrame(Fin.binary, Buffer.from([3, 0, 0, 0, 0])), 1011],
  ["a binary frame whose lengths lie", clientFrame(Fin.binary, Buffer.from([0, 255, 255, 255, 255, 1])), 1011],
  ["an empty text", clientFrame(Fin.text), 1011],
  ["an empty binary frame", clientFrame(Fin.binary), 1011],
];
for (const [name, bytes, code] of frames) {
  test(`${name} closes the connection with ${code}`, async () => {
    const client = await HostileSocket.upgraded(app.port);
    client.write(bytes);
    assert.equal(await client.closeCode(), code);
    client.drop();
  });
}

test("a client that goes away within a frame is gone", async () => {
  for (const bytes of [[Fin.text], [Fin.text, 0xff, 0, 0], [Fin.text, 0x85, 0, 0, 0, 0, 0x61]]) {
    const client = await HostileSocket.upgraded(app.port);
    client.write(Buffer.from(bytes));
    client.socket.end();
    await client.closed;
  }
});

test("any bytes at all after the handshake end in a close code or wait for more", async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 300 }), async (bytes) => {
      const client = await HostileSocket.upgraded(app.port);
      client.write(bytes);
      client.write(clientFrame(Fin.close)); // for those that are fine
      client.socket.end();
      assert.ok([1002, 1005, 1006, 1007, 1009, 1011].includes(await client.closeCode()));
      client.drop();
    }),
    { numRuns: 100 },
  );
});

// ---- messages ----

const deepFrames: readonly (readonly [name: string, frame: string])[] = ["join ref", "ref", "topic", "event", "payload"]
  .map((place, at) => [place, ['"1"', '"9"', '"room:a"', '"count"', "{}"].with(at, DEEP)] as const)
  .flatMap(([place, fields]) => [
    [`a ${place} nested 100,000 deep`, `[${fields.join()}]`],
    [`a ${place} nested 100,000 deep, in a join`, `[${fields.with(3, '"phx_join"').join()}]`],
    [`a ${place} nested 100,000 deep, for a topic that is not joined`, `[${fields.with(2, '"room:no"').join()}]`],
  ]);
for (const [name, frame] of deepFrames) {
  if (!frame.includes(DEEP)) continue; // another field took its place
  test(`${name} closes the connection with 1011`, async () => {
    const client = await RawClient.connect(app.port);
    await client.join("room:a");
    client.sendText(frame);
    assert.equal(await client.closed, 1011);
  });
}

test("a message of version 1 nested 100,000 deep closes the connection with 1011", async () => {
  for (const payload of [DEEP, '{"a":'.repeat(100_000)]) {
    const client = await RawClient.connect(app.port, "vsn=1.0.0");
    client.sendText(`{"topic":"phoenix","event":"heartbeat","ref":"1","payload":${payload}}`);
    assert.equal(await client.closed, 1011);
  }
});

test("JSON of any type in any of the five places is answered or crashes its channel, and the connection stays", async () => {
  const client = await RawClient.connect(app.port);
  const json = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom<unknown>("1", "room:a", "room:b", "phx_join", "phx_leave", "echo", ...NAMES),
  );
  await fc.assert(
    fc.asyncProperty(fc.tuple(json, json, json, json, json), async (frame) => {
      client.sendText(JSON.stringify(frame));
      await client.settle();
    }),
    { numRuns: 300 },
  );
  client.drop();
});

test("prototype keys are keys like any other, wherever they are", async () => {
  const client = await RawClient.connect(app.port, `vsn=2.0.0&__proto__[x]=1&constructor[prototype][x]=1&user_id=7`);
  await client.join("room:a", JSON.parse('{"__proto__":{"observer":"room:x"}}'));
  for (const name of NAMES) {
    const payload = `{${JSON.stringify(name)}:{"x":1,"__proto__":{"y":2}}}`;
    client.sendText(`["1","2","room:a","echo",${payload}]`);
    const [, , , , answer] = await client.next(([, ref]) => ref === "2");
    assert.equal(JSON.stringify(answer), `{"status":"ok","response":${payload}}`);

    // An event or topic of that name is one that nobody has.
    client.send("1", "3", "room:a", name, {});
    assert.equal((await client.next(([, , , event]) => event === "phx_error"))[2], "room:a");
    assert.deepEqual((await client.join(name, {}, "4"))[4], {
      status: "error",
      response: { reason: "unmatched topic" },
    });
    await client.join("room:a");
  }
  assert.equal(({} as { x?: unknown }).x, undefined);
  client.drop();
});

test("any bytes as a binary message are answered, crash a channel, or close the connection with 1011", async () => {
  let client = await RawClient.connect(app.port);
  const field = fc.uint8Array({ maxLength: 12 });
  const push = fc
    .tuple(field, field, field, field, field)
    .map(([joinRef, ref, topic, event, data]) =>
      Buffer.concat([
        Buffer.of(0, joinRef.length, ref.length, topic.length, event.length),
        joinRef,
        ref,
        topic,
        event,
        data,
      ]),
    );
  const random = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));
  const whole = Buffer.concat([Buffer.of(0, 1, 1, 6, 5), Buffer.from("12room:abytes")]);
  await client.join("room:a");
  await fc.assert(
    fc.asyncProperty(fc.oneof(push, random, fc.constant(whole)), async (bytes) => {
      client.sendBytes(bytes);
      const code = await Promise.race([client.settle().then(() => 0), client.closed]);
      if (code === 0) return;
      assert.equal(code, 1011);
      client = await RawClient.connect(app.port);
      await client.join("room:a");
    }),
    { numRuns: 200 },
  );
  client.drop();
});

// ---- long poll ----

const bodies: readonly (readonly [name: string, body: string, type: string, status: number])[] = [
  ["lines that are neither JSON nor base64", "[]\n%%%", "application/x-ndjson", 500],
  ["a line that is no message", '["1"]', "application/x-ndjson", 408],
  [
    "base64 of a binary message that lies",
    Buffer.from([0, 9, 9, 9, 9]).toString("base64"),
    "application/x-ndjson",
    408,
  ],
  ["a message nested 100,000 deep", `["1","2","room:a","echo",${DEEP}]`, "application/x-ndjson", 408],
  ["no JSON", "hello", "application/json", 408],
  ["a million line ends", "\n".repeat(1_000_000), "application/x-ndjson", 408],
  ["nothing", "", "application/x-ndjson", 408],
  ["a body a byte too large", "[".repeat(8_000_001), "application/x-ndjson", 400],
];
for (const [name, body, type, status] of bodies) {
  test(`long poll: ${name} is answered with ${status}`, async () => {
    const url = `http://127.0.0.1:${app.port}/socket/longpoll?vsn=2.0.0`;
    const { token } = (await (await fetch(url)).json()) as { token: string };
    const response = await fetch(`${url}&token=${token}`, { method: "POST", body, headers: { "content-type": type } });
    const text = await response.text();
    const json = response.headers.get("content-type")?.startsWith("application/json");
    assert.equal(json ? (JSON.parse(text) as { status: number }).status : response.status, status);
  });
}

test("long poll: a token that is none begins a new session, whatever it is", async () => {
  for (const token of [...NAMES, "a".repeat(10_000), "SFMyNTY..", "SFMyNTY.e30.e30", "%00", "token[]=1"]) {
    const response = await fetch(`http://127.0.0.1:${app.port}/socket/longpoll?vsn=2.0.0&token=${token}`);
    assert.equal(((await response.json()) as { status: number }).status, 410);
  }
});

// ---- HTTP ----

const post = "POST /socket/longpoll HTTP/1.1\r\nHost: x\r\n";
const requests: readonly (readonly [name: string, text: string, status: number])[] = [
  ["two content lengths", `${post}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd`, 400],
  ["a content length and chunks", `${post}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
  ["chunks that are not the last encoding", `${post}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`, 400],
  ["bare line feeds", "GET / HTTP/1.1\nHost: x\n\n", 400],
  ["a folded header", "GET / HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n", 400],
  ["a blank before the colon", "GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400],
  ["a NUL in a header", "GET / HTTP/1.1\r\nHost: x\0y\r\n\r\n", 400],
  ["no host", "GET / HTTP/1.1\r\n\r\n", 400],
  ["an absolute URI", upgradeRequest("", "http://x/socket/websocket?vsn=2.0.0"), 404],
  ["a target that is no path", upgradeRequest("", "*"), 404],
  ["a query that is no UTF-8", upgradeRequest("", "/socket/websocket?%ff=%ff"), 400],
  ["a query nested 33 deep", upgradeRequest("", `/socket/websocket?vsn=2.0.0&a${"[a]".repeat(32)}=1`), 400],
  ["1,001 parameters", upgradeRequest("", `/socket/websocket?${"a&".repeat(1001)}`), 400],
  ["a header of 20 KB", `GET / HTTP/1.1\r\nHost: x\r\nX: ${"a".repeat(20_000)}\r\n\r\n`, 431],
  ["3,000 headers", `GET / HTTP/1.1\r\nHost: x\r\n${"x-aaaaaaaa: 1\r\n".repeat(3000)}\r\n`, 431],
  ["an upgrade to something else", upgradeRequest().replace("Upgrade: websocket", "Upgrade: h2c"), 400],
  ["an upgrade by POST", upgradeRequest().replace("GET", "POST"), 400],
  ["an origin that is none", upgradeRequest("Origin: \xff://[[[]\r\n"), 403],
  ["a version that is none", upgradeRequest("", "/socket/websocket?vsn[__proto__]=2&vsn[x]=1"), 403],
  ["TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400],
  ["HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400],
  ["a CONNECT", "CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n", 0],
];
for (const [name, text, status] of requests) {
  test(`${name} is answered with ${status === 0 ? "the end of the connection" : status}`, async () => {
    const client = new HostileSocket(app.port);
    client.write(text);
    assert.equal(await client.status(), status);
    client.drop();
  });
}

test("the body of an upgrade request is read as frames, never as another request", async () => {
  for (const headers of ["Content-Length: 40\r\n", "Transfer-Encoding: chunked\r\n"]) {
    const client = new HostileSocket(app.port);
    client.write(`${upgradeRequest(headers)}GET /socket/websocket HTTP/1.1\r\n\r\n`);
    assert.equal(await client.status(), 101);
    assert.equal(await client.closeCode(), 1002);
    client.drop();
  }
});

test("headers named like a prototype are headers like any other", async () => {
  const client = new HostileSocket(app.port);
  client.write(upgradeRequest("__proto__: x\r\nx-__proto__: y\r\nconstructor: z\r\nx-constructor: z\r\n"));
  assert.equal(await client.status(), 101);
  client.drop();
});

test("an upgrade request that never ends is cut off with 408 by the server's headersTimeout", async () => {
  const server = createServer({ headersTimeout: 1000, connectionsCheckingInterval: 20 });
  server.listen(0, "127.0.0.1");
  await withApp(
    async () => {
      const { port } = server.address() as AddressInfo;
      const slow = Array.from({ length: 50 }, () => new HostileSocket(port));
      for (const [index, client] of slow.entries()) client.write(upgradeRequest().slice(0, 20 + index));
      for (const client of slow) {
        assert.equal(await client.status(), 408);
        await client.closed;
      }
      const client = await RawClient.connect(port);
      assert.equal(((await client.join("room:a"))[4] as { status: string }).status, "ok");
      client.drop();
    },
    { server },
  );
  server.close();
});

test("heads that trickle in, or never begin, and heads that are too large are cut off by the own server's options", async () => {
  await withApp(
    async ({ app: { port } }) => {
      const trickling = new HostileSocket(port);
      trickling.write(upgradeRequest().slice(0, 40));
      const silent = new HostileSocket(port);
      const large = new HostileSocket(port);
      large.write(upgradeRequest(`X: ${"a".repeat(3000)}\r\n`));
      assert.equal(await large.status(), 431);
      assert.equal(await trickling.status(), 408);
      await Promise.all([trickling.closed, silent.closed, large.closed]);
    },
    { http: { headersTimeoutMs: 1000, requestTimeoutMs: 1500, maxHeaderBytes: 2048 } },
  );
});

// ---- many ----

test("thousands of connections that stop in the middle of a request, or of a frame, cost nobody else anything", async () => {
  const { soft } = (process.report.getReport() as unknown as Limits).userLimits.open_files;
  // Each takes two descriptors, as both of its ends are here; some are left for everything else.
  const count = Math.min(10_000, Math.floor((typeof soft === "number" ? soft : 20_000) / 2) - 200);
  const before = sockets();
  const clients: HostileSocket[] = [];
  const begun = performance.now();
  // Where connecting is slow, fewer will do.
  for (let at = 0; at < count && (at < 1000 || performance.now() - begun < MAX_CONNECTING_MS); at += 500) {
    const some = Array.from({ length: Math.min(500, count - at) }, () => new HostileSocket(app.port));
    clients.push(...some);
    await Promise.all(some.map(({ socket }) => new Promise((resolve) => socket.once("connect", resolve))));
    for (const [index, client] of some.entries()) client.write(upgradeRequest().slice(0, index % 100));
    await bystanders[0]?.isAnswered();
  }
  const { heapUsed } = collected();
  assert.ok(sockets() > before + clients.length - SPARE_SOCKETS);
  for (const client of clients) client.socket.resetAndDestroy(); // no port of them waits for what may still come
  await Promise.all(clients.map(({ closed }) => closed));
  clients.length = 0;
  while (sockets() > before + SPARE_SOCKETS) await bystanders[0]?.isAnswered(); // the server's ends follow
  assert.ok(collected().heapUsed < heapUsed, "what they took is given back");
});

test("after thousands of clients that crash, are cut off or go away, heap and handles are where they were", async () => {
  const round = async (): Promise<void> => {
    const clients = await Promise.all(Array.from({ length: 50 }, () => RawClient.connect(app.port)));
    for (const [index, client] of clients.entries()) {
      client.send("1", "1", `room:${index}`, "phx_join", {});
      client.send("1", "2", `room:${index}`, index % 2 === 0 ? "throw" : "echo", { text: "x".repeat(10_000) });
      if (index % 3 === 0) client.sendText("hello");
      else if (index % 3 === 1) await client.settle();
      client.drop();
    }
    await Promise.all(clients.map(({ closed }) => closed));
    await Promise.all(bystanders.map((bystander) => bystander.isAnswered()));
  };
  for (let i = 0; i < 4; i++) await round(); // what is made once, is made
  const [handles, heap] = [sockets(), collected().heapUsed];
  for (let i = 0; i < 10; i++) await round();
  while (sockets() > handles + SPARE_SOCKETS) await bystanders[0]?.isAnswered();
  const grown = collected().heapUsed - heap;
  assert.ok(grown < 5_000_000, `the heap of the I/O thread has grown by ${grown} bytes`);
});

/** As much as is needed here of a report of Node.js. */
interface Limits {
  readonly userLimits: { readonly open_files: { readonly soft: unknown } };
}

function sockets(): number {
  return process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap").length;
}

/** The memory of this thread, where all connections are, after a garbage collection. */
function collected(): NodeJS.MemoryUsage {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
  return process.memoryUsage();
}

function join(...buffers: readonly Buffer[]): Buffer {
  return Buffer.concat(buffers);
}
