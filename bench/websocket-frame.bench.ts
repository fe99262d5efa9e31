// Question: what does framing the messages of one turn into one buffer cost, compared with ws and with a buffer for the worst case?
import { cpus } from "node:os";
import { Bench } from "tinybench";
import * as ws from "ws";
import { gather } from "../src/transports/websocket-frame.js";

const reply = (bytes: number, fill = "a"): string => {
  const rest = Math.max(0, bytes - 64) / Buffer.byteLength(fill);
  const text = `["1","17","room:lobby","phx_reply",{"status":"ok","response":{"x":"${fill.repeat(rest)}"}}]`;
  return Buffer.from(text).toString();
};
const cases = [
  { name: "1 of 100 B", messages: [reply(100)] },
  { name: "1 of 1 KB", messages: [reply(1000)] },
  { name: "1 of 30 KB", messages: [reply(30_000)] },
  { name: "16 of 100 B", messages: Array.from({ length: 16 }, () => reply(100)) },
  { name: "16 of 100 B, not ASCII", messages: Array.from({ length: 16 }, () => reply(100, "ż")) },
];

const bench = new Bench({ time: 500, warmupTime: 100 });
for (const { name, messages } of cases) {
  bench.add(`${name}: gather`, () => void gather(messages));
  bench.add(`${name}: worst case, then cut`, () => void worstCase(messages));
  bench.add(`${name}: Sender.frame and concat`, () => void withWs(messages));
}
await bench.run();

console.log(`${cpus()[0]?.model ?? "unknown CPU"}, ${cpus().length} cores, Node.js ${process.version}`);
for (const task of bench.tasks) {
  const { result } = task;
  if (result.state !== "completed") continue;
  console.log(`${task.name.padEnd(52)} ${(result.latency.p50 * 1e6).toFixed(0).padStart(8)} ns a call (median)`);
}

/** No counting: three bytes a character always suffice. Takes three times the memory until the write is done. */
function worstCase(messages: readonly string[]): Buffer {
  let size = 0;
  for (const message of messages) size += 10 + message.length * 3;
  const frames = Buffer.allocUnsafe(size);
  let at = 0;
  for (const message of messages) {
    const certain =
      message.length * 3 <= 125 ? 2 : message.length > 125 && message.length * 3 <= 0xffff ? 4 : undefined;
    const counted = certain === undefined ? Buffer.byteLength(message) : 0;
    const header = certain ?? (counted <= 125 ? 2 : counted <= 0xffff ? 4 : 10);
    const length = frames.write(message, at + header);
    frames[at] = 0x81;
    if (header === 2) frames[at + 1] = length;
    else if (header === 4) frames.writeUInt16BE(length, at + 2);
    at += header + length;
  }
  return frames.subarray(0, at);
}

function withWs(messages: readonly string[]): Buffer {
  // The types of ws do not have this one; it is what WebSocket.send ends in.
  const { Sender } = ws as unknown as { Sender: { frame(data: Buffer, options: object): readonly Buffer[] } };
  const options = { fin: true, rsv1: false, opcode: 1, mask: false, readOnly: false };
  return Buffer.concat(messages.flatMap((message) => Sender.frame(Buffer.from(message), options)));
}
