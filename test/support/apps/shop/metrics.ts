/** An application that two others depend on. */
import { application, genServer, reply } from "joist";
import { callbacks, server } from "./journal.js";

export const Gauge = genServer({ ...server("metrics"), handleCall: { read: () => reply("metrics") } });

export default application({
  name: "metrics",
  ...callbacks("metrics"),
  children: [Gauge.child(undefined, { name: "gauge" })],
});
