/**
 * `npm run conformance -- SUITE [DIR]`: sets up whatever is missing, then plays recordings of the originals: `channels`,
 * transcripts of Phoenix, against the fixture application; `otp`, scenarios of Erlang, on the runtime.
 *
 *   npm run conformance -- channels                    the recordings in test/conformance/channels
 *   npm run conformance -- channels DIR                those in another folder
 *   npm run conformance -- channels --schedulers 4     on so many scheduler threads (0: all on one thread)
 *   npm run conformance -- channels --only crash       scenarios with that in their name
 *   npm run conformance -- otp                         the recordings in test/conformance/otp, on one scheduler
 *   npm run conformance -- otp --spread                spread over three scheduler threads
 *   npm run conformance -- otp --isolation process       on three schedulers, in OS processes of their own (channels, too)
 *   npm run conformance -- otp --only names/           scenarios with that in AREA/NAME
 */
import { join } from "node:path";
import { ensureBuilt, fail, root, runNode } from "./setup.mjs";

const runners = {
  channels: "test/conformance/channels-runner/main.js",
  otp: "test/conformance/otp-runner/main.js",
};

const [suite, ...args] = process.argv.slice(2);
if (!Object.hasOwn(runners, suite ?? "")) fail(`which suite? There are: ${Object.keys(runners).join(", ")}.`);
ensureBuilt();
process.exitCode = await runNode(["--enable-source-maps", join(root, "dist", runners[suite]), ...args]);
