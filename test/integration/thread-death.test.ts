/** The death of a whole thread, seen by many clients: what lived there is told once and comes back, nothing else notices. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { App, Pid } from "joist";
import { withApp } from "../support/app.js";
import { RawClient } from "../support/raw-client.js";
import { type StockChannel, StockClient, versions } from "../support/stock-client.js";

const TOPICS = ["a", "b", "c"];

/** Here the same channel ends one thread after the other; in quarantine it would end its own. */
const NO_QUARANTINE = { quarantineAfter: 0 };

interface Place {
  readonly pid: Pid;
  readonly scheduler: number;
}

/** One joined channel of one client. */
interface Seat {
  /** Crashes so far. */
  deaths: number;
  /** Joins that were refused so far. */
  readonly refusals: number;
  ask(event: string): Promise<unknown>;
  tell(event: string): void;
  /** Settles when the client is told that its channel crashed. */
  errored(): Promise<unknown>;
  /** Joins again, or waits until the client has: stock clients do that by themselves. */
  rejoin(): Promise<unknown>;
}

/** One connection with three channels. */
interface Client {
  readonly seats: readonly Seat[];
  /** Checks, when all is over, that nothing has arrived but what had to, and that the connection is the first one. */
  check(): Promise<void>;
  leave(): void;
}

class RawSeat implements Seat {
  deaths = 0;
  refusals = 0;
  readonly #client: RawClient;
  readonly #topic: string;
  readonly #ref: () => string;
  #joinRef = "";

  constructor(client: RawClient, topic: string, ref: () => string) {
    this.#client = client;
    this.#topic = topic;
    this.#ref = ref;
  }

  async ask(event: string): Promise<unknown> {
    const answer = await this.#client.ask(this.#topic, event, {}, this.#ref(), this.#joinRef);
    return (answer as { response: unknown }).response;
  }

  tell(event: string): void {
    this.#client.send(this.#joinRef, null, this.#topic, event, {});
  }

