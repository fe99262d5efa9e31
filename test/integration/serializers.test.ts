/** Clients of one server that speak different formats: the official client with its own options, over real sockets. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import fc from "fast-check";
import { start } from "joist";
import { decode, encode, vsn } from "joist/client/msgpack";
import { Socket } from "phoenix";
import { WebSocket } from "ws";
import { withApp } from "../support/app.js";
import { encoded } from "../support/apps/backwards.js";
import { StockClient } from "../support/stock-client.js";

const app = new URL("../support/apps/serializers.js", import.meta.url);
const bytes = Uint8Array.of(1, 2, 3);

type Frame = readonly [joinRef: unknown, ref: unknown, topic: string, event: string, payload: unknown];
interface ClientMessage {
  readonly join_ref?: unknown;
  readonly ref?: unknown;
  readonly topic: string;
  readonly event: string;
  readonly payload: unknown;
}

const formats = {
  json: { vsn: "2.0.0" },
  msgpack: { vsn, encode, decode },
  backwards: {
    vsn: "3.1.0",
    encode: ({ join_ref, ref, topic, event, payload }: ClientMessage, callback: (text: string) => void) =>
      callback(JSON.stringify([payload, event, topic, ref ?? null, join_ref ?? null])),
    decode: (raw: string, callback: (message: ClientMessage) => void) => {
      const [payload, event, topic, ref, join_ref] = JSON.parse(raw);
      callback({ join_ref, ref, topic, event, payload });
    },
  },
};

/** The official client with its options for a format. */
async function connect(port: number | undefined, format: keyof typeof formats): Promise<StockClient> {
  const options = formats[format];
  class Client extends Socket {
    constructor(url: string, given: object) {
      super(url, { ...given, ...options } as object); // the types of the client know no `vsn`
    }
  }
  return await new StockClient(port, { Socket: Client as typeof Socket }).connect();
}

test("every kind of frame reaches clients of every format", async () => {
  await withApp(
    async ({ app }) => {
      const clients = await Promise.all(
        (["json", "msgpack", "backwards"] as const).map((name) => connect(app.port, name)),
      );
      for (const client of clients) {
        const channel = client.channel("room:1", { who: "ż" });
        assert.deepEqual(await channel.join(), { params: { who: "ż" } });
        assert.deepEqual(await channel.ask("echo", { a: [1, null, "ż"] }), {
          status: "ok",
          response: { a: [1, null, "ż"] },
        });
        assert.deepEqual(await channel.ask("later", { b: 1 }), { status: "ok", response: { b: 1 } });
        channel.tell("push", { c: 1 });
        assert.deepEqual((await client.frame(([, , , event]) => event === "pushed"))[4], { c: 1 });
        channel.tell("whisper", { d: 1 });
        assert.deepEqual((await client.frame(([, , , event]) => event === "whispered"))[4], { d: 1 });
        channel.tell("crash");
        assert.deepEqual((await client.frame(([, , , event]) => event === "phx_error"))[4], {
          reason: "channel_crash",
        });
        await channel.joined.next();
        await client.settle(); // a heartbeat, answered by the I/O thread
      }
      const [first] = clients;
      assert.ok(first !== undefined);
      const channel = first.channel("room:2");
      for (const client of clients) await (client === first ? channel : client.channel("room:2")).join();
      encoded.length = 0;
      await channel.ask("shout", { n: 1 });
      for (const client of clients) {
        const [, , topic, , payload] = await client.frame(([, , , event]) => event === "shout");
        assert.deepEqual([topic, payload], ["room:2", { n: 1 }]);
      }
      for (const client of clients) await client.disconnect();
    },
    {},
    app,
  );
});

test("in MessagePack bytes may be anywhere in what a client sends and gets", async () => {
  await withApp(
    async ({ app }) => {
      const client = await connect(app.port, "msgpack");
      const channel = client.channel("room:1", { bytes });
      assert.deepEqual(await channel.join(), { params: { bytes } });
      assert.deepEqual((await channel.ask("bytes")).response, bytes);
      assert.deepEqual((await channel.ask("echo", { deep: [{ bytes }] })).response, { deep: [{ bytes }] });
      assert.deepEqual((await channel.ask("echo", bytes.buffer as object)).response, bytes);
      await channel.ask("shout", bytes);
      assert.deepEqual((await client.frame(([, , , event]) => event === "shout"))[4], bytes);
      const content = fc.dictionary(fc.string(), fc.oneof(fc.jsonValue({ stringUnit: "grapheme" }), fc.uint8Array()), {
        noNullPrototype: true,
      });
      await fc.assert(
        fc.asyncProperty(content, async (payload) => {
          const { response } = await channel.ask("echo", payload);
          assert.deepEqual(
            response,
            decode(
              encode({ topic: "t", event: "e", payload }, (frame) => frame),
              (m) => m,
            ).payload,
          );
        }),
      );
      await client.disconnect();
    },
    {},
    app,
  );
});

