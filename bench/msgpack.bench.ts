/** What do frames of the MessagePack serializer cost beside JSON's, and beside msgpackr's reader and writer? */
import { cpus } from "node:os";
import { Packr, Unpackr } from "msgpackr";
import { Bench } from "tinybench";
import { decodeMsgpack, encodeMsgpack } from "../src/channels/msgpack-frame.js";
import { serializerMsgpack } from "../src/channels/serializer-msgpack.js";
import { serializerV2 } from "../src/channels/serializer-v2.js";

/** Operations a measurement. */
const BATCH = 1000;

const payload = {
  user: { id: 4711, name: "somebody", roles: ["admin", "editor"] },
  body: "a message of about the usual length, say, with ż in it",
  at: 1_700_000_000_000,
  draft: false,
  reactions: [
    { emoji: "+1", count: 3 },
    { emoji: "tada", count: 1 },
  ],
};
const message = { joinRef: "12", ref: "123", topic: "room:lobby", event: "new_msg", payload };
const list = ["12", "123", "room:lobby", "new_msg", payload];
const text = JSON.stringify(list);
const frame = encodeMsgpack(message);
const json = JSON.stringify(payload);
const packr = new Packr({ useRecords: false });
const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: true });

const tasks: Readonly<Record<string, () => unknown>> = {
  "encode, JSON": () => serializerV2.encodePush("12", "room:lobby", "new_msg", payload),
  "encode, MessagePack": () => serializerMsgpack.encodePush("12", "room:lobby", "new_msg", payload),
  "encode, msgpackr": () => packr.pack(list),
  "decode, JSON": () => serializerV2.decode(text),
  "decode, MessagePack": () => decodeMsgpack(frame),
  "decode, msgpackr": () => unpackr.unpack(frame),
  "head, JSON": () => serializerV2.readHead(text),
  "head, MessagePack": () => serializerMsgpack.readHead(frame),
  "a broadcast's frame, JSON": () => serializerV2.encodeBroadcastFromJson("room:lobby", "new_msg", json),
  "a broadcast's frame, MessagePack": () => serializerMsgpack.encodeBroadcastFromJson("room:lobby", "new_msg", json),
};

const bench = new Bench({ time: 500, warmupTime: 200 });
for (const [name, run] of Object.entries(tasks)) {
  bench.add(name, () => {
    for (let i = 0; i < BATCH; i++) run();
  });
}
await bench.run();
console.log(`${cpus()[0]?.model} x ${cpus().length}, Node.js ${process.version}, V8 ${process.versions.v8}`);
console.log(`a frame: ${Buffer.byteLength(text)} bytes in JSON, ${frame.length} in MessagePack`);
console.table(
  bench.tasks.map((task) => {
    if (task.result.state !== "completed") return { task: task.name, state: task.result.state };
    const { p50, p99 } = task.result.latency;
    const micros = (ms: number): string => ((ms * 1000) / BATCH).toFixed(2);
    return { task: task.name, "µs median": micros(p50), "µs p99": micros(p99) };
  }),
);
