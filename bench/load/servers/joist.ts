/** Joist with its default settings. */
import { start } from "joist";
import { announce } from "./announce.js";

const app = await start(new URL("./joist-app.js", import.meta.url), { port: 0, address: "127.0.0.1" });
announce(app.port ?? 0, () => app.stop());
