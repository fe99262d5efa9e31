/** What does it cost to bring back a child that was killed: alone, among 1,000 siblings, and with 2 siblings that go with it? */
import { Bench } from "tinybench";
import type { Pid } from "../src/core/pid.js";
import { dynamicSupervisor } from "../src/otp/dynamic-supervisor.js";
import { genServer } from "../src/otp/gen-server.js";
import { supervisor } from "../src/otp/supervisor.js";
import { startChild } from "../src/otp/supervisor-api.js";
import { kill, receive, self, send } from "../src/runtime/process.js";
import { asProcess, printTable } from "./support.js";

/** Restarts a measurement, one after the other. */
const BATCH = 200;
const SIBLINGS = 1000;
/** No limit that a benchmark reaches. */
const limits = { maxRestarts: 1_000_000_000, maxSeconds: 1 };

/** Says when it is up, and does nothing more. */
const Child = genServer({
  init: (to: Pid) => {
    send(to, self());
    return {};
  },
});

const Sibling = genServer({ init: () => ({}) });

/** Kills the child again and again, each time when its successor is up. */
async function restarts(child: Pid, siblings = 0): Promise<Pid> {
  let pid = child;
  for (let i = 0; i < BATCH; i++) {
    kill(pid);
    pid = (await receive()) as Pid; // nobody else sends
    for (let up = 0; up < siblings; up++) await receive();
  }
  return pid;
}

async function main(): Promise<void> {
  const bench = new Bench({ time: 1000, warmupTime: 300 });
  const others = Array.from({ length: SIBLINGS }, (_, i) => Sibling.child(undefined, { id: `sibling ${i}` }));
  const three = [1, 2, 3].map((id) => Child.child(self(), { id: `child ${id}` }));
  const kinds = {
    "one_for_one, alone": supervisor({ ...limits, children: [Child.child(self())] }),
    [`one_for_one, beside ${SIBLINGS}`]: supervisor({ ...limits, children: [...others, Child.child(self())] }),
    "one_for_all, of 3": supervisor({ ...limits, strategy: "one_for_all", children: three }),
  };
  for (const [name, kind] of Object.entries(kinds)) {
    await kind.startLink();
    const siblings = name.startsWith("one_for_all") ? three.length - 1 : 0;
    let pid = (await receive()) as Pid;
    for (let up = 0; up < siblings; up++) await receive();
    bench.add(name, async () => {
      pid = await restarts(pid, siblings);
    });
  }
  const dynamic = await dynamicSupervisor(limits).startLink();
  if (dynamic[0] !== "ok") throw new Error("the supervisor did not start");
  for (let i = 0; i < SIBLINGS; i++) await startChild(dynamic[1], Sibling.child());
  await startChild(dynamic[1], Child.child(self()));
  let pid = (await receive()) as Pid;
  bench.add(`dynamic, beside ${SIBLINGS}`, async () => {
    pid = await restarts(pid);
  });
  await bench.run();
  printTable(bench, () => BATCH);
}

asProcess(main, [], () => {});
