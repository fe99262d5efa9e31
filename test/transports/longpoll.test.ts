/** The transport alone, over real HTTP: its connection is the test's. Mostly what clients do that are no friends. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type ClientRequest, createServer, type IncomingMessage, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { type ConnectOutcome, SharedMessage, type Transport } from "../../src/channels/transport.js";
import { LongPollMount } from "../../src/transports/longpoll.js";
import type { LongPollOptions } from "../../src/transports/longpoll-options.js";

/** What the connection of a session was told, and what it may tell its client. */
interface Connected {
  readonly transport: Transport;
  readonly received: (string | Uint8Array)[];
  readonly closed: Promise<unknown>;
}

interface Answer {
  readonly http: number;
  readonly headers: IncomingMessage["headers"];
  readonly status?: number;
  readonly token: string;
  readonly messages?: readonly string[];
}

class Bench {
  readonly mount: LongPollMount;
  readonly connections: Connected[] = [];
  outcome: ConnectOutcome | Promise<ConnectOutcome> | null = null;
  /** What limits did, by their codes. */
  readonly hits: string[] = [];
  readonly #server: Server;
  /** Settles the promises of those who wait for the next request to arrive. */
  #arrived: (() => void)[] = [];

  private constructor(options: LongPollOptions) {
    this.mount = new LongPollMount(options, setImmediate, (code) => this.hits.push(code));
    this.#server = createServer((request, response) => {
      const token = new URL(request.url ?? "", "http://x").searchParams.get("token");
      this.mount.handle({
        request,
        response,
        token,
        enter: () => () => {},
        connect: async () => await (this.outcome ?? this.#accepted()),
      });
      for (const tell of this.#arrived.splice(0)) tell();
    });
  }

