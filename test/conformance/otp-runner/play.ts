/** Plays a scenario (4): main executes the steps, the recorder gathers what happens, and each step is compared. */

import { isExit } from "../../../src/core/messages.js";
import type { Pid } from "../../../src/core/pid.js";
import { startProcess } from "../../../src/otp/start.js";
import { type Behaviour, isPid, kill, receive, self, timeout, trapExit } from "../../../src/runtime/process.js";
import { execute, handlePlain } from "./actions.js";
import { Actor, type Recorded, type World } from "./actor.js";
import { makeRoster } from "./roster.js";
import { type Entry, equals, type Scenario } from "./scenario.js";

export interface Playing {
  /** Whether all schedulers are in one OS process. */
  readonly isShared: boolean;
  /** See {@link World}. */
  readonly factor: number;
  readonly threads: number;
  readonly prefix: string;
}

/** A step that did not go as recorded. */
export interface Failure {
  readonly step: number;
  readonly want: Entry;
  readonly got: Entry;
}

const SETTLE_MS = 60;
/** Quiet is counted in looks, not only in time: a thread that was kept from running has not been quiet meanwhile. */
const LOOK_MS = 10;
/** What main leaves to others between two actions. */
const TURN_MS = 1;

/** Runs as main, in a process of its own, and answers the steps that failed. */
export async function play(
  scenario: Scenario,
  { factor, threads, prefix, isShared }: Playing,
): Promise<readonly Failure[]> {
  trapExit(true);
  const log = new Log();
  const recorder = await startRecorder(log);
  const world: World = {
    roster: makeRoster(stringsIn(scenario.steps), isShared),
    main: self(),
    recorder,
    factor,
    threads,
    prefix,
  };
  const main = Actor.main(world);
  const failures: Failure[] = [];
  for (const [step, { do: actions, settle = SETTLE_MS }] of scenario.steps.entries()) {
    for (const action of actions) {
      try {
        await execute(main, action);
      } catch (thrown) {
        main.record("raise", ...main.showThrown(thrown));
      }
      // The BEAM runs other processes beside main. Here those of its thread would wait until it is through with the step.
      await receive(() => false, TURN_MS);
    }
    await settled(main, log, settle * factor);
    const got = log.take(main);
    const want = scenario.trace[step] as Entry; // one entry a step
    if (!equals(want, got)) failures.push({ step, want, got });
  }
  for (const { pid } of main.roster.entries()) kill(pid);
  kill(recorder);
  main.roster.close();
  return failures;
}

/** Waits until it traps exits: the end of a process that came before would end it. */
async function startRecorder(log: Log): Promise<Pid> {
  const definition = { kind: "recorder", boot: () => log.behaviour() };
  const result = await startProcess(definition, [], { link: false });
  if (result[0] !== "ok") throw new Error("the recorder did not start");
  return result[1];
}

/** Handles main's messages until nothing has been recorded for so long. */
async function settled(main: Actor, log: Log, settleMs: number): Promise<void> {
  for (let quietMs = 0, seen = log.length; quietMs < settleMs; ) {
    const message = await receive(() => true, LOOK_MS);
    if (message !== timeout) await handlePlain(main, message);
    // What was stamped on another thread may still be under way.
    const isQuiet = message === timeout && log.length === seen && log.events === main.roster.stamps;
    quietMs = isQuiet ? quietMs + LOOK_MS : 0;
    seen = log.length;
  }
}

/** What the recorder has been told; main's to read, because both are on one thread. */
class Log {
  #recorded: Recorded[] = [];
  #exits: { readonly pid: Pid; readonly reason: unknown }[] = [];
  /** Events so far, in all steps. */
  events = 0;
  /** Events and exits so far. */
  length = 0;

  behaviour(): Behaviour {
    trapExit(true); // every process links itself to the recorder
    return {
      handle: (message) => {
        this.length++;
        if (isExit(message)) {
          this.#exits.push({ pid: message.from, reason: message.reason });
          return;
        }
        this.events++;
        this.#recorded.push(message as Recorded); // nobody else sends here
      },
    };
  }

  /** What has happened since the last time. */
  take(main: Actor): Entry {
    const events = this.#recorded.sort(([a], [b]) => a - b).map(([, event]) => event);
    const exits = this.#exits.map(({ pid, reason }) => [main.roster.labelOf(pid) ?? pid, main.show(reason)] as const);
    this.#recorded = [];
    this.#exits = [];
    return { events, exits: Object.fromEntries(exits) };
  }
}

/** All strings of a scenario: the bases of all labels are among them. */
function stringsIn(value: unknown, found: Set<string> = new Set()): readonly string[] {
  if (typeof value === "string" && !isPid(value)) found.add(value);
  else if (typeof value === "object" && value !== null)
    for (const inner of Object.values(value)) stringsIn(inner, found);
  return [...found];
}
