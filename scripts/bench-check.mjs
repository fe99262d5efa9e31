/** `npm run bench:check`: sets up whatever is missing, then holds Joist's costs against the recorded ones (`--help`). */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ensureBuilt, root } from "./setup.mjs";

ensureBuilt();
const { main } = await import(pathToFileURL(join(root, "dist", "bench", "check", "main.js")).href);
process.exitCode = await main(process.argv.slice(2), join(root, "bench", "check", "baseline.json"));
