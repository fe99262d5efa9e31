// Question: what do the limits of a connection cost each message that passes?
import { ConnectionLimits } from "../src/channels/connection-limits.js";
import { resolveSocketLimits } from "../src/channels/limits.js";
import { Throttle } from "../src/channels/throttle.js";
import { rateOf, TokenBucket } from "../src/channels/token-bucket.js";
import type { Transport } from "../src/channels/transport.js";
import { machine } from "./support.js";

/** Messages that come in one turn of the event loop, and what the clock says then. */
const MESSAGES_A_TURN = 16;
const ROUNDS = 5_000_000;

const transport: Transport = {
  name: "none",
  send() {},
  sendShared() {},
  isHeldUp: false,
  sendDroppable() {},
  close() {},
  pause() {},
  resume() {},
};
const ends: (() => void)[] = [];
let clockMs = 0;
const throttle = new Throttle((action) => ends.push(action), undefined, { now: () => clockMs });
const unlimited = new ConnectionLimits(
  resolveSocketLimits({ messages: false, joins: false }, 100),
  throttle,
  transport,
  null,
);
const limited = new ConnectionLimits(
  resolveSocketLimits({ messages: { perSecond: 1_000_000 } }, 100),
  throttle,
  transport,
  null,
);
const rate = rateOf({ perSecond: 1_000_000 });
const bucket = new TokenBucket(rate, 0);

function turnOver(): void {
  clockMs += 1;
  for (let end = ends.pop(); end !== undefined; end = ends.pop()) end();
}

const cases = {
  "nothing but the loop": () => 0,
  "a bucket": () => bucket.take(rate, clockMs),
  "a connection without a limit": () => unlimited.onMessage(),
  "a connection with one, its turn and clock included": () => limited.onMessage(),
  "… and what its channel has not handled": () => {
    limited.given(64);
    limited.handled(64);
    return limited.onMessage();
  },
};

console.log(machine());
for (let attempt = 0; attempt < 2; attempt++) {
  for (const [name, run] of Object.entries(cases)) {
    let worst = 0;
    const start = process.hrtime.bigint();
    for (let i = 0; i < ROUNDS; i++) {
      if (i % MESSAGES_A_TURN === 0) turnOver();
      worst = Math.max(worst, run());
    }
    const ns = Number(process.hrtime.bigint() - start) / ROUNDS;
    if (worst !== 0) throw new Error("a message did not pass");
    if (attempt === 1) console.log(`${name.padEnd(60)} ${ns.toFixed(1).padStart(8)} ns a message`);
  }
}
