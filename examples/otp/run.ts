/**
 * Runs a program of the course: `node dist/examples/otp/run.js 01-processes`.
 *
 * Starts the folder's application, runs its `Main` in a process on the first scheduler, waits until that has ended, and stops.
 * Crashes are reported to standard error, so what a program prints stays readable; `2> /dev/null` hides them.
 */
import { start, task } from "joist";

const [, , lesson] = process.argv;
if (lesson === undefined) {
  console.error("which one? node dist/examples/otp/run.js 01-processes");
  process.exit(1);
}
const app = await start(new URL(`./${lesson}/app.js`, import.meta.url), { schedulers: 2 });
await app.run(() => task.await(task.async("Main", [], { scheduler: 1 }), Number.POSITIVE_INFINITY));
await app.stop();
