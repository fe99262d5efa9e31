/** The rules of order of the wire, under load and across threads. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { App } from "joist";
import { withApp } from "../support/app.js";
import { type Frame, RawClient } from "../support/raw-client.js";

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

async function connect(app: App, count: number): Promise<RawClient[]> {
  return await Promise.all(upTo(count).map((user) => RawClient.connect(app.port, `vsn=2.0.0&user_id=${user}`)));
}

/** The schedulers on which the channels of a topic live. */
async function schedulersOf(clients: readonly RawClient[], topic: string): Promise<Set<number>> {
  const places = await Promise.all(clients.map((client) => client.ask(topic, "where", {}, "where")));
  return new Set(places.map((place) => (place as { response: { scheduler: number } }).response.scheduler));
}

test("replies, pushes and broadcasts of a client's channels come in the order each channel made them, under load", async () => {
  await withApp(async ({ app }) => {
    const [client, ...others] = await connect(app, 4);
    assert.ok(client !== undefined);
    const topics = upTo(5).map((n) => `room:${n}`);
    for (const topic of topics) await client.join(topic);
    const places = await Promise.all(topics.map((topic) => client.ask(topic, "where", {}, `where ${topic}`)));
    const schedulers = new Set(
      places.map((place) => (place as { response: { scheduler: number } }).response.scheduler),
    );
    assert.equal(schedulers.size, 1, "the channels of a connection share a thread");

    // The load: others who broadcast beside it, some of it for the same connection.
    for (const other of others) {
      await other.join("room:1");
      await other.join("room:elsewhere");
    }
    for (const other of others) {
      for (let i = 0; i < 20; i++)
        other.send("1", null, "room:elsewhere", "shouts", { event: "shout", from: 0, count: 100 });
      other.send("1", null, "room:1", "shouts", { event: "noise", from: 0, count: 500 });
    }
    const rounds = 50;
    for (let round = 1; round <= rounds; round++) {
      for (const topic of topics) {
        client.send("1", `mixed ${round}`, topic, "mixed", {});
        client.send("1", `burst ${round}`, topic, "burst", { count: 20 });
        client.send("1", `echo ${round}`, topic, "echo", { round });
      }
    }

    // What one round looks like; the rounds follow each other, and the topics are interleaved as they like.
    const round = (n: number): unknown[] => [
      ["shout", { n: 1 }],
      ["pushed", { n: 2 }],
      ["shout", { n: 3 }],
      [`mixed ${n}`, { status: "ok", response: { n: 4 } }],
      ...upTo(20).map((i) => ["item", { i }]),
      [`burst ${n}`, { status: "ok", response: { count: 20 } }],
      [`echo ${n}`, { status: "ok", response: { round: n } }],
    ];
    const expected = upTo(rounds).flatMap(round);
    const seen = new Map<string, unknown[]>(topics.map((topic) => [topic, []]));
    let noise = 0;
    for (let left = expected.length * topics.length + others.length * 500; left > 0; left--) {
      const [, ref, topic, event, payload] = await client.next();
      if (event === "noise") noise++;
      else seen.get(topic)?.push([ref ?? event, payload]);
    }
    for (const topic of topics) assert.deepEqual(seen.get(topic), expected);
    assert.equal(noise, others.length * 500);
    assert.deepEqual(await client.settle(), []);
    for (const each of [client, ...others]) each.drop();
  });
});

for (const [how, event] of [
  ["straight to the sockets", "shout"],
  ["through handleOut on each channel's thread", "whisper"],
] as const) {
  test(`1,000 broadcasts of each of 3 publishers reach every subscriber in each publisher's order, ${how}`, async () => {
    await withApp(async ({ app }) => {
      const clients = await connect(app, 12);
      for (const client of clients) await client.join("room:a");
      const publishers = clients.slice(0, 3);
      assert.equal((await schedulersOf(publishers, "room:a")).size, 2);
      assert.equal((await schedulersOf(clients.slice(3), "room:a")).size, 2);

      for (const [index, publisher] of publishers.entries()) {
        // Partly all at once, partly one by one with an answer each: batches of many and of few.
        publisher.send("1", "many", "room:a", "shouts", { event, from: index, count: 500 });
        for (let i = 501; i <= 1000; i++) publisher.send("1", `one ${i}`, "room:a", event, { from: index, i });
      }
      for (const [index, client] of clients.entries()) {
        const heard: number[][] = [[], [], []];
        const answers: string[] = [];
        const isPublisher = index < publishers.length;
        for (let left = 3000 + (isPublisher ? 501 : 0); left > 0; left--) {
          const [, ref, , got, payload] = await client.next();
          if (got === "phx_reply") {
            answers.push(ref as string);
            // An own broadcast goes out before the answer to the message that caused it; what passes through handleOut is
            // a message to the channel, behind that answer.
            const i = ref === "many" ? 500 : Number((ref as string).slice(4));
            if (event === "shout") assert.equal(heard[index]?.length, i);
          } else {
            const { from, i } = payload as { from: number; i: number };
            heard[from]?.push(i);
          }
        }
        for (const from of [0, 1, 2]) assert.deepEqual(heard[from], upTo(1000));
        assert.deepEqual(
          answers,
          isPublisher
            ? [
                "many",
                ...upTo(1000)
                  .slice(500)
                  .map((i) => `one ${i}`),
              ]
            : [],
        );
      }
      for (const client of clients) assert.deepEqual(await client.settle(), []);
      for (const client of clients) client.drop();
    });
  });
}

