/**
 * The clients' OS process of the soak: a crowd that asks and publishes all the time, one random fault after the other, and the
 * ledgers that see whether anything comes that must not, or does not come that must.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { Client, type Seat, type Watcher } from "./client.js";
import { answer, takeOrder } from "./clients.js";
import { Crowd, until } from "./crowd.js";
import { type Fault, faults } from "./faults.js";
import { Random } from "./random.js";

export interface SoakOrder {
  readonly port: number;
  readonly connections: number;
  readonly channels: number;
  readonly echoesPerSecond: number;
  readonly publishesPerSecond: number;
  readonly faultsPerSecond: number;
  readonly seed: number;
}

/** What it tells when it is asked to: so far, or in the end. */
export interface SoakSeen {
  readonly violations: readonly string[];
  readonly faults: Readonly<Record<string, number>>;
  readonly answers: number;
  readonly events: number;
  readonly errors: number;
  readonly slowestMs: number;
}

/** Connections that share a topic. */
const PER_TOPIC = 6;
/** A joined channel that leaves an echo unanswered for so long is deaf. */
const DEAF_MS = 15_000;
const CALM_LIMIT_MS = 40_000;
const MAX_VIOLATIONS = 50;

class Soak implements Watcher {
  readonly #order: SoakOrder;
  readonly #random: Random;
  readonly #violations: string[] = [];
  readonly #counts: Partial<Record<Fault, number>> = {};
  /** Seats a fault is busy with; and connections that we closed. */
  readonly #busy = new Set<Seat>();
  readonly #dropped = new Set<Client>();
  #crowd: Crowd | null = null;
  #answers = 0;
  #errors = 0;
  #slowestMs = 0;
  #isOver = false;

  constructor(order: SoakOrder) {
    this.#order = order;
    this.#random = new Random(order.seed);
  }

