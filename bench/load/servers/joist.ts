/** Joist with its default settings; an argument is a number of schedulers. */
import { start } from "joist";
import { announce } from "./announce.js";

const [, , schedulers] = process.argv;
const app = await start(new URL("./joist-app.js", import.meta.url), {
  ...{ port: 0, address: "127.0.0.1" },
  ...(schedulers === undefined ? {} : { schedulers: Number(schedulers) }),
});
announce(app.port ?? 0, () => app.stop());
