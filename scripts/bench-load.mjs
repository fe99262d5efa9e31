/** `npm run bench:load`: sets up whatever is missing, then measures Joist beside its peers (`--help` tells the options). */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ensureBuilt, root } from "./setup.mjs";

ensureBuilt();
const { main } = await import(pathToFileURL(join(root, "dist", "bench", "load", "main.js")).href);
process.exitCode = await main(process.argv.slice(2));
