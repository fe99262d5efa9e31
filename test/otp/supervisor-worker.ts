/**
 * Workers for the tests of supervisors. They tell the test each thing they do, as a line of text that names the
 * incarnation: `a#2 up`, `a#2 stops: shutdown`.
 */
import assert from "node:assert/strict";
import type { ExitReason } from "../../src/core/exit-reason.js";
import type { Pid } from "../../src/core/pid.js";
import type { ChildSpecInput } from "../../src/otp/child-spec.js";
import { genServer } from "../../src/otp/gen-server.js";
import { cast } from "../../src/otp/gen-server-calls.js";
import { ignore, stop } from "../../src/otp/results.js";
import { exit, receive, self, send, timeout, trapExit } from "../../src/runtime/process.js";

export interface WorkerOptions extends Partial<Omit<ChildSpecInput, "id">> {
  /** Incarnations whose init fails with `"bad"`. */
  readonly fails?: readonly number[];
  /** Incarnations that ignore their start. */
  readonly ignores?: readonly number[];
  /** Whether it traps exits, and so says when it stops. @defaultValue `true` */
  readonly traps?: boolean;
  /** Milliseconds its terminate takes. */
  readonly stopsInMs?: number;
  readonly name?: string;
}

class Line {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

const isLine = (message: unknown): message is Line => message instanceof Line;

/** The workers of one test; made inside its process. */
export class Workers {
  readonly #test: Pid = self();
  readonly #counts = new Map<string, number>();
  readonly #pids = new Map<string, Pid>();

  /** The specification of a worker. */
  worker(id: string, options: WorkerOptions = {}): ChildSpecInput {
    const { fails = [], ignores = [], traps = true, stopsInMs = 0, name, ...spec } = options;
    const definition = genServer({
      init: () => {
        const count = (this.#counts.get(id) ?? 0) + 1;
        this.#counts.set(id, count);
        this.#pids.set(id, self());
        const label = `${id}#${count}`;
        this.#say(
          fails.includes(count) ? `${label} fails` : ignores.includes(count) ? `${label} ignores` : `${label} up`,
        );
        if (fails.includes(count)) return stop("bad");
        if (ignores.includes(count)) return ignore();
        trapExit(traps);
        return { label };
      },
      handleCast: { exit: (reason: ExitReason) => exit(reason) },
      terminate: async (reason, state: { readonly label: string }) => {
        this.#say(`${state.label} stops: ${JSON.stringify(reason).replaceAll('"', "")}`);
        if (stopsInMs > 0) await receive(() => false, stopsInMs);
      },
    });
    return { id, start: { definition, args: [], ...(name === undefined ? {} : { name }) }, ...spec };
  }

  /** The pid of the latest incarnation. */
  pid(id: string): Pid {
    return this.#pids.get(id) as Pid; // asked for workers that have been started
  }

  /** Has the latest incarnation exit with `reason`, by its own doing. */
  ends(id: string, reason: ExitReason): void {
    cast(this.pid(id), "exit", reason);
  }

  /** Waits for as many lines as are given, and compares. */
  async did(...expected: readonly string[]): Promise<void> {
    const got: string[] = [];
    while (got.length < expected.length) {
      const line = await receive(isLine, 2000);
      if (line === timeout) break;
      got.push(line.text);
    }
    assert.deepEqual(got, expected);
  }

  /** Nothing more has been said. Asked after a reply or a DOWN, so that what was to come has come. */
  async didNothingMore(): Promise<void> {
    const line = await receive(isLine, 0);
    assert.equal(line === timeout ? "nothing" : line.text, "nothing");
  }

  #say(text: string): void {
    send(this.#test, new Line(text));
  }
}
