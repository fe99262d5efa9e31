import assert from "node:assert/strict";
import { test } from "node:test";
import { SocketAcceptor } from "../../src/channels/acceptor.js";
import { DEFAULT_FILTER_PARAMETERS } from "../../src/channels/filter-parameters.js";
import { resolveSocketLimits } from "../../src/channels/limits.js";
import { Throttle } from "../../src/channels/throttle.js";
import type { ConnectInfo, ConnectOutcome } from "../../src/channels/transport.js";
import type { Pid } from "../../src/core/pid.js";
import type { Topics } from "../../src/pubsub/topics.js";
import type { Deadline, Port, PortHandler } from "../../src/runtime/process.js";

/** An acceptor whose ports are counted, and whose processes are played by the test: the n-th one is `<0.1.n>`. */
function accepting() {
  const opened: { handler: PortHandler; isOpen: boolean }[] = [];
  const deadlines = new Set<Deadline>();
  const forgotten: unknown[] = [];
  const killed: unknown[] = [];
  let processes = 0;
  const openPort = (handler: PortHandler): Port => {
    const state = { handler, isOpen: true };
    opened.push(state);
    const port = {
      get isOpen() {
        return state.isOpen;
      },
      spawn: () => ({ pid: `<0.1.${++processes}>`, ref: processes, isApart: false }),
      limit: (deadline: Deadline) => void deadlines.add(deadline),
      unlimit: (deadline: Deadline) => void deadlines.delete(deadline),
      forget: (ref: unknown) => void forgotten.push(ref),
      exit: (pid: unknown, reason: unknown) => void killed.push([pid, reason]),
      close: () => {
        state.isOpen = false;
      },
    };
    return port as unknown as Port; // all that is asked of it here
  };
  const manifest = {
    ...{ socket: "UserSocket", routes: [], maxChannels: 100, joinTimeoutMs: 30_000, connectTimeoutMs: 10_000 },
    ...{ limits: resolveSocketLimits({}, 100), filter: DEFAULT_FILTER_PARAMETERS },
  };
  const acceptor = new SocketAcceptor({
    ...{ manifest, transport: "test", openPort, topics: {} as unknown as Topics, throttle: new Throttle(() => {}) },
  });
  const connect = (): Promise<ConnectOutcome> => acceptor.connect({ params: {}, info: {} as ConnectInfo }, "2.0.0");
  return { acceptor, connect, opened, deadlines, forgotten, killed };
}

const pid = (n: number): Pid => `<0.1.${n}>` as Pid;
const down = (n: number, reason: unknown) => ({ tag: "DOWN", ref: n, from: pid(n), reason });

test("clients that wait for connect at the same time share one port, which is closed when nobody waits", async () => {
  const { acceptor, connect, opened, deadlines, forgotten } = accepting();
  const [first, second] = [connect(), connect()];
  acceptor.message(["refused", pid(2), { status: 404 }]);
  assert.deepEqual(await second, { tag: "refused", refusal: { status: 404 } });
  assert.deepEqual(
    opened.map(({ isOpen }) => isOpen),
    [true],
  );
  acceptor.message(["accepted", pid(1), null, {}]);
  assert.equal((await first).tag, "accepted");
  assert.deepEqual(
    opened.map(({ isOpen }) => isOpen),
    [false],
  );
  assert.deepEqual(forgotten, [2, 1]); // a process that has answered ends by itself
  assert.equal(deadlines.size, 0);
});

test("a connect that fails costs its own client only, and one whose thread is gone runs again", async () => {
  const { acceptor, connect, opened } = accepting();
  const [first, second, third] = [connect(), connect(), connect()];
  acceptor.message(down(1, { tag: "error" }));
  acceptor.message(down(2, "scheduler_down"));
  acceptor.message(["refused", pid(3), null]);
  acceptor.message(["refused", pid(4), null]); // the one that runs for the second client now
  assert.deepEqual(
    (await Promise.all([first, second, third])).map(({ tag }) => tag),
    ["failed", "refused", "refused"],
  );
  assert.equal(opened.length, 1);
});

test("a connect that takes too long is killed, and what it still says is dropped", async () => {
  const { acceptor, connect, deadlines, killed } = accepting();
  const [first, second] = [connect(), connect()];
  const [deadline] = deadlines;
  deadline?.onTimeout();
  assert.deepEqual(await first, { tag: "unavailable" });
  assert.deepEqual(killed, [[pid(1), "kill"]]);
  acceptor.message(["accepted", pid(1), null, {}]);
  acceptor.message(down(1, "killed"));
  acceptor.message(["refused", pid(2), null]);
  assert.deepEqual(await second, { tag: "refused", refusal: null });
});

test("what is no answer is ignored, and after the port's end the next client gets another one", async () => {
  const { acceptor, connect, opened, deadlines } = accepting();
  const first = connect();
  acceptor.message(null);
  acceptor.message("hello");
  acceptor.message(["accepted", "nobody", null, {}]);
  acceptor.message(["refused", pid(1), null]);
  assert.equal((await first).tag, "refused");
  const second = connect();
  (opened[1] as { isOpen: boolean }).isOpen = false; // killed by code of the application
  const third = connect();
  assert.equal(opened.length, 3);
  acceptor.message(["refused", pid(3), null]);
  assert.equal((await third).tag, "refused");
  for (const deadline of [...deadlines]) deadline.onTimeout(); // whoever waited at the old one is answered at last
  assert.equal((await second).tag, "unavailable");
});
