/** Connections with their channels, and the echoes they ask for all the time. */
import { Client, type Seat, type Watcher } from "./client.js";
import { openAll } from "./clients.js";

const TICK_MS = 10;

export class Crowd {
  readonly clients: readonly Client[];
  readonly seats: readonly Seat[];
  readonly #timer: NodeJS.Timeout;
  #next = 0;
  #budget = 0;

  /** Connects, joins, and waits until all have joined. */
  static async gather(
    port: number,
    connections: number,
    topicsOf: (index: number) => readonly string[],
    echoesPerSecond: number,
    watcher: Watcher,
  ): Promise<Crowd> {
    const clients: Client[] = [];
    await openAll(connections, async (index) => {
      const client = await Client.connect(port, index, watcher);
      clients.push(client);
      for (const topic of topicsOf(index)) client.seat(topic).join();
      await until(() => [...client.seats.values()].every(({ state }) => state === "joined"), 30_000);
    });
    return new Crowd(clients, echoesPerSecond);
  }

  private constructor(clients: readonly Client[], echoesPerSecond: number) {
    this.clients = clients;
    this.seats = clients.flatMap((client) => [...client.seats.values()]);
    this.#timer = setInterval(() => this.#ask(echoesPerSecond), TICK_MS);
  }

  /** No more echoes. */
  stop(): void {
    clearInterval(this.#timer);
  }

  leave(): void {
    this.stop();
    for (const client of this.clients) client.drop();
  }

  /** Settles with the seats that have not answered anything asked after now; empty as soon as there are none. */
  async unanswered(limitMs: number, except: ReadonlySet<Seat> = new Set()): Promise<readonly Seat[]> {
    const sinceMs = performance.now();
    const silent = (): Seat[] =>
      this.seats.filter((seat) => seat.answeredMs < sinceMs && !except.has(seat) && !seat.client.isClosed);
    await until(() => silent().length === 0, limitMs);
    return silent();
  }

  #ask(echoesPerSecond: number): void {
    this.#budget = Math.min(this.#budget + (echoesPerSecond * TICK_MS) / 1000, echoesPerSecond / 10);
    for (; this.#budget >= 1; this.#budget--) {
      this.seats[this.#next]?.echo();
      this.#next = (this.#next + 1) % this.seats.length;
    }
  }
}

/** Waits until `isSo`, looking often: what is waited for happens in many places. `false` if it is not so in time. */
export async function until(isSo: () => boolean, limitMs: number): Promise<boolean> {
  const endMs = performance.now() + limitMs;
  while (!isSo()) {
    if (performance.now() > endMs) return false;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return true;
}
