/** The Supabase example as its client has it: `@supabase/realtime-js`, unmodified, over real sockets. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type RealtimeChannel, RealtimeClient, type WebSocketLikeConstructor } from "@supabase/realtime-js";
import { type App, type Report, start } from "joist";
import { WebSocket } from "ws";
import { Series } from "../support/stock-client.js";

const reports: Report[] = [];
const clients: RealtimeClient[] = [];
let app: App;
/** Connections that clients have begun. */
let opened = 0;

class CountedWebSocket extends WebSocket {
  constructor(...args: ConstructorParameters<typeof WebSocket>) {
    super(...args);
    opened++;
  }
}

before(async () => {
  app = await start(new URL("../../examples/supabase-realtime/app.js", import.meta.url), {
    ...{ port: 0, address: "127.0.0.1", schedulers: 2 },
    report: (report) => reports.push(report),
  });
});

after(async () => {
  for (const client of clients) await client.disconnect();
  await app.stop();
});

function connect(apikey = "public-anon-key"): RealtimeClient {
  const client = new RealtimeClient(`ws://127.0.0.1:${app.port}/realtime/v1`, {
    params: { apikey },
    transport: CountedWebSocket as unknown as WebSocketLikeConstructor, // its declaration knows the browser's only
  });
  clients.push(client);
  return client;
}

/** Subscribes, and keeps what the callback is told. */
async function subscribed(channel: RealtimeChannel): Promise<Series<string>> {
  const statuses = new Series<string>();
  channel.subscribe((status) => statuses.add(status));
  assert.equal(await statuses.next(), "SUBSCRIBED");
  return statuses;
}

test("a broadcast reaches the others on the topic, with self its sender too, with ack it is answered", async () => {
  const heard = [new Series<unknown>(), new Series<unknown>()];
  const [ada, grace] = [{ self: true, ack: true }, {}].map((broadcast, index) =>
    connect()
      .channel("room", { config: { broadcast } })
      .on("broadcast", { event: "cursor" }, ({ payload }) => heard[index]?.add(payload)),
  ) as [RealtimeChannel, RealtimeChannel];
  await Promise.all([subscribed(ada), subscribed(grace)]);

  for (const payload of [{ x: 1, name: "żółw" }, { x: 2 }]) {
    assert.equal(await ada.send({ type: "broadcast", event: "cursor", payload }), "ok");
    assert.deepEqual(await heard[1]?.next(), payload);
    assert.deepEqual(await heard[0]?.next(), payload);
  }
  // Without self: the next that its sender hears is somebody else's.
  // The client waits for an answer that doesn't come, as nobody asked for it: its timer must not keep the test running.
  await grace.send({ type: "broadcast", event: "cursor", payload: { from: "grace" } }, { timeout: 1 });
  assert.deepEqual(await heard[0]?.next(), { from: "grace" });
  await ada.send({ type: "broadcast", event: "cursor", payload: { from: "ada" } });
  assert.deepEqual(await heard[1]?.next(), { from: "ada" });
});

test("a broadcast of bytes arrives as bytes", async () => {
  const heard = new Series<ArrayBuffer>();
  const channel = connect()
    .channel("bytes", { config: { broadcast: { self: true, ack: true } } })
    .on("broadcast", { event: "blob" }, ({ payload }) => heard.add(payload));
  await subscribed(channel);
  assert.equal(
    await channel.send({ type: "broadcast", event: "blob", payload: Uint8Array.of(0, 1, 255).buffer }),
    "ok",
  );
  assert.deepEqual([...new Uint8Array(await heard.next())], [0, 1, 255]);
});

test("two clients see each other come, change and go", async () => {
  const synced = new Series<Record<string, readonly { mood?: string }[]>>();
  const ada = connect().channel("presence", { config: { presence: { key: "ada" } } });
  ada.on("presence", { event: "sync" }, () => synced.add(ada.presenceState()));
  const grace = connect().channel("presence", { config: { presence: { key: "grace", enabled: true } } });
  const until = async (expected: object): Promise<void> => {
    for (;;) {
      const entries = Object.entries(await synced.next());
      const moods = Object.fromEntries(entries.map(([key, metas]) => [key, metas.map(({ mood }) => mood)]));
      if (JSON.stringify(moods) === JSON.stringify(expected)) return;
    }
  };
  await subscribed(ada);
  await until({});
  await subscribed(grace);
  assert.equal(await ada.track({ mood: "fine" }), "ok");
  await until({ ada: ["fine"] });
  assert.equal(await grace.track({ mood: "curious" }), "ok");
  await until({ ada: ["fine"], grace: ["curious"] });
  assert.equal(await grace.track({ mood: "happy" }), "ok");
  await until({ ada: ["fine"], grace: ["happy"] });
  assert.equal(await grace.untrack(), "ok");
  await until({ ada: ["fine"] });
});

test("a row that is inserted reaches those who listen to its table", async () => {
  const heard = new Series<{ eventType: string; new: object }>();
  const channel = connect()
    .channel("todos")
    .on("postgres_changes", { event: "INSERT", schema: "public", table: "todos" }, (change) => heard.add(change));
  await subscribed(channel);
  await app.call("todos", "insert", "write a test");
  const { eventType, new: row } = await heard.next();
  assert.deepEqual([eventType, row], ["INSERT", { id: 1, title: "write a test" }]);
});

test("a channel that crashes is told to its client, which rejoins over the same socket and goes on", async () => {
  const heard = new Series<unknown>();
  const client = connect();
  const channel = client
    .channel("crash", { config: { broadcast: { self: true, ack: true } } })
    .on("broadcast", { event: "hello" }, ({ payload }) => heard.add(payload));
  const statuses = await subscribed(channel);
  const before = opened;

  client.push({ topic: channel.topic, event: "no_such_event", payload: {}, ref: "crash" });
  assert.equal(await statuses.next(), "CHANNEL_ERROR");
  assert.equal(await statuses.next(), "SUBSCRIBED");
  assert.deepEqual([client.isConnected(), opened], [true, before]);
  assert.equal(await channel.send({ type: "broadcast", event: "hello", payload: { again: true } }), "ok");
  assert.deepEqual(await heard.next(), { again: true });
  assert.deepEqual(
    reports.map((report) => report.tag),
    ["crash"],
  );
});

test("a private channel wants a token; one that turns out bad later ends the channel", async () => {
  const client = connect();
  const refused = new Series<string>();
  client.channel("secret", { config: { private: true } }).subscribe((status) => refused.add(status));
  assert.equal(await refused.next(), "CHANNEL_ERROR");
  await client.disconnect();

  const ada = connect();
  await ada.setAuth("token-of-ada");
  const channel = ada.channel("secret", { config: { private: true } });
  const told = new Series<{ status: string }>();
  channel.on("system", {}, (payload) => told.add(payload));
  const statuses = await subscribed(channel);
  await ada.setAuth("token-of-grace");
  await ada.setAuth("token-of-nobody");
  assert.equal((await told.next()).status, "error");
  assert.equal(await statuses.next(), "CLOSED");
});
