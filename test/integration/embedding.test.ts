/** Joist beside other things on one HTTP server, and on one of its own. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { createServer, get, type IncomingMessage, type Server } from "node:http";
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { test } from "node:test";
import { promisify } from "node:util";
import express from "express";
import { type App, exit, type RuntimeError, type StartOptions, spawnLink, start, stopServer } from "joist";
import { WebSocket, WebSocketServer } from "ws";
import { channelsApp, withApp } from "../support/app.js";
import { PollClient } from "../support/poll-client.js";
import { RawClient } from "../support/raw-client.js";
import { StockClient } from "../support/stock-client.js";

const options: StartOptions = { schedulers: 1, report: () => {} };

async function listening(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port; // of a TCP server
}

async function fetched(port: number | undefined, path: string, init?: { method: string }) {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, init);
  return { status: response.status, body: await response.text() };
}

/** Starts Joist on a server of the test's, and stops both. */
async function withServer(server: Server, use: (port: number, app: App) => Promise<void>): Promise<void> {
  const app = await start(channelsApp, { ...options, server });
  try {
    await use(await listening(server), app);
  } finally {
    await app.stop();
    server.closeAllConnections();
    server.close();
  }
}

test("an Express application and Joist share a server: routes answer, sockets join, handlers broadcast and call", async () => {
  const web = express();
  const server = createServer(web);
  await withServer(server, async (port, app) => {
    web.get("/hello", (_request, response) => void response.send("hello"));
    web.post("/shout/:text", (request, response) => {
      app.broadcast("room:a", "shout", { text: request.params.text });
      response.sendStatus(204);
    });
    web.post("/add/:by", async (request, response) => {
      response.json({ count: await app.call("counter", "add", Number(request.params.by)) });
    });

    const client = await new StockClient(port).connect();
    const channel = client.channel("room:a");
    await channel.join();
    assert.deepEqual(await fetched(port, "/hello"), { status: 200, body: "hello" });
    assert.equal((await fetched(port, "/nothing")).status, 404);
    assert.equal((await fetched(port, "/shout/hey", { method: "POST" })).status, 204);
    const heard = await client.frame((frame) => frame[3] === "shout");
    assert.deepEqual(heard[4], { text: "hey" });
    assert.deepEqual(await fetched(port, "/add/3", { method: "POST" }), { status: 200, body: '{"count":3}' });
    assert.deepEqual(await fetched(port, "/add/4", { method: "POST" }), { status: 200, body: '{"count":7}' });
    // The same server from the inside.
    assert.deepEqual((await channel.ask("call_counter", { by: 1 })).response, { count: 8 });
    assert.equal(app.port, undefined);
    client.socket.disconnect();
  });
});

test("long polls of an Express server go to Joist, whenever its handlers were added, and all else goes to them", async () => {
  const server = createServer();
  const { emit } = server;
  const before = express();
  before.get("/before", (_request, response) => void response.send("before"));
  before.use("/socket", (_request, response) => void response.status(418).send("not for you"));
  // Does not answer what it doesn't know: another handler may.
  server.on("request", (request, response) => request.url !== "/after" && before(request, response));
  const app = await start(channelsApp, { ...options, server });
  server.on("request", (request, response) => {
    if (request.url === "/after") response.end("after");
    else if (request.url?.startsWith("/socket/longpoll")) response.end("not for me either");
  });
  const port = await listening(server);
  try {
    const client = await PollClient.connect(port);
    await client.join("room:a");
    app.broadcast("room:a", "shout", { text: "hey" });
    assert.deepEqual(await client.next(), [null, null, "room:a", "shout", { text: "hey" }]);
    assert.deepEqual(await fetched(port, "/before"), { status: 200, body: "before" });
    assert.deepEqual(await fetched(port, "/after"), { status: 200, body: "after" });
    assert.deepEqual(await fetched(port, "/socket/longpolls"), { status: 418, body: "not for you" });
    assert.equal(app.connections, 1);
    await app.stop();
    await client.closed;
    assert.equal(app.connections, 0);
    // The server is as it was.
    assert.equal(server.emit, emit);
    assert.equal(Object.hasOwn(server, "emit"), false);
    assert.equal((await fetched(port, "/socket/longpoll")).status, 418);
  } finally {
    await app.stop();
    server.closeAllConnections();
    server.close();
  }
});

