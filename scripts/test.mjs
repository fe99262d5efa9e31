/**
 * `npm test`: sets up whatever is missing, then runs the compiled tests under Node.js's own runner.
 *
 *   npm test -- otp/supervisor       only files with that in their path (several: any of them)
 *   npm test -- --test-only          flags go to `node --test`; write values with =, as in --test-name-pattern=restart
 *   npm test -- --keep-going         run although the type check fails
 */
import { availableParallelism } from "node:os";
import { compiledFiles, ensureBuilt, runNode, splitArguments } from "./setup.mjs";

const { flags, filters } = splitArguments(process.argv.slice(2));
const keepGoing = flags.includes("--keep-going");
const runnerFlags = flags.filter((flag) => flag !== "--keep-going");
const given = (name) => runnerFlags.some((flag) => flag === name || flag.startsWith(`${name}=`));

ensureBuilt({ keepGoing });
// The files are named one by one: given a folder, Node.js 20 would run the files in support/ too.
const files = compiledFiles("test", ".test.js", filters);

const defaults = [
  // A test that hangs is a failure with a name; without a limit it is a silent CI job.
  ...(given("--test-timeout") ? [] : ["--test-timeout=300000"]),
  // Many files mostly wait. Node.js itself runs one file less than there are processors at a time: on two, one after the other.
  ...(given("--test-concurrency") ? [] : [`--test-concurrency=${Math.max(2, availableParallelism() - 1)}`]),
  ...(given("--test-reporter") ? [] : ["--test-reporter=spec"]),
];
const env = { ...process.env };
if (!process.stdout.isTTY) {
  // Logs are read without a terminal. Node.js warns when both are set, so one of them has to go.
  env.NO_COLOR = "1";
  delete env.FORCE_COLOR;
}
process.exitCode = await runNode(["--enable-source-maps", "--test", ...defaults, ...runnerFlags, ...files], { env });
