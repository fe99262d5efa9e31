/**
 * A client that floods, in an OS process of its own, so that what it has not got rid of is not taken for the server's memory:
 * `node flood.js PORT PATH TOPIC COUNT` sends that many numbered messages as fast as TCP takes them, asks how many have come, and
 * prints the answer.
 */
import { once } from "node:events";
import { clientFrame, Fin } from "./hostile-socket.js";
import { RawClient } from "./raw-client.js";

const BATCH = 1000;

const [, , port, path, topic = "", count] = process.argv;
const client = await RawClient.connect(Number(port), "vsn=2.0.0", `${path}/websocket`);
await client.join(topic);
for (let n = 0; n < Number(count); n += BATCH) {
  const frames: Buffer[] = [];
  for (let i = n; i < Math.min(n + BATCH, Number(count)); i++) {
    frames.push(clientFrame(Fin.text, `["1",null,"${topic}","n",{"n":${i}}]`));
  }
  if (!client.raw.write(Buffer.concat(frames))) await once(client.raw, "drain");
}
const answer = await client.ask(topic, "done");
process.stdout.write(JSON.stringify(answer), () => process.exit(0));
