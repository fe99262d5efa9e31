/** What do joining, leaving and reading a process group cost, and what does a message to each of its members? */
import { Bench } from "tinybench";
import type { Pid } from "../src/core/pid.js";
import { pg } from "../src/otp/pg.js";
import { pgService } from "../src/otp/pg-service.js";
import { type Behaviour, receive, self, send, spawn } from "../src/runtime/process.js";
import { asProcess, printTable } from "./support.js";

/** Operations a measurement. */
const BATCH = 1000;
const SIZES = [1, 100, 1000] as const;

/** Takes messages, and answers those that are a pid. */
const Member = {
  kind: "member",
  boot: (): Behaviour => ({
    handle: (message) => {
      if (typeof message === "string") send(message as Pid, "done");
    },
  }),
};

async function main(): Promise<void> {
  const bench = new Bench({ time: 500, warmupTime: 200 });
  for (const size of SIZES) {
    const group = `of ${size}`;
    const members = Array.from({ length: size }, () => spawn(Member, []));
    await pg.join(group, members);
    // Many in turn: a Map keeps what was deleted until it grows, so one that comes and goes finds a chain of its former selves.
    const guests = Array.from({ length: BATCH }, () => spawn(Member, []));
    const last = members.at(-1) as Pid; // there is one at least
    const rounds = BATCH / size;
    bench
      .add(`join and leave, ${size} there`, async () => {
        for (const guest of guests) await pg.join(group, guest);
        for (const guest of guests) await pg.leave(group, guest);
      })
      .add(`members, ${size} there`, async () => {
        for (let i = 0; i < BATCH; i++) await pg.members(group);
      })
      .add(`a message to each of ${size}, a member`, async () => {
        for (let i = 0; i < rounds; i++) {
          for (const member of await pg.members(group)) send(member, i);
        }
        send(last, self());
        await receive();
      });
  }
  await bench.run();
  printTable(bench, () => BATCH);
}

asProcess(main, [pgService()]);
