/** Joist with its default settings; the arguments are a number of schedulers, or nothing, and one of I/O threads. */
import { start } from "joist";
import { announce } from "./announce.js";

const [, , schedulers = "", ioThreads = "1"] = process.argv;
const app = await start(new URL("./joist-app.js", import.meta.url), {
  ...{ port: 0, address: "127.0.0.1" },
  ...(schedulers === "" ? {} : { schedulers: Number(schedulers) }),
  ioThreads: Number(ioThreads),
});
announce(app.port ?? 0, () => app.stop());