test("a broadcast is encoded once for all clients of a format", async () => {
  await withApp(
    async ({ app }) => {
      const clients = await Promise.all([1, 2, 3].map(() => connect(app.port, "backwards")));
      for (const client of clients) await client.channel("room:1").join();
      encoded.length = 0;
      app.broadcast("room:1", "news", { n: 1 });
      for (const client of clients) await client.frame(([, , , event]) => event === "news");
      assert.equal(encoded.length, 1); // by the I/O thread, which is this one
      for (const client of clients) await client.disconnect();
    },
    {},
    app,
  );
});

test("a broadcast that an application's serializer fails on is lost for its clients, said, and nothing more", async () => {
  await withApp(
    async ({ app, reports }) => {
      const [backwards, json] = [await connect(app.port, "backwards"), await connect(app.port, "json")];
      const channel = backwards.channel("room:1");
      await channel.join();
      await json.channel("room:1").join();
      assert.equal((await channel.ask("unencodable")).status, "ok");
      await json.frame(([, , , event]) => event === "unencodable");
      await backwards.settle();
      assert.deepEqual(backwards.framesOf("room:1", "unencodable"), []);
      assert.equal(backwards.closed.count, 0);
      assert.ok(reports.some((report) => JSON.stringify(report).includes("backwards has no frame for this")));
      for (const client of [backwards, json]) await client.disconnect();
    },
    {},
    app,
  );
});

async function rawSocket(port: number | undefined, version: string): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/socket/websocket?vsn=${encodeURIComponent(version)}`);
  await once(socket, "open");
  return socket;
}

test("an answer of the I/O thread that an application's serializer fails on costs that connection", async () => {
  await withApp(
    async ({ app }) => {
      const other = await connect(app.port, "backwards");
      const socket = await rawSocket(app.port, "3.0.0");
      socket.send(JSON.stringify([{}, "heartbeat", "phoenix", "unencodable", null]));
      assert.equal((await once(socket, "close"))[0], 1011);
      await other.settle();
      await other.disconnect();
    },
    {},
    app,
  );
});

test("bytes that are no frame close the connection with 1011, whoever they are for", async () => {
  const join: Frame = ["1", "1", "room:1", "phx_join", {}];
  const frame = (message: Frame): Uint8Array => {
    const [join_ref, ref, topic, event, payload] = message;
    return encode({ join_ref, ref, topic, event, payload }, (encoded) => encoded);
  };
  const good = frame(join);
  const hostile: readonly (readonly [name: string, data: Uint8Array | string])[] = [
    ["nothing", Uint8Array.of()],
    ["text", '["1","1","room:1","phx_join",{}]'],
    ["a cut frame", good.slice(0, 8)],
    ["a join whose payload is cut", good.slice(0, -1)],
    ["something behind the frame", Uint8Array.of(...good, 0xc0)],
    ["an extension for a payload", Uint8Array.of(...good.slice(0, -1), 0xd4, 1, 1)],
    ["an array of four billion", Uint8Array.of(0xdd, 0xff, 0xff, 0xff, 0xff)],
    ["deep nesting", new Uint8Array(100_000).fill(0x91)],
    [
      "a heartbeat with a broken payload",
      Uint8Array.of(...frame([null, "1", "phoenix", "heartbeat", {}]).slice(0, -1), 0xc1),
    ],
    [
      "a broken payload for a topic nobody joined",
      Uint8Array.of(...frame(["1", "2", "room:9", "e", {}]).slice(0, -1), 0xc1),
    ],
  ];
  await withApp(
    async ({ app }) => {
      for (const [name, data] of hostile) {
        const socket = await rawSocket(app.port, vsn);
        socket.send(data);
        assert.equal((await once(socket, "close"))[0], 1011, name);
      }
      const socket = await rawSocket(app.port, "3.0.0");
      socket.send("no frame");
      assert.equal((await once(socket, "close"))[0], 1011);
    },
    {},
    app,
  );
});

test("a serializer that is not the default export of its module keeps the application from starting", async () => {
  const misplaced = new URL("../support/apps/misplaced-serializer.js", import.meta.url);
  await assert.rejects(start(misplaced, { schedulers: 1, report: () => {} }), {
    code: "JOIST_BAD_OPTION",
    message: /misplaced-serializer\.js must have the serializer as its default export/,
  });
});

test("without scheduler threads an application's serializer works as well", async () => {
  await withApp(
    async ({ app }) => {
      const client = await connect(app.port, "backwards");
      const channel = client.channel("room:1");
      await channel.join();
      assert.deepEqual((await channel.ask("echo", { a: 1 })).response, { a: 1 });
      await client.disconnect();
    },
    { schedulers: 0 },
    app,
  );
});