  async errored(): Promise<unknown> {
    const frame = await this.#client.next((frame) => frame[2] === this.#topic && frame[3] === "phx_error");
    assert.deepEqual(frame, [this.#joinRef, this.#joinRef, this.#topic, "phx_error", { reason: "channel_crash" }]);
    return frame;
  }

  /** As the stock client does, it tries again when it is refused: a join may have met another thread that was dying. */
  async rejoin(): Promise<void> {
    for (;;) {
      this.#joinRef = this.#ref();
      const [, , , , answer] = await this.#client.join(this.#topic, {}, this.#joinRef);
      if ((answer as { status: string }).status === "ok") return;
      assert.deepEqual(answer, { status: "error", response: { reason: "join crashed" } });
      this.refusals++;
    }
  }
}

async function rawClient(app: App): Promise<Client> {
  const client = await RawClient.connect(app.port);
  let lastRef = 0;
  let open = true;
  void client.closed.then(() => {
    open = false;
  });
  const seats = TOPICS.map((topic) => new RawSeat(client, `room:${topic}`, () => String(++lastRef)));
  await Promise.all(seats.map((seat) => seat.rejoin()));
  return {
    seats,
    check: async () => {
      assert.deepEqual(await client.settle(), []); // all else was asked for, one by one
      assert.equal(open, true);
    },
    leave: () => client.drop(),
  };
}

class StockSeat implements Seat {
  deaths = 0;
  readonly channel: StockChannel;

  constructor(channel: StockChannel) {
    this.channel = channel;
  }

  get refusals(): number {
    return this.channel.refused.count;
  }

  async ask(event: string): Promise<unknown> {
    const { status, response } = await this.channel.ask(event, {}, 60_000);
    assert.equal(status, "ok");
    return response;
  }

  tell(event: string): void {
    this.channel.tell(event);
  }

  errored(): Promise<unknown> {
    return this.channel.errors.next();
  }

  rejoin(): Promise<unknown> {
    return this.channel.joined.next();
  }
}

async function stockClient(app: App, index: number): Promise<Client> {
  const version = versions[index % versions.length];
  assert.ok(version !== undefined);
  const client = await new StockClient(app.port, { Socket: version[1] }).connect();
  const seats = TOPICS.map((topic) => new StockSeat(client.channel(`room:${topic}`)));
  // A join may wait for a thread: no timeout shorter than the test's, or the client would try again meanwhile.
  for (const seat of seats) await seat.channel.join(60_000);
  return {
    seats,
    check: async () => {
      await client.settle();
      for (const { channel, deaths } of seats) {
        assert.equal(channel.frames("phx_error").length, deaths);
        assert.equal(channel.errors.count, deaths);
        assert.equal(channel.joined.count, deaths + 1);
        assert.equal(channel.frames("phx_close").length, 0);
      }
      const answered = client.frames.filter((frame) => frame[3] === "phx_reply").map((frame) => frame[1]);
      assert.equal(new Set(answered).size, answered.length); // nothing is answered twice
      assert.equal(client.opened.count, 1);
      assert.equal(client.closed.count + client.errors.count, 0);
    },
    leave: () => client.socket.disconnect(),
  };
}

/** Connects some clients; all leave when the test is over, however it ends. */
async function gather(t: TestContext, app: App, raw: number, stock: number): Promise<Client[]> {
  const clients = await Promise.all([
    ...Array.from({ length: raw }, () => rawClient(app)),
    ...Array.from({ length: stock }, (_, index) => stockClient(app, index)),
  ]);
  t.after(() => {
    for (const client of clients) client.leave();
  });
  return clients;
}

/** Ends the threads of some schedulers, and sees everybody through it. */
async function killAndRecover(t: TestContext, what: string, clients: readonly Client[], schedulers: readonly number[]) {
  const seats = clients.flatMap((client) => client.seats);
  const places = (of: readonly Seat[]): Promise<Place[]> =>
    Promise.all(of.map(async (seat) => (await seat.ask("where")) as Place));
  const counts = (of: readonly Seat[]): Promise<number[]> =>
    Promise.all(of.map(async (seat) => ((await seat.ask("count")) as { count: number }).count));

  const before = await places(seats);
  const countsBefore = await counts(seats);
  const isLost = (index: number): boolean => schedulers.includes(before[index]?.scheduler ?? -1);
  const lost = seats.filter((_, index) => isLost(index));
  const living = seats.filter((_, index) => !isLost(index));
  const killers = schedulers.map((scheduler) => {
    const index = before.findIndex((place) => place.scheduler === scheduler);
    return seats[index] as Seat; // every scheduler has many
  });

  const start = performance.now();
  const since = (): number => performance.now() - start;
  let lastError = 0;
  let lastRejoin = 0;
  const recovered = lost.map(async (seat) => {
    await seat.errored();
    lastError = since();
    await seat.rejoin();
    lastRejoin = since();
  });
  for (const killer of killers) killer.tell("kill_thread");
  // The others answer during it, and still have their state.
  const livingBefore = countsBefore.filter((_, index) => !isLost(index));
  assert.deepEqual(
    await counts(living),
    livingBefore.map((count) => count + 1),
  );
  const livingAnswered = since();
  await Promise.all(recovered);

  assert.deepEqual(new Set(await counts(lost)), new Set([1])); // fresh
  const pidsBefore = new Set(before.map((place) => place.pid));
  for (const { pid } of await places(lost)) assert.equal(pidsBefore.has(pid), false);
  assert.deepEqual(
    await places(living),
    before.filter((_, index) => !isLost(index)),
  );
  const refusals = seats.reduce((sum, seat) => sum + seat.refusals, 0);
  if (schedulers.length === 1) assert.equal(refusals, 0);
  for (const seat of lost) seat.deaths++;
  await Promise.all(clients.map((client) => client.check()));
  t.diagnostic(
    `${what}: ${lost.length} of ${seats.length} channels lost; last phx_error after ${lastError.toFixed(1)} ms, last rejoin answered after ${lastRejoin.toFixed(1)} ms` +
      (living.length === 0 ? "" : `; all ${living.length} others had answered after ${livingAnswered.toFixed(1)} ms`),
  );
}

test("a thread dies under 200 connections: its channels are told once and come back, all others never notice", async (t) => {
  await withApp(async ({ app, reports }) => {
    const clients = await gather(t, app, 179, 21);
    await killAndRecover(t, "one thread", clients, [1]);
    assert.equal(reports.filter((report) => report.tag === "thread_down").length, 1);
    assert.ok(!reports.some((report) => report.tag === "crash"));
    assert.equal(app.connections, 200);
  });
});

test("threads die one after the other: each time only what lived there is lost, and all of it comes back", async (t) => {
  await withApp(async ({ app, reports }) => {
    const clients = await gather(t, app, 12, 9);
    const killed: number[] = [];
    for (let round = 1; round <= 3; round++) {
      // After a death all may be together on the other thread: that one goes next, whether or not there is a new one yet.
      const scheduler = ((await clients[0]?.seats[0]?.ask("where")) as Place | undefined)?.scheduler ?? 0;
      killed.push(scheduler);
      await killAndRecover(t, `death ${round}`, clients, [scheduler]);
      clients.push(...(await gather(t, app, 6, 3)));
    }
    assert.deepEqual(
      reports.flatMap((report) => (report.tag === "thread_down" ? [report.scheduler] : [])),
      killed,
    );
  }, NO_QUARANTINE);
});

test("both threads die at once: every channel is told once, and is back as soon as there is a thread", async (t) => {
  await withApp(async ({ app, reports }) => {
    const clients = await gather(t, app, 12, 9);
    await killAndRecover(t, "both threads", clients, [1, 2]);
    assert.equal(reports.filter((report) => report.tag === "thread_down").length, 2);
  });
});

test("a supervised server on the dead thread is restarted on a living one, and is callable with fresh state", async () => {
  await withApp(async ({ app, reports }) => {
    for (let round = 1; round <= 2; round++) {
      const before = app.whereis("counter");
      assert.ok(before !== undefined);
      await app.call("counter", "add", 5);
      const clients = await clientsUpTo(app, (await app.processInfo(before))?.scheduler);
      const neighbour = clients.at(-1);
      assert.ok(neighbour !== undefined);
      neighbour.send(null, null, "room:a", "kill_thread", {});
      await neighbour.next((frame) => frame[3] === "phx_error");
      // The supervisor works by itself; whether it is done can only be asked.
      while ([before, undefined].includes(app.whereis("counter")))
        await new Promise((resolve) => setImmediate(resolve));
      assert.equal(await app.call("counter", "add", 1), 1);
      assert.equal(reports.filter((report) => report.tag === "thread_down").length, round);
      for (const client of clients) client.drop();
    }
  });
});

/** Clients with one channel each, of which the last one's is the first to live on that scheduler. */
async function clientsUpTo(app: App, scheduler: number | undefined): Promise<RawClient[]> {
  for (const clients: RawClient[] = []; ; ) {
    const client = await RawClient.connect(app.port);
    clients.push(client);
    await client.join("room:a");
    const { response } = (await client.ask("room:a", "where")) as { response: Place };
    if (response.scheduler === scheduler) return clients;
  }
}
