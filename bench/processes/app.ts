/** The processes of processes.bench.ts: what is measured, as code of a process on a scheduler thread. */
import { Bench } from "tinybench";
import {
  application,
  call,
  cast,
  genServer,
  isDown,
  type Pid,
  proc,
  receive,
  reply,
  self,
  send,
  spawn,
  spawnMonitor,
} from "../../src/index.js";

/** Operations a measurement: enough that the turn around them does not count. */
const BATCH = 1000;
/** More where the operations of a batch travel together. */
const FLOOD = 20_000;
const IDLE_SERVERS = 20_000;

export const Server = genServer({
  init: () => ({ count: 0 }),
  handleCall: {
    add: (by: number, state) => {
      state.count += by;
      return reply(state.count);
    },
  },
  handleCast: {
    add: (by: number, state) => {
      state.count += by;
    },
  },
});

export const Idle = genServer({ init: () => null });

/** Takes messages and forgets them; a pid is answered, so that one can wait until all before it were taken. */
export const Sink = proc(async () => {
  for (;;) {
    const message = await receive();
    if (typeof message === "string") send(message as Pid, "done");
  }
});

/** The same without a loop of awaits: what a genServer's handleInfo is given. */
export const SinkServer = genServer({
  init: () => null,
  handleInfo: (message) => {
    if (typeof message === "string") send(message as Pid, "done");
  },
});

export const Echo = proc(async () => {
  for (;;) send((await receive()) as Pid, "pong");
});

export const Nothing = proc(async () => {});

/** Microseconds an operation: the median of many measurements. */
export interface Measured {
  readonly name: string;
  readonly micros: number;
}

/** Measures with all partners on `scheduler`: the bench's own, or another one. */
async function measure(scheduler: number): Promise<Measured[]> {
  const me = self();
  const place = { scheduler };
  const server = spawn(Server, [undefined], place);
  const sink = spawn(SinkServer, [undefined], place);
  const echo = spawn(Echo, [], place);
  const bench = new Bench({ time: 600, warmupTime: 200 });
  const sizes = new Map<string, number>();
  const add = (name: string, size: number, run: () => Promise<void>): void => {
    sizes.set(name, size);
    bench.add(name, run);
  };
  const drained = async (to: Pid): Promise<void> => {
    send(to, me);
    await receive();
  };
  add("spawn and exit", BATCH, async () => {
    for (let i = 1; i < BATCH; i++) spawn(Nothing, [], place);
    spawnMonitor(Nothing, [], place);
    await receive(isDown);
  });
  add("spawn with monitor, and DOWN", BATCH, async () => {
    for (let i = 0; i < BATCH; i++) {
      spawnMonitor(Nothing, [], place);
      await receive(isDown);
    }
  });
  add("send, one way", FLOOD, async () => {
    for (let i = 0; i < FLOOD; i++) send(sink, i);
    await drained(sink);
  });
  add("ping-pong, there and back", BATCH, async () => {
    for (let i = 0; i < BATCH; i++) {
      send(echo, me);
      await receive();
    }
  });
  add("call", BATCH, async () => {
    for (let i = 0; i < BATCH; i++) await call(server, "add", 1);
  });
  add("cast", FLOOD, async () => {
    for (let i = 0; i < FLOOD; i++) cast(server, "add", 1);
    await call(server, "add", 1);
  });
  await bench.run();
  return bench.tasks.map(({ name, result }) => {
    if (result.state !== "completed") throw new Error(`${name}: ${result.state}`, { cause: result });
    return { name, micros: (result.latency.p50 * 1000) / (sizes.get(name) as number) };
  });
}

/** Bytes of heap an idle genServer takes. */
async function idleBytes(): Promise<number> {
  const collect = globalThis.gc;
  if (collect === undefined) throw new Error("run with --expose-gc");
  const last = async (): Promise<number> => {
    // What was spawned last answers last: then all have booted.
    await call(spawn(Server, [undefined]), "add", 1);
    collect();
    return process.memoryUsage().heapUsed;
  };
  const before = await last();
  const idle: Pid[] = [];
  for (let i = 0; i < IDLE_SERVERS; i++) idle.push(spawn(Idle, [undefined]));
  const bytes = ((await last()) - before) / IDLE_SERVERS;
  return idle.length === IDLE_SERVERS ? bytes : Number.NaN; // the pids count: who starts a process keeps its pid
}

export const Runner = genServer({
  init: () => null,
  handleCall: {
    measure: async (scheduler: number) => reply(await measure(scheduler)),
    idleBytes: async () => reply(await idleBytes()),
  },
});

export default application({ children: [Runner.child(undefined, { name: "runner", scheduler: 1 })] });