  async start(): Promise<void> {
    const { port, connections, channels, echoesPerSecond } = this.#order;
    const rooms = Math.max(1, Math.round(connections / PER_TOPIC));
    const topicsOf = (index: number): string[] =>
      Array.from({ length: channels }, (_, n) => `room:${index % rooms}:${n}`);
    this.#crowd = await Crowd.gather(port, connections, topicsOf, echoesPerSecond, this);
    for (const seat of this.#crowd.seats) seat.rejoinMs = 50;
    void this.#publish();
    void this.#harm();
    void this.#listen();
  }

  get seen(): SoakSeen {
    const events = (this.#crowd?.seats ?? []).reduce((sum, { events }) => sum + events, 0);
    const { ...faults } = this.#counts as Record<string, number>;
    const [violations, answers, errors] = [this.#violations, this.#answers, this.#errors];
    return { violations, faults, answers, events, errors, slowestMs: Math.round(this.#slowestMs) };
  }

  /** No more faults; all must be well again, and everybody hear everybody. Then everybody leaves. */
  async end(): Promise<SoakSeen> {
    const crowd = this.#crowd as Crowd; // it was started
    this.#isOver = true;
    await until(() => this.#busy.size === 0, CALM_LIMIT_MS);
    for (const seat of crowd.seats) if (seat.state === "away") seat.join();
    await until(() => crowd.seats.every(({ state }) => state === "joined"), CALM_LIMIT_MS);
    for (const { topic, state } of crowd.seats)
      if (state !== "joined") this.violation(`${topic} is ${state} in the end`);
    for (const { topic } of await crowd.unanswered(CALM_LIMIT_MS))
      this.violation(`${topic} answers nothing in the end`);
    await this.#everybodyHearsEverybody(crowd);
    crowd.stop();
    for (const seat of crowd.seats) {
      seat.rejoinMs = null;
      seat.leave();
    }
    await until(() => crowd.seats.every(({ ledger }) => ledger.open.length === 0), CALM_LIMIT_MS);
    for (const { topic, ledger } of crowd.seats) {
      if (ledger.open.length > 0) this.violation(`join refs ${ledger.open.join()} of ${topic} have not ended`);
    }
    for (const client of crowd.clients) this.#drop(client);
    return this.seen;
  }

  violation(problem: string): void {
    if (this.#violations.length < MAX_VIOLATIONS) this.#violations.push(problem);
  }

  closed(client: Client, reason: string): void {
    if (!this.#dropped.has(client)) this.violation(`connection ${client.index} was closed: ${reason}`);
  }

  errored(): void {
    this.#errors++;
  }

  answered(_seat: Seat, latencyMs: number): void {
    this.#answers++;
    this.#slowestMs = Math.max(this.#slowestMs, latencyMs);
  }

  /** Events of random publishers, half of them by way of `handleOut`. */
  async #publish(): Promise<void> {
    const { publishesPerSecond } = this.#order;
    for (let due = 0; !this.#isOver; ) {
      await sleep(10);
      for (due += publishesPerSecond / 100; due >= 1; due--) {
        const seat = this.#random.of(this.#crowd?.seats ?? []);
        if (seat.state === "joined") seat.tell(this.#random.next() < 0.5 ? "shout" : "relay");
      }
    }
  }

  async #harm(): Promise<void> {
    const weights = Object.fromEntries(Object.entries(faults).map(([name, { weight }]) => [name, weight]));
    while (!this.#isOver) {
      // Some sooner, some later, on the average as often as asked.
      await sleep((-Math.log(1 - this.#random.next()) * 1000) / this.#order.faultsPerSecond);
      const free = (this.#crowd?.seats ?? []).filter((seat) => seat.state === "joined" && !this.#busy.has(seat));
      if (free.length === 0 || this.#isOver) continue;
      void this.#commit(this.#random.weighted(weights as Record<Fault, number>), this.#random.of(free));
    }
  }

  async #commit(fault: Fault, seat: Seat): Promise<void> {
    this.#counts[fault] = (this.#counts[fault] ?? 0) + 1;
    const { port } = this.#order;
    this.#busy.add(seat);
    try {
      await faults[fault].run({
        ...{ seat, random: this.#random },
        reconnect: async (client) => {
          this.#dropped.add(client);
          await client.reconnect(port);
          this.#dropped.delete(client);
        },
        refusedConnect: async (how) => {
          const client = await Client.connect(port, -1, this, `&how=${how}`).catch(() => null);
          if (client !== null) this.violation(`a connect with ${how} was accepted`);
        },
      });
    } catch (error) {
      this.violation(`${fault}: ${String(error)}`);
    }
    this.#busy.delete(seat);
  }

  /** Joined channels that nobody harms must answer. */
  async #listen(): Promise<void> {
    const told = new Set<string>();
    while (!this.#isOver) {
      await sleep(1000);
      const nowMs = performance.now();
      for (const seat of this.#crowd?.seats ?? []) {
        const { askedMs, joinRef, topic, client } = seat;
        if (askedMs === 0 || nowMs - askedMs < DEAF_MS || this.#busy.has(seat)) continue;
        const which = `${client.index} ${topic} ${joinRef}`;
        if (!told.has(which)) this.violation(`${which} has not answered for ${DEAF_MS} ms`);
        told.add(which);
      }
    }
  }

  async #everybodyHearsEverybody(crowd: Crowd): Promise<void> {
    const byTopic = new Map<string, Seat[]>();
    for (const seat of crowd.seats) {
      seat.heard.clear();
      byTopic.set(seat.topic, [...(byTopic.get(seat.topic) ?? []), seat]);
    }
    for (const event of ["shout", "relay"]) for (const seat of crowd.seats) seat.tell(event);
    const missing = (): string[] =>
      [...byTopic.values()].flatMap((seats) =>
        seats.flatMap(({ topic, heard }) =>
          seats.flatMap(({ place }) =>
            ["shout", "relay"]
              .filter((event) => !heard.has(`${event} ${place.pid}`))
              .map((event) => `${event} on ${topic}`),
          ),
        ),
      );
    await until(() => missing().length === 0, CALM_LIMIT_MS);
    for (const what of missing()) this.violation(`a ${what} was not heard by all in the end`);
  }

  #drop(client: Client): void {
    this.#dropped.add(client);
    client.drop();
  }
}

const soak = new Soak(takeOrder());
process.on("message", async (what) => {
  answer(what === "end" ? await soak.end() : soak.seen);
});
await soak.start();
process.send?.("started");