test("on a plain server, upgrades of other paths are left to its other listeners, whoever came first", async () => {
  const server = createServer((_request, response) => response.end("plain"));
  const other = new WebSocketServer({ noServer: true });
  const listener = (path: string) => (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (request.url !== path) return;
    other.handleUpgrade(request, socket, head, (client) => {
      client.on("message", (data) => client.send(`other ${data}`));
    });
  };
  server.on("upgrade", listener("/before"));
  await withServer(server, async (port, app) => {
    server.on("upgrade", listener("/after"));
    const client = await RawClient.connect(port);
    await client.join("room:a");
    for (const path of ["/before", "/after"]) {
      const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`);
      await once(socket, "open");
      socket.send("hi");
      assert.equal(String((await once(socket, "message"))[0]), "other hi");
      socket.terminate();
    }
    assert.equal(app.connections, 1);
    assert.deepEqual(await fetched(port, "/"), { status: 200, body: "plain" });
    assert.deepEqual(await client.ask("room:a", "echo"), { status: "ok", response: {} });
    client.drop();
  });
});

test("an upgrade that nobody takes is answered with 404, and its connection closed", async () => {
  await withServer(createServer(), async (port) => {
    for (const path of ["/", "/nowhere", "/socket", "/socketwebsocket"]) {
      const socket = connect(port, "127.0.0.1");
      const answer = await exchange(
        socket,
        `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
      );
      assert.match(answer, /^HTTP\/1\.1 404 Not Found\r\n/);
    }
  });
});

test("stop closes the sockets with 1012 and leaves a server that is not its own as it was", async () => {
  const server = createServer((_request, response) => response.end("still here"));
  const listeners = server.listenerCount("upgrade");
  const app = await start(channelsApp, { ...options, server });
  const port = await listening(server);
  try {
    const client = await RawClient.connect(port);
    await client.join("room:a");
    await app.stop();
    assert.equal(await client.closed, 1012);
    assert.equal(await app.stopped, "stopped");
    assert.equal(server.listening, true);
    assert.equal(server.listenerCount("upgrade"), listeners);
    assert.deepEqual(await fetched(port, "/"), { status: 200, body: "still here" });
    // And another one can take its place.
    const next = await start(channelsApp, { ...options, server });
    const again = await RawClient.connect(port);
    await again.join("room:a");
    await next.stop();
    assert.equal(await again.closed, 1012);
  } finally {
    await app.stop();
    server.close();
  }
});

test("a server of its own answers any request with 404 Not Found", async () => {
  await withApp(async ({ app }) => {
    for (const path of ["/", "/socket", "/nowhere"]) {
      assert.deepEqual(await fetched(app.port, path), { status: 404, body: "Not Found" });
    }
    assert.deepEqual(await fetched(app.port, "/", { method: "POST" }), { status: 404, body: "Not Found" });
  }, options);
});