  static async with(options: LongPollOptions, use: (bench: Bench) => Promise<void>): Promise<void> {
    const bench = new Bench(options);
    bench.#server.listen(0, "127.0.0.1");
    await once(bench.#server, "listening");
    try {
      await use(bench);
      bench.mount.stop();
      assert.equal(bench.mount.sessions.size, 0);
      bench.#server.closeAllConnections();
      await new Promise((resolve) => bench.#server.close(resolve));
      // Whatever was taken is given back: once the last response has closed, which nobody tells us.
      const all = options.maxTotalBytes ?? 268_435_456;
      while (!bench.mount.budget.take(all)) await new Promise((resolve) => setImmediate(resolve));
    } finally {
      bench.mount.stop();
      bench.#server.closeAllConnections();
      bench.#server.close();
    }
  }

  #accepted(): ConnectOutcome {
    return {
      tag: "accepted",
      open: (transport) => {
        const received: (string | Uint8Array)[] = [];
        let closed: (reason: unknown) => void = () => {};
        this.connections.push({ transport, received, closed: new Promise((resolve) => { closed = resolve; }) }); // biome-ignore format: one
        return {
          channels: [],
          limited: () => {},
          receive: (message) => {
            received.push(message);
            if (message === "[malformed]") transport.close(1011, "");
          },
          closed,
        };
      },
    };
  }

  /** Settles when another request has arrived. */
  arrival(): Promise<void> {
    return new Promise((resolve) => this.#arrived.push(resolve));
  }

  start(method: string, token = "", headers: Record<string, string> = {}): ClientRequest {
    const { port } = this.#server.address() as AddressInfo;
    const asked = request({ port, host: "127.0.0.1", method, path: `/?token=${token}`, headers, agent: false });
    asked.on("error", () => {});
    return asked;
  }

  async ask(method: string, token = "", body?: string, headers: Record<string, string> = {}): Promise<Answer> {
    const asked = this.start(method, token, headers);
    asked.end(body);
    return await answerOf(asked);
  }

  /** A poll that has arrived and waits. */
  async poll(token: string): Promise<{ readonly asked: ClientRequest; readonly answer: Promise<Answer> }> {
    const arrived = this.arrival();
    const asked = this.start("GET", token);
    asked.end();
    const answer = answerOf(asked);
    await arrived;
    return { asked, answer };
  }

  async open(): Promise<readonly [token: string, connection: Connected]> {
    const { status, token } = await this.ask("GET");
    assert.equal(status, 410);
    return [token, this.connections.at(-1) as Connected];
  }
}

async function answerOf(asked: ClientRequest): Promise<Answer> {
  const [response] = (await once(asked, "response")) as [IncomingMessage];
  const text = Buffer.concat(await response.toArray()).toString();
  const json = response.headers["content-type"]?.startsWith("application/json") ? JSON.parse(text) : {};
  return { http: response.statusCode ?? 0, headers: response.headers, ...json };
}

test("a message for a waiting poll goes out at the end of the turn, all of that turn together", () =>
  Bench.with({}, async (bench) => {
    const [token, { transport }] = await bench.open();
    const { answer } = await bench.poll(token);
    transport.send("[1]");
    transport.sendShared(new SharedMessage('["é\n"]'));
    const { status, messages, token: same } = await answer;
    assert.deepEqual([status, messages, same], [200, ["[1]", '["é\n"]'], token]);
  }));

test("what comes between two polls waits for the next one, in order", () =>
  Bench.with({}, async (bench) => {
    const [token, { transport }] = await bench.open();
    for (let i = 0; i < 5; i++) transport.send(`[${i}]`);
    assert.deepEqual((await bench.ask("GET", token)).messages, ["[0]", "[1]", "[2]", "[3]", "[4]"]);
    transport.send("[5]");
    assert.deepEqual((await bench.ask("GET", token)).messages, ["[5]"]);
  }));

test("messages are not given to a poll whose client has gone away, they wait for the next one", () =>
  Bench.with({}, async (bench) => {
    const [token, { transport }] = await bench.open();
    const { asked, answer } = await bench.poll(token);
    answer.catch(() => {});
    asked.destroy();
    // Another client's request, on a later connection, is answered when the server has seen that one close.
    await bench.ask("PUT");
    await new Promise((resolve) => setImmediate(resolve));
    transport.send("[1]");
    assert.deepEqual((await bench.ask("GET", token)).messages, ["[1]"]);
  }));

test("bytes are written as text where they are UTF-8, else in base64", () =>
  Bench.with({}, async (bench) => {
    const [token, { transport }] = await bench.open();
    transport.send(Buffer.from("\u0000hé"));
    transport.sendShared(new SharedMessage(new Uint8Array([0, 255])));
    assert.deepEqual((await bench.ask("GET", token)).messages, ["\u0000hé", "AP8="]);
  }));

test("a broadcast is quoted once for all sessions", () =>
  Bench.with({}, async (bench) => {
    const sessions = [await bench.open(), await bench.open()];
    const shared = new SharedMessage("[1]");
    for (const [, { transport }] of sessions) transport.sendShared(shared);
    await bench.ask("GET", sessions[0]?.[0]);
    shared.quoted = '"seen"';
    assert.deepEqual((await bench.ask("GET", sessions[1]?.[0])).messages, ["seen"]);
  }));

test("a session that isn't polled ends as inactive, and posts don't keep it", () =>
  Bench.with({ windowMs: 100 }, async (bench) => {
    const [token, { closed }] = await bench.open();
    let over = false;
    void closed.then(() => {
      over = true;
    });
    while (!over) await bench.ask("POST", token, "[1]");
    assert.deepEqual(await closed, ["shutdown", "inactive"]);
    assert.equal((await bench.ask("POST", token, "[1]")).status, 410);
  }));

test("a poll takes the place of another, which ends with its window; of many the oldest end at once", () =>
  Bench.with({ windowMs: 60_000 }, async (bench) => {
    const [token, { transport }] = await bench.open();
    const polls = [];
    for (let i = 0; i < 8; i++) polls.push(await bench.poll(token));
    const first = await Promise.all(polls.slice(0, 3).map(({ answer }) => answer));
    assert.deepEqual(
      first.map(({ status }) => status),
      [204, 204, 204],
    );
    transport.send("[1]");
    assert.deepEqual((await polls[7]?.answer)?.messages, ["[1]"]);
    bench.mount.stop();
    const others = await Promise.all(polls.slice(3, 7).map(({ answer }) => answer));
    assert.deepEqual(
      others.map(({ status }) => status),
      [500, 500, 500, 500],
    );
  }));

test("a session that its connection closes answers its poll at once, after what was sent before", () =>
  Bench.with({}, async (bench) => {
    const [silent, { transport: first }] = await bench.open();
    const waiting = await bench.poll(silent);
    first.close(1001, "");
    assert.equal((await waiting.answer).status, 500);

    const [token, { transport }] = await bench.open();
    const { answer } = await bench.poll(token);
    transport.send("[1]");
    transport.close(1001, "");
    transport.send("[2]");
    assert.deepEqual((await answer).messages, ["[1]"]);
    const next = await bench.ask("GET", token);
    assert.equal(next.status, 410);
    assert.notEqual(next.token, token);
  }));

test("a batch is handled up to the message that ends its session: 408", () =>
  Bench.with({}, async (bench) => {
    const [token, { received }] = await bench.open();
    const headers = { "content-type": "application/x-ndjson" };
    assert.equal((await bench.ask("POST", token, "[1]\n[malformed]\n[2]", headers)).status, 408);
    assert.deepEqual(received, ["[1]", "[malformed]"]);
  }));

test("of a batch with a line that is neither text nor base64 nothing is handled, and the session lives", () =>
  Bench.with({}, async (bench) => {
    const [token, { received }] = await bench.open();
    const headers = { "content-type": "application/x-ndjson" };
    assert.equal((await bench.ask("POST", token, "[1]\n!", headers)).http, 500);
    assert.equal((await bench.ask("POST", token, "[2]", headers)).status, 200);
    assert.deepEqual(received, ["[2]"]);
  }));

test("each end of connect has its status, and none of them a session", () =>
  Bench.with({}, async (bench) => {
    bench.outcome = { tag: "refused", refusal: { status: 429 } };
    const { http, status } = await bench.ask("GET");
    assert.deepEqual([http, status], [200, 403]);
    bench.outcome = { tag: "failed" };
    assert.equal((await bench.ask("GET")).http, 500);
    bench.outcome = { tag: "unavailable" };
    assert.equal((await bench.ask("GET")).http, 503);
    assert.equal(bench.mount.sessions.size, 0);
  }));

test("a preflight is told what it asked for; other methods get 400; all of it is open to any page", () =>
  Bench.with({}, async (bench) => {
    const { http, headers } = await bench.ask("OPTIONS", "", undefined, {
      "access-control-request-headers": "x-phoenix-authtoken, accept",
    });
    assert.equal(http, 200);
    assert.equal(headers["access-control-allow-headers"], "x-phoenix-authtoken, accept");
    assert.equal(headers["access-control-allow-methods"], "get, post, options");
    assert.equal(headers["access-control-max-age"], "3600");
    for (const method of ["PUT", "DELETE", "HEAD", "PATCH"]) {
      const answer = await bench.ask(method);
      assert.equal(answer.http, 400);
      assert.equal(answer.headers["access-control-allow-origin"], "*");
    }
  }));

// ---- limits ----

test("more sessions than allowed are turned away with 503, those that are connecting counted", () =>
  Bench.with({ maxSessions: 2 }, async (bench) => {
    await bench.open();
    const accepted = bench.outcome;
    let decide: (outcome: ConnectOutcome) => void = () => {};
    bench.outcome = new Promise((resolve) => {
      decide = resolve;
    });
    const connecting = await bench.poll("");
    assert.equal((await bench.ask("GET")).http, 503);
    decide({ tag: "refused", refusal: null });
    assert.equal((await connecting.answer).status, 403);
    bench.outcome = accepted;
    await bench.open();
    assert.equal((await bench.ask("GET")).http, 503);
    assert.equal(bench.mount.sessions.size, 2);
  }));

test("a client that went away while connect was asked leaves no session", () =>
  Bench.with({}, async (bench) => {
    let decide: (outcome: ConnectOutcome) => void = () => {};
    bench.outcome = new Promise((resolve) => {
      decide = resolve;
    });
    const { asked, answer } = await bench.poll("");
    answer.catch(() => {});
    asked.destroy();
    await bench.ask("PUT");
    await new Promise((resolve) => setImmediate(resolve));
    decide({ tag: "accepted", open: () => assert.fail("nobody is there") });
    await bench.ask("PUT");
    assert.equal(bench.mount.sessions.size, 0);
  }));

test("stop turns away who is connecting, and who comes after", () =>
  Bench.with({}, async (bench) => {
    bench.outcome = new Promise(() => {});
    const { answer } = await bench.poll("");
    bench.mount.stop();
    assert.equal((await answer).http, 503);
    assert.equal((await bench.ask("GET")).http, 503);
  }));

for (const [what, options, code, send] of [
  [
    "messages",
    { maxBufferedMessages: 3 },
    "closed.outbound",
    (transport: Transport, i: number) => transport.send(`[${i}]`),
  ],
  ["bytes", { maxBufferedBytes: 30 }, "closed.outbound", (transport: Transport) => transport.send("[12345678]")],
  [
    "bytes of all",
    { maxTotalBytes: 30 },
    "closed.outbound.total",
    (transport: Transport) => transport.send("[12345678]"),
  ],
] as const) {
  test(`more ${what} than may wait end the session, not the thread's memory`, () =>
    Bench.with(options, async (bench) => {
      const [token, { transport, closed }] = await bench.open();
      for (let i = 0; i < 3; i++) send(transport, i);
      assert.equal(bench.mount.sessions.size, 1);
      send(transport, 3);
      assert.deepEqual(await closed, ["shutdown", "closed"]);
      assert.deepEqual(bench.hits, [code]);
      assert.equal((await bench.ask("GET", token)).status, 410);
    }));
}

test("answers that a client doesn't read count as waiting for it", () =>
  Bench.with({ maxBufferedBytes: 20_000_000 }, async (bench) => {
    const [token, { transport, closed }] = await bench.open();
    const ended = closed.then(() => true);
    const asked: ClientRequest[] = [];
    for (let over = false, i = 0; !over; i++) {
      assert.ok(i < 20, "nothing stops it");
      const arrived = bench.arrival();
      const poll = bench.start("GET", token);
      poll.on("response", (response) => response.pause()).end();
      asked.push(poll);
      await arrived;
      transport.send("x".repeat(9_000_000)); // more than the system's own buffers hold
      over = await Promise.race([ended, new Promise<false>((resolve) => setImmediate(resolve, false))]);
    }
    for (const poll of asked) poll.destroy();
  }));

test("a client that doesn't read its answer within a window is cut off", () =>
  Bench.with({ windowMs: 100, maxTotalBytes: 16_000_000 }, async (bench) => {
    const [token, { transport }] = await bench.open();
    const arrived = bench.arrival();
    const poll = bench.start("GET", token);
    const cut = once(poll, "response").then(([response]) => once((response as IncomingMessage).pause(), "error"));
    poll.end();
    await arrived;
    transport.send("x".repeat(16_000_000));
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(bench.mount.budget.take(1), false);
    while (!bench.mount.budget.take(16_000_000)) await new Promise((resolve) => setImmediate(resolve));
    bench.mount.budget.give(16_000_000);
    poll.destroy();
    cut.catch(() => {});
  }));

test("a body that is too large is answered with 400, also when it says so only by arriving; the session lives", () =>
  Bench.with({ maxBodyBytes: 1000 }, async (bench) => {
    const [token, { received }] = await bench.open();
    assert.equal((await bench.ask("POST", token, "x".repeat(1001))).http, 400);
    const chunked = bench.start("POST", token, { "transfer-encoding": "chunked" });
    chunked.write("x".repeat(600));
    chunked.end("x".repeat(600));
    assert.equal((await answerOf(chunked)).http, 400);
    assert.equal((await bench.ask("POST", token, `[${"1".repeat(998)}]`)).status, 200);
    assert.equal(received.length, 1);
  }));

test("a body without an end is cut off at twice what is allowed", () =>
  Bench.with({ maxBodyBytes: 1000 }, async (bench) => {
    const [token] = await bench.open();
    const endless = bench.start("POST", token, { "transfer-encoding": "chunked" });
    endless.write("x".repeat(5000));
    const { http, headers } = await answerOf(endless);
    assert.deepEqual([http, headers.connection], [400, "close"]);
    endless.destroy();
  }));

test("a body that doesn't arrive in time is answered with 400", () =>
  Bench.with({ bodyTimeoutMs: 50 }, async (bench) => {
    const [token, { received }] = await bench.open();
    const slow = bench.start("POST", token, { "content-length": "10" });
    slow.write("[1,");
    assert.equal((await answerOf(slow)).http, 400);
    slow.destroy();
    assert.deepEqual(received, []);
  }));

test("bodies of one session together are held to the size of one, those of all to the total", () =>
  Bench.with({ maxBodyBytes: 1000, maxTotalBytes: 1500 }, async (bench) => {
    const [token] = await bench.open();
    const [other] = await bench.open();
    const half = async (of: string): Promise<ClientRequest> => {
      const arrived = bench.arrival();
      const post = bench.start("POST", of, { "content-length": "1000" });
      post.write("x".repeat(900));
      await arrived;
      return post;
    };
    const first = await half(token);
    assert.equal((await bench.ask("POST", token, "x".repeat(200))).http, 503);
    assert.equal((await bench.ask("POST", other, "x".repeat(700))).http, 503);
    assert.equal((await bench.ask("POST", other, "x".repeat(500))).http, 200);
    first.end("x".repeat(100));
    assert.equal((await answerOf(first)).status, 200);
    assert.equal((await bench.ask("POST", other, "x".repeat(700))).status, 200);
  }));

test("a post that is never finished gives back what it took when its client goes", () =>
  Bench.with({ maxBodyBytes: 1000, maxTotalBytes: 1000 }, async (bench) => {
    const [token] = await bench.open();
    const arrived = bench.arrival();
    const post = bench.start("POST", token, { "content-length": "1000" });
    post.write("x".repeat(900));
    await arrived;
    post.destroy();
    while ((await bench.ask("POST", token, "x".repeat(1000))).http === 503);
  }));

const bad: readonly (readonly [LongPollOptions, RegExp])[] = [
  [{ windowMs: 0 }, /bad windowMs 0: allowed are whole numbers from 1 to 1431655764/],
  [{ bodyTimeoutMs: 2 ** 31 }, /bad bodyTimeoutMs 2147483648/],
  [{ maxSessions: -1 }, /bad maxSessions -1/],
  [{ maxBodyBytes: 1.5 }, /bad maxBodyBytes 1\.5/],
];
for (const [options, message] of bad) {
  test(`${JSON.stringify(options)} is refused, with what is allowed`, () => {
    assert.throws(() => new LongPollMount(options, setImmediate), { code: "JOIST_BAD_OPTION", message });
  });
}
