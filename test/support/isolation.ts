/**
 * Where the schedulers of tests run that do not say: `JOIST_ISOLATION=process npm test -- runtime/threads` plays a file's tests with
 * schedulers in OS processes of their own. What has to hold there in each run of the tests is in files with `process` in their names.
 */
import type { StartOptions } from "joist";

export const isolation: NonNullable<StartOptions["isolation"]> =
  process.env.JOIST_ISOLATION === "process" ? "process" : "thread";
