/** The clients' OS process for one cell of the matrix: a crowd that asks for echoes, of which one does what the row says. */
import { setTimeout as sleep } from "node:timers/promises";
import { Client, type Seat, type Watcher } from "./client.js";
import { answer, takeOrder } from "./clients.js";
import { Crowd, until } from "./crowd.js";
import type { Row } from "./rows.js";

export interface AttackOrder {
  readonly port: number;
  readonly row: Row;
  readonly connections: number;
  readonly channels: number;
  readonly echoesPerSecond: number;
  /** Milliseconds a fault may take until it is told, and until everybody is answered again. */
  readonly limitMs: number;
}

/** What became of the channels of one thread. */
export interface ThreadSeen {
  seats: number;
  /** Told of an end, and of more than one. */
  errored: number;
  repeated: number;
  slowestMs: number;
}

export interface Observed {
  readonly threads: Readonly<Record<string, ThreadSeen>>;
  readonly culprit: { readonly pid: string; readonly thread: string };
  readonly connections: number;
  readonly connectionsLost: number;
  /** What its own client was told first: `phx_error`, `refused`, `connected` …; `null`: nothing. */
  readonly told: string | null;
  readonly toldMs: number;
  /** The last `phx_error`, and the last answer to a rejoin. */
  readonly errorMs: number;
  readonly rejoinMs: number;
  /** Channels that answered nothing any more at the end. */
  readonly deaf: number;
  readonly violations: readonly string[];
}

const WARM_UP_MS = 500;
/** A client that doesn't read has so long to be noticed. */
const UNREAD_MS = 1000;
const FLOOD = 200_000;
/** Times that it is sent a MiB: together more than a connection's buffers may hold. */
const UNREAD = 40;

answer(await attack(takeOrder()));

async function attack({ port, row, connections, channels, echoesPerSecond, limitMs }: AttackOrder): Promise<Observed> {
  const violations: string[] = [];
  let connectionsLost = 0;
  let measuring = false;
  let rejoinedMs = 0;
  let own: Client | null = null;
  const slowest = new Map<string, number>();
  const noteLatency = (thread: string, ms: number): void => {
    slowest.set(thread, Math.max(slowest.get(thread) ?? 0, ms));
  };
  const watcher: Watcher = {
    violation: (problem) => {
      if (violations.length < 20) violations.push(problem);
    },
    closed: (client) => {
      if (client !== own) connectionsLost++;
    },
    joined: (seat) => {
      if (measuring && seat.client !== own) rejoinedMs = seat.joinedMs;
    },
    answered: (seat, ms) => {
      if (measuring) noteLatency(threadBefore.get(seat) ?? "", ms);
    },
  };
  const threadBefore = new Map<Seat, string>();
  const topics = Array.from({ length: channels }, (_, index) => `room:${index}`);
  const crowd = await Crowd.gather(port, connections, () => topics, echoesPerSecond, watcher);
  await sleep(WARM_UP_MS);
  await crowd.unanswered(limitMs);
  for (const seat of crowd.seats) threadBefore.set(seat, seat.thread);

  measuring = true;
  const startMs = performance.now();
  const since = (ms: number): number => Math.round(Math.max(0, ms - startMs));
  const [first] = crowd.seats as [Seat];
  const culprit = { pid: first.place.pid, thread: first.thread };
  const told = await act();
  const toldMs = performance.now();
  const deaf = await crowd.unanswered(limitMs, row.name === "hang_in_handle_in" ? new Set([first]) : new Set());
  measuring = false;
  crowd.stop();
  await sleep(200); // what has no business to come has time to

  const threads: Record<string, ThreadSeen> = {};
  let errorMs = 0;
  for (const seat of crowd.seats) {
    const thread = threadBefore.get(seat) ?? "";
    threads[thread] ??= { seats: 0, errored: 0, repeated: 0, slowestMs: Math.round(slowest.get(thread) ?? 0) };
    const seen = threads[thread];
    seen.seats++;
    if (seat.errors > 0) seen.errored++;
    if (seat.errors > 1 && seat !== first) seen.repeated++;
    errorMs = Math.max(errorMs, seat.errorMs);
  }
  return {
    ...{ threads, culprit, connections, connectionsLost, told, violations, deaf: deaf.length },
    ...{ toldMs: told === null ? 0 : since(toldMs), errorMs: since(errorMs), rejoinMs: since(rejoinedMs) },
  };

  /** Does it, and waits until that is told. What tells of nothing has some time, and then the channel must still be able to crash. */
  async function act(): Promise<string | null> {
    switch (row.way) {
      case "connect":
        return await connectAlone();
      case "join": {
        own = await Client.connect(port, -1, watcher);
        const seat = own.seat("room:own");
        seat.params = { how: row.how };
        return await joinAlone(seat);
      }
      case "unknown":
        first.tell("no_such_event");
        return await erroredOf(first);
      case "event":
        first.tell("deed", { name: row.name });
        return row.quietMs > 0 ? await stillWell(first) : await erroredOf(first);
      case "flood":
        own = await Client.connect(port, -1, watcher);
        return await flood(own.seat("room:own"));
      case "not_reading":
        own = await Client.connect(port, -1, watcher);
        return await stopReading(own.seat("room:own"));
    }
  }

  async function connectAlone(): Promise<string> {
    try {
      own = await Client.connect(port, -1, watcher, `&how=${row.how}`);
      return "connected";
    } catch (error) {
      return /HTTP\/1\.1 (\d+)/.exec(String(error))?.[1] ?? String(error);
    }
  }

  async function joinAlone(seat: Seat): Promise<string | null> {
    seat.rejoinMs = null;
    seat.join();
    return (await until(() => seat.state !== "joining", limitMs))
      ? seat.state === "joined"
        ? "joined"
        : "refused"
      : null;
  }

  async function erroredOf(seat: Seat): Promise<string | null> {
    const before = seat.errors;
    return (await until(() => seat.errors > before || seat.client.isClosed, limitMs)) && seat.errors > before
      ? "phx_error"
      : null;
  }

  async function stillWell(seat: Seat): Promise<string | null> {
    const before = seat.errors;
    if (await until(() => seat.errors > before, row.quietMs)) return "phx_error";
    seat.join(); // in its own place
    await until(() => seat.state === "joined", limitMs);
    seat.tell("deed", { name: "throw_in_handle_in" });
    return (await erroredOf(seat)) === null ? null : "nothing";
  }

  async function flood(seat: Seat): Promise<string | null> {
    await joinAlone(seat);
    for (let sent = 0; sent < FLOOD && !seat.client.isClosed; ) {
      for (const end = sent + 1000; sent < end; sent++) seat.tell("shrug");
      await sleep(0);
    }
    const isAnswered = await until(() => {
      seat.echo();
      return seat.answeredMs > 0 || seat.client.isClosed;
    }, limitMs);
    return seat.client.isClosed ? "closed" : isAnswered ? "nothing" : null;
  }

  async function stopReading(seat: Seat): Promise<string | null> {
    await joinAlone(seat);
    seat.client.pause();
    for (let told = 0; told < UNREAD; told++) {
      seat.tell("deed", { name: "unread_pushes" });
      await sleep(UNREAD_MS / UNREAD);
    }
    seat.client.resume();
    const closed = await until(() => seat.client.isClosed, limitMs);
    return closed ? "closed" : "nothing";
  }
}
