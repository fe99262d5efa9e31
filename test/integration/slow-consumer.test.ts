/** One of several clients stops reading: what it gets is its mount's policy, and what the others get is everything. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type App, attachTelemetry, type OutboundPolicy, type TelemetryEvent } from "joist";
import { withApp } from "../support/app.js";
import { type Frame, RawClient } from "../support/raw-client.js";

const outboundApp: URL = new URL("../support/apps/outbound.js", import.meta.url);
const TOPIC = "feed:a";
/** More than any TCP buffers: each burst is a megabyte. */
const MAX_BURSTS = 100;
const COUNT = 20;
const BYTES = 50_000;

const codes: Readonly<Record<OutboundPolicy, string>> = {
  disconnect: "closed.outbound",
  drop_newest: "dropped.outbound.newest",
  drop_oldest: "dropped.outbound.oldest",
};
const numberOf = (frame: Frame): number => (frame[4] as { readonly n: number }).n;

async function joined(app: App, policy: OutboundPolicy, topic = TOPIC): Promise<RawClient> {
  const client = await RawClient.connect(app.port, "vsn=2.0.0", `/${policy}/websocket`);
  await client.join(topic);
  return client;
}

/** Everything numbered that comes before the answer to `ref`. */
async function numbersUntil(client: RawClient, ref: string): Promise<number[]> {
  const numbers: number[] = [];
  for (;;) {
    const frame = await client.next((frame) => frame[3] === "n" || frame[1] === ref);
    if (frame[1] === ref) return numbers;
    numbers.push(numberOf(frame));
  }
}

/** Publishes until the limit has struck, never more than a limit's worth ahead of the others. Answers how many messages that took. */
async function publishUntil(app: App, others: readonly RawClient[], code: string): Promise<number> {
  const [publisher] = others as [RawClient];
  for (let burst = 0; burst < MAX_BURSTS; burst++) {
    await publisher.ask(TOPIC, "burst", { from: burst * COUNT, count: COUNT, bytes: BYTES }, `b${burst}`);
    await Promise.all(others.map((other) => other.ask(TOPIC, "echo", {}, `c${burst}`)));
    if ((app.counts()[code] ?? 0) > 0) return (burst + 1) * COUNT;
  }
  throw new Error(`no ${code}: ${JSON.stringify(app.counts())}`);
}

const isAscending = (numbers: readonly number[]): boolean => numbers.every((n, i) => n > (numbers[i - 1] ?? -1));

for (const policy of Object.keys(codes) as OutboundPolicy[]) {
  test(`a client that stops reading gets what ${policy} says, and the others get every broadcast`, async () => {
    await withApp(
      async ({ app }) => {
        const slow = await joined(app, policy);
        const others = await Promise.all([1, 2, 3].map(() => joined(app, policy)));
        const [publisher] = others as [RawClient];
        slow.raw.pause();
        const sent = await publishUntil(app, others, codes[policy]);
        if (policy === "disconnect") slow.raw.resume(); // it has two seconds to answer the close
        for (const other of others) {
          other.send("1", "last", TOPIC, "echo", {});
          assert.deepEqual(
            await numbersUntil(other, "last"),
            Array.from({ length: sent }, (_, n) => n),
          );
        }
        if (policy === "disconnect") {
          assert.equal(await slow.closed, 1013);
          assert.deepEqual(app.counts(), { [codes[policy]]: 1 });
        } else {
          slow.send("1", "last", TOPIC, "echo", {}); // nothing but reading is the matter with it
          slow.raw.resume();
          const got = await numbersUntil(slow, "last");
          assert.ok(isAscending(got), `in order: ${got.join(" ")}`);
          assert.equal(got.length, sent - (app.counts()[codes[policy]] as number), "what is missing was counted");
          assert.equal(got[0], 0, "what TCP had taken is not lost");
          assert.equal(got.includes(sent - 1), policy === "drop_oldest", "the last one");
          // It has caught up: nothing is lost any more.
          await publisher.ask(TOPIC, "burst", { from: sent, count: 3, bytes: 10 }, "more");
          await slow.next((frame) => frame[3] === "n" && numberOf(frame) === sent + 2);
        }
        for (const client of [slow, ...others]) client.drop();
      },
      {},
      outboundApp,
    );
  });
}

test("of what a channel sends to its own client pushes are dropped, and replies are not", async () => {
  await withApp(
    async ({ app }) => {
      const slow = await joined(app, "drop_oldest");
      slow.raw.pause();
      const watch = await joined(app, "drop_oldest", "feed:watch");
      const code = codes.drop_oldest;
      let asked = 0;
      while ((app.counts()[code] ?? 0) === 0 && asked < MAX_BURSTS) {
        slow.send("1", `r${asked}`, TOPIC, "own", { from: asked * COUNT, count: COUNT, bytes: BYTES });
        slow.send("1", `e${asked}`, TOPIC, "echo", { asked });
        asked++;
        await watch.next((frame) => frame[3] === "done");
      }
      slow.raw.resume();
      const got: number[] = [];
      for (let n = 0; n < asked; n++) {
        got.push(...(await numbersUntil(slow, `r${n}`)));
        assert.deepEqual((await slow.next((frame) => frame[1] === `e${n}`))[4], {
          status: "ok",
          response: { asked: n },
        });
      }
      assert.ok(isAscending(got));
      const dropped = app.counts()[code] ?? 0;
      assert.ok(dropped > 0);
      assert.equal(got.length, asked * COUNT - dropped);
      slow.drop();
      watch.drop();
    },
    {},
    outboundApp,
  );
});

