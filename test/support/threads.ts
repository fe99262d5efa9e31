/** A runtime with real scheduler threads for a test, and a body that runs as its host. */

import { ownDefinitions } from "../../src/endpoint/application.js";
import type { RuntimeOptions } from "../../src/runtime/options.js";
import { processFunction, type Service } from "../../src/runtime/process.js";
import type { Report } from "../../src/runtime/report.js";
import { Runtime } from "../../src/runtime/runtime.js";
import { isolation } from "./isolation.js";

export const processesApp: URL = new URL("./apps/processes.js", import.meta.url);

export interface Threads {
  readonly runtime: Runtime;
  readonly reports: readonly Report[];
  /** Runs `body` as a process on the main thread; settles as it does. */
  run<T>(body: () => Promise<T>): Promise<T>;
}

/** Starts the threads, hands them to `use`, and stops them whatever happens. `services` are those of the application. */
export async function withThreads(
  options: RuntimeOptions,
  use: (threads: Threads) => Promise<void>,
  app: URL = processesApp,
  services: readonly Service[] = [],
): Promise<void> {
  const reports: Report[] = [];
  const all: RuntimeOptions = {
    schedulers: 2,
    ...(options.schedulers === 0 ? {} : { isolation }),
    report: (report) => reports.push(report),
    ...options,
  };
  const runtime = await Runtime.start(app, services, all, ownDefinitions);
  const { scheduler } = runtime;
  const run = <T>(body: () => Promise<T>): Promise<T> =>
    new Promise<T>((resolve, reject) => {
      const main = (): Promise<void> => body().then(resolve, reject);
      const definition = { kind: "test", boot: () => processFunction(main, []) };
      scheduler.start(scheduler.nextPid(0), null, definition, [], "test");
    });
  try {
    await use({ runtime, reports, run });
  } finally {
    await runtime.stop();
  }
}