test("stop ends also with clients in every stage: connecting, silent, idle, refused, open, polling", async () => {
  const app = await start(channelsApp, { ...options, port: 0, address: "127.0.0.1" });
  const { port } = app;
  assert.ok(port !== undefined);
  const silent = connect(port, "127.0.0.1");
  const refused = connect({ port, host: "127.0.0.1", allowHalfOpen: true }); // does not close when it is closed to
  await Promise.all([once(silent, "connect"), once(refused, "connect")]);
  refused.write("GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  await once(refused, "data");
  const idle = await new Promise<IncomingMessage>((resolve) =>
    get({ port, host: "127.0.0.1", headers: { connection: "keep-alive" } }, resolve),
  );
  await idle.resume().toArray();
  const open = await RawClient.connect(port);
  const polling = await PollClient.connect(port);
  await polling.join("room:a");
  const connecting = Array.from({ length: 20 }, () => {
    const client = new StockClient(port);
    client.socket.connect();
    return client;
  });
  for (const socket of [silent, refused]) socket.on("error", () => {});
  await open.join("room:a", { slowMs: 5 });
  await app.stop();
  assert.equal(await open.closed, 1012);
  await polling.closed;
  assert.equal(app.connections, 0);
  for (const client of connecting) client.socket.disconnect();
  for (const socket of [silent, refused]) socket.destroy();
});

test("a port that is taken is a RuntimeError, and nothing is left running", async () => {
  const holder = createTcpServer();
  holder.listen(0, "127.0.0.1");
  await once(holder, "listening");
  const { port } = holder.address() as AddressInfo;
  try {
    await assert.rejects(start(channelsApp, { ...options, port, address: "127.0.0.1" }), {
      name: "RuntimeError",
      code: "JOIST_PORT_TAKEN",
      message: `port ${port} is taken by another program; choose another one`,
    });
    // A program that does nothing else ends by itself.
    const output = await program(`
      await start(${JSON.stringify(channelsApp)}, { port: ${port}, address: "127.0.0.1" })
        .catch((error) => console.log(error.code));`);
    assert.equal(output, "JOIST_PORT_TAKEN\n");
  } finally {
    holder.close();
  }
});

test("a program that stops its application ends by itself", async () => {
  const output = await program(`
    const app = await start(${JSON.stringify(channelsApp)}, { port: 0, address: "127.0.0.1" });
    await app.stop();
    console.log(await app.stopped);`);
  assert.equal(output, "stopped\n");
});

test("bad options are refused before anything is started, with the value and what is allowed", async () => {
  const server = createServer();
  const bad: readonly (readonly [StartOptions, RegExp])[] = [
    [{ port: 0, server }, /both port and server/],
    [{ port: 65_536 }, /bad port 65536: allowed are whole numbers from 0 to 65535/],
    [{ port: -1 }, /bad port -1/],
    [{ port: 80.5 }, /bad port 80\.5/],
    [{ port: "4000" as never }, /bad port 4000/],
    [{ port: Number.NaN }, /bad port NaN/],
    [{ schedulers: -1 }, /bad schedulers -1: allowed are whole numbers from 0 to 31/],
    [{ schedulers: 32 }, /bad schedulers 32/],
    [{ schedulers: 1.5 }, /bad schedulers 1\.5/],
    [{ messageBudget: 0 }, /bad messageBudget 0/],
    [{ turnBudgetMs: 0 }, /bad turnBudgetMs 0/],
    [{ maxThreadRestarts: -1 }, /bad maxThreadRestarts -1/],
    [{ threadRestartWindowMs: 0 }, /bad threadRestartWindowMs 0/],
    [{ threadStartTimeoutMs: 0 }, /bad threadStartTimeoutMs 0/],
    [{ shutdownMs: Number.NaN }, /bad shutdownMs NaN/],
    [{ shutdownMs: -1 }, /bad shutdownMs -1/],
  ];
  for (const [given, message] of bad) {
    await assert.rejects(start(channelsApp, given), { name: "RuntimeError", code: "JOIST_BAD_OPTION", message });
  }
  assert.equal(server.listenerCount("upgrade"), 0);
});

test("an application that cannot be loaded is refused with the reason", async () => {
  await assert.rejects(start(new URL("./no-such-app.js", import.meta.url), options), {
    code: "JOIST_START_FAILED",
    message: /no-such-app\.js/,
  });
});

/** What a program prints until it ends by itself. */
async function program(body: string): Promise<string> {
  const text = `import("joist").then(async ({ start }) => {${body}})`;
  return (await promisify(execFile)(process.execPath, ["-e", text], { timeout: 60_000 })).stdout;
}

/** Sends a request and reads until the other side closes. */
async function exchange(socket: Socket, request: string): Promise<string> {
  socket.write(request);
  let text = "";
  for await (const chunk of socket) text += String(chunk);
  return text;
}

test("a process that app.run has linked to may crash, and app.run goes on", async () => {
  const app = await start(channelsApp, options);
  try {
    const [pid, end] = await app.run(async () => {
      const linked = spawnLink(async () => exit("crash"), []);
      return [linked, await stopServer(linked).catch((error: RuntimeError) => error.cause)] as const;
    });
    assert.equal(end, "crash");
    assert.equal(await app.processInfo(pid), undefined);
  } finally {
    await app.stop();
  }
});