const THINGS = 5;
type Publisher = (app: App, slow: RawClient, other: RawClient, from: number) => Promise<unknown>;

/** Each sends one event about each of some things, and settles when the slow client's connection has had them. */
const publishers: Readonly<Record<string, Publisher>> = {
  "its channel's pushes": (_app, slow, other, from) => {
    slow.send("1", `o${from}`, TOPIC, "own", { from, count: THINGS, bytes: BYTES, things: THINGS });
    return other.next((frame) => frame[3] === "done");
  },
  "broadcasts of another channel": (_app, _slow, other, from) =>
    other.ask(TOPIC, "burst", { from, count: THINGS, bytes: BYTES, things: THINGS }, `b${from}`),
  "broadcasts of the main program": (app, _slow, other, from) => {
    const pad = "x".repeat(BYTES);
    for (let n = from; n < from + THINGS; n++) app.broadcast(TOPIC, "n", { n, pad }, { latest: String(n % THINGS) });
    return other.next((frame) => frame[3] === "n" && numberOf(frame) === from + THINGS - 1);
  },
};
for (const [name, publish] of Object.entries(publishers)) {
  test(`a client that stops reading gets the newest about each thing, and nobody closes it: ${name}`, async () => {
    const told: TelemetryEvent<"joist.socket.limit">[] = [];
    const detach = attachTelemetry(["joist.socket.limit:stop"], (event) => void told.push(event));
    let dropped = 0;
    await withApp(
      async ({ app }) => {
        const slow = await joined(app, "disconnect");
        const other = await joined(app, "disconnect");
        await other.join("feed:watch", {}, "2");
        slow.raw.pause();
        let sent = 0;
        // More than once, so that what replaced something is itself replaced.
        while ((app.counts()["dropped.outbound.latest"] ?? 0) < 4 * THINGS && sent < MAX_BURSTS * COUNT) {
          await publish(app, slow, other, sent);
          sent += THINGS;
        }
        slow.send("1", "last", TOPIC, "echo", {});
        slow.raw.resume();
        const got = await numbersUntil(slow, "last");
        assert.ok(isAscending(got), `in order: ${got.join(" ")}`);
        assert.deepEqual(
          got.slice(-THINGS),
          Array.from({ length: THINGS }, (_, n) => sent - THINGS + n),
        );
        dropped = sent - got.length;
        assert.deepEqual(app.counts(), { "dropped.outbound.latest": dropped });
        slow.drop();
        other.drop();
      },
      {},
      outboundApp,
    ).finally(detach);
    const metadata = { code: "dropped.outbound.latest", transport: "websocket", id: null, topic: null };
    assert.deepEqual(told[0]?.metadata, metadata);
    assert.equal(
      told.reduce((sum, { measurements }) => sum + (measurements.count ?? 0), 0),
      dropped,
    );
    assert.ok(told.length < dropped, "those of one time that it was held up are told of together");
  });
}

test("what an event is about has to be a string that is not too long, or its publisher fails", async () => {
  await withApp(
    async ({ app }) => {
      const wrong = { latest: 7 as unknown as string };
      const message = 'bad latest of event "n": it is a number; allowed is a string of at most 255';
      assert.throws(() => app.broadcast(TOPIC, "n", {}, wrong), { code: "JOIST_BAD_ARGUMENT", message });
      assert.throws(() => app.broadcast(TOPIC, "n", {}, { latest: "x".repeat(256) }), { code: "JOIST_BAD_ARGUMENT" });
    },
    {},
    outboundApp,
  );
});

test("a server's total closes the client for whom the most waits, and no other", async () => {
  await withApp(
    async ({ app }) => {
      const slow = await joined(app, "drop_oldest");
      const other = await joined(app, "drop_newest", "feed:watch");
      slow.raw.pause();
      const code = "closed.outbound.total";
      for (let n = 0; n < MAX_BURSTS && app.counts()[code] === undefined; n++) {
        slow.send("1", `r${n}`, TOPIC, "own", { from: 0, count: COUNT, bytes: BYTES });
        await other.next((frame) => frame[3] === "done");
      }
      slow.raw.resume();
      assert.equal(await slow.closed, 1013);
      assert.equal(app.counts()[code], 1);
      assert.deepEqual(await other.ask("feed:watch", "echo", { still: "there" }), {
        status: "ok",
        response: { still: "there" },
      });
      other.drop();
    },
    { maxTotalBufferedBytes: 2 ** 19 },
    outboundApp,
  );
});
