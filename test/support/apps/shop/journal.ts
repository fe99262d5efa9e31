/** What happened in which order, on whatever thread: a file that the test names in the environment. And what shall happen. */
import { appendFileSync } from "node:fs";
import { type RestartType, trapExit } from "joist";

export interface Plan {
  readonly journal?: string;
  /** Restart types, by the name of the application. */
  readonly restart?: Readonly<Record<string, RestartType>>;
  /** Callbacks and inits that throw: `"accounts.start"`, `"mail.init"`. */
  readonly fail?: readonly string[];
  /** Stop callbacks that never come to an end. */
  readonly hang?: readonly string[];
  /** Another path for the socket of mail. */
  readonly mailPath?: string;
}

export const plan = JSON.parse(process.env.JOIST_TEST_SHOP ?? "{}") as Plan;

export function note(what: string): void {
  if (plan.journal !== undefined) appendFileSync(plan.journal, `${what}\n`);
  if (plan.fail?.includes(what)) throw new Error(`${what} fails on purpose`);
}

/** The callbacks of an application that journals them: its state counts what has happened to it. */
export const callbacks = (name: string) => ({
  ...(plan.restart?.[name] === undefined ? {} : { restart: plan.restart[name] }),
  start: async () => {
    note(`${name}.start`);
    return { steps: 1 };
  },
  prepStop: ({ steps }: { steps: number }) => {
    note(`${name}.prepStop ${steps}`);
    note(`${name}.prepStop`);
    return { steps: steps + 1 };
  },
  stop: async ({ steps }: { steps: number }) => {
    note(`${name}.stop ${steps}`);
    if (plan.hang?.includes(`${name}.stop`)) await new Promise(() => {});
  },
});

/** The callbacks of a server that journals its beginning and its end. */
export const server = (name: string) => ({
  init: (_: undefined) => {
    trapExit(true);
    note(`${name}.init`);
    return { name };
  },
  terminate: () => note(`${name}.terminate`),
});