test("joins, leaves, crashes and broadcasts in any order: each join ref is answered first and ends exactly once", async () => {
  await withApp(async ({ app }) => {
    const [publisher, ...clients] = await connect(app, 7);
    assert.ok(publisher !== undefined);
    await publisher.join("room:a");
    let churning = true;
    const publishing = (async () => {
      while (churning) await publisher.ask("room:a", "shouts", { event: "shout", from: 0, count: 20 });
    })();
    const heard = await Promise.all(clients.map((client, index) => churn(client, index + 1, 300)));
    churning = false;
    await publishing;
    assert.ok(heard.every((count) => count > 0));
    for (const client of [publisher, ...clients]) client.drop();
  });
});

/** Joins, joins over, leaves and crashes a topic in an order made from `seed`, never waiting; then checks every frame. */
async function churn(client: RawClient, seed: number, steps: number): Promise<number> {
  const random = sequence(seed);
  const joins: string[] = [];
  let joinRef = "";
  const join = (): void => {
    joinRef = `join ${joins.length}`;
    joins.push(joinRef);
    client.send(joinRef, joinRef, "room:a", "phx_join", {
      bye: joinRef,
      after: joinRef,
      slowMs: Math.floor(random() * 3),
    });
  };
  const check = checker();
  join();
  for (let step = 1; step <= steps; step++) {
    const dice = random();
    if (dice < 0.3) join();
    else if (dice < 0.5) client.send(joinRef, `leave ${step}`, "room:a", "phx_leave", {});
    else if (dice < 0.6) client.send(joinRef, null, "room:a", "throw", {});
    else client.send(joinRef, `echo ${step}`, "room:a", "echo", {});
    // Sometimes let things happen: a turn of the server's, as answered by the connection itself.
    if (random() < 0.5) for (const frame of await client.settle()) check.take(frame);
  }
  client.send(joinRef, "leave last", "room:a", "phx_leave", {});
  while (check.ended() < joins.length) check.take(await client.next());
  for (const frame of await client.settle()) check.take(frame);
  assert.deepEqual(check.order(), joins);
  return check.broadcasts();
}

/** The rules as a state machine over the frames one client gets for one topic. */
function checker() {
  const answered: string[] = [];
  const ended = new Set<string>();
  let broadcasts = 0;
  return {
    order: () => answered,
    ended: () => ended.size,
    broadcasts: () => broadcasts,
    take([joinRef, ref, topic, event, payload]: Frame): void {
      assert.equal(topic, "room:a");
      const current = answered.at(-1);
      if (joinRef === null) {
        // An answer of the connection: nobody has the topic. Or a broadcast: somebody has, and was told so.
        if (event === "phx_reply") return assert.equal((payload as { status: string }).status, "error");
        assert.ok(event === "shout" || event === "too_early", `${event} without a join ref`); // both are of other clients too
        broadcasts++;
        assert.ok(current !== undefined && !ended.has(current), "a broadcast outside of a join");
        return;
      }
      const of = joinRef as string; // ours are strings
      if (event === "phx_reply" && ref === of) {
        assert.equal((payload as { status: string }).status, "ok");
        assert.ok(!answered.includes(of), `${of} is answered twice`);
        answered.push(of);
        return;
      }
      // A leave of a topic that nobody has is answered by the connection, as in Phoenix.
      if (event === "phx_reply" && String(ref).startsWith("leave")) return;
      assert.ok(answered.includes(of), `${event} of ${of} before its join was answered`);
      if (event === "phx_close" || event === "phx_error") {
        assert.ok(!ended.has(of), `${of} ends twice`);
        ended.add(of);
        assert.ok(of === current || (of === answered.at(-2) && event === "phx_close"), "the end of an earlier join");
        return;
      }
      if (event === "bye") {
        assert.deepEqual(payload, { bye: of });
        return;
      }
      assert.ok(!ended.has(of), `${event} of ${of} after its end`);
      assert.equal(of, current, `${event} of ${of}, which has been replaced`);
    },
  };
}

/** Numbers from 0 to 1, always the same for the same seed (mulberry32). */
function sequence(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
