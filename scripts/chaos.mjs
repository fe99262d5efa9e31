/**
 * `npm run chaos -- COMMAND`: lets channels do everything they must not, under load, and says what came of it. `test/chaos` has
 * the commands, each in a file with a `main`; `--help` tells their options.
 */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ensureBuilt, fail, root } from "./setup.mjs";

/** Command → its module below dist. */
const commands = {
  matrix: "test/chaos/matrix.js",
  siblings: "test/chaos/siblings.js",
  "slow-consumer": "test/chaos/slow-consumer.js",
  soak: "test/chaos/soak.js",
};

const [command, ...args] = process.argv.slice(2);
const module = commands[command];
if (module === undefined) fail(`npm run chaos -- ${Object.keys(commands).join("|")} [--help]`);
ensureBuilt();
const { main } = await import(pathToFileURL(join(root, "dist", module)).href);
process.exitCode = await main(args);
