// Question: what does telemetry cost a channel while nobody listens, and what with a handler attached?
import { cpus } from "node:os";
import { attachTelemetry } from "../src/channels/attach.js";
import { spans } from "../src/channels/telemetry.js";
import type { Pid } from "../src/core/pid.js";

const pid = "<0.1.0>" as Pid; // stands for any
const payload = { body: "hello" };
let handled = 0;
const handle = (given: { readonly body: string }): void => {
  handled += given.body.length;
};

/** A callback as the channel's process runs one: the check, then the plain call, or all of it. */
function told(): void {
  const { broadcast } = spans;
  if (!broadcast.isWatched) return handle(payload);
  broadcast.run({ pid, topic: "room:lobby", event: "shout", payload }, {}, () => handle(payload));
}
const plain = (): void => handle(payload);

console.log(`${cpus()[0]?.model ?? "unknown CPU"}, ${cpus().length} cores, Node.js ${process.version}`);
print("a callback alone", plain, 20_000_000);
print("with telemetry, nobody listens", told, 20_000_000);
let heardMs = 0;
const detachStop = attachTelemetry("joist.channel.broadcast:stop", ({ measurements }) => {
  heardMs += measurements.durationMs ?? 0;
});
print("with a handler of stop", told, 300_000);
const detachStart = attachTelemetry("joist.channel.broadcast:start", ({ measurements }) => {
  heardMs += measurements.systemTimeMs ?? 0;
});
print("with handlers of start and stop", told, 300_000);
detachStop();
detachStart();
print("after both were detached", told, 20_000_000);
if (handled === 0 || heardMs === 0) throw new Error("nothing was measured");

/** The best of ten loops, so that what else the machine does counts least. */
function print(name: string, run: () => void, rounds: number): void {
  let best = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt < 10; attempt++) {
    const start = process.hrtime.bigint();
    for (let i = 0; i < rounds; i++) run();
    best = Math.min(best, Number(process.hrtime.bigint() - start) / rounds);
  }
  console.log(`${name.padEnd(34)} ${best.toFixed(1).padStart(8)} ns`);
}
