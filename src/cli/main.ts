#!/usr/bin/env node
/** The package's command line, `bin` in package.json. The first Ctrl-C asks the command to end, the second one ends it. */
import { runCommand } from "./commands.js";

const interrupted = new AbortController();
process.once("SIGINT", () => interrupted.abort());
process.exitCode = await runCommand(process.argv.slice(2), {
  out: (text) => console.log(text),
  problem: (text) => console.error(text),
  signal: interrupted.signal,
});
