/** One connection with its channels, each with a ledger: what the clients' OS process is made of. */
import { Connection } from "../../bench/load/connection.js";
import { type Frame, Ledger, type Taken } from "./ledger.js";

/** Where a channel runs: its pid, and its scheduler. The thread is the pid's second part. */
export interface Place {
  readonly pid: string;
  readonly scheduler: number;
}

/** One topic of one connection. It joins again by itself, unless it is told to stay away. */
export class Seat {
  readonly client: Client;
  readonly topic: string;
  ledger: Ledger;
  joinRef = "";
  state: "away" | "joining" | "joined" = "away";
  place: Place = { pid: "", scheduler: 0 };
  /** When its last echo was asked for that is not answered yet; 0: there is none. */
  askedMs = 0;
  /** When the last echo that was answered had been asked for. */
  answeredMs = 0;
  /** Ends it was told of that it had not asked for. */
  errors = 0;
  errorMs = 0;
  joinedMs = 0;
  /** Parameters of its joins. */
  params: unknown = {};
  /** Events that came, and since somebody last cleared it those of each publisher. */
  events = 0;
  readonly heard = new Set<string>();
  /** Milliseconds until it joins again after an error or a refusal; `null`: never. */
  rejoinMs: number | null = 0;
  #askedRef = "";

  constructor(client: Client, topic: string) {
    this.client = client;
    this.topic = topic;
    this.ledger = new Ledger(topic);
  }

  get thread(): string {
    return this.place.pid.split(".")[1] ?? "";
  }

  /** Joins, even where it has: then the new join takes the old one's place. */
  join(): void {
    if (this.client.isClosed) return;
    this.joinRef = this.client.nextRef();
    this.state = "joining";
    this.askedMs = 0;
    this.ledger.joining(this.joinRef);
    this.client.send([this.joinRef, this.joinRef, this.topic, "phx_join", this.params]);
  }

  leave(): void {
    const ref = this.client.nextRef();
    this.ledger.leaving(this.joinRef, ref);
    this.client.send([this.joinRef, ref, this.topic, "phx_leave", {}]);
  }

  /** Sends an event that nobody answers. */
  tell(event: string, payload: unknown = {}): void {
    this.client.send([this.joinRef, null, this.topic, event, payload]);
  }

  /** Asks for an echo, if it may: one at a time. */
  echo(): void {
    if (this.state !== "joined" || this.askedMs !== 0) return;
    this.#askedRef = this.client.nextRef();
    this.askedMs = performance.now();
    this.ledger.asking(this.joinRef, this.#askedRef);
    this.client.send([this.joinRef, this.#askedRef, this.topic, "echo", {}]);
  }

  take(frame: Frame): void {
    const taken = this.ledger.take(frame);
    const { watcher } = this.client;
    switch (taken.tag) {
      case "violation":
        return watcher.violation(taken.problem);
      case "answered":
        return this.#answered(taken);
      case "joined":
        if (taken.joinRef !== this.joinRef) return;
        this.state = "joined";
        this.place = taken.response as Place; // the application of this folder answers joins with it
        this.joinedMs = performance.now();
        return watcher.joined?.(this);
      case "errored":
        this.errors++;
        this.errorMs = performance.now();
        if (taken.joinRef === this.joinRef) this.#away(this.rejoinMs);
        return watcher.errored?.(this, this.errorMs);
      case "refused":
        // Not at once: a join may have met a thread that was dying, and there would be a storm of them.
        if (taken.joinRef === this.joinRef) this.#away(this.rejoinMs === null ? null : this.rejoinMs + 20);
        return watcher.refused?.(this, taken.response);
      case "closed":
        if (taken.joinRef === this.joinRef) this.#away(this.rejoinMs);
        return;
      case "event":
        this.events++;
        this.heard.add(`${frame[3]} ${(frame[4] as { from?: string }).from}`);
        return;
      case "left":
        return;
    }
  }

  /** The connection is gone, and all that could still come of it. */
  gone(): void {
    this.#away(null);
    this.ledger = new Ledger(this.topic);
  }

  #away(rejoinMs: number | null): void {
    this.state = "away";
    this.askedMs = 0;
    if (rejoinMs === 0) this.join();
    else if (rejoinMs !== null) setTimeout(() => this.state === "away" && this.join(), rejoinMs);
  }

  #answered({ ref }: Extract<Taken, { tag: "answered" }>): void {
    if (ref !== this.#askedRef || this.askedMs === 0) return;
    const asked = this.askedMs;
    this.askedMs = 0;
    this.answeredMs = asked;
    this.client.watcher.answered?.(this, performance.now() - asked);
  }
}

/** Who hears what happens to clients. */
export interface Watcher {
  violation(problem: string): void;
  closed(client: Client, reason: string): void;
  joined?(seat: Seat): void;
  errored?(seat: Seat, atMs: number): void;
  refused?(seat: Seat, response: unknown): void;
  answered?(seat: Seat, latencyMs: number): void;
}

export class Client {
  readonly index: number;
  readonly watcher: Watcher;
  readonly seats = new Map<string, Seat>();
  isClosed = false;
  #connection: Connection | null = null;
  #ref = 0;

  private constructor(index: number, watcher: Watcher) {
    this.index = index;
    this.watcher = watcher;
  }

  /** @param query - Added to the URL's. */
  static async connect(port: number, index: number, watcher: Watcher, query = ""): Promise<Client> {
    const client = new Client(index, watcher);
    await client.#open(port, query);
    return client;
  }

  /** Goes away without a word, and comes back, after a while if asked for: its seats join anew. */
  async reconnect(port: number, afterMs = 0): Promise<void> {
    this.drop();
    if (afterMs > 0) await new Promise((resolve) => setTimeout(resolve, afterMs));
    await this.#open(port, "");
    this.isClosed = false;
    for (const seat of this.seats.values()) seat.join();
  }

  async #open(port: number, query: string): Promise<void> {
    const url = new URL(`ws://127.0.0.1:${port}/socket/websocket?vsn=2.0.0${query}`);
    this.#connection = await Connection.open(url, this.index, {
      message: (connection, data, start, end) => {
        if (connection === this.#connection || this.#connection === null) this.#take(data.toString("utf8", start, end));
      },
      closed: (_, reason) => {
        this.isClosed = true;
        for (const seat of this.seats.values()) seat.gone();
        this.watcher.closed(this, reason);
      },
    });
  }

  seat(topic: string): Seat {
    const seat = new Seat(this, topic);
    this.seats.set(topic, seat);
    return seat;
  }

  nextRef(): string {
    return String(++this.#ref);
  }

  send(frame: Frame): void {
    if (!this.isClosed) this.#connection?.send(JSON.stringify(frame));
  }

  /** Reads nothing more until {@link resume}. */
  pause(): void {
    this.#connection?.pause();
  }

  resume(): void {
    this.#connection?.resume();
  }

  /** Goes away without a word. */
  drop(): void {
    this.isClosed = true;
    this.#connection?.drop();
    this.#connection = null;
    for (const seat of this.seats.values()) seat.gone();
  }

  #take(text: string): void {
    const frame = JSON.parse(text) as Frame;
    const seat = this.seats.get(frame[2]);
    if (seat !== undefined) seat.take(frame);
    else if (frame[2] !== "phoenix") this.watcher.violation(`a frame of a topic nobody joined: ${text.slice(0, 200)}`);
  }
}
