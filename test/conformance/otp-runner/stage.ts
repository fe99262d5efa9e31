/** The runtimes scenarios are played on: a scheduler of its own on this thread for each, or one with three threads. */
import { pgService } from "../../../src/otp/pg-service.js";
import { openServices } from "../../../src/runtime/port.js";
import { processFunction } from "../../../src/runtime/process.js";
import { Runtime, type RuntimeOptions } from "../../../src/runtime/runtime.js";
import { inline } from "../../support/inline.js";
import * as actors from "./actors.js";
import { type Failure, play } from "./play.js";
import type { Scenario } from "./scenario.js";

export interface Stage {
  /** `slower` multiplies the scenario's times once more. */
  play(scenario: Scenario, slower?: number): Promise<readonly Failure[]>;
  close(): Promise<void>;
}

/** Scheduler threads of {@link spreadStage}. */
const THREADS = 3;

/** Every scenario on a scheduler of its own, all on this thread. */
export function inlineStage(factor: number): Stage {
  return {
    play: async (scenario, slower = 1) => {
      const { scheduler, run } = inline();
      openServices(scheduler, [pgService()]);
      scheduler.definitions.collect(actors);
      try {
        return await run(() => play(scenario, { factor: factor * slower, threads: 0, prefix: "", isShared: true }));
      } finally {
        scheduler.stop();
      }
    },
    close: async () => {},
  };
}

/** One runtime for all scenarios; their processes take turns in which scheduler thread they run on. */
export async function spreadStage(
  factor: number,
  isolation: NonNullable<RuntimeOptions["isolation"]> = "thread",
): Promise<Stage> {
  const services = [pgService()];
  const options = { schedulers: THREADS, isolation, report: () => {} };
  const runtime = await Runtime.start(new URL("./actors.js", import.meta.url), services, options);
  let count = 0;
  return {
    play: (scenario, slower = 1) =>
      new Promise((resolve, reject) => {
        const prefix = `${++count}.`;
        const playing = { factor: factor * slower, threads: THREADS, prefix, isShared: isolation === "thread" };
        const main = (): Promise<void> => play(scenario, playing).then(resolve, reject);
        const { scheduler } = runtime;
        const definition = { kind: "main", boot: () => processFunction(main, []) };
        scheduler.start(scheduler.nextPid(scheduler.thread), null, definition, [], "main");
      }),
    close: () => runtime.stop(),
  };
}
