/**
 * `npm run bench`: sets up whatever is missing, then runs the benchmarks one after the other, so that none disturbs
 * another. `npm run bench -- mailbox` runs those with that in their path; flags (`--cpu-prof`) go to Node.js.
 */
import { compiledFiles, ensureBuilt, runNode, splitArguments } from "./setup.mjs";

const { flags, filters } = splitArguments(process.argv.slice(2));
ensureBuilt();
for (const file of compiledFiles("bench", ".bench.js", filters)) {
  console.log(`\n== ${file.replace(/^dist./, "").replace(/js$/, "ts")}`);
  const code = await runNode(["--enable-source-maps", "--expose-gc", ...flags, file]);
  if (code !== 0) process.exitCode = code;
}
